//! The logs of etcd in Porcupine's repository, as Jepsen wrote them. (Those of its key-value store are EDN.)

use std::time::Duration;

use serde_json::Value;

use super::edn::{Reader, Wrong};
use super::{Event, Kind, Process};

/// Before each operation of the etcd logs.
pub const ETCD: &str = "jepsen.util - ";

/// Reads `INFO  jepsen.util - 3\t:invoke\t:write\t1`; other lines are somebody else's.
///
/// # Errors
/// A line of an operation whose type or value is none.
pub fn etcd(text: &str) -> Result<Vec<(usize, Event)>, Wrong> {
    let mut events = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((_, said)) = line.split_once(ETCD) else {
            continue;
        };
        let mut rest = said;
        let mut word = || {
            let word;
            (word, rest) = rest.trim_start().split_once(char::is_whitespace)?;
            Some(word)
        };
        let (Some(process), Some(kind), Some(f)) = (word(), word(), word()) else {
            continue;
        };
        let value = rest;
        let wrong = |reason: String| Wrong {
            line: at + 1,
            reason,
        };
        let Ok(process) = process.parse() else {
            // The nemesis, or the name of a node.
            continue;
        };
        let kind = kind_of(kind.trim_start_matches(':')).ok_or_else(|| {
            wrong(format!(
                "{kind} is no type; expected :invoke, :ok, :fail or :info"
            ))
        })?;
        let mut reader = Reader::new(value);
        let value = reader.value().map_err(|error| wrong(error.reason))?;
        if !reader.is_done() {
            return Err(wrong("something follows the value".into()));
        }
        // What is said instead of a value is the reason of the outcome.
        let (value, error) = match value {
            Value::String(error) => (Value::Null, Some(error.into())),
            value => (value, None),
        };
        events.push((
            at + 1,
            Event {
                error,
                ..event(
                    events.len(),
                    process,
                    kind,
                    f.trim_start_matches(':'),
                    value,
                )
            },
        ));
    }
    Ok(events)
}

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "invoke" => Kind::Invoke,
        "ok" => Kind::Ok,
        "fail" => Kind::Fail,
        "info" => Kind::Info,
        _ => return None,
    })
}

fn event(index: usize, process: u64, kind: Kind, f: &str, value: Value) -> Event {
    Event {
        index: index as u64,
        time: Duration::ZERO,
        process: Process::Client(process),
        kind,
        f: f.into(),
        key: None,
        value,
        error: None,
        node: None,
        current: None,
        entry: None,
        is_final: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_picked_out_of_a_log() {
        let log = "INFO  jepsen.core - hello\nINFO  jepsen.util - 4\t:invoke\t:cas\t[3 1]\nINFO  jepsen.util - :nemesis\t:info\t:start\tnil\nINFO  jepsen.util - 4\t:info\t:cas\t:timed-out\n";
        let events = etcd(log).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].0, &events[0].1.value), (2, &json!([3, 1])));
        assert_eq!(events[1].1.kind, Kind::Info);
        assert_eq!(events[1].1.error.as_deref(), Some("timed-out"));
    }

    #[test]
    fn a_damaged_line_is_refused_with_its_number() {
        let wrong = etcd("\nINFO  jepsen.util - 4\t:invoke\t:cas\t[3 1").unwrap_err();
        assert_eq!(wrong.line, 2);
        let wrong = etcd("INFO  jepsen.util - 4\t:begin\t:cas\t[3 1]").unwrap_err();
        assert!(wrong.reason.contains(":begin is no type"), "{wrong:?}");
    }
}
