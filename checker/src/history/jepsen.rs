//! Jepsen's histories: operations as maps, in EDN or in JSON, in one array or one after the other.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};
use smol_str::{SmolStr, ToSmolStr};

use super::edn::{Reader, Wrong};
use super::exact;
use super::keys::Keys;
use super::{Event, Kind, Process};

/// Reads EDN: each event with the line it begins in.
///
/// # Errors
/// What is not EDN, ends in the middle, or is no operation.
pub fn from_edn(text: &str) -> Result<Vec<(usize, Event)>, Wrong> {
    let mut reader = Reader::new(text);
    let close = reader.enter();
    let mut events = Events::default();
    loop {
        let line = reader.line();
        if close.is_some_and(|close| reader.leave(close)) {
            break;
        }
        if reader.is_done() {
            match close {
                None => break,
                Some(_) => {
                    return Err(Wrong {
                        line,
                        reason: "the list of operations is never closed; the text was cut off"
                            .into(),
                    });
                }
            }
        }
        let value = reader.value()?;
        events.push(line, value)?;
    }
    match reader.is_done() {
        true => events.untupled(),
        false => Err(Wrong {
            line: reader.line(),
            reason: "something follows the list of operations".into(),
        }),
    }
}

/// Reads one JSON array of operations. Lines are those of the array's elements.
///
/// # Errors
/// As [`from_edn`].
pub fn from_json(text: &str) -> Result<Vec<(usize, Event)>, Wrong> {
    let values: Vec<Value> = serde_json::from_str(text).map_err(|error| Wrong {
        line: error.line(),
        reason: format!("not a JSON array of operations: {error}"),
    })?;
    if let Some((line, number)) = exact::inexact(text) {
        let reason = exact::refusal(number);
        return Err(Wrong { line, reason });
    }
    let mut events = Events::default();
    let mut lines = starts(text);
    for value in values {
        events.push(lines.next().unwrap_or(1), value)?;
    }
    events.untupled()
}

/// Jepsen's independent keys: where every invocation, reads too, has a pair for its value, that is [key value].
fn untupled(
    mut events: Vec<(usize, Event)>,
    keys: &mut Keys,
) -> Result<Vec<(usize, Event)>, Wrong> {
    let is_pair = |value: &Value| value.as_array().is_some_and(|pair| pair.len() == 2);
    let mut begun = events
        .iter()
        .map(|(_, event)| event)
        .filter(|event| event.kind == Kind::Invoke && matches!(event.process, Process::Client(_)));
    let reads = |event: &&Event| event.f == "read";
    let all = begun
        .clone()
        .all(|event| event.key.is_none() && is_pair(&event.value));
    if !all || !begun.any(|event| reads(&event)) {
        return Ok(events);
    }
    let mut key_of: HashMap<Process, Value> = HashMap::new();
    for (line, event) in &mut events {
        if event.process == Process::Nemesis {
            continue;
        }
        let pair = event.value.as_array().filter(|pair| pair.len() == 2);
        let key = match (event.kind, pair) {
            (Kind::Invoke, Some(pair)) => {
                key_of.insert(event.process, pair[0].clone());
                pair[0].clone()
            }
            _ => key_of.get(&event.process).cloned().unwrap_or_default(),
        };
        // A completion may leave the key out.
        if let Some(pair) = event
            .value
            .as_array_mut()
            .filter(|pair| pair.len() == 2 && pair[0] == key)
        {
            event.value = pair.pop().unwrap_or_default();
        }
        let name = key.as_str().map_or_else(|| key.to_smolstr(), SmolStr::from);
        keys.hear(&name, key.is_string()).map_err(|reason| Wrong {
            line: *line,
            reason,
        })?;
        event.key = Some(name);
    }
    Ok(events)
}

/// The lines in which the elements of a well-formed array of objects begin.
fn starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let (mut line, mut depth, mut quoted, mut escaped) = (1, 0_i32, false, false);
    text.bytes().filter_map(move |byte| {
        let was_escaped = escaped;
        escaped = quoted && byte == b'\\' && !was_escaped;
        match byte {
            b'\n' => line += 1,
            b'"' if !was_escaped => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                return (depth == 2).then_some(line);
            }
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
        None
    })
}

