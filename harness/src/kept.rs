//! Were acknowledged writes kept? Every acknowledged log entry is looked up in what the nodes applied in the end.
//!
//! A system that names log entries (`5@3`, index@term) answers each write with its entry, and tells at the end which
//! entries it has applied: the last one, and the first one of each term. Terms never decrease along a log and a
//! name stands for one entry for ever, so these few names decide for every acknowledged entry whether it is
//! there, also where logs were cut behind snapshots or a node lost the tail of its disk.

use std::collections::HashMap;

use checker::{History, Kind, Valid, Verdict, Violation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::observation::Observation;
use crate::replication::Promise;

/// The name of this check.
pub const CHECKER: &str = "kept";

/// Which entries a node has applied, by its own word. Part of `ending.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedLog {
    /// `n1`.
    pub node: String,
    /// The last entry, `120@5`.
    pub applied: String,
    /// The first entry of each term, in order.
    pub terms: Vec<String>,
}

/// An acknowledged write that is in no log any more. Part of the verdict's details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The key.
    pub key: String,
    /// What was done: `write`, `cas` …
    pub f: String,
    /// The value written.
    pub value: serde_json::Value,
    /// The log entry that was acknowledged; `None`: the system names no entries, and keeps a journal.
    pub entry: Option<String>,
    /// The entry's place in the log.
    pub index: Option<u64>,
    /// The node that the client had asked.
    pub asked: String,
    /// When the acknowledgement came, in nanoseconds since the run began.
    pub time_ns: u64,
    /// The event of the history that is the acknowledgement.
    pub event: u64,
    /// The leader whose entry it was, where the harness saw it lead.
    pub led_by: Option<String>,
    /// Nodes that were seen to drop it, each with when.
    pub dropped_by: Vec<(String, u64)>,
    /// Why this mode may not lose it; `None`: it may.
    pub beyond: Option<String>,
}

/// An entry's name, taken apart.
fn parse(entry: &str) -> Option<(u64, u64)> {
    let (index, term) = entry.split_once('@')?;
    Some((index.parse().ok()?, term.parse().ok()?))
}

/// A log as its first entries of terms tell it.
struct Log<'a> {
    node: &'a str,
    last: (u64, u64),
    begins: Vec<(u64, u64)>,
}

impl<'a> Log<'a> {
    fn new(log: &'a AppliedLog) -> Option<Log<'a>> {
        Some(Log {
            node: &log.node,
            last: parse(&log.applied)?,
            begins: log
                .terms
                .iter()
                .map(|entry| parse(entry))
                .collect::<Option<_>>()?,
        })
    }

    /// The term of entry `index`; `None` behind its end, or before what it remembers.
    fn term_at(&self, index: u64) -> Option<u64> {
        let behind = self.begins.partition_point(|(first, _)| *first <= index);
        let (_, term) = self.begins.get(behind.checked_sub(1)?)?;
        (index <= self.last.0).then_some(*term)
    }

    /// The lowest place at which both have an entry, and not the same one.
    fn differs_from(&self, other: &Log<'_>) -> Option<u64> {
        let begins = self
            .begins
            .iter()
            .chain(&other.begins)
            .map(|(first, _)| *first);
        let differs = |index: &u64| match (self.term_at(*index), other.term_at(*index)) {
            (Some(a), Some(b)) => a != b,
            _ => false,
        };
        begins.filter(differs).min()
    }
}

/// Judges. `logs` are those of the nodes that could be asked; `recovered`: at the end all had applied all there was.
///
/// None where no answer names a log entry: then there is nothing to look up.
pub fn kept(
    history: &History,
    observations: &[Observation],
    promise: Promise,
    (logs, recovered): (&[AppliedLog], bool),
) -> Option<Verdict> {
    let acknowledged = || {
        let ok = history.events().filter(|event| event.kind == Kind::Ok);
        ok.filter_map(|event| {
            let entry = event.entry.as_deref().and_then(parse)?;
            Some((event, entry))
        })
    };
    let count = acknowledged().count();
    if count == 0 {
        return None;
    }
    let verdict = |valid, summary: String| Verdict {
        checker: CHECKER.into(),
        valid,
        summary,
        violations: Vec::new(),
        details: json!({ "acknowledged": count, "lost": [] }),
    };
    let known: Vec<Log<'_>> = logs.iter().filter_map(Log::new).collect();
    let Some(longest) = known.iter().max_by_key(|log| log.last.0) else {
        let summary = "no node could be asked at the end which entries it has applied";
        return Some(verdict(Valid::Unknown, summary.into()));
    };
    for log in &known {
        if let Some(index) = log.differs_from(longest) {
            let summary = format!(
                "{} and {} have applied different entries at index {index}",
                log.node, longest.node
            );
            return Some(verdict(Valid::No, summary));
        }
    }
    let mut open = 0;
    let mut lost: Vec<Lost> = Vec::new();
    let evidence = Evidence::new(observations);
    for (event, (index, term)) in acknowledged() {
        let (last, newest) = longest.last;
        match longest.term_at(index) {
            Some(now) if now == term => continue,
            Some(_) => {}
            // Forgotten: longer ago than any log remembers.
            None if index <= last => {
                open += 1;
                continue;
            }
            // Behind the end of a log that has gone on in a later term, or that is whole: it is not there.
            None if newest > term || recovered => {}
            None => {
                open += 1;
                continue;
            }
        }
        // What stands in its place may be older than itself: a later leader may bring back what an earlier one left.
        let beyond =
            (newest <= term).then(|| "no leader of a later term has come since".to_string());
        let promised = promise.keeps().then(|| promise.reason());
        lost.push(Lost {
            key: event.key.as_deref().unwrap_or_default().into(),
            f: event.f.to_string(),
            value: event.value.clone(),
            entry: event.entry.as_deref().map(String::from),
            index: Some(index),
            asked: event.node.as_deref().unwrap_or_default().into(),
            time_ns: u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX),
            event: event.index,
            led_by: evidence.leader(term),
            dropped_by: evidence.dropped(event.entry.as_deref().unwrap_or_default()),
            beyond: promised.or(beyond),
        });
    }
    lost.sort_by(|a, b| (&a.key, a.index).cmp(&(&b.key, b.index)));
    // Transactions that only read go through the log, too.
    let what = match acknowledged().any(|(event, _)| event.f == "txn") {
        true => "transactions",
        false => "writes",
    };
    Some(in_words(promise, what, (count, open), &lost))
}

