//! Histories with known verdicts, each judged as it should be.

use std::path::Path;

use checker::history::jsonl;
use checker::linearizable::Linearizable;
use checker::{Checker, Valid};

#[test]
fn every_specimen_has_the_expected_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens");
    let expected = std::fs::read_to_string(folder.join("expected.csv")).unwrap();
    let mut judged = 0;
    for line in expected.lines().skip(1) {
        let [file, _, operations, verdict] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("expected.csv: {line}");
        };
        let recorded = jsonl::open(&folder.join(file)).unwrap();
        assert!(!recorded.truncated, "{file}");
        let answer = Linearizable::default().check(&recorded.history);
        let valid = if verdict == "valid" {
            Valid::Yes
        } else {
            Valid::No
        };
        assert_eq!(answer.valid, valid, "{file}: {}", answer.summary);
        assert_eq!(
            recorded.history.operations().len().to_string(),
            operations,
            "{file}"
        );
        for violation in &answer.violations {
            let essential = violation
                .operations
                .iter()
                .filter(|operation| operation.essential)
                .count();
            assert!((1..=8).contains(&essential), "{file}: {violation:#?}");
        }
        judged += 1;
    }
    assert!(judged >= 20, "expected.csv is short");
}
