//! Outages: stretches in which clients asked and nobody was served.

use super::samples::{Samples, quantile};

/// The shortest stretch that counts, in nanoseconds; slow workloads raise it (see [`Outages::new`]).
const SHORTEST_NS: u64 = 100_000_000;

/// A stretch without a served operation, over the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The last served completion before it, or the first invocation after that if nobody was waiting.
    pub from_ns: u64,
    /// The first served completion after it, or the end of the history.
    pub to_ns: u64,
}

impl Outage {
    /// How long it was.
    pub fn length_ns(self) -> u64 {
        self.to_ns - self.from_ns
    }
}

/// All outages of a run, in order.
#[derive(Debug, Default)]
pub struct Outages {
    /// The outages.
    pub all: Vec<Outage>,
    /// Shorter stretches were left out.
    pub shortest_ns: u64,
}

impl Outages {
    /// Finds them. O(operations · log operations).
    ///
    /// Time in which no operation was open is nobody's outage: a stretch begins no earlier than the first
    /// invocation that had to wait. What counts is 100 ms or ten times the usual distance of two served
    /// completions, whichever is longer, so that a slow workload is not taken for an outage.
    pub fn new(samples: &Samples) -> Outages {
        let served = &samples.served_ns;
        let mut distances: Vec<u64> = served.windows(2).map(|pair| pair[1] - pair[0]).collect();
        distances.sort_unstable();
        let usual = quantile(&distances, 0.5).unwrap_or(0);
        let shortest_ns = SHORTEST_NS.max(usual.saturating_mul(10));

        let edges = std::iter::once(0)
            .chain(served.iter().copied())
            .zip(served.iter().copied().chain([samples.end_ns]));
        let mut all = Vec::new();
        // Operations are in the order of invocations; `begun` counts those invoked up to the last edge, and
        // `open_until` is the latest completion among them: before it somebody was waiting.
        let (mut begun, mut open_until) = (0, 0);
        for (last_ns, next_ns) in edges {
            while let Some(sample) = samples.all.get(begun)
                && sample.start_ns <= last_ns
            {
                open_until = open_until.max(sample.end_ns);
                begun += 1;
            }
            if next_ns - last_ns < shortest_ns {
                continue;
            }
            let first_asked = samples.all.get(begun).map(|sample| sample.start_ns);
            let from_ns = match first_asked {
                _ if open_until > last_ns => last_ns,
                Some(asked_ns) if asked_ns < next_ns => asked_ns,
                _ => continue,
            };
            if next_ns - from_ns >= shortest_ns {
                all.push(Outage {
                    from_ns,
                    to_ns: next_ns,
                });
            }
        }
        Outages { all, shortest_ns }
    }

    /// The longest.
    pub fn longest(&self) -> Option<Outage> {
        (self.all.iter().copied()).max_by_key(|outage| outage.length_ns())
    }

    /// Those that overlap `[from_ns, to_ns)`. O(log outages).
    pub fn overlapping(&self, from_ns: u64, to_ns: u64) -> &[Outage] {
        let from = (self.all).partition_point(|outage| outage.to_ns <= from_ns);
        let to = (self.all).partition_point(|outage| outage.from_ns < to_ns);
        &self.all[from..to.max(from)]
    }

    /// How much of `[from_ns, to_ns)` was an outage.
    pub fn inside_ns(&self, from_ns: u64, to_ns: u64) -> u64 {
        (self.overlapping(from_ns, to_ns).iter())
            .map(|outage| outage.to_ns.min(to_ns) - outage.from_ns.max(from_ns))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Answer, Sample};
    use super::*;

    const MS: u64 = 1_000_000;

    fn outages(operations: &[(u64, u64, Answer)], end_ms: u64) -> Vec<(u64, u64)> {
        let all: Vec<Sample> = (operations.iter())
            .map(|&(start, end, answer)| Sample {
                start_ns: start * MS,
                end_ns: end * MS,
                answer,
                verb: 0,
                node: 0,
            })
            .collect();
        let mut served_ns: Vec<u64> = (all.iter().filter(|sample| sample.answer.served()))
            .map(|sample| sample.end_ns)
            .collect();
        served_ns.sort_unstable();
        let samples = Samples {
            all,
            served_ns,
            end_ns: end_ms * MS,
            ..Samples::default()
        };
        (Outages::new(&samples).all.iter())
            .map(|outage| (outage.from_ns / MS, outage.to_ns / MS))
            .collect()
    }

    #[test]
    fn waiting_without_an_answer_is_an_outage() {
        let ok = Answer::Ok;
        assert_eq!(
            outages(&[(0, 5, ok), (5, 900, ok), (900, 905, ok)], 905),
            [(5, 900)]
        );
    }

    #[test]
    fn time_in_which_nobody_asked_is_not() {
        let ok = Answer::Ok;
        let (first, second) = ((0, 5, ok), (5, 10, ok));
        let idle = [first, second, (800, 805, ok)];
        assert_eq!(outages(&idle, 805), []);
        let late = [first, second, (800, 1000, ok)];
        assert_eq!(outages(&late, 1000), [(800, 1000)]);
    }

    #[test]
    fn refusals_and_silence_to_the_end_are_outages() {
        let ok = Answer::Ok;
        assert_eq!(
            outages(
                &[(0, 5, ok), (5, 10, Answer::Fail), (10, 500, Answer::Info)],
                500
            ),
            [(5, 500)]
        );
        assert_eq!(outages(&[(0, 300, Answer::Info)], 300), [(0, 300)]);
        assert_eq!(outages(&[], 0), []);
    }
}
