//! Were acknowledged writes kept? For systems that name no log entries but keep a journal of all values written.

use std::collections::BTreeSet;

use checker::{History, Kind, Verdict};

use crate::kept::{self, Lost};
use crate::replication::Promise;

/// Looks every acknowledged value up in the journal as it was at the end. Values are written once each, so none
/// can hide behind another.
pub fn check(history: &History, journal: &[i64], promise: Promise) -> Verdict {
    let there: BTreeSet<i64> = journal.iter().copied().collect();
    let (mut acknowledged, mut lost) = (0, Vec::new());
    for event in history.events().filter(|event| event.kind == Kind::Ok) {
        let value = match event.f.as_str() {
            "write" => &event.value,
            "cas" => &event.value[1],
            _ => continue,
        };
        let Some(number) = value.as_i64() else {
            continue;
        };
        acknowledged += 1;
        if there.contains(&number) {
            continue;
        }
        lost.push(Lost {
            key: event.key.as_deref().unwrap_or_default().into(),
            f: event.f.to_string(),
            value: event.value.clone(),
            entry: None,
            index: None,
            asked: event.node.as_deref().unwrap_or_default().into(),
            time_ns: u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX),
            event: event.index,
            led_by: None,
            dropped_by: Vec::new(),
            beyond: promise.keeps().then(|| promise.reason()),
        });
    }
    lost.sort_by(|a, b| (&a.key, a.time_ns).cmp(&(&b.key, b.time_ns)));
    kept::in_words(promise, "writes", (acknowledged, 0), &lost)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use checker::{Event, Process, Valid};
    use serde_json::json;

    use super::*;
    use crate::replication::Replication;

    fn history(values: &[i64]) -> History {
        let mut events = Vec::new();
        for (number, value) in values.iter().enumerate() {
            for kind in [Kind::Invoke, Kind::Ok] {
                events.push(Event {
                    index: events.len() as u64,
                    time: Duration::from_millis(number as u64),
                    process: Process::Client(0),
                    kind,
                    f: "write".into(),
                    value: json!(value),
                    key: Some("k1".into()),
                    node: Some("n1".into()),
                    error: None,
                    current: None,
                    entry: None,
                    is_final: false,
                });
            }
        }
        History::new(events).expect("a history")
    }

    #[test]
    fn a_lost_write_is_a_violation_where_it_was_promised_and_listed_where_not() {
        let history = history(&[1, 2, 3]);
        let judge = |journal: &[i64], mode, strict| {
            let nodes = 3;
            check(
                &history,
                journal,
                Promise {
                    mode,
                    nodes,
                    strict,
                },
            )
        };
        assert_eq!(
            judge(&[3, 2, 1], Replication::Sync, false).valid,
            Valid::Yes
        );
        let broken = judge(&[1, 3], Replication::Sync, false);
        assert_eq!((broken.valid, broken.violations.len()), (Valid::No, 1));
        let said = &broken.violations[0].explanation;
        assert!(
            said.starts_with("k1: the write of 2 was acknowledged by n1 at 0.001 s"),
            "{said}"
        );
        let allowed = judge(&[1, 3], Replication::Async, false);
        assert_eq!((allowed.valid, allowed.violations.len()), (Valid::Yes, 0));
        assert_eq!(allowed.details["lost"][0]["value"], 2);
        assert!(allowed.summary.contains("1 of 3"), "{}", allowed.summary);
        let strict = judge(&[1, 3], Replication::Async, true);
        assert_eq!((strict.valid, strict.violations.len()), (Valid::No, 1));
    }
}
