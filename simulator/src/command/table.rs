//! How soon each planted bug is found, by which check; and a short scenario for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use node::bugs::{self, Bug};
use simulator::run;
use simulator::scenario::Scenario;
use simulator::shrink::shrink;

use super::Arguments;

/// One search for one bug.
struct Trial {
    /// How many seeds it took; `None`: not found.
    seeds: Option<u64>,
    simulated: f64,
    real: f64,
    check: &'static str,
    reached: u64,
}

fn search(arguments: &Arguments, bug: Bug, from: u64) -> (Trial, Option<Scenario>) {
    bugs::replace(&[bug]);
    let begun = Instant::now();
    let mut simulated = 0.0;
    for number in 1..=arguments.patience {
        let scenario = arguments.scenario(from + number - 1);
        let outcome = run::run(&scenario, false);
        let violation = outcome.violation;
        simulated += violation.as_ref().map_or(outcome.simulated, |v| v.at) as f64 / 1e9;
        if let Some(violation) = violation {
            let trial = Trial {
                seeds: Some(number),
                simulated,
                real: begun.elapsed().as_secs_f64(),
                check: violation.check,
                reached: bugs::times_reached(bug),
            };
            return (trial, Some(scenario));
        }
    }
    let trial = Trial {
        seeds: None,
        simulated,
        real: begun.elapsed().as_secs_f64(),
        check: "",
        reached: bugs::times_reached(bug),
    };
    (trial, None)
}

fn named(names: &str) -> impl Iterator<Item = (&'static str, Bug)> {
    let all = Bug::all().iter();
    all.filter(move |(name, _)| name.contains(names)).copied()
}

/// Prints the table. Exits with 1 if one was not found at all.
pub(super) fn print(arguments: &Arguments, names: &str) -> ExitCode {
    println!("| bug | found | seeds | simulated s | real s | first check | reached |");
    println!("|---|---|---|---|---|---|---|");
    let mut missed = 0;
    for (name, bug) in named(names) {
        // Far apart, and not those of other bugs.
        let base = arguments.seeds.start + (bug as u64 + 1) * 1_000_000;
        let trials: Vec<Trial> = (0..arguments.trials)
            .map(|n| search(arguments, bug, base + n * 10_000).0)
            .collect();
        let found = trials.iter().filter(|trial| trial.seeds.is_some()).count();
        missed += u64::from(found == 0);
        let mut checks: BTreeMap<&str, usize> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.seeds.is_some()) {
            *checks.entry(trial.check).or_default() += 1;
        }
        let mut checks: Vec<(usize, &str)> = checks.iter().map(|(c, n)| (*n, *c)).collect();
        checks.sort_by(|a, b| b.cmp(a));
        let checks: Vec<String> = checks
            .iter()
            .map(|(n, check)| format!("{check} {n}"))
            .collect();
        let never = arguments.patience + 1;
        let seeds = median(trials.iter().map(|t| t.seeds.unwrap_or(never) as f64));
        let seeds = match seeds > arguments.patience as f64 {
            true => format!("> {}", arguments.patience),
            false => format!("{seeds:.0}"),
        };
        println!(
            "| {name} | {found} of {} | {seeds} | {:.1} | {:.2} | {} | {} |",
            trials.len(),
            median(trials.iter().map(|trial| trial.simulated)),
            median(trials.iter().map(|trial| trial.real)),
            checks.join(", "),
            trials.iter().map(|trial| trial.reached).sum::<u64>()
        );
    }
    bugs::replace(&[]);
    println!("\n{missed} not found in any trial");
    ExitCode::from(u8::from(missed > 0))
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether the check speaks in the scenario with the bug, and none without it.
fn holds(bug: Bug, check: &str, scenario: &Scenario) -> bool {
    bugs::replace(&[bug]);
    let spoke = run::run(scenario, false).violation;
    bugs::replace(&[]);
    spoke.is_some_and(|violation| violation.check == check)
        && run::run(scenario, false).violation.is_none()
}

/// Finds a scenario for each bug in which a check speaks, and none without the bug; shrinks and writes it. Those that
/// stand in the file and still hold stay.
pub(super) fn write_witnesses(arguments: &Arguments, path: &Path) -> ExitCode {
    let known = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = String::new();
    let mut missed = 0;
    for (name, bug) in named("") {
        let line = known.lines().find_map(|line| {
            let (check, scenario) = line.strip_prefix(name)?.trim_start().split_once(' ')?;
            holds(bug, check, &scenario.parse().ok()?).then_some(line)
        });
        if let Some(line) = line {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{line}");
            continue;
        }
        let mut from = arguments.seeds.start;
        let found = loop {
            let (trial, scenario) = search(arguments, bug, from);
            let Some(scenario) = scenario else { break None };
            let small = shrink(&scenario, trial.check, scenario.length, arguments.shrink);
            if holds(bug, trial.check, &small) {
                break Some((small, trial.check));
            }
            from = scenario.seed + 1;
        };
        match found {
            Some((scenario, check)) => {
                println!("{name}: {check}: {scenario}");
                let _ = writeln!(lines, "{name} {check} {scenario}");
            }
            None => {
                missed += 1;
                println!("{name}: not found");
            }
        }
    }
    bugs::replace(&[]);
    if let Err(error) = std::fs::write(path, lines) {
        eprintln!("cannot write {}: {error}", path.display());
        return ExitCode::from(73);
    }
    ExitCode::from(u8::from(missed > 0))
}
