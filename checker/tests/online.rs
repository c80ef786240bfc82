//! Stream against batch: a judge that listens says what one says who comes later, and as early as can be.

use std::path::Path;

use checker::linearizable::Linearizable;
use checker::online::Online;
use checker::{Checker, Valid, history};

#[test]
fn a_violation_is_told_at_the_event_that_makes_it_certain() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens");
    for file in [
        "generated/regu_c5_n1000_u0_invalid.jsonl",
        "generated/regu_c50_n1000_u0.01_invalid.jsonl",
        "generated/regcas_c10_n1000_u0_invalid.jsonl",
        "generated/regs_c10_n1000_u0.01_invalid.jsonl",
        "generated/regs_c20_n1000_u0_invalid.jsonl",
        "knossos/cas-register_bad_bad-analysis.jsonl",
    ] {
        let whole = history::open(&folder.join(file), None).unwrap().history;
        let batch = Linearizable::default().check(&whole);
        let certain = batch.violations[0].prefix_end;
        let mut online = Online::default();
        for event in whole.events() {
            online.hear(&event).unwrap();
            // Asked now and then, around the moment always.
            let near = event.index.abs_diff(certain) < 3;
            if !near && event.index % 500 != 0 {
                continue;
            }
            let verdict = online.verdict();
            match event.index == certain {
                false => assert_eq!(verdict, None, "{file} at {}", event.index),
                true => {
                    let verdict = verdict.unwrap_or_else(|| panic!("{file}: nothing at {certain}"));
                    assert_eq!(verdict.valid, Valid::No);
                    assert_eq!(verdict.violations[0].prefix_end, certain, "{file}");
                }
            }
        }
        assert_eq!(
            online.history().operations().len(),
            whole.operations().len()
        );
    }
}

#[test]
fn what_is_right_is_never_told_as_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens");
    for file in [
        "generated/regu_c50_n1000_u0.01_valid.jsonl",
        "generated/regcas_c20_n1000_u0.01_valid.jsonl",
        "generated/regs_c10_n1000_u0.01_valid.jsonl",
        "knossos/cas-register_good_memstress3-0.jsonl",
    ] {
        let whole = history::open(&folder.join(file), None).unwrap().history;
        let mut online = Online::default();
        for event in whole.events() {
            online.hear(&event).unwrap();
            if event.index % 97 == 0 {
                assert_eq!(online.verdict(), None, "{file} at {}", event.index);
            }
        }
        assert_eq!(online.verdict(), None, "{file}");
    }
}
