//! Golden scripts that are witnesses: with a planted bug a promise is broken in them, and without it none is.
#![cfg(feature = "planted-bugs")]

#[path = "golden/safety.rs"]
mod safety;
#[path = "golden/stage.rs"]
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use node::bugs::{Bug, replace};
use stage::{Stage, play};

/// Which promise is broken; a panic is one, too.
fn broken(script: &str) -> Option<&'static str> {
    let mut stage = Stage::default();
    let lived = catch_unwind(AssertUnwindSafe(|| play(script, &mut stage)));
    let violation = stage.safety.violation().map(|(check, _)| *check);
    violation.or(lived.is_err().then_some("V23"))
}

#[test]
fn every_bug_that_a_golden_script_names_breaks_its_promise_there() {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in std::fs::read_dir(scripts).expect("the scripts are there") {
        let path = file.expect("a file").path();
        let script = std::fs::read_to_string(&path).expect("text");
        let bugs = script
            .lines()
            .filter_map(|line| line.strip_prefix("# Bug: "));
        for line in bugs {
            let (name, check) = line.split_once(' ').expect("bug and check");
            let bug: Bug = name.parse().expect("a planted bug");
            replace(&[bug]);
            let seen = broken(&script);
            replace(&[]);
            let healthy = broken(&script);
            if (seen, healthy) != (Some(check), None) {
                let path = path.display();
                wrong.push(format!("{path}: {name}: {seen:?}; healthy: {healthy:?}"));
            }
            count += 1;
        }
    }
    assert!(count > 0);
    assert_eq!(wrong, Vec::<String>::new());
}
