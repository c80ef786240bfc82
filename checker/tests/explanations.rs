//! What is said of wrong histories, word for word, as `explanations.txt` has it: so that nothing is told worse than before unnoticed.
//!
//! Where something is told better, `cargo test -p checker --test explanations -- --ignored` writes the file anew: read the difference.

#[path = "../examples/bench/random.rs"]
mod random;

use checker::Checker;
use checker::history::{History, jsonl};
use checker::linearizable::{Linearizable, objects::Objects};
use checker::models::ModelKind;
use random::Random;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// What a client may ask of each object: `N` is a fresh number, `n` one of a few.
const ASKED: [(&str, &[&str]); 15] = [
    ("register", &["write N", "read", "cas N", "read", "write N"]),
    ("register", &["write n", "read", "cas n", "read"]),
    ("set", &["add N", "add N", "read"]),
    ("set", &["add n", "remove n", "contains n", "read"]),
    ("queue", &["enqueue N", "dequeue"]),
    ("queue", &["enqueue n", "dequeue"]),
    ("stack", &["push N", "pop"]),
    ("priority-queue", &["insert N", "delete-min"]),
    ("counter", &["add N", "read"]),
    ("lock", &["acquire", "release"]),
    ("log", &["append N", "read"]),
    ("register", &["write N", "read", "read", "cas n", "read"]),
    ("register", &["cas N", "cas N", "read"]),
    ("counter", &["add n", "dec n", "read"]),
    ("log", &["append n", "read"]),
];

/// What the object answers, which is a list of numbers: a value, elements, entries, or a sum. `None`: not now.
fn act(state: &mut Vec<i64>, verb: &str, argument: &Value) -> Option<Value> {
    let number = argument.as_i64().unwrap_or(0);
    let or_null = |value: Option<i64>| value.map_or(Value::Null, Value::from);
    match verb {
        "write" => *state = vec![number],
        "cas" => {
            let [old, new] = [0, 1].map(|at| argument[at].as_i64());
            if state.first().copied() != old {
                return None;
            }
            *state = new.into_iter().collect();
        }
        "remove" => state.retain(|held| *held != number),
        "contains" => return Some(state.contains(&number).into()),
        "dequeue" => {
            let first = (!state.is_empty()).then(|| state.remove(0));
            return Some(or_null(first));
        }
        "pop" => return Some(or_null(state.pop())),
        "delete-min" => {
            state.sort_unstable();
            let least = (!state.is_empty()).then(|| state.remove(0));
            return Some(or_null(least));
        }
        "dec" => state.push(-number),
        "acquire" if !state.is_empty() => return None,
        "acquire" => state.push(1),
        "release" if state.is_empty() => return None,
        "release" => state.clear(),
        _ => state.push(number),
    }
    Some(argument.clone())
}

/// What a read tells.
fn read(kind: &str, state: &[i64]) -> Value {
    match kind {
        "register" => state.first().map_or(Value::Null, |value| json!(value)),
        "counter" => json!(state.iter().sum::<i64>()),
        "set" => {
            let mut all = state.to_vec();
            all.sort_unstable();
            all.dedup();
            json!(all)
        }
        _ => json!(state),
    }
}

/// What a client has asked, with which argument, and, once it took effect, what it will be answered.
type Open = (String, Value, Option<Option<Value>>);

/// Four clients of an object that now and then forgets what it has done: seven answers of eight are of what it held.
fn history(kind: &str, asked: &[&str], seed: u64) -> History {
    let mut random = Random(seed);
    let (mut lines, mut fresh) = (String::new(), 0);
    let mut state: Vec<i64> = Vec::new();
    let mut before = vec![state.clone()];
    let mut clients: Vec<(u64, Option<Open>)> = (0..4).map(|process| (process, None)).collect();
    let mut left = 8 + random.below(24);
    while left > 0 || clients.iter().any(|client| client.1.is_some()) {
        let client = random.below(4) as usize;
        let (process, open) = &mut clients[client];
        let mut event = |process: u64, kind: &str, verb: &str, value: &Value| {
            let time = (lines.lines().count() + 1) * 1_000_000;
            let event = json!({"process": process, "type": kind, "f": verb, "value": value, "key": "x", "time": time});
            lines += &format!("{event}\n");
        };
        match open {
            None if left == 0 => {}
            None => {
                left -= 1;
                let ask = asked[random.below(asked.len() as u64) as usize];
                let (verb, argument) = ask.split_once(' ').unwrap_or((ask, ""));
                let mut number = |random: &mut Random| match argument {
                    "N" => {
                        fresh += 1;
                        fresh
                    }
                    _ => 1 + random.below(3) as i64,
                };
                let argument = match (verb, argument) {
                    (_, "") => Value::Null,
                    ("cas", _) => {
                        // Mostly what is there, or else what was.
                        let was = &before[random.below(before.len() as u64) as usize];
                        let old = if random.below(4) == 0 { was } else { &state };
                        json!([old.first(), number(&mut random)])
                    }
                    _ => json!(number(&mut random)),
                };
                event(*process, "invoke", verb, &argument);
                *open = Some((verb.to_owned(), argument, None));
            }
            Some((verb, argument, answer @ None)) => {
                if random.below(8) == 0 {
                    state = before[random.below(before.len() as u64) as usize].clone();
                }
                *answer = Some(match verb.as_str() {
                    "read" => Some(read(kind, &state)),
                    _ => act(&mut state, verb, argument),
                });
                before.push(state.clone());
            }
            Some((verb, argument, Some(answer))) => {
                let unknown = random.below(10) == 0;
                match answer {
                    _ if unknown => event(*process, "info", verb, argument),
                    // A failure that was none.
                    Some(_) if verb != "read" && kind == "register" && random.below(24) == 0 => {
                        event(*process, "fail", verb, argument)
                    }
                    Some(answer) => event(*process, "ok", verb, answer),
                    None => event(*process, "fail", verb, argument),
                }
                // Who does not know never acts again.
                *process += 4 * u64::from(unknown);
                *open = None;
            }
        }
    }
    jsonl::read("made up", lines.as_bytes()).unwrap().history
}

