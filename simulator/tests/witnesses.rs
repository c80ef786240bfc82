//! Planted bugs have witnesses: short scenarios in which a check speaks with the bug, and none without it.
//!
//! `cargo run --release -p simulator --features planted-bugs -- --witnesses simulator/witnesses.txt` looks for them anew
//! where a change of node or simulator has made old ones pass.
#![cfg(feature = "planted-bugs")]

use node::bugs::{Bug, replace};
use simulator::run::{keep_panics, run};
use simulator::scenario::Scenario;

#[test]
fn every_witness_ends_in_its_violated_check_and_a_healthy_node_passes_it() {
    keep_panics();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../witnesses.txt").lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("bug, check, scenario");
        let (name, check, scenario) = (word(), word(), word());
        let bug: Bug = name.parse().expect("a planted bug");
        let scenario: Scenario = scenario.parse().expect("a scenario");
        replace(&[bug]);
        let seen = run(&scenario, false)
            .violation
            .map(|violation| violation.check);
        if seen != Some(check) {
            wrong.push(format!("{name}: {seen:?} instead of {check}"));
        }
        replace(&[]);
        if let Some(violation) = run(&scenario, false).violation {
            wrong.push(format!("healthy: {violation:?} in {scenario}"));
        }
        count += 1;
    }
    assert!(count > 0);
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_planted_bug_has_a_witness_here_or_among_the_golden_scripts() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../node/tests/golden");
    let scripts = std::fs::read_dir(golden).expect("the golden scripts");
    let scripts = scripts.map(|file| std::fs::read_to_string(file.expect("a file").path()));
    let mut lines = scripts.collect::<Result<String, _>>().expect("text");
    lines.extend(
        include_str!("../witnesses.txt")
            .lines()
            .map(|line| format!("# Bug: {line}\n")),
    );
    let has = |name: &str| lines.contains(&format!("\n# Bug: {name} "));
    let names = Bug::all().iter().map(|(name, _)| *name);
    assert_eq!(names.filter(|name| !has(name)).collect::<Vec<_>>(), [""; 0]);
}
