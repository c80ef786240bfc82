//! How much service the clients had: by second, by node, the longest gap, and how soon after each heal.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::history::{History, Operation, Outcome};
use crate::verdict::{Checker, Valid, Verdict};

/// Measures service. It proves nothing wrong: yes if anything was answered, else unknown.
#[derive(Clone, Debug, Default)]
pub struct Availability {
    /// When faults were healed, since the run began.
    pub heals: Vec<Duration>,
}

/// What [`Availability`] measures; [`Verdict::details`] is this as JSON. Times are nanoseconds since the run
/// began. An operation is *served* if it ended ok, or as a compare-and-set that failed because the value was
/// another one: the database did its work. It counts for the second of its invocation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Operations invoked.
    pub invoked: u64,
    /// Operations served.
    pub served: u64,
    /// The longest time in which somebody waited and nobody was served; `None` where nothing was invoked.
    pub longest_gap: Option<Gap>,
    /// By second of the run; seconds without an invocation are left out.
    pub seconds: Vec<Second>,
    /// By node, sorted by name; empty where operations carry no node.
    pub nodes: Vec<NodeService>,
    /// For each heal handed in, in its order.
    pub heals: Vec<Recovery>,
}

/// A time in which somebody waited and nobody was served: from one served completion to the next, or to the
/// last completion. It begins with the first invocation where nobody waited before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When it began.
    pub start_ns: u64,
    /// How long it lasted.
    pub length_ns: u64,
}

/// One second of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Its number, from 0.
    pub second: u64,
    /// Operations invoked in it.
    pub invoked: u64,
    /// Those of them that were served, then or later.
    pub served: u64,
}

/// The service of one node, as seen by the clients that asked it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeService {
    /// Its name.
    pub node: SmolStr,
    /// Operations invoked.
    pub invoked: u64,
    /// Operations served.
    pub served: u64,
    /// The longest time without any.
    pub longest_gap: Option<Gap>,
    /// By second.
    pub seconds: Vec<Second>,
}

/// How soon service was back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// When the fault was healed.
    pub heal_ns: u64,
    /// From then to the completion of the first served operation that was invoked after it; `None`: never.
    pub first_served_after_ns: Option<u64>,
}

impl Service {
    /// Fraction served, 0 to 1; `None` where nothing was invoked.
    pub fn fraction(&self) -> Option<f64> {
        (self.invoked > 0).then(|| self.served as f64 / self.invoked as f64)
    }
}

/// True if the database did what was asked, or told truly why the value forbade it.
pub fn is_served(history: &History, operation: &Operation) -> bool {
    let refused_by_value = || {
        let columns = history.columns();
        operation.complete().is_some_and(|event| {
            columns.verb(event) == "cas"
                && (columns.current(event).is_some() || columns.error(event).is_none())
        })
    };
    match operation.outcome {
        Outcome::Ok => true,
        Outcome::Fail => refused_by_value(),
        Outcome::Info => false,
    }
}

/// Measures. O(operations log operations). Final reads are no part of the service: they come after a time in
/// which nobody asked.
pub fn measure(history: &History, heals: &[Duration]) -> Service {
    let columns = history.columns();
    let last = (0..columns.len())
        .rfind(|event| !columns.is_final(*event))
        .map_or(0, |event| columns.time_ns(event));
    let mut all = Tally::default();
    let mut nodes: BTreeMap<SmolStr, Tally> = BTreeMap::new();
    let mut answers: Vec<(u64, u64)> = Vec::new();
    for operation in history.operations() {
        let invoke = operation.invoke();
        if columns.is_final(invoke) {
            continue;
        }
        let start = columns.time_ns(invoke);
        let served = is_served(history, operation);
        let end = operation
            .complete()
            .map_or(last, |event| columns.time_ns(event));
        let done = served.then_some(end);
        all.add(start, end, served);
        if let Some(node) = columns.node(invoke) {
            nodes
                .entry(node.clone())
                .or_default()
                .add(start, end, served);
        }
        answers.extend(done.map(|done| (start, done)));
    }
    let (longest_gap, seconds) = (all.longest_gap(), all.seconds());
    Service {
        invoked: all.invoked,
        served: all.served.len() as u64,
        longest_gap,
        seconds,
        nodes: nodes
            .into_iter()
            .map(|(node, mut tally)| NodeService {
                node,
                invoked: tally.invoked,
                served: tally.served.len() as u64,
                longest_gap: tally.longest_gap(),
                seconds: tally.seconds(),
            })
            .collect(),
        heals: recoveries(answers, heals),
    }
}

