//! The white-box verdict: what nodes said they did, judged by `checker::whitebox`, with the lines that prove it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use checker::whitebox::lines::Merged;
use checker::whitebox::{Judge, Judgement, Place, Violation as Breach};
use checker::{Valid, Verdict, Violation};
use nix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::ending::Ending;

/// What the checker calls itself in verdicts.
pub const NAME: &str = "white-box";
/// Violations that are quoted with their lines.
const QUOTED: usize = 20;
/// Longest quoted line, in characters.
const LONGEST: usize = 400;

/// Where a node's evidence goes, below the run's folder.
pub fn file(folder: &Path, node: u16) -> PathBuf {
    folder.join("nodes").join(format!("n{node}.events.jsonl"))
}

/// The machine's monotonic clock, by which evidence is told; no fault moves it.
pub fn monotonic_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| {
        now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
    })
}

/// What was judged, and the verdict in the form of all others.
pub struct Judged {
    /// All that was found and counted.
    pub judgement: Judgement,
    /// For `verdict.json` and for people.
    pub verdict: Verdict,
}

/// Judges the evidence in a run's folder; nothing where there is none: the system leaves none, or was told not to. O(events).
pub fn judge(folder: &Path, nodes: u16, ending: Option<&Ending>) -> Option<Judged> {
    let files: BTreeMap<u16, PathBuf> = (1..=nodes)
        .map(|node| (node, file(folder, node)))
        .filter(|(_, path)| path.is_file())
        .collect();
    let sources: Vec<BufReader<File>> = files
        .values()
        .filter_map(|path| Some(BufReader::with_capacity(1 << 18, File::open(path).ok()?)))
        .collect();
    if sources.is_empty() {
        return None;
    }
    let mut merged = Merged::new(sources);
    let mut judge = Judge::new();
    let mut first_ns = None;
    for (place, event) in merged.by_ref() {
        first_ns.get_or_insert(place.at_ns);
        judge.observe(place, &event);
    }
    let judgement = judge.finish();
    let mut unreadable: Vec<String> = merged
        .failures()
        .iter()
        .map(|(number, error)| {
            let path = files.values().nth(*number);
            format!(
                "{}: {error}",
                path.map_or("?".into(), |path| path.display().to_string())
            )
        })
        .collect();
    if (files.len() as u16) < nodes {
        unreadable.push(format!("{} of {nodes} nodes left evidence", files.len()));
    }
    let began_ns = ending
        .and_then(|ending| ending.began_monotonic_ns)
        .or(first_ns)
        .unwrap_or(0);
    let verdict = verdict(&judgement, &unreadable, &files, began_ns);
    Some(Judged { judgement, verdict })
}

fn verdict(
    judgement: &Judgement,
    unreadable: &[String],
    files: &BTreeMap<u16, PathBuf>,
    began_ns: u64,
) -> Verdict {
    let valid = match (judgement.is_valid(), unreadable) {
        (false, _) => Valid::No,
        (true, []) if judgement.events > 0 => Valid::Yes,
        (true, _) => Valid::Unknown,
    };
    let tested: u64 = judgement.checks.values().sum();
    let broken: u64 = judgement.violated.values().sum();
    let never = judgement.coverage.never().count();
    let summary = match valid {
        Valid::No => {
            let which: Vec<String> = judgement
                .violated
                .iter()
                .map(|(v, n)| format!("{v} {n}×"))
                .collect();
            format!("{broken} violations inside the nodes: {}", which.join(", "))
        }
        Valid::Unknown => format!("not all evidence can be read: {}", unreadable.join("; ")),
        Valid::Yes => format!(
            "{} events of the nodes kept {} invariants in {tested} tests; {never} rare situations were never seen",
            judgement.events,
            judgement.checks.len(),
        ),
    };
    let quotes = quotes(judgement, files);
    let violations = judgement
        .violations
        .iter()
        .enumerate()
        .map(|(number, breach)| {
            let quotes = (number < QUOTED).then_some(&quotes);
            violation(breach, quotes, began_ns)
        })
        .collect();
    let never: Vec<_> = judgement.coverage.never().collect();
    Verdict {
        checker: NAME.into(),
        valid,
        summary,
        violations,
        details: json!({
            "events": judgement.events,
            "tests": judgement.checks,
            "violated": judgement.violated,
            "sometimes": judgement.coverage,
            "never": never,
        }),
    }
}

