//! One measurement: a judge and a history in a process of their own, so that memory is theirs alone.

use std::process::{Command, Stdio};
use std::time::Duration;

use checker::enough::Minimum;
use checker::linearizable::objects::Objects;
use checker::linearizable::{Limits, Linearizable, Meter};
use checker::{History, Valid};
use nix::time::{ClockId, clock_gettime};

use super::baseline::{self, Budget};
use super::cases::Case;

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// This crate.
    Ours,
    /// Wing and Gong with Lowe's cache.
    Baseline,
}

/// What it took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// The answer.
    pub valid: Valid,
    /// Median of the processor time of a check, in seconds; of the time, where threads are several.
    pub seconds: f64,
    /// The most memory that the process held while it judged, in MB, the history included (Linux).
    pub megabytes: f64,
    /// Processor time of a check that also explains and says what holds all the same, in seconds.
    pub explained: f64,
    /// Operations in the history.
    pub operations: usize,
}

impl Measured {
    /// True if an answer was given.
    pub fn decided(&self) -> bool {
        self.valid != Valid::Unknown
    }
}

/// Processor time of this process so far.
pub fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Processor time so far, or, where several threads work at once, time.
fn clock(threads: usize) -> Duration {
    match threads {
        1 => cpu(),
        _ => clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from),
    }
}

/// Checks again and again for so long, at most so often; the median counts.
const AGAIN: (Duration, usize) = (Duration::from_millis(300), 21);

/// What is short is done for so long at least: a processor that has just begun is slower than one that goes on.
const STEADY: Duration = Duration::from_millis(60);

/// What is shorter is done so often between two looks at the clock, which itself takes most of a microsecond.
const WORTH_A_LOOK: Duration = Duration::from_micros(200);
const MOST_BETWEEN: u128 = 128;

/// Judges here and now; `line` is the answer for the parent process.
pub fn child(case: &Case, judge: Judge, budget: Budget) -> Result<String, String> {
    let (history, kind) = case.history()?;
    let parts = match judge {
        Judge::Ours => Vec::new(),
        Judge::Baseline => baseline::parts(&history, kind),
    };
    forget_peak();
    let ours = Objects {
        kind,
        limits: Limits {
            steps: u64::MAX,
            bytes: budget.bytes,
            ..Linearizable::default().limits
        },
        minimum: Minimum {
            ok_operations: 0,
            ..Minimum::default()
        },
    };
    let now = || clock(budget.threads);
    let check = |history: &History, until: Duration| {
        let stop = || now() > until;
        match judge {
            Judge::Ours => {
                let meter = Meter::new(&stop).with_threads(budget.threads);
                ours.answer_within(history, &meter)
            }
            Judge::Baseline => Ok(baseline::check(&parts, budget)),
        }
    };
    let (mut times, begun, mut valid) = (Vec::new(), now(), Valid::Unknown);
    let mut between = 1;
    while times.is_empty()
        || now() - begun < AGAIN.0 && (times.len() < AGAIN.1 || now() - begun < STEADY)
    {
        let start = now();
        // Many only where each takes next to nothing: the budget of one may be that of all.
        let until = start + Duration::from_secs_f64(budget.seconds);
        for _ in 0..between {
            valid = check(&history, until)?;
        }
        let once = (now() - start).as_nanos() / between;
        if times.is_empty() {
            between = (WORTH_A_LOOK.as_nanos() / once.max(1)).clamp(1, MOST_BETWEEN);
        }
        times.push(once);
    }
    let held = peak();
    let begun = now();
    if judge == Judge::Ours {
        let until = now() + Duration::from_secs_f64(budget.seconds);
        let stop = || now() > until;
        ours.check_within(&history, &Meter::new(&stop).with_threads(budget.threads));
    }
    let explained = (now() - begun).as_nanos();
    times.sort_unstable();
    let nanoseconds = times[times.len() / 2];
    let operations = history.operations().len();
    Ok(format!(
        "{valid:?} {nanoseconds} {held} {operations} {explained}"
    ))
}

/// Runs [`child`] in a new process of this program.
pub fn measure(case: &Case, judge: Judge, budget: Budget) -> Result<Measured, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args([
            "--child",
            &format!("{judge:?}"),
            "--case",
            &case.to_string(),
        ])
        .args(["--seconds", &budget.seconds.to_string()])
        .args(["--megabytes", &(budget.bytes >> 20).to_string()])
        .args(["--threads", &budget.threads.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    let line = String::from_utf8_lossy(&output.stdout);
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    let numbers = [1, 2, 3, 4].map(number);
    match (fields.first(), numbers) {
        (
            Some(valid),
            [
                Some(nanoseconds),
                Some(kilobytes),
                Some(operations),
                Some(explained),
            ],
        ) => Ok(Measured {
            valid: match *valid {
                "Yes" => Valid::Yes,
                "No" => Valid::No,
                _ => Valid::Unknown,
            },
            seconds: nanoseconds / 1e9,
            megabytes: kilobytes / 1024.0,
            operations: operations as usize,
            explained: explained / 1e9,
        }),
        _ => Err(format!("{case}: ended with {}", output.status)),
    }
}

/// The most memory that this process has held since [`forget_peak`], in KiB (Linux).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.map(|line| line.trim().trim_end_matches(" kB"));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn forget_peak() {
    // Where that is refused the peak is that of the making too, which only makes it worse.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