/// The verdict on so many acknowledged writes (or `what` they are), of some of which nobody knows, and some of which are lost.
pub(crate) fn in_words(
    promise: Promise,
    what: &str,
    (count, open): (usize, usize),
    lost: &[Lost],
) -> Verdict {
    let mode = promise.mode;
    let violations: Vec<Violation> = lost.iter().filter_map(violation).collect();
    let (valid, summary) = match (lost.len(), violations.len()) {
        (0, _) if open > 0 => (
            Valid::Unknown,
            format!(
                "of {open} of {count} acknowledged {what} nobody can tell whether they were kept"
            ),
        ),
        (0, _) => (
            Valid::Yes,
            format!("all {count} acknowledged {what} were kept"),
        ),
        (lost, 0) => (
            Valid::Yes,
            format!(
                "{lost} of {count} acknowledged {what} were lost with the tails of deposed leaders: the price of {mode}"
            ),
        ),
        (lost, beyond) => (
            Valid::No,
            format!(
                "{lost} of {count} acknowledged {what} were lost, {beyond} of them against {}",
                promise.whose()
            ),
        ),
    };
    Verdict {
        violations,
        details: json!({ "acknowledged": count, "undecided": open, "lost": lost }),
        checker: CHECKER.into(),
        valid,
        summary,
    }
}

fn violation(lost: &Lost) -> Option<Violation> {
    let why = lost.beyond.as_ref()?;
    Some(Violation {
        key: Some(lost.key.as_str().into()),
        anomaly: "acknowledged write lost".into(),
        explanation: format!("{lost}; {why}."),
        prefix_end: lost.event,
        operations: Vec::new(),
    })
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment = |ns: u64| format!("{:.3} s", ns as f64 / 1e9);
        f.write_str(&self.key)?;
        if let (Some(index), Some(entry)) = (self.index, &self.entry) {
            write!(f, " at index {index} (entry {entry})")?;
        }
        write!(
            f,
            ": the {} of {} was acknowledged by {} at {}",
            self.f,
            self.value,
            self.asked,
            moment(self.time_ns),
        )?;
        if let Some(leader) = &self.led_by {
            write!(f, " while {leader} led")?;
        }
        match self.dropped_by.as_slice() {
            [] if self.entry.is_none() => {
                f.write_str(", and is not in the journal that was there at the end")
            }
            [] => f.write_str(", and is in no log any more"),
            nodes => {
                let nodes = nodes
                    .iter()
                    .map(|(node, ns)| format!("{node} at {}", moment(*ns)));
                let nodes: Vec<String> = nodes.collect();
                write!(f, ", and dropped by {}", nodes.join(", "))
            }
        }
    }
}