/// `answers` are (invoked, completed), by invocation.
fn recoveries(mut answers: Vec<(u64, u64)>, heals: &[Duration]) -> Vec<Recovery> {
    // From the back: the earliest completion of all that were invoked from here on.
    let mut earliest = u64::MAX;
    for (_, done) in answers.iter_mut().rev() {
        earliest = earliest.min(*done);
        *done = earliest;
    }
    let recovery = |heal: &Duration| {
        let heal_ns = ns(*heal);
        let after = answers.partition_point(|(start, _)| *start < heal_ns);
        Recovery {
            heal_ns,
            first_served_after_ns: answers.get(after).map(|(_, done)| done - heal_ns),
        }
    };
    heals.iter().map(recovery).collect()
}

#[derive(Default)]
struct Tally {
    invoked: u64,
    /// Of each operation, in the order of invocation: when it was invoked, and the latest end of it and all
    /// before it.
    waits: Vec<(u64, u64)>,
    served: Vec<u64>,
    seconds: BTreeMap<u64, (u64, u64)>,
}

impl Tally {
    fn add(&mut self, start: u64, end: u64, served: bool) {
        self.invoked += 1;
        let latest = self
            .waits
            .last()
            .map_or(end, |(_, latest)| end.max(*latest));
        self.waits.push((start, latest));
        let second = self.seconds.entry(start / 1_000_000_000).or_default();
        second.0 += 1;
        second.1 += u64::from(served);
        self.served.extend(served.then_some(end));
    }

    /// From when on somebody waits, at or after `time`; `None`: nobody ever again.
    fn waiting_from(&self, time: u64) -> Option<u64> {
        let later = self.waits.partition_point(|(start, _)| *start <= time);
        let open = later.checked_sub(1).map(|before| self.waits[before].1);
        if open.is_some_and(|latest| latest > time) {
            return Some(time);
        }
        self.waits.get(later).map(|(start, _)| *start)
    }

    fn longest_gap(&mut self) -> Option<Gap> {
        self.served.sort_unstable();
        let (first, _) = self.waits.first()?;
        let (_, end) = self.waits.last()?;
        let mut since = *first;
        let mut longest = Gap {
            start_ns: since,
            length_ns: 0,
        };
        for &done in self.served.iter().chain([end]) {
            let Some(start_ns) = self.waiting_from(since) else {
                break;
            };
            let length_ns = done.saturating_sub(start_ns);
            if length_ns > longest.length_ns {
                longest = Gap {
                    start_ns,
                    length_ns,
                };
            }
            since = done;
        }
        Some(longest)
    }