fn violation(
    breach: &Breach,
    quotes: Option<&BTreeMap<(u16, u64), String>>,
    began_ns: u64,
) -> Violation {
    let mut explanation = format!("{}.", breach.what);
    for place in std::iter::once(&breach.place).chain(&breach.because) {
        let at = place.at_ns.saturating_sub(began_ns) as f64 / 1e9;
        explanation += &format!("\n{} at {at:.6} s, line {}", place.node, place.line);
        if let Some(line) = quotes.and_then(|quotes| quotes.get(&(place.node.0, place.line))) {
            explanation += &format!(": {line}");
        }
    }
    Violation {
        key: None,
        anomaly: format!("{}: {}", breach.invariant, breach.invariant.statement()),
        // It is no event of a client that shows it.
        prefix_end: u64::MAX,
        operations: Vec::new(),
        explanation,
    }
}

/// The lines that the first violations rest on.
fn quotes(judgement: &Judgement, files: &BTreeMap<u16, PathBuf>) -> BTreeMap<(u16, u64), String> {
    let places = |breach: &Breach| -> Vec<Place> {
        std::iter::once(breach.place)
            .chain(breach.because.iter().copied())
            .collect()
    };
    let mut wanted: BTreeMap<u16, BTreeSet<u64>> = BTreeMap::new();
    for place in judgement.violations.iter().take(QUOTED).flat_map(places) {
        wanted.entry(place.node.0).or_default().insert(place.line);
    }
    let mut found = BTreeMap::new();
    for (node, lines) in wanted {
        let Some(Ok(file)) = files.get(&node).map(File::open) else {
            continue;
        };
        let last = lines.last().copied().unwrap_or(0);
        for (number, line) in
            (1..=last).zip(BufReader::new(file).split(b'\n').map_while(Result::ok))
        {
            if lines.contains(&number) {
                let whole = String::from_utf8_lossy(&line);
                let mut text: String = whole.chars().take(LONGEST).collect();
                if text.len() < whole.len() {
                    text.push('…');
                }
                found.insert((node, number), text);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(lines: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("nodes")).unwrap();
        std::fs::write(file(folder.path(), 1), lines.join("\n")).unwrap();
        folder
    }

    const START: &str = r#"{"s":1,"t":5000000000,"e":{"start":{"node":1}}}"#;
    const VOTE: &str = r#"{"s":2,"t":5000000001,"e":{"hard-state":{"write":1,"term":1,"vote":1}}}"#;
    const OTHER: &str =
        r#"{"s":3,"t":5500000000,"e":{"hard-state":{"write":2,"term":1,"vote":2}}}"#;

    #[test]
    fn a_violation_is_quoted_with_its_line_and_the_time_of_the_run() {
        let folder = folder(&[START, VOTE, OTHER]);
        let judged = judge(folder.path(), 1, None).unwrap();
        assert_eq!(judged.verdict.valid, Valid::No);
        let violation = &judged.verdict.violations[0];
        assert!(violation.anomaly.starts_with("V02: "), "{violation:?}");
        let quoted = format!("n1 at 0.500000 s, line 3: {OTHER}");
        assert!(violation.explanation.contains(&quoted), "{violation:?}");
    }

    #[test]
    fn no_evidence_is_no_verdict_and_damaged_evidence_is_unknown() {
        let empty = tempfile::tempdir().unwrap();
        assert!(judge(empty.path(), 3, None).is_none());
        let torn = folder(&[START, VOTE, "{\"s\":3"]);
        assert_eq!(
            judge(torn.path(), 1, None).unwrap().verdict.valid,
            Valid::Yes
        );
        assert_eq!(
            judge(torn.path(), 2, None).unwrap().verdict.valid,
            Valid::Unknown
        );
        let damaged = folder(&[START, "{", VOTE]);
        assert_eq!(
            judge(damaged.path(), 1, None).unwrap().verdict.valid,
            Valid::Unknown
        );
    }
}