/// Transactions one after the other, asked and answered, each list wrong in a way of its own.
const TRANSACTIONS: [&[(&str, &str)]; 8] = [
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (r#"[[],[["put","b",2]],[]]"#, "[true,2,[null]]"),
    ],
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (r#"[[],[["get","b"]],[]]"#, "[true,1,[null]]"),
    ],
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (r#"[[],[["get","a"]],[]]"#, "[true,3,[[1,3]]]"),
    ],
    &[
        (
            r#"[[],[["put","a",1],["put","b",1]],[]]"#,
            "[true,2,[null,null]]",
        ),
        (
            r#"[[],[["get","a"],["get","b"]],[]]"#,
            "[true,2,[[1,2],null]]",
        ),
    ],
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (r#"[[],[["put","a",2]],[]]"#, "[true,3,[null]]"),
        (r#"[[],[["get","a"]],[]]"#, "[true,3,[[1,2]]]"),
    ],
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (r#"[[],[["put","a",2]],[]]"#, "[true,3,[null]]"),
        (r#"[[["mod","a",2]],[["put","b",1]],[]]"#, "[true,4,[null]]"),
    ],
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (
            r#"[[["value","a",7]],[["get","a"]],[["get","b"]]]"#,
            "[true,2,[[1,2]]]",
        ),
    ],
    &[
        (r#"[[],[["put","a",1]],[]]"#, "[true,2,[null]]"),
        (r#"[[],[["delete","a"]],[]]"#, "[true,3,[null]]"),
        (r#"[[],[["get","a"]],[]]"#, "[true,3,[[1,2]]]"),
    ],
];

fn transactions(calls: &[(&str, &str)]) -> History {
    let mut lines = String::new();
    for (at, (asked, answered)) in calls.iter().enumerate() {
        for (kind, value, time) in [("invoke", asked, 2 * at + 1), ("ok", answered, 2 * at + 2)] {
            let head = format!(r#"{{"process":{at},"type":"{kind}","f":"txn","time":{time}000000"#);
            writeln!(lines, r#"{head},"value":{value}}}"#).unwrap();
        }
    }
    jsonl::read("made up", lines.as_bytes()).unwrap().history
}

/// What is said of all wrong ones among some histories of each kind.
fn said() -> String {
    let mut text = String::new();
    for (number, (name, asked)) in ASKED.iter().enumerate() {
        let kind: ModelKind = name.parse().unwrap();
        // Of registers most can be told.
        let histories = if *name == "register" { 32 } else { 14 };
        for seed in 0..histories {
            let history = history(name, asked, 100 * number as u64 + seed);
            tell(
                &mut text,
                &format!("{name} {number}.{seed}"),
                kind,
                &history,
            );
        }
    }
    for (number, calls) in TRANSACTIONS.iter().enumerate() {
        let name = format!("txn {number}");
        tell(&mut text, &name, ModelKind::Txn, &transactions(calls));
    }
    text
}

fn tell(text: &mut String, name: &str, kind: ModelKind, history: &History) {
    let Linearizable { limits, minimum } = Linearizable::default();
    let judge = Objects {
        kind,
        limits,
        minimum,
    };
    let verdict = judge.check(history);
    for violation in &verdict.violations {
        writeln!(text, "{name}: {}", verdict.summary).unwrap();
        writeln!(text, "  {}", violation.explanation).unwrap();
        let operations = |essential: bool| -> Vec<u64> {
            let wanted = violation.operations.iter();
            wanted
                .filter(|operation| operation.essential == essential)
                .map(|operation| operation.invoke)
                .collect()
        };
        let (end, states) = (violation.prefix_end, &verdict.details["keys"][0]["states"]);
        let (essential, others) = (operations(true), operations(false));
        writeln!(
            text,
            "  wrong from {end}: {essential:?}, shown {others:?}, states {states}"
        )
        .unwrap();
        for words in violation
            .operations
            .iter()
            .filter_map(|one| one.words.as_ref())
        {
            writeln!(text, "  {words}").unwrap();
        }
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/explanations.txt")
}

#[test]
fn wrong_histories_are_explained_as_before() {
    let before = std::fs::read_to_string(path()).unwrap();
    let now = said();
    for (was, is) in before.lines().zip(now.lines()) {
        assert_eq!(is, was);
    }
    assert_eq!(now.len(), before.len());
}

#[test]
#[ignore = "writes the file"]
fn write_explanations() {
    std::fs::write(path(), said()).unwrap();
}
