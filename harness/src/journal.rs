//! Were acknowledged writes kept? For systems that name no log entries but keep a journal of all values written.

use std::collections::BTreeSet;

use checker::{History, Kind, Valid, Verdict, Violation};
use serde_json::json;

use crate::replication::Replication;

/// The name of this check.
pub const CHECKER: &str = "journal";

/// Looks every acknowledged value up in the journal as it was at the end. Values are written once each, so none
/// can hide behind another.
pub fn check(history: &History, journal: &[i64], replication: Replication, nodes: u16) -> Verdict {
    let kept: BTreeSet<i64> = journal.iter().copied().collect();
    let mut acknowledged = 0;
    let (mut violations, mut listed) = (Vec::new(), Vec::new());
    for event in history.events().filter(|event| event.kind == Kind::Ok) {
        let value = match event.f.as_str() {
            "write" => event.value.as_i64(),
            "cas" => event.value.get(1).and_then(|new| new.as_i64()),
            _ => None,
        };
        let Some(value) = value else { continue };
        acknowledged += 1;
        if !kept.contains(&value) {
            let key = event.key.clone().unwrap_or_default();
            listed.push(json!({
                "key": key, "f": event.f, "value": value, "time_ns": event.time.as_nanos() as u64, "event": event.index,
            }));
            violations.push(Violation {
                explanation: format!(
                    "The {} of {value} on {key} was acknowledged at {:.3} s and is gone.",
                    event.f,
                    event.time.as_secs_f64()
                ),
                key: event.key.clone(),
                anomaly: "acknowledged write lost".into(),
                prefix_end: event.index,
                operations: Vec::new(),
            });
        }
    }
    let lost = listed.len();
    let promised = replication.keeps_what_is_acknowledged(nodes);
    if !promised {
        // What a mode does not promise is told, in the details one by one, and not counted.
        violations.clear();
    }
    let summary = match (lost, promised) {
        (0, _) => format!("all {acknowledged} acknowledged writes were there at the end"),
        (_, true) => format!(
            "{lost} of {acknowledged} acknowledged writes were gone at the end, which {replication} replication must keep"
        ),
        (_, false) => format!(
            "{lost} of {acknowledged} acknowledged writes were gone at the end, as {replication} replication may lose them (each is in verdict.json)"
        ),
    };
    Verdict {
        checker: CHECKER.into(),
        valid: if violations.is_empty() {
            Valid::Yes
        } else {
            Valid::No
        },
        summary,
        violations,
        details: json!({ "acknowledged": acknowledged, "lost": listed }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use checker::{Event, Process};

    use super::*;

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
                    node: None,
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
        let judge = |journal: &[i64], mode| check(&history, journal, mode, 3);
        assert_eq!(judge(&[3, 2, 1], Replication::Sync).valid, Valid::Yes);
        let broken = judge(&[1, 3], Replication::Sync);
        assert_eq!((broken.valid, broken.violations.len()), (Valid::No, 1));
        let allowed = judge(&[1, 3], Replication::Async);
        assert_eq!((allowed.valid, allowed.violations.len()), (Valid::Yes, 0));
        assert_eq!(allowed.details["lost"][0]["value"], 2);
        assert!(allowed.summary.contains("1 of 3"), "{}", allowed.summary);
    }
}
