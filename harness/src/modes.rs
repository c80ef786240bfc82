//! `harness modes`: the same plan in every replication mode, and what each of them cost and lost.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use checker::{History, Verdict};
use serde::{Deserialize, Serialize};

use crate::cli::RunWish;
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::kept::{self, Lost};
use crate::out::print_line;
use crate::plan::Plan;
use crate::progress::Style;
use crate::replication::Replication;
use crate::report::{self, Figures};
use crate::{databases, environment, judge, run, store};

/// The table, as JSON.
pub const TABLE: &str = "modes.json";
/// The table, for people.
pub const PAGE: &str = "modes.html";

/// `modes.json`. `format` tells readers which version of this shape it has.
#[derive(Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// 1.
    pub format: u32,
    /// The command that repeats it.
    pub command: String,
    /// The plan of all runs, but for the mode.
    pub plan: Plan,
    /// One for each mode, the one that waits longest first; fewer where the user ended it.
    pub rows: Vec<Row>,
    /// The worst of the runs.
    pub exit_code: u8,
}

/// What one mode came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// The mode.
    pub replication: Replication,
    /// The run's folder.
    pub run: PathBuf,
    /// The run's exit code.
    pub exit_code: u8,
    /// What clients got that only read.
    pub reads: Figures,
    /// What clients got that wrote.
    pub writes: Figures,
    /// How many writes were acknowledged with the name of their log entry.
    pub acknowledged: u64,
    /// Those of them that are in no log any more, by key and index; `None` where nobody could tell.
    pub lost: Option<Vec<Lost>>,
    /// What checks that count on every acknowledged write being kept said, where it did not count.
    pub strict: Vec<String>,
}

/// Runs the plan once in each mode, prints the table and writes it beside the runs. Gives the worst exit code.
///
/// # Errors
/// One of the runs could not begin, or results cannot be written.
pub fn compare(wish: &RunWish) -> Result<u8, Failure> {
    let mut rows = Vec::new();
    let offered =
        databases::find(&wish.plan.system).map_or(&Replication::ALL[..], |s| s.replications());
    for mode in offered.iter().copied() {
        if wish.shown.style != Style::Quiet {
            print_line!("--replication {mode}");
        }
        let (exit_code, folder) = run::run(&wish.in_mode(mode))?;
        let interrupted = was_interrupted(&folder)?;
        rows.push(row(mode, exit_code, folder)?);
        if interrupted {
            break;
        }
    }
    let exit_code = exit::worst(rows.iter().map(|row| row.exit_code));
    let majority = wish.in_mode(Replication::Majority).plan;
    let command = majority.command.replacen("-- ", "-- modes ", 1);
    let command = command.replacen(" --replication majority", "", 1);
    let comparison = Comparison {
        format: 1,
        command,
        plan: *majority,
        rows,
        exit_code,
    };
    print!("{}", in_words(&comparison));
    let name = format!("{}-modes-{}", environment::utc_compact(), wish.plan.seed);
    write(&comparison, &wish.out.join(name))?;
    Ok(exit_code)
}

fn write(comparison: &Comparison, folder: &Path) -> Result<(), Failure> {
    let cannot = |path: &Path, error| store::cannot_write(path, &error);
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    let table = folder.join(TABLE);
    store::write_json(&table, comparison).map_err(|error| cannot(&table, error))?;
    let page = folder.join(PAGE);
    let html = report::modes(comparison);
    store::write_whole(&page, html.as_bytes()).map_err(|error| cannot(&page, error))?;
    print_line!("table: {} and {}", table.display(), page.display());
    print_line!("repeat: {}", comparison.command);
    Ok(())
}

/// Who interrupts one of the runs wants no more of them.
fn was_interrupted(run: &Path) -> Result<bool, Failure> {
    let ending: Ending = store::read_json(&run.join(store::ENDING))?;
    Ok(ending.interrupted)
}

fn row(replication: Replication, exit_code: u8, run: PathBuf) -> Result<Row, Failure> {
    let history = judge::read_history(&run.join(store::HISTORY))?.0;
    let verdicts: judge::Verdicts = store::read_json(&run.join(store::VERDICT))?;
    Ok(summarize(
        replication,
        exit_code,
        run,
        &history,
        &verdicts.verdicts,
    ))
}

fn summarize(
    replication: Replication,
    exit_code: u8,
    run: PathBuf,
    history: &History,
    verdicts: &[Verdict],
) -> Row {
    let kept = verdicts
        .iter()
        .find(|verdict| verdict.checker == kept::CHECKER);
    let detail = |name: &str| kept.and_then(|verdict| verdict.details.get(name));
    let undecided = detail("undecided").and_then(serde_json::Value::as_u64);
    let lost = detail("lost").and_then(|lost| serde_json::from_value(lost.clone()).ok());
    let strict = verdicts
        .iter()
        .filter(|verdict| verdict.details.get("strict").is_some());
    let (reads, writes) = report::figures(history);
    Row {
        replication,
        run,
        exit_code,
        reads,
        writes,
        acknowledged: detail("acknowledged")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0),
        // Without a word on what is undecided there was no look at all.
        lost: lost.filter(|_| undecided == Some(0)),
        strict: strict.map(|verdict| verdict.summary.clone()).collect(),
    }
}

/// A number of lost writes, or that nobody knows.
pub fn lost_in_words(row: &Row) -> String {
    row.lost
        .as_ref()
        .map_or("unknown".into(), |lost| lost.len().to_string())
}

