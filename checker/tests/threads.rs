//! Many threads tell what one tells: verdicts, proofs and steps of histories of many keys, right and wrong.

#[path = "../examples/bench/random.rs"]
mod random;

use checker::history::Recorder;
use checker::linearizable::objects::Objects;
use checker::linearizable::{Limits, Linearizable, Meter};
use checker::models::ModelKind;
use checker::{Event, History, Kind, Process, Valid};
use random::Random;
use serde_json::{Value, json};

/// What a client is at.
enum At {
    Idle,
    Open {
        f: &'static str,
        key: u64,
        value: u64,
    },
    Done {
        f: &'static str,
        key: u64,
        answer: Value,
    },
}

/// What twelve clients do.
#[derive(Clone, Copy)]
struct Load {
    kind: ModelKind,
    keys: u64,
    operations: u64,
    /// So many work at the same time.
    busy: usize,
    /// One of so many outcomes is unknown.
    unknown: u64,
    /// One of so many answers is changed.
    wrong: Option<u64>,
}

/// Clients work with as many objects as there are keys; each operation takes effect once, somewhere between its ends.
fn history(load: Load, seed: u64) -> History {
    let (kind, keys, operations, wrong) = (load.kind, load.keys, load.operations, load.wrong);
    let mut dice = Random(seed);
    let mut clients: Vec<(u64, At)> = (0..12).map(|id| (id, At::Idle)).collect();
    let mut contents: Vec<Vec<u64>> = vec![Vec::new(); keys as usize];
    let (mut recorder, mut begun, mut answered, mut next) = (Recorder::default(), 0, 0, 12);
    while begun < operations || clients.iter().any(|(_, at)| !matches!(at, At::Idle)) {
        let client = dice.below(12) as usize;
        let busy = clients
            .iter()
            .filter(|(_, at)| !matches!(at, At::Idle))
            .count();
        let (id, at) = &mut clients[client];
        let index = recorder.history().columns().len() as u64;
        let event = |id: u64, kind, f: &str, key: u64, value| Event {
            key: Some(format!("k{key}").into()),
            ..Event::new(index, Process::Client(id), kind, f, value)
        };
        match std::mem::replace(at, At::Idle) {
            At::Idle if begun < operations && busy < load.busy => {
                begun += 1;
                let (key, reads) = (dice.below(keys), dice.below(2) == 0);
                let (f, value) = match kind {
                    ModelKind::Register if reads => ("read", 0),
                    ModelKind::Register => ("write", 1 + dice.below(4)),
                    _ if reads => ("dequeue", 0),
                    _ => ("enqueue", begun),
                };
                let argument = if value == 0 {
                    json!(null)
                } else {
                    json!(value)
                };
                recorder
                    .record(&event(*id, Kind::Invoke, f, key, argument))
                    .unwrap();
                *at = At::Open { f, key, value };
            }
            At::Idle => {}
            At::Open { f, key, value } => {
                let content = &mut contents[key as usize];
                let answer = match f {
                    "write" => {
                        *content = vec![value];
                        json!(value)
                    }
                    "read" => json!(content.first()),
                    "enqueue" => {
                        content.push(value);
                        json!(value)
                    }
                    _ if content.is_empty() => json!(null),
                    _ => json!(content.remove(0)),
                };
                *at = At::Done { f, key, answer };
            }
            At::Done { f, key, mut answer } => {
                let kind = match dice.below(load.unknown) {
                    0 => Kind::Info,
                    _ => Kind::Ok,
                };
                let told = kind == Kind::Ok && (f == "read" || f == "dequeue") && !answer.is_null();
                answered += u64::from(told);
                if told && wrong.is_some_and(|every| answered % every == 0) {
                    answer = json!(answer.as_u64().map_or(1, |answer| answer % 4 + 1));
                }
                let answer = if kind == Kind::Ok {
                    answer
                } else {
                    json!(null)
                };
                recorder.record(&event(*id, kind, f, key, answer)).unwrap();
                if kind == Kind::Info {
                    *id = next;
                    next += 1;
                }
            }
        }
    }
    recorder.into_history()
}

fn tell_the_same(load: Load, seed: u64) {
    let history = history(load, seed);
    let judge = Objects {
        kind: load.kind,
        limits: Limits {
            steps: 2_000_000,
            ..Linearizable::default().limits
        },
        minimum: Default::default(),
    };
    let meter = |threads| Meter::new(&|| false).with_threads(threads);
    let one = judge.check_within(&history, &meter(1));
    let answer = judge.answer_within(&history, &meter(1)).unwrap();
    let name = format!("{}, {} keys, {seed}", load.kind, load.keys);
    assert_eq!(answer, one.valid, "{name}: {}", one.summary);
    let expected = match load.wrong {
        None => Valid::Yes,
        Some(_) => Valid::No,
    };
    assert_eq!(one.valid, expected, "{name}: {}", one.summary);
    for threads in [2, 3, 16] {
        let many = judge.check_within(&history, &meter(threads));
        assert_eq!(many, one, "{name}, {threads} threads");
        let answer = judge.answer_within(&history, &meter(threads));
        assert_eq!(answer, Ok(one.valid), "{name}, {threads} threads");
    }
}

#[test]
fn many_threads_tell_what_one_tells() {
    for kind in [ModelKind::Register, ModelKind::Queue] {
        for (seed, wrong) in [(1, None), (2, Some(3_000)), (3, Some(90)), (4, None)] {
            let load = Load {
                kind,
                keys: 9,
                operations: 24_000,
                busy: 12,
                unknown: 100,
                wrong,
            };
            tell_the_same(load, seed);
        }
    }
}

#[test]
fn many_threads_tell_what_one_tells_of_the_stretches_of_one_key() {
    for (seed, wrong) in [(1, None), (2, Some(5_000)), (3, Some(900))] {
        let load = Load {
            kind: ModelKind::Register,
            keys: 1,
            operations: 24_000,
            busy: 2,
            unknown: 1 << 40,
            wrong,
        };
        tell_the_same(load, seed);
    }
}
