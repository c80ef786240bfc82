//! Writes a history of registers as closed-loop clients would see it:
//! `generate OPERATIONS CLIENTS KEYS PERCENT_UNKNOWN VALUES SEED [broken]`; VALUES 0 means that every written
//! value is a fresh one. `broken` makes one read in the middle stale.

#[path = "bench/random.rs"]
mod random;

use std::io::{BufWriter, Write};

use checker::history::jsonl::to_line;
use checker::{Event, Kind, Process};
use random::Random;
use serde_json::{Value, json};

struct Open {
    process: u64,
    key: usize,
    f: &'static str,
    value: Value,
    /// What it did when it took effect; `None`: it has not yet.
    answer: Option<(Kind, Value, Option<Value>)>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || {
        arguments
            .next()
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or_default()
    };
    let (operations, clients, keys, unknown, values, seed) = (
        number(),
        number().max(1),
        number().max(1),
        number(),
        number(),
        number(),
    );
    let broken = std::env::args()
        .next_back()
        .is_some_and(|last| last == "broken");
    let mut random = Random(seed);
    let mut out = BufWriter::new(std::io::stdout());
    let mut held: Vec<Value> = vec![Value::Null; keys as usize];
    let mut older: Vec<Value> = held.clone();
    let mut seen = vec![held.clone(); clients as usize];
    let mut open: Vec<Option<Open>> = (0..clients).map(|_| None).collect();
    let mut late: Vec<Open> = Vec::new();
    let (mut index, mut begun, mut fresh, mut processes, mut time) = (0, 0, 0, clients, 0);
    let mut ids: Vec<u64> = (0..clients).collect();
    let mut lie = broken;
    loop {
        time += 1 + random.below(20_000);
        let client = random.below(clients) as usize;
        let mut emit =
            |process: u64, kind: Kind, open: &Open, value: Value, current: Option<Value>| {
                let event = Event {
                    index,
                    time: std::time::Duration::from_nanos(time),
                    process: Process::Client(process),
                    kind,
                    f: open.f.into(),
                    key: Some(format!("k{}", open.key).into()),
                    value,
                    error: (kind == Kind::Info).then(|| "timeout".into()),
                    node: Some(format!("n{}", client % 5 + 1).into()),
                    current,
                    entry: None,
                    is_final: false,
                };
                index += 1;
                // A reader that has gone away ends the example, and nothing is lost.
                let _ = out.write_all(to_line(&event).as_bytes());
            };
        // A write that nobody waits for any more takes effect at last.
        if !late.is_empty() && random.below(30) == 0 {
            let at = random.below(late.len() as u64) as usize;
            let mut gone = late.swap_remove(at);
            act(&mut gone, &mut held, &mut older);
        }
        match open[client].take() {
            None if begun == operations => {
                if open.iter().all(Option::is_none) {
                    break;
                }
            }
            None => {
                begun += 1;
                let key = random.below(keys) as usize;
                fresh += 1;
                let new = if values == 0 {
                    json!(fresh)
                } else {
                    json!(random.below(values))
                };
                let (f, value) = match random.below(10) {
                    0..5 => ("read", Value::Null),
                    5..8 => ("write", new),
                    _ => ("cas", json!([seen[client][key], new])),
                };
                let started = Open {
                    process: ids[client],
                    key,
                    f,
                    value,
                    answer: None,
                };
                emit(
                    started.process,
                    Kind::Invoke,
                    &started,
                    started.value.clone(),
                    None,
                );
                open[client] = Some(started);
            }
            Some(mut running) if running.answer.is_none() => {
                let times_out = random.below(100) < unknown;
                if times_out && running.f != "read" && random.below(2) == 0 {
                    emit(
                        running.process,
                        Kind::Info,
                        &running,
                        running.value.clone(),
                        None,
                    );
                    late.push(running);
                } else {
                    act(&mut running, &mut held, &mut older);
                    if !times_out {
                        open[client] = Some(running);
                        continue;
                    }
                    emit(
                        running.process,
                        Kind::Info,
                        &running,
                        running.value.clone(),
                        None,
                    );
                }
                ids[client] = processes;
                processes += 1;
            }
            Some(mut running) => {
                let Some((kind, mut value, current)) = running.answer.take() else {
                    continue;
                };
                if lie
                    && begun > operations / 2
                    && running.f == "read"
                    && older[running.key] != value
                {
                    value = std::mem::take(&mut older[running.key]);
                    lie = false;
                }
                seen[client][running.key] = match (running.f, &current) {
                    ("cas", Some(found)) => found.clone(),
                    ("cas", None) => value[1].clone(),
                    _ => value.clone(),
                };
                emit(running.process, kind, &running, value, current);
            }
        }
    }
}

fn act(open: &mut Open, held: &mut [Value], older: &mut [Value]) {
    let found = held[open.key].clone();
    let new = match open.f {
        "write" => Some(open.value.clone()),
        "cas" if found == open.value[0] => Some(open.value[1].clone()),
        _ => None,
    };
    if let Some(new) = &new {
        if index_of(new).is_multiple_of(50) {
            older[open.key] = found.clone();
        }
        held[open.key] = new.clone();
    }
    open.answer = Some(match open.f {
        "read" => (Kind::Ok, found, None),
        _ if new.is_some() => (Kind::Ok, open.value.clone(), None),
        _ => (Kind::Fail, open.value.clone(), Some(found)),
    });
}

fn index_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
