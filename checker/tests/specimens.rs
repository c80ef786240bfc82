//! Histories with known verdicts, each judged as it should be.

use std::path::Path;

use checker::enough::Minimum;
use checker::history;
use checker::linearizable::limits::NO_END;
use checker::linearizable::objects::Objects;
use checker::linearizable::{Linearizable, Meter};
use checker::models::ModelKind;
use checker::{Checker, Valid};

/// How many operations a counterexample may need.
const LARGEST: usize = 16;

/// In the histories that were made up.
const LARGEST_GENERATED: usize = 8;

#[test]
fn every_specimen_has_the_expected_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens");
    let expected = std::fs::read_to_string(folder.join("expected.csv")).unwrap();
    let mut judged = 0;
    for line in expected.lines().skip(1) {
        let [file, model, operations, verdict] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("expected.csv: {line}");
        };
        let recorded = history::open(&folder.join(file), None).unwrap();
        assert!(!recorded.truncated, "{file}");
        // Two of them are empty, and count as valid.
        let kind: ModelKind = model.parse().unwrap();
        let register = Linearizable::default();
        let checker = Objects {
            kind,
            limits: register.limits,
            minimum: Minimum {
                ok_operations: 0,
                ..Minimum::default()
            },
        };
        // Where nothing is read, a counter looks like a set.
        let recognised = ModelKind::recognise(&recorded.history);
        assert!(recognised == kind || kind == ModelKind::Counter, "{file}");
        let answer = checker.check(&recorded.history);
        let valid = match verdict {
            "valid" => Valid::Yes,
            _ => Valid::No,
        };
        assert_eq!(answer.valid, valid, "{file}: {}", answer.summary);
        let meter = Meter::new(NO_END);
        let alone = checker.answer_within(&recorded.history, &meter);
        assert_eq!(alone, Ok(valid), "{file}");
        if !operations.is_empty() {
            let judged = recorded.history.operations().len().to_string();
            assert_eq!(judged, operations, "{file}");
        }
        for violation in &answer.violations {
            let essential = violation
                .operations
                .iter()
                .filter(|operation| operation.essential)
                .count();
            let largest = match file.starts_with("generated/") {
                true => LARGEST_GENERATED,
                false => LARGEST,
            };
            assert!((1..=largest).contains(&essential), "{file}: {violation:#?}");
            // Three reads, and what can have been added between the first and the last.
            let lost = file.starts_with("generated/counter_c5_n1000_u0_invalid");
            assert!(!lost || essential == largest, "{file}: {violation:#?}");
        }
        judged += 1;
    }
    assert!(judged >= 100, "expected.csv is short");
}
