//! Files of histories that are nearly right, and noise: whatever they hold is read or refused with its line, what was
//! read can be written and read again, and the judge gives one answer however it is asked.
//!
//! First byte of the input: the format, see [`FORMATS`]. The rest is the file.

use std::path::Path;

use checker::enough::Minimum;
use checker::history::jsonl::{self, ReadError};
use checker::history::{self, Format};
use checker::linearizable::limits::NO_END;
use checker::linearizable::objects::Objects;
use checker::linearizable::{Limits, Meter};
use checker::models::ModelKind;
use checker::{Checker, Event, History, Valid};
use serde_json::Value;

const FORMATS: [Option<Format>; 5] = [
    Some(Format::JsonLines),
    Some(Format::Json),
    Some(Format::Edn),
    Some(Format::EtcdLog),
    None,
];

/// What every input must pass.
pub fn check(input: &[u8]) {
    let Some((first, file)) = input.split_first() else {
        return;
    };
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    let recorded = match history::read("input", file, format) {
        Ok(recorded) => recorded,
        Err(ReadError::Damaged { line, reason, .. }) => {
            let lines = 1 + file.iter().filter(|byte| **byte == b'\n').count();
            assert!(
                (1..=lines).contains(&line),
                "line {line} of {lines}: {reason}"
            );
            assert!(!reason.is_empty());
            return;
        }
        Err(other) => panic!("bytes in memory are always there: {other}"),
    };
    again(&recorded.history);
    judged(&recorded.history);
}

/// Written as our own format it says the same.
fn again(history: &History) {
    let events: Vec<Event> = history.events().collect();
    let lines: Vec<String> = events.iter().map(jsonl::to_line).collect();
    // Others' clocks may go back a little; ours is refused then.
    if events.windows(2).any(|pair| pair[1].time < pair[0].time) {
        return;
    }
    // A number with a fraction, or too large for a word, may come back with another last bit.
    let odd = |event: &Event| {
        [Some(&event.value), event.current.as_ref()]
            .into_iter()
            .flatten()
            .any(has_float)
    };
    if events.iter().any(odd) {
        return;
    }
    let read = jsonl::read("again", lines.concat().as_bytes()).expect("what we write we read");
    assert!(!read.truncated);
    assert_eq!(read.history.events().collect::<Vec<_>>(), events);
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(all) => all.iter().any(has_float),
        Value::Object(all) => all.values().any(has_float),
        _ => false,
    }
}

/// The answer alone and the explained one agree.
fn judged(history: &History) {
    let judge = Objects {
        kind: ModelKind::recognise(history),
        limits: Limits {
            configurations: 256,
            steps: 20_000,
            bytes: 1 << 24,
        },
        minimum: Minimum {
            ok_operations: 0,
            ..Minimum::default()
        },
    };
    let explained = judge.check(history);
    assert_eq!(
        explained.valid == Valid::No,
        !explained.violations.is_empty()
    );
    // Budgets are dealt differently; what both decide they decide alike.
    let alone = judge.answer_within(history, &Meter::new(NO_END));
    let alone = alone.unwrap_or(Valid::Unknown);
    let known = [alone, explained.valid].map(|valid| valid != Valid::Unknown);
    assert!(
        known != [true, true] || alone == explained.valid,
        "{alone:?}, {explained:?}"
    );
}

/// The beginnings of specimens in every format, and a few lines that are wrong in one way each.
pub fn seeds() -> Vec<Vec<u8>> {
    let specimens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../checker/specimens");
    let files = [
        (0, "knossos/cas-register_bad_bad-analysis.jsonl"),
        (0, "generated/queue_c5_n1000_u0_invalid.jsonl"),
        (0, "generated/stack_c20_n1000_u0.01_valid.jsonl"),
        (0, "generated/counter_c5_n1000_u0_valid.jsonl"),
        (0, "generated/mutex_c20_n1000_u0_valid.jsonl"),
        (0, "generated/set_c5_n1000_u0_valid.jsonl"),
        (1, "elle-cli/counter.json"),
        (1, "elle-cli/memstress3-9.json"),
        (2, "elle-cli/cas-failure.edn"),
        (2, "elle-cli/set.edn"),
        (2, "porcupine/c01-bad.txt"),
        (3, "porcupine/etcd_001.log"),
        (4, "porcupine/etcd_003.log"),
        (4, "elle-cli/etcd.edn"),
    ];
    let beginning = |(format, file): (u8, &str)| {
        let text = std::fs::read(specimens.join(file)).expect("the specimen is there");
        [vec![format], text.into_iter().take(1500).collect()].concat()
    };
    let line = r#"{"process":1,"type":"invoke","f":"cas","key":"k","value":[1,null],"time":7}"#;
    let made = [
        format!("\0{line}\n"),
        format!("\0{line}\n{line}\n"),
        format!("\0{}\n", line.replace("invoke", "ok")),
        format!("\0{}\n", line.replace("[1,null]", r#""\u00e9\n""#)),
        format!("\0{}\n", line.replace('7', "18446744073709551615")),
        format!("\0{}\n", line.replace("[1,null]", "-1.5e300")),
        format!("\u{1}[{line}"),
        "\u{2}[{:process :nemesis, :type :info, :f :start, :value #{1 \"a\" nil}}]".into(),
        "\u{2}{:process 0, :type :invoke, :f :read, :value nil} ; and then nothing".into(),
    ];
    let made = made.into_iter().map(String::into_bytes);
    files.into_iter().map(beginning).chain(made).collect()
}