#[derive(Default)]
struct Events {
    all: Vec<(usize, Event)>,
    last: Duration,
    keys: Keys,
}

impl Events {
    fn push(&mut self, line: usize, value: Value) -> Result<(), Wrong> {
        let is_text = value.get("key").is_some_and(Value::is_string);
        let event = self.event(value).map_err(|reason| Wrong { line, reason })?;
        if let Some(key) = &event.key {
            let heard = self.keys.hear(key, is_text);
            heard.map_err(|reason| Wrong { line, reason })?;
        }
        self.last = event.time;
        self.all.push((line, event));
        Ok(())
    }

    /// All of them, once the last was pushed.
    fn untupled(mut self) -> Result<Vec<(usize, Event)>, Wrong> {
        untupled(self.all, &mut self.keys)
    }

    fn event(&self, value: Value) -> Result<Event, String> {
        let Value::Object(mut map) = value else {
            return Err(format!(
                "{value} is no operation, expected a map with process, type, f and value"
            ));
        };
        let kind = match map.get("type").and_then(Value::as_str) {
            Some("invoke") => Kind::Invoke,
            Some("ok") => Kind::Ok,
            Some("fail") => Kind::Fail,
            Some("info") => Kind::Info,
            _ => {
                return Err(
                    "an operation without a type; expected :invoke, :ok, :fail or :info".into(),
                );
            }
        };
        let process = match map.get("process") {
            Some(Value::Number(number)) if number.is_u64() => {
                Process::Client(number.as_u64().unwrap_or_default())
            }
            Some(Value::String(_)) => Process::Nemesis,
            // Lone examples name no process: one client did it all.
            None => Process::Client(0),
            Some(other) => {
                return Err(format!(
                    "process is {other}, expected a whole number or :nemesis"
                ));
            }
        };
        let time = match map.get("time").and_then(Value::as_f64) {
            // Jepsen's clock is relative to the start of the run; what is before it happened at 0.
            Some(nanos) if nanos > 0.0 => map
                .get("time")
                .and_then(Value::as_u64)
                .map_or(self.last, Duration::from_nanos),
            _ => self.last,
        };
        Ok(Event {
            index: self.all.len() as u64,
            // Jepsen stamps before it enqueues, so neighbours may be swapped; the order of events decides.
            time: time.max(self.last),
            process,
            kind,
            f: text(&map, "f").unwrap_or_else(|| "txn".into()),
            key: text(&map, "key"),
            value: map.remove("value").unwrap_or_default(),
            error: text(&map, "error"),
            node: text(&map, "node"),
            current: None,
            entry: None,
            is_final: false,
        })
    }
}

fn text(map: &Map<String, Value>, name: &str) -> Option<SmolStr> {
    match map.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        other => Some(other.to_smolstr()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDN: &str = "[{:process 0, :type :invoke, :f :write, :value 3}\n {:process 0, :type :ok, :f :write, :value 3}\n{:process :nemesis :type :info :f :start}]";

    #[test]
    fn edn_and_json_say_the_same() {
        let json = "[{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":3},\n{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":3},\n{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"start\"}]";
        assert_eq!(from_edn(EDN), from_json(json));
        assert_eq!(from_edn(EDN).unwrap()[1].0, 2);
        assert_eq!(from_edn(EDN).unwrap()[2].1.process, Process::Nemesis);
    }

    #[test]
    fn a_row_of_maps_is_a_history_too() {
        let rows = EDN.trim_matches(['[', ']']);
        assert_eq!(from_edn(rows).unwrap(), from_edn(EDN).unwrap());
    }

    #[test]
    fn what_is_cut_off_is_refused_wherever_it_is_cut() {
        for cut in 1..EDN.len() {
            assert!(from_edn(&EDN[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_operation_is_refused_with_its_line() {
        let wrong =
            from_edn("{:process 0 :type :invoke :f :read}\n{:process 0 :f :read}").unwrap_err();
        assert_eq!(wrong.line, 2);
        assert!(wrong.reason.contains("without a type"), "{wrong:?}");
        assert_eq!(from_edn("{:type :ok}\n 7").unwrap_err().line, 2);
    }
}
