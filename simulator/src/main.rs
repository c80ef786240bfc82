//! The command: runs seeds, and tells of what it finds.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use simulator::coverage::Coverage;
use simulator::run::{self, Outcome};
use simulator::scenario::Scenario;

/// Runs real nodes in a world that follows from a seed, and checks everything that they do.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Which seeds: one, or a range such as 0..1000.
    #[arg(long, default_value = "0..100")]
    seeds: String,
    /// How long clients work and injuries happen in each, in simulated milliseconds.
    #[arg(long, default_value_t = 30_000)]
    ms: u64,
    /// How many clients.
    #[arg(long, default_value_t = 6)]
    clients: usize,
    /// Only these injuries of the seed's list, by number: `3,5,9`, or `none`.
    #[arg(long)]
    keep: Option<String>,
    /// Prints everything that was said, in the notation of the golden scripts.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some((first, end)) = range(&arguments.seeds) else {
        eprintln!("--seeds takes a number or a range such as 0..1000");
        return ExitCode::from(64);
    };
    run::keep_panics();
    let begun = Instant::now();
    let mut sum = Coverage::default();
    let (mut simulated, mut bad) = (0, 0);
    for seed in first..end {
        let mut scenario = Scenario::new(seed, arguments.ms, arguments.clients);
        if let Some(kept) = &arguments.keep {
            let numbers: BTreeSet<usize> = kept.split(',').filter_map(|n| n.parse().ok()).collect();
            scenario = scenario.keep(&numbers);
        }
        let outcome = run::run(&scenario, arguments.trace);
        simulated += outcome.simulated;
        sum.add(&outcome.coverage);
        if arguments.trace {
            outcome.trace.iter().for_each(|line| println!("{line}"));
        }
        if outcome.violation.is_some() {
            bad += 1;
            tell(&scenario, &outcome);
        }
    }
    let real = begun.elapsed().as_secs_f64();
    let simulated = simulated as f64 / 1e9;
    for (name, count) in sum.all() {
        println!("{count:>12} {}", name.replace('_', " "));
    }
    println!(
        "{} seeds, {bad} violated; {simulated:.0} simulated seconds in {real:.1} s: {:.0} a second",
        end - first,
        simulated / real
    );
    ExitCode::from(u8::from(bad > 0))
}

fn tell(scenario: &Scenario, outcome: &Outcome) {
    if let Some(violation) = &outcome.violation {
        println!(
            "seed {}: {} at {:.6} s: {}",
            scenario.seed,
            violation.check,
            violation.at as f64 / 1e9,
            violation.what
        );
        println!("  repeat it: simulator {scenario} --trace");
    }
}

fn range(text: &str) -> Option<(u64, u64)> {
    match text.split_once("..") {
        Some((first, end)) => Some((first.parse().ok()?, end.parse().ok()?)),
        None => {
            let seed = text.parse().ok()?;
            Some((seed, seed + 1))
        }
    }
}
