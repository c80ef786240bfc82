//! Judges the evidence of a cluster's nodes: `cargo run --release -p checker --example whitebox -- n1.jsonl n2.jsonl n3.jsonl`.
//!
//! Prints what is violated, how often each invariant was put to the test, what was never seen, and how long reading and
//! judging took. Exit code: 0 valid, 1 a violation, 65 evidence that cannot be read, 66 a missing file.

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;
use std::time::Instant;

use checker::whitebox::lines::Merged;
use checker::whitebox::{Event, Judge, Place};

fn main() -> ExitCode {
    let mut sources = Vec::new();
    let names: Vec<String> = std::env::args().skip(1).collect();
    for name in &names {
        match File::open(name) {
            Ok(file) => sources.push(BufReader::with_capacity(1 << 20, file)),
            Err(error) => {
                eprintln!("{name}: {error}");
                return ExitCode::from(66);
            }
        }
    }
    let begun = Instant::now();
    let mut merged = Merged::new(sources);
    let events: Vec<(Place, Event)> = merged.by_ref().collect();
    let read = begun.elapsed();
    for (number, error) in merged.failures() {
        eprintln!("{}: {error}", names[*number]);
    }
    let begun = Instant::now();
    let mut judge = Judge::new();
    for (place, event) in &events {
        judge.observe(*place, event);
    }
    let judgement = judge.finish();
    let judged = begun.elapsed();
    for violation in &judgement.violations {
        println!("{violation}");
    }
    for (invariant, checks) in &judgement.checks {
        let violated = judgement.violated.get(invariant).copied().unwrap_or(0);
        println!(
            "{invariant} tested {checks:>8} times, violated {violated:>4}: {}",
            invariant.statement()
        );
    }
    for what in judgement.coverage.never() {
        println!("never seen: {}", what.description());
    }
    let rate = judgement.events as f64 / judged.as_secs_f64().max(1e-9) / 1e6;
    println!(
        "{} events read in {read:.2?} and judged in {judged:.2?}, {rate:.1} million a second",
        judgement.events
    );
    match (merged.failures().is_empty(), judgement.is_valid()) {
        (_, false) => ExitCode::from(1),
        (false, true) => ExitCode::from(65),
        (true, true) => ExitCode::SUCCESS,
    }
}
