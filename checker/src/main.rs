//! `checker FILE…`: judges histories from anywhere and says what is wrong.

mod budget;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use budget::Budgeted;
use checker::enough::Minimum;
use checker::explain::lanes_svg;
use checker::history::jsonl::{ReadError, Recorded};
use checker::history::{self, Format};
use checker::linearizable::objects::Objects;
use checker::linearizable::{Limits, Linearizable, Meter, threads};
use checker::models::ModelKind;
use checker::promises::Promises;
use checker::{Valid, Verdict};
use clap::Parser;
use clap::error::ErrorKind;

/// Judges whether histories are linearizable, and says what is wrong.
///
/// Exit code: 0 valid, 1 invalid, 2 unknown, 64 usage, 65 damaged input, 66 missing file, 73 a
/// verdict or drawing cannot be written. Of many files the largest counts, but 1 above all.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Histories: JSON lines, Jepsen's EDN or JSON, Porcupine's logs; - reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// register, kv, set, queue, stack, priority-queue, counter, lock, log, txn, fenced-lock or semaphore:N; recognised where left
    /// out, but for the last two.
    #[arg(long, value_name = "MODEL")]
    model: Option<ModelKind>,
    /// jsonl, json, edn or etcd-log; recognised where left out.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Print one JSON object a history instead of words.
    #[arg(long)]
    json: bool,
    /// Draw each explained violation into this folder.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Operations that must have succeeded before "valid" is said.
    #[arg(long, value_name = "N", default_value_t = Minimum::default().ok_operations)]
    minimum: u64,
    /// Seconds for each history; then what is not decided is unknown, with what is proved.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    time: f64,
    /// Megabytes that the whole process may take, the history included.
    #[arg(long, value_name = "MB", default_value_t = 2048)]
    memory: usize,
    /// Configurations that the search makes in all, for each key; without it only time and memory count.
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    steps: u64,
    /// Threads that judge keys side by side; all that the machine runs at once if left out.
    #[arg(long, value_name = "N", default_value_t = threads::available(), value_parser = at_least_one)]
    threads: usize,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("expected a number of threads, 1 or more".into()),
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to standard output, complaints to standard error; a closed pipe is no reason to fail.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(64),
            };
        }
    };
    let minimum = Minimum {
        ok_operations: arguments.minimum,
        ..Minimum::default()
    };
    // What no number of seconds can say means no end.
    let time = Duration::try_from_secs_f64(arguments.time).unwrap_or(Duration::MAX);
    let memory = arguments.memory.saturating_mul(1 << 20);
    let (mut names, options) = (Vec::new(), Arc::new(arguments));
    let codes = options.files.iter().map(|file| {
        let (begun, budget) = (Instant::now(), (time, memory));
        let wrong = Arc::new(AtomicBool::new(false));
        let work = {
            let (file, options, wrong) = (file.clone(), options.clone(), wrong.clone());
            move || judge(&file, &options, (begun, budget), minimum, &wrong)
        };
        let found = budget::waited(begun, budget, work)
            .unwrap_or_else(|| Judged::Over(wrong.load(Relaxed)));
        let found = match found {
            Judged::Verdict(found) => found,
            Judged::Over(wrong) => Box::new(Found {
                truncated: false,
                cut_short: true,
                verdict: over(wrong),
            }),
            Judged::Unread(error) => {
                eprintln!("checker: {error}");
                return match error {
                    ReadError::Damaged { .. } => 65,
                    _ => 66,
                };
            }
        };
        let text = match options.json {
            true => in_json(file, &found),
            false => in_words(file, &found),
        };
        // Whoever reads may have read enough; but a full disk must not look like a verdict.
        match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                eprintln!("checker: the verdict cannot be written: {error}");
                return 73;
            }
            _ => {}
        }
        let verdict = found.verdict;
        let drawn = options
            .plots
            .as_deref()
            .map(|folder| draw(folder, file, &verdict, &mut names));
        if let Some(Err(error)) = drawn {
            eprintln!("checker: {error}");
            return 73;
        }
        match verdict.valid {
            Valid::Yes => 0,
            Valid::No => 1,
            Valid::Unknown => 2,
        }
    });
    ExitCode::from(codes.max_by_key(|code| worse(*code)).unwrap_or(64))
}

/// What becomes of one file.
enum Judged {
    /// It has a verdict.
    Verdict(Box<Found>),
    /// The budget was used up before there was a verdict; true: it is wrong for certain.
    Over(bool),
    /// It cannot be read.
    Unread(ReadError),
}

/// What is told of one file.
struct Found {
    /// Its last line is torn.
    truncated: bool,
    /// The budget was used up before all was explained.
    cut_short: bool,
    verdict: Verdict,
}