/// Who led in a term, and who dropped an entry, as far as the nodes' logs said so.
struct Evidence<'a> {
    leaders: HashMap<u64, &'a str>,
    dropped: HashMap<&'a str, Vec<(String, u64)>>,
}

impl<'a> Evidence<'a> {
    fn new(observations: &'a [Observation]) -> Evidence<'a> {
        let mut evidence = Evidence {
            leaders: HashMap::new(),
            dropped: HashMap::new(),
        };
        for observation in observations {
            match observation {
                Observation::Transition {
                    node, role, term, ..
                } if role == "leader" => {
                    evidence.leaders.insert(*term, node);
                }
                Observation::RolledBack {
                    time_ns,
                    node,
                    entries,
                } => {
                    for entry in entries {
                        let dropped = evidence.dropped.entry(entry).or_default();
                        dropped.push((node.clone(), *time_ns));
                    }
                }
                _ => {}
            }
        }
        evidence
    }

    fn leader(&self, term: u64) -> Option<String> {
        self.leaders.get(&term).map(ToString::to_string)
    }

    fn dropped(&self, entry: &str) -> Vec<(String, u64)> {
        self.dropped.get(entry).cloned().unwrap_or_default()
    }
}

/// What a check of all that clients saw means in a mode that answers ahead: as long as no leader's tail was dropped it promises as
/// much as a majority does, and afterwards no more than [`kept`] judges. The verdict is then told and not counted.
pub fn against_promise(verdict: Verdict, promise: Promise, logs: &[AppliedLog]) -> Verdict {
    if verdict.valid != Valid::No || promise.keeps() {
        return verdict;
    }
    let mode = promise.mode;
    let one_leader = |log: &AppliedLog| log.terms.len() <= 1;
    let (valid, why) = match logs {
        [] => (
            Valid::Unknown,
            "nobody can tell whether a leader's tail was dropped, after which",
        ),
        logs if logs.iter().all(one_leader) => return verdict,
        _ => (Valid::Yes, "not counted: leadership changed, after which"),
    };
    let broken = verdict.summary.trim_start_matches("Invalid: ");
    Verdict {
        summary: format!("{why} {mode} promises no more than is kept. Strictly: {broken}"),
        valid,
        violations: Vec::new(),
        details: json!({ "strict": verdict }),
        checker: verdict.checker.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use checker::{Event, Process};

    use super::*;
    use crate::replication::Replication;

    fn acknowledged(entries: &[&str]) -> History {
        let event = |(number, entry): (usize, &&str)| {
            let event = |kind, entry: Option<&str>| Event {
                index: 0,
                time: Duration::from_millis(number as u64),
                process: Process::Client(number as u64),
                kind,
                f: "write".into(),
                key: Some("k1".into()),
                value: json!(number),
                error: None,
                node: Some("n1".into()),
                current: None,
                entry: entry.map(Into::into),
                is_final: false,
            };
            [event(Kind::Invoke, None), event(Kind::Ok, Some(entry))]
        };
        let events = entries.iter().enumerate().flat_map(event);
        let events = events.enumerate().map(|(index, event)| Event {
            index: index as u64,
            ..event
        });
        History::new(events).expect("a history")
    }

    fn promise(mode: Replication, nodes: u16) -> Promise {
        Promise {
            mode,
            nodes,
            strict: false,
        }
    }

    fn log(node: &str, applied: &str, terms: &[&str]) -> AppliedLog {
        AppliedLog {
            node: node.into(),
            applied: applied.into(),
            terms: terms.iter().map(ToString::to_string).collect(),
        }
    }

    fn judge(entries: &[&str], mode: Replication, logs: &[AppliedLog]) -> (Valid, Vec<Lost>) {
        let history = acknowledged(entries);
        let verdict = kept(&history, &[], promise(mode, 5), (logs, true)).expect("entries");
        let lost = verdict.details["lost"].clone();
        (verdict.valid, serde_json::from_value(lost).expect("a list"))
    }

    #[test]
    fn what_another_terms_entry_replaced_is_lost_and_the_rest_is_kept() {
        let logs = [
            log("n1", "9@4", &["1@1", "6@2", "8@4"]),
            log("n2", "7@2", &["1@1", "6@2"]),
        ];
        let entries = ["5@1", "6@1", "6@2", "8@2", "9@4", "10@3"];
        let (valid, lost) = judge(&entries, Replication::Async, &logs);
        let lost: Vec<Option<&str>> = lost.iter().map(|lost| lost.entry.as_deref()).collect();
        let named = ["6@1", "8@2", "10@3"].map(Some).to_vec();
        assert_eq!((valid, lost), (Valid::Yes, named));
        let (valid, lost) = judge(&entries, Replication::Majority, &logs);
        assert_eq!((valid, lost.len()), (Valid::No, 3));
        assert_eq!(judge(&["5@1"], Replication::Majority, &logs).0, Valid::Yes);
    }

    #[test]
    fn no_mode_may_lose_a_write_without_a_later_leader() {
        let logs = [log("n1", "9@4", &["1@1", "6@4"])];
        assert_eq!(judge(&["10@4"], Replication::Async, &logs).0, Valid::No);
        assert_eq!(judge(&["7@5"], Replication::Async, &logs).0, Valid::No);
        assert_eq!(judge(&["7@3"], Replication::Async, &logs).0, Valid::Yes);
        // The leader of term 6 had what that of term 2 left, and brought it back.
        let logs = [log("n1", "90@6", &["1@1", "88@2", "90@6"])];
        assert_eq!(judge(&["89@5"], Replication::Async, &logs).0, Valid::Yes);
    }

    #[test]
    fn semi_sync_may_lose_what_two_of_five_have_and_not_what_two_of_three_have() {
        let logs = [log("n1", "9@4", &["1@1", "6@4"])];
        let of = |nodes| {
            let history = acknowledged(&["7@3"]);
            let promise = promise(Replication::SemiSync, nodes);
            kept(&history, &[], promise, (&logs, true)).map(|v| v.valid)
        };
        assert_eq!((of(5), of(3)), (Some(Valid::Yes), Some(Valid::No)));
    }

    #[test]
    fn nodes_that_applied_different_entries_are_a_violation_in_every_mode() {
        let logs = [
            log("n1", "9@4", &["1@1", "6@4"]),
            log("n2", "8@4", &["1@1", "7@4"]),
        ];
        assert_eq!(judge(&["1@1"], Replication::Async, &logs).0, Valid::No);
    }

    #[test]
    fn what_nobody_can_look_up_is_unknown() {
        assert_eq!(
            judge(&["1@1"], Replication::Majority, &[]).0,
            Valid::Unknown
        );
        let history = acknowledged(&["10@4"]);
        let logs = [log("n1", "9@4", &["1@1", "6@4"])];
        let cut_short = kept(
            &history,
            &[],
            promise(Replication::Majority, 5),
            (&logs, false),
        );
        assert_eq!(cut_short.map(|v| v.valid), Some(Valid::Unknown));
        let forgotten = [log("n1", "9@4", &["6@4"])];
        assert_eq!(
            judge(&["2@1"], Replication::Majority, &forgotten).0,
            Valid::Unknown
        );
    }

    #[test]
    fn strict_checks_count_until_leadership_changes() {
        let broken = || Verdict {
            checker: "linearizable".into(),
            valid: Valid::No,
            summary: "Invalid: k1 is not".into(),
            violations: Vec::new(),
            details: json!({}),
        };
        let calm = [log("n1", "9@1", &["1@1"])];
        let changed = [log("n1", "9@2", &["1@1", "5@2"])];
        let valid = |mode, logs| against_promise(broken(), promise(mode, 5), logs).valid;
        assert_eq!(valid(Replication::Async, &calm), Valid::No);
        assert_eq!(valid(Replication::Async, &changed), Valid::Yes);
        assert_eq!(valid(Replication::Async, &[]), Valid::Unknown);
        assert_eq!(valid(Replication::Majority, &changed), Valid::No);
        let strict = Promise {
            strict: true,
            ..promise(Replication::Async, 5)
        };
        assert_eq!(against_promise(broken(), strict, &changed).valid, Valid::No);
        let logs = [log("n1", "9@4", &["1@1", "6@4"])];
        let kept = kept(&acknowledged(&["7@3"]), &[], strict, (&logs, true)).expect("entries");
        assert_eq!(kept.valid, Valid::No);
        let said = &kept.violations[0].explanation;
        assert!(said.contains("--strict"), "{said}");
    }
}
