//! Time that ends while a violation is explained: it is told all the same.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use checker::Valid;
use checker::history::jsonl;
use checker::linearizable::{Limits, Linearizable, Meter, objects::Objects};
use checker::models::ModelKind;

#[test]
fn what_is_certain_is_told_whenever_time_ends() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens/generated");
    for (name, must_be_cut) in [
        ("counter_c5_n1000_u0", true),
        ("queue_c5_n1000_u0", true),
        ("regcas_c10_n1000_u0", true),
        ("regs_c10_n1000_u0.01", true),
        ("regu_c5_n1000_u0", true),
        ("set_c5_n1000_u0", true),
        ("stack_c5_n1000_u0", true),
    ] {
        let file = folder.join(format!("{name}_invalid.jsonl"));
        let lines = std::fs::read(&file).unwrap();
        let history = jsonl::read(name, &lines[..]).unwrap().history;
        let Linearizable { limits, minimum } = Linearizable::default();
        let judge = Objects {
            kind: ModelKind::recognise(&history),
            limits: Limits {
                steps: 300_000,
                ..limits
            },
            minimum,
        };
        let (mut cut, mut before) = (false, Valid::Unknown);
        for most in (0..30).chain((5..14).map(|power| 1 << power)) {
            let (asked, wrong) = (AtomicU64::new(0), AtomicBool::new(false));
            let stop = || asked.fetch_add(1, Relaxed) >= most;
            let verdict = judge.check_within(&history, &Meter::new(&stop).telling(&wrong));
            let told = format!("{name}, {most} questions: {}", verdict.summary);
            assert_ne!(verdict.valid, Valid::Yes, "{told}");
            assert_eq!(wrong.load(Relaxed), verdict.valid == Valid::No, "{told}");
            // More time never tells less.
            assert!(verdict.valid >= before, "{told}");
            before = verdict.valid;
            if verdict.valid == Valid::No && asked.load(Relaxed) > most {
                assert!(
                    verdict.summary.contains("before all was explained"),
                    "{told}"
                );
                assert!(!verdict.violations.is_empty(), "{told}");
                cut = true;
            }
        }
        assert_eq!((before, cut), (Valid::No, must_be_cut), "{name}");
    }
}