/// Reads and judges one file within the budget; `wrong` is set once that is certain.
fn judge(
    file: &str,
    options: &Arguments,
    (begun, (time, memory)): (Instant, (Duration, usize)),
    minimum: Minimum,
    wrong: &AtomicBool,
) -> Judged {
    let stop = budget::stop(begun, time, memory);
    let recorded = match read(file, options.format, &stop) {
        Ok(recorded) => recorded,
        Err(ReadError::Io { .. }) if stop() => return Judged::Over(false),
        Err(error) => return Judged::Unread(error),
    };
    let checker = Objects {
        kind: (options.model).unwrap_or_else(|| ModelKind::recognise(&recorded.history)),
        limits: Limits {
            steps: options.steps,
            bytes: memory.saturating_sub(budget::resident()),
            ..Linearizable::default().limits
        },
        minimum,
    };
    let meter = Meter::new(&stop).with_threads(options.threads);
    let meter = meter.of_memory(memory).telling(wrong);
    let verdict = checker.check_within(&recorded.history, &meter);
    Judged::Verdict(Box::new(Found {
        truncated: recorded.truncated,
        cut_short: meter.is_over(),
        verdict,
    }))
}

/// The verdict where the budget ended before there was another one.
fn over(wrong: bool) -> Verdict {
    let (valid, summary) = match wrong {
        true => (
            Valid::No,
            "Invalid: something is not linearizable for certain; the given time or memory was used up before it could be told what.",
        ),
        false => (
            Valid::Unknown,
            "Unknown: the given time or memory was used up before anything was decided.",
        ),
    };
    Verdict {
        checker: "linearizable".into(),
        valid,
        summary: summary.into(),
        violations: Vec::new(),
        details: serde_json::Value::Null,
    }
}

/// Input that could not be judged must not hide behind a verdict about other input, but for "invalid".
fn worse(code: u8) -> u8 {
    match code {
        1 => u8::MAX,
        other => other,
    }
}

fn read(
    file: &str,
    format: Option<Format>,
    stop: &dyn Fn() -> bool,
) -> Result<Recorded, ReadError> {
    if file == "-" {
        let input = BufReader::new(std::io::stdin());
        return history::read("standard input", Budgeted::new(input, stop), format);
    }
    match File::open(file) {
        Ok(input) => {
            let input = BufReader::with_capacity(1 << 16, input);
            history::read(file, Budgeted::new(input, stop), format)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(ReadError::Missing { file: file.into() })
        }
        Err(error) => Err(ReadError::Io {
            file: file.into(),
            error,
        }),
    }
}

fn in_json(file: &str, found: &Found) -> String {
    let (truncated, verdict) = (found.truncated, &found.verdict);
    format!(
        "{}\n",
        serde_json::json!({ "file": file, "truncated": truncated, "verdict": verdict })
    )
}

fn in_words(file: &str, found: &Found) -> String {
    let verdict = &found.verdict;
    let mut text = format!("{file}: {}\n", verdict.summary);
    if found.truncated {
        text += "  The last line is torn, as if the recorder had died; what stands before it was judged.\n";
    }
    let shortest = match found.cut_short {
        true => "A",
        false => "The shortest",
    };
    for violation in &verdict.violations {
        let key = violation
            .key
            .as_ref()
            .map(|key| format!("key {key}, "))
            .unwrap_or_default();
        text += &format!(
            "\n  {key}{}: {}\n  {} wrong prefix ends with event {}.\n",
            violation.anomaly, violation.explanation, shortest, violation.prefix_end
        );
        for operation in &violation.operations {
            let mark = if operation.essential { '*' } else { ' ' };
            let end = operation
                .complete
                .map_or("…".into(), |event| event.to_string());
            let found = operation
                .current
                .as_ref()
                .map(|found| format!(" found {found}"))
                .unwrap_or_default();
            text += &format!(
                "    {mark} events {:>6} to {end:>6}  process {:<4} {:<6} {} {}{found} {}\n",
                operation.invoke,
                operation.process,
                operation.f,
                cut(&operation.value.to_string()),
                operation.outcome,
                operation.node.as_deref().unwrap_or_default()
            );
        }
    }
    let promises = verdict.details.get("promises").cloned().unwrap_or_default();
    if let Ok(promises) = serde_json::from_value::<Promises>(promises) {
        text += "\n  What it gives all the same:\n";
        for sentence in promises.sentences() {
            text += &format!("    {sentence}\n");
        }
    }
    text
}

/// Writes `FILE-1.svg`, `FILE-2.svg` …, worst first.
/// `drawn`: the names of the histories that were drawn before.
fn draw(
    folder: &Path,
    file: &str,
    verdict: &Verdict,
    drawn: &mut Vec<String>,
) -> Result<(), String> {
    let name = match file {
        "-" => "standard-input".into(),
        file => Path::new(file)
            .file_name()
            .map_or("history".into(), |name| name.to_string_lossy()),
    };
    let told = |path: &Path, error: std::io::Error| {
        format!(
            "{}: cannot be written: {error}; name another folder with --plots",
            path.display()
        )
    };
    std::fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
    // Files of other folders may have the same name; what an earlier run drew is drawn over.
    let before = drawn.iter().filter(|other| **other == name).count();
    drawn.push(name.to_string());
    let name = match before {
        0 => name.to_string(),
        before => format!("{name}-again-{before}"),
    };
    for (number, violation) in (1..).zip(&verdict.violations) {
        let path = folder.join(format!("{name}-{number}.svg"));
        std::fs::write(&path, lanes_svg(violation)).map_err(|error| told(&path, error))?;
    }
    Ok(())
}

/// Long values are cut: the JSON output has them whole.
fn cut(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into(),
    }
}
