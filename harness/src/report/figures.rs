//! What readers and writers got, apart, in a few figures each.

use checker::History;
use serde::{Deserialize, Serialize};

use super::outages::Outages;
use super::samples::{Samples, latencies, quantile};

/// What a kind of operation got. Times are nanoseconds; final reads are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How many were invoked.
    pub invoked: u64,
    /// How many were served: done, or truly refused because a compare found something else.
    pub served: u64,
    /// Median time to an answer, of those that were served.
    pub p50_ns: Option<u64>,
    /// 99 of 100 of them were faster.
    pub p99_ns: Option<u64>,
    /// For how long somebody waited and nobody was served, over all stretches that count as an outage (100 ms or
    /// ten times the usual distance of two answers, whichever is longer).
    pub unavailable_ns: u64,
    /// The longest of those stretches.
    pub longest_outage_ns: u64,
}

impl Figures {
    fn of(samples: &Samples) -> Figures {
        let latencies = latencies(&samples.all);
        let outages = Outages::new(samples);
        Figures {
            invoked: samples.all.len() as u64,
            served: samples.served_ns.len() as u64,
            p50_ns: quantile(&latencies, 0.5),
            p99_ns: quantile(&latencies, 0.99),
            unavailable_ns: outages.all.iter().map(|outage| outage.length_ns()).sum(),
            longest_outage_ns: outages.longest().map_or(0, |outage| outage.length_ns()),
        }
    }
}

/// Of operations that only read, and of the others. O(n log n).
pub fn figures(history: &History) -> (Figures, Figures) {
    let samples = Samples::new(history);
    let reads = samples.only(|verb| verb == "read");
    let writes = samples.only(|verb| verb != "read");
    (Figures::of(&reads), Figures::of(&writes))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn readers_and_writers_are_told_apart_and_nobody_is_left_out() {
        let run = fixture::valid();
        let all = Samples::new(&run.history);
        let (reads, writes) = figures(&run.history);
        assert!(reads.invoked > 0 && writes.invoked > 0);
        assert_eq!(reads.invoked + writes.invoked, all.all.len() as u64);
        assert_eq!(reads.served + writes.served, all.served_ns.len() as u64);
        assert!(reads.p50_ns <= reads.p99_ns && reads.longest_outage_ns <= reads.unavailable_ns);
    }
}