    fn seconds(&self) -> Vec<Second> {
        let second = |(second, (invoked, served)): (&u64, &(u64, u64))| Second {
            second: *second,
            invoked: *invoked,
            served: *served,
        };
        self.seconds.iter().map(second).collect()
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Checker for Availability {
    fn name(&self) -> &'static str {
        "availability"
    }

    fn check(&self, history: &History) -> Verdict {
        let service = measure(history, &self.heals);
        let seconds = |ns: u64| ns as f64 / 1e9;
        let summary = match (service.fraction(), service.longest_gap) {
            (Some(fraction), Some(gap)) if service.served > 0 => format!(
                "{:.2} % of {} operations were served; the longest time without any was {:.3} s, from {:.3} s.",
                fraction * 100.0,
                service.invoked,
                seconds(gap.length_ns),
                seconds(gap.start_ns)
            ),
            (Some(_), _) => format!(
                "Unknown: none of {} operations was served.",
                service.invoked
            ),
            _ => "Unknown: no operation was invoked.".into(),
        };
        Verdict {
            checker: self.name().into(),
            valid: if service.served > 0 {
                Valid::Yes
            } else {
                Valid::Unknown
            },
            summary,
            violations: Vec::new(),
            details: serde_json::to_value(&service).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::jsonl::read;

    /// (process, type, time in ms, node, error)
    fn check(lines: &[(u64, &str, u64, &str, &str)], heals: &[u64]) -> Service {
        let mut text = String::new();
        for (process, kind, ms, node, error) in lines {
            let error = if error.is_empty() {
                String::new()
            } else {
                format!(",\"error\":\"{error}\"")
            };
            text += &format!(
                "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"cas\",\"value\":[1,2],\"time\":{},\"node\":\"{node}\"{error}}}\n",
                ms * 1_000_000
            );
        }
        let heals: Vec<Duration> = heals.iter().map(|ms| Duration::from_millis(*ms)).collect();
        measure(&read("test", text.as_bytes()).unwrap().history, &heals)
    }

    #[test]
    fn an_operation_that_failed_by_its_value_was_served_and_one_that_was_refused_was_not() {
        let service = check(
            &[
                (0, "invoke", 0, "n1", ""),
                (0, "fail", 1, "n1", ""),
                (0, "invoke", 2, "n1", ""),
                (0, "fail", 3, "n1", "connection refused"),
                (0, "invoke", 4, "n2", ""),
                (0, "info", 1500, "n2", "timeout"),
            ],
            &[],
        );
        assert_eq!((service.invoked, service.served), (3, 1));
        assert_eq!(
            service
                .nodes
                .iter()
                .map(|node| node.served)
                .collect::<Vec<_>>(),
            [1, 0]
        );
        assert_eq!(
            service.seconds,
            [Second {
                second: 0,
                invoked: 3,
                served: 1
            }]
        );
        assert_eq!(
            service.longest_gap,
            Some(Gap {
                start_ns: 2_000_000,
                length_ns: 1_498_000_000
            })
        );
    }

    #[test]
    fn a_time_in_which_nobody_asked_is_no_gap() {
        let service = check(
            &[
                (0, "invoke", 0, "n1", ""),
                (0, "ok", 10, "n1", ""),
                (0, "invoke", 5000, "n1", ""),
                (0, "ok", 5030, "n1", ""),
            ],
            &[],
        );
        let gap = service.longest_gap.unwrap();
        assert_eq!((gap.start_ns, gap.length_ns), (5_000_000_000, 30_000_000));
    }

    #[test]
    fn recovery_counts_from_the_heal_to_the_first_that_was_asked_after_it() {
        let service = check(
            &[
                (0, "invoke", 0, "n1", ""),
                (1, "invoke", 20, "n1", ""),
                (2, "invoke", 30, "n1", ""),
                (0, "ok", 40, "n1", ""),
                (2, "ok", 50, "n1", ""),
                (1, "ok", 90, "n1", ""),
            ],
            &[10, 25, 60],
        );
        let after: Vec<_> = service
            .heals
            .iter()
            .map(|heal| heal.first_served_after_ns)
            .collect();
        assert_eq!(after, [Some(40_000_000), Some(25_000_000), None]);
    }

    #[test]
    fn nothing_served_is_unknown() {
        let verdict = Availability::default().check(&History::default());
        assert_eq!(verdict.valid, Valid::Unknown);
        assert_eq!(verdict.summary, "Unknown: no operation was invoked.");
    }
}
