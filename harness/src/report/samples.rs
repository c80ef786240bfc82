//! The history as columns of figures: one small record an operation, in the order of invocations.

use std::collections::BTreeMap;

use checker::availability::is_served;
use checker::{History, Outcome};

/// How an operation ended, as a client feels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// It happened.
    Ok,
    /// A compare-and-set found another value: it did not happen, but the node answered, so it was available.
    Unequal,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows whether it happened.
    Info,
}

impl Answer {
    /// True where the client got what it asked for.
    pub fn served(self) -> bool {
        matches!(self, Answer::Ok | Answer::Unequal)
    }
}

/// One operation. Times are nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was invoked.
    pub start_ns: u64,
    /// When it completed, or when the history ended.
    pub end_ns: u64,
    /// How it ended.
    pub answer: Answer,
    /// Its verb: a position in [`Samples::verbs`].
    pub verb: u16,
    /// The node that was asked: a position in [`Samples::nodes`].
    pub node: u16,
}

impl Sample {
    /// From invocation to completion.
    pub fn latency_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// All operations of clients but the final reads.
#[derive(Debug, Default)]
pub struct Samples {
    /// In the order of invocations.
    pub all: Vec<Sample>,
    /// Verbs by name.
    pub verbs: Vec<String>,
    /// Nodes by name, numbers inside names as numbers.
    pub nodes: Vec<String>,
    /// When each served operation completed, in order.
    pub served_ns: Vec<u64>,
    /// For each operation the earliest served completion among it and those invoked after it; the greatest
    /// number where there is none.
    pub soonest_ns: Vec<u64>,
    /// The time of the last event that is not of a final read.
    pub end_ns: u64,
}

impl Samples {
    /// Reads a history. O(operations · log names).
    pub fn new(history: &History) -> Samples {
        let columns = history.columns();
        // Final reads come after a time in which nobody asked: they are judged, but no part of the service.
        let operations = || {
            let all = history.operations().iter();
            all.filter(|operation| !columns.is_final(operation.invoke()))
        };
        let end_ns = (0..columns.len())
            .rfind(|event| !columns.is_final(*event))
            .map_or(0, |event| columns.time_ns(event));
        let mut verbs: BTreeMap<&str, u16> = BTreeMap::new();
        let mut nodes: BTreeMap<(usize, &str), u16> = BTreeMap::new();
        // Nodes by length first: n2 stands before n10.
        for operation in operations() {
            verbs.entry(history.verb(operation)).or_default();
            let node = columns.node(operation.invoke());
            let node = node.map_or("–", |node| node.as_str());
            nodes.entry((node.len(), node)).or_default();
        }
        for (at, number) in verbs.values_mut().enumerate() {
            *number = u16::try_from(at).unwrap_or(u16::MAX);
        }
        for (at, number) in nodes.values_mut().enumerate() {
            *number = u16::try_from(at).unwrap_or(u16::MAX);
        }
        let all = operations().map(|operation| {
            let invoke = operation.invoke();
            let node = columns.node(invoke).map_or("–", |node| node.as_str());
            Sample {
                start_ns: columns.time_ns(invoke),
                end_ns: operation
                    .complete()
                    .map_or(end_ns, |event| columns.time_ns(event)),
                answer: match operation.outcome {
                    Outcome::Ok => Answer::Ok,
                    Outcome::Fail if is_served(history, operation) => Answer::Unequal,
                    Outcome::Fail => Answer::Fail,
                    Outcome::Info => Answer::Info,
                },
                verb: verbs[history.verb(operation).as_str()],
                node: nodes[&(node.len(), node)],
            }
        });
        let all: Vec<Sample> = all.collect();
        let verbs = verbs.keys().map(|verb| verb.to_string()).collect();
        let nodes = nodes.keys().map(|(_, node)| node.to_string()).collect();
        Samples::of(all, verbs, nodes, end_ns)
    }

    fn of(all: Vec<Sample>, verbs: Vec<String>, nodes: Vec<String>, end_ns: u64) -> Samples {
        let mut served_ns: Vec<u64> = (all.iter().filter(|sample| sample.answer.served()))
            .map(|sample| sample.end_ns)
            .collect();
        served_ns.sort_unstable();
        let mut soonest_ns = vec![u64::MAX; all.len()];
        let mut soonest = u64::MAX;
        for (sample, slot) in all.iter().zip(&mut soonest_ns).rev() {
            if sample.answer.served() {
                soonest = soonest.min(sample.end_ns);
            }
            *slot = soonest;
        }
        Samples {
            all,
            verbs,
            nodes,
            served_ns,
            soonest_ns,
            end_ns,
        }
    }

    /// Those of some verbs alone. O(n log n).
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Samples {
        let is = |sample: &&Sample| wanted(&self.verbs[usize::from(sample.verb)]);
        let all: Vec<Sample> = self.all.iter().filter(is).copied().collect();
        Samples::of(all, self.verbs.clone(), self.nodes.clone(), self.end_ns)
    }

    /// The operations invoked in `[from_ns, to_ns)`. O(log operations).
    pub fn invoked_in(&self, from_ns: u64, to_ns: u64) -> &[Sample] {
        let from = self.all.partition_point(|sample| sample.start_ns < from_ns);
        let to = self.all.partition_point(|sample| sample.start_ns < to_ns);
        &self.all[from..to.max(from)]
    }

    /// The first served completion of an operation invoked at or after a moment. O(log operations).
    pub fn served_after(&self, ns: u64) -> Option<u64> {
        let at = self.all.partition_point(|sample| sample.start_ns < ns);
        (self.soonest_ns.get(at).copied()).filter(|soonest_ns| *soonest_ns < u64::MAX)
    }
}

/// How many of each answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Happened.
    pub ok: u64,
    /// Compared unequal.
    pub unequal: u64,
    /// Did not happen, for another reason.
    pub fail: u64,
    /// Unknown.
    pub info: u64,
}

impl Counts {
    /// Adds one.
    pub fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Ok => self.ok += 1,
            Answer::Unequal => self.unequal += 1,
            Answer::Fail => self.fail += 1,
            Answer::Info => self.info += 1,
        }
    }

    /// Of all operations.
    pub fn total(&self) -> u64 {
        self.served() + self.fail + self.info
    }

    /// Of those that got what they asked for.
    pub fn served(&self) -> u64 {
        self.ok + self.unequal
    }
}

impl<'a> FromIterator<&'a Sample> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a Sample>>(samples: I) -> Counts {
        let mut counts = Counts::default();
        for sample in samples {
            counts.add(sample.answer);
        }
        counts
    }
}

/// Latencies of served operations, sorted.
pub fn latencies<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Vec<u64> {
    let served = (samples.into_iter()).filter(|sample| sample.answer.served());
    let mut sorted: Vec<u64> = served.map(Sample::latency_ns).collect();
    sorted.sort_unstable();
    sorted
}

/// The nearest-rank quantile of sorted values; `None` without values.
pub fn quantile(sorted: &[u64], q: f64) -> Option<u64> {
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&sorted, 0.5), Some(50));
        assert_eq!(quantile(&sorted, 0.99), Some(99));
        assert_eq!(quantile(&sorted, 1.0), Some(100));
        assert_eq!(quantile(&sorted, 0.0), Some(1));
        assert_eq!(quantile(&[7], 0.99), Some(7));
        assert_eq!(quantile(&[], 0.99), None);
    }
}
