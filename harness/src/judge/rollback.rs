//! Entries that nodes dropped for a new leader's: none of them may have been acknowledged to a client.

use std::collections::HashSet;

use checker::{Event, History, Kind, Valid, Verdict, Violation};
use serde_json::json;
use smol_str::{SmolStr, ToSmolStr};

use super::verdict;
use crate::ending::Ending;
use crate::observation::Observation;
use crate::plan::Plan;

/// A leader may drop a deposed leader's tail, but never an entry that a client was told is kept; unless the
/// replication mode answers ahead of that.
///
/// None where the system names no log entries: then there is nothing to compare.
pub(super) fn rolled_back(
    plan: &Plan,
    history: &History,
    observations: &[Observation],
    ending: Option<&Ending>,
) -> Option<Verdict> {
    let columns = history.columns();
    let all = || 0..columns.len();
    if !all().any(|event| columns.entry(event).is_some()) {
        return None;
    }
    if ending.is_some() && observations.is_empty() {
        let summary =
            "the observations of the nodes' logs are gone: nobody knows what was rolled back";
        return Some(verdict("rollback", Valid::Unknown, summary.into()));
    }
    let acknowledged: HashSet<&SmolStr> = all()
        .filter(|event| columns.kind(*event) == Kind::Ok)
        .filter_map(|event| columns.entry(event))
        .collect();
    let mut dropped = 0;
    let mut violations = Vec::new();
    for observation in observations {
        let Observation::RolledBack { node, entries, .. } = observation else {
            continue;
        };
        dropped += entries.len();
        for entry in entries
            .iter()
            .map(|entry| entry.to_smolstr())
            .filter(|entry| acknowledged.contains(entry))
        {
            let event = all().find(|event| columns.entry(*event) == Some(&entry));
            let event = event.map(|event| columns.event(event));
            violations.extend(event.map(|event| acknowledged_and_dropped(node, &entry, &event)));
        }
    }
    let allowed = !plan.promise().keeps();
    let betrayed = violations.len();
    if allowed {
        // What was lost for good is told, and judged, by its own check.
        violations.clear();
    }
    let summary = if dropped == 0 {
        "no entry was rolled back".into()
    } else if allowed && betrayed > 0 {
        format!(
            "{dropped} entries were rolled back, and {betrayed} times that was one that had been acknowledged, as {} may",
            plan.replication
        )
    } else if dropped == 1 && violations.is_empty() {
        "1 entry was rolled back; it had not been acknowledged to a client".into()
    } else if violations.is_empty() {
        format!("{dropped} entries were rolled back, none of them acknowledged to a client")
    } else {
        format!(
            "{} of {dropped} rolled back entries had been acknowledged to clients",
            violations.len()
        )
    };
    let valid = if violations.is_empty() {
        Valid::Yes
    } else {
        Valid::No
    };
    Some(Verdict {
        violations,
        details: json!({ "rolled_back": dropped }),
        ..verdict("rollback", valid, summary)
    })
}

fn acknowledged_and_dropped(node: &str, entry: &str, event: &Event) -> Violation {
    let key = event.key.clone();
    let name = key.clone().unwrap_or_default();
    Violation {
        explanation: format!(
            "The {} of {} on {name} was acknowledged at {:.3} s as log entry {entry}, but {node} dropped that entry.",
            event.f,
            event.value,
            event.time.as_secs_f64()
        ),
        key,
        anomaly: "acknowledged entry rolled back".into(),
        prefix_end: event.index,
        operations: Vec::new(),
    }
}