/// A verdict's word, from an exit code.
pub fn word(exit_code: u8) -> String {
    match exit_code {
        exit::VALID => "valid".into(),
        exit::INVALID => "INVALID".into(),
        exit::UNKNOWN => "unknown".into(),
        exit::NOT_LIVE => "NOT RECOVERED".into(),
        exit::NODE_FAILED => "NODE FAILED".into(),
        other => format!("exit {other}"),
    }
}

fn in_words(comparison: &Comparison) -> String {
    let heads = [
        "mode",
        "writes p50",
        "p99",
        "none for",
        "longest",
        "reads p50",
        "p99",
        "none for",
        "acknowledged",
        "lost",
        "verdict",
    ];
    let mut lines: Vec<Vec<String>> = vec![heads.map(String::from).to_vec()];
    for row in &comparison.rows {
        let time = |ns: Option<u64>| ns.map_or("-".into(), report::duration);
        let (writes, reads) = (&row.writes, &row.reads);
        lines.push(vec![
            row.replication.to_string(),
            time(writes.p50_ns),
            time(writes.p99_ns),
            time(Some(writes.unavailable_ns)),
            time(Some(writes.longest_outage_ns)),
            time(reads.p50_ns),
            time(reads.p99_ns),
            time(Some(reads.unavailable_ns)),
            row.acknowledged.to_string(),
            lost_in_words(row),
            word(row.exit_code),
        ]);
    }
    let widths: Vec<usize> = (0..heads.len())
        .map(|at| {
            lines
                .iter()
                .map(|line| line[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::from("\n");
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| {
                let pad = " ".repeat(width - cell.chars().count());
                match at {
                    0 => format!("{cell}{pad}"),
                    _ => format!("{pad}{cell}"),
                }
            });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
    for row in &comparison.rows {
        let lost = row.lost.iter().flatten();
        for (at, lost) in lost.enumerate() {
            if at == 0 {
                let _ = writeln!(out, "\nlost in {}, by key and index:", row.replication);
            }
            let _ = writeln!(out, "  {lost}");
        }
    }
    for row in &comparison.rows {
        for strict in &row.strict {
            let _ = writeln!(out, "\n{}: {strict}", row.replication);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use checker::Valid;
    use serde_json::json;

    use super::*;
    use crate::report::fixture;

    fn row(replication: Replication, details: serde_json::Value, exit_code: u8) -> Row {
        let run = fixture::valid();
        let kept = Verdict {
            checker: kept::CHECKER.into(),
            valid: Valid::Yes,
            summary: String::new(),
            violations: Vec::new(),
            details,
        };
        summarize(
            replication,
            exit_code,
            "somewhere".into(),
            &run.history,
            &[kept],
        )
    }

    fn comparison() -> Comparison {
        let lost = |key: &str, index: u64| Lost {
            key: key.into(),
            f: "write".into(),
            value: json!(7),
            entry: Some(format!("{index}@2")),
            index: Some(index),
            asked: "n2".into(),
            time_ns: 1_500_000_000,
            event: 3,
            led_by: Some("n1".into()),
            dropped_by: vec![("n1".into(), 2_500_000_000)],
            beyond: None,
        };
        let lost = [lost("k1", 5), lost("k2", 4)];
        let none: [Lost; 0] = [];
        let kept = json!({ "acknowledged": 120, "undecided": 0, "lost": none });
        let some = json!({ "acknowledged": 130, "undecided": 0, "lost": lost });
        Comparison {
            format: 1,
            command: "cargo run -p harness -- modes --seed 1".into(),
            plan: fixture::valid().plan,
            rows: vec![
                row(Replication::Majority, kept, exit::VALID),
                row(
                    Replication::SemiSync,
                    json!({ "acknowledged": 9, "lost": none }),
                    exit::UNKNOWN,
                ),
                row(Replication::Async, some, exit::VALID),
            ],
            exit_code: exit::UNKNOWN,
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_mode_and_then_every_lost_write() {
        let words = in_words(&comparison());
        let line = |begin: &str| {
            let line = words
                .lines()
                .find(|line| line.trim_start().starts_with(begin));
            line.unwrap_or_else(|| panic!("no line for {begin} in {words}"))
        };
        let ends = |mode: &str, last: [&str; 3]| {
            let cells: Vec<&str> = line(mode).split_whitespace().collect();
            assert_eq!(cells[cells.len() - 3..], last, "{words}");
        };
        ends("majority", ["120", "0", "valid"]);
        ends("semi-sync", ["9", "unknown", "unknown"]);
        ends("async", ["130", "2", "valid"]);
        assert!(
            line("k1 at index 5 (entry 5@2)")
                .contains("acknowledged by n2 at 1.500 s while n1 led")
        );
        assert!(line("k2 at index 4 (entry 4@2)").ends_with("dropped by n1 at 2.500 s"));
        let heads = line("mode");
        assert!(
            ["p50", "p99", "none for", "lost"]
                .iter()
                .all(|head| heads.contains(head))
        );
    }

    #[test]
    fn the_page_says_the_same_and_the_file_is_read_back() {
        let comparison = comparison();
        let page = report::modes(&comparison);
        for words in [
            "majority",
            "semi-sync",
            "async",
            "5@2",
            "4@2",
            "modes --seed 1",
        ] {
            assert!(page.contains(words), "{words} is missing");
        }
        assert!(!page.contains("http"), "it loads something");
        let text = serde_json::to_string(&comparison).expect("JSON");
        let again: Comparison = serde_json::from_str(&text).expect("the same");
        assert_eq!(again.rows[2].lost, comparison.rows[2].lost);
    }
}
