//! What clients felt while a fault acted: each injury's window, measured against the history.

use crate::injury::Injury;

use super::outages::{Outage, Outages};
use super::samples::{Counts, Samples, latencies, quantile};

/// How far before an injury its "before" reaches, and after its heal its "after", in nanoseconds.
const BEFORE_NS: u64 = 1_000_000_000;

/// An injury that was inflicted, and the stretch in which it acted.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The injury.
    pub injury: &'a Injury,
    /// When injecting it began.
    pub from_ns: u64,
    /// When its heal was done; the end of the run where it never was.
    pub to_ns: u64,
}

impl<'a> Window<'a> {
    /// The windows of all injuries that were inflicted, by their beginning.
    pub fn all(injuries: &'a [Injury], end_ns: u64) -> Vec<Window<'a>> {
        let mut windows: Vec<Window<'a>> = (injuries.iter())
            .filter_map(|injury| {
                let from_ns = injury.injected_ns?[0].min(end_ns);
                let healed_ns = injury.healed_ns.map_or(end_ns, |healed| healed[1]);
                Some(Window {
                    injury,
                    from_ns,
                    to_ns: healed_ns.clamp(from_ns, end_ns),
                })
            })
            .collect();
        windows.sort_by_key(|window| (window.from_ns, window.injury.id));
        windows
    }

    /// True where the window and `[from_ns, to_ns]` meet.
    pub fn meets(&self, from_ns: u64, to_ns: u64) -> bool {
        self.from_ns <= to_ns && from_ns <= self.to_ns
    }
}

/// What clients felt in a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Felt {
    /// Operations invoked inside, by answer.
    pub counts: Counts,
    /// Median latency of the served ones among them.
    pub p50_ns: Option<u64>,
    /// Their 99th percentile.
    pub p99_ns: Option<u64>,
    /// The longest outage that began inside, in its whole length.
    pub longest_outage_ns: u64,
    /// The sum of all outages that began inside.
    pub outage_ns: u64,
    /// From the heal to the first served operation that was invoked after it; `None` where none followed or nothing was healed.
    pub recovery_ns: Option<u64>,
}

impl Felt {
    /// Measures one window. O(operations inside · log).
    pub fn during(window: &Window<'_>, samples: &Samples, outages: &Outages) -> Felt {
        let mut felt = Felt::over(&[(window.from_ns, window.to_ns)], samples, outages);
        felt.recovery_ns = recovery_ns(window, samples);
        felt
    }

    /// Median and 99th percentile of what was invoked in the second before a window and served before it.
    pub fn before(window: &Window<'_>, samples: &Samples) -> (Option<u64>, Option<u64>) {
        let from_ns = window.from_ns.saturating_sub(BEFORE_NS);
        let invoked = samples.invoked_in(from_ns, window.from_ns).iter();
        let sorted = latencies(invoked.filter(|sample| sample.end_ns <= window.from_ns));
        (quantile(&sorted, 0.5), quantile(&sorted, 0.99))
    }

    /// Median and 99th percentile of what was invoked in the second after a window; nothing where it was never healed.
    pub fn after(window: &Window<'_>, samples: &Samples) -> (Option<u64>, Option<u64>) {
        if window.injury.healed_ns.is_none() {
            return (None, None);
        }
        let sorted = latencies(samples.invoked_in(window.to_ns, window.to_ns + BEFORE_NS));
        (quantile(&sorted, 0.5), quantile(&sorted, 0.99))
    }

    /// Measures several stretches, which must not overlap, as one.
    pub fn over(stretches: &[(u64, u64)], samples: &Samples, outages: &Outages) -> Felt {
        let inside =
            || (stretches.iter()).flat_map(|&(from_ns, to_ns)| samples.invoked_in(from_ns, to_ns));
        let sorted = latencies(inside());
        let began = stretches.iter().flat_map(|&(from_ns, to_ns)| {
            // The last answer before a fault comes a little before it, and that outage is still the fault's:
            // it counts where it had gone on for half of what makes it an outage.
            let told_ns = move |outage: &Outage| outage.from_ns + outages.shortest_ns / 2;
            let overlapping = outages.overlapping(from_ns, to_ns).iter();
            overlapping.filter(move |outage| (from_ns..to_ns).contains(&told_ns(outage)))
        });
        let lengths: Vec<u64> = began.map(|outage| outage.length_ns()).collect();
        Felt {
            counts: inside().collect(),
            p50_ns: quantile(&sorted, 0.5),
            p99_ns: quantile(&sorted, 0.99),
            longest_outage_ns: lengths.iter().copied().max().unwrap_or(0),
            outage_ns: lengths.iter().sum(),
            recovery_ns: None,
        }
    }
}

/// From the end of a window's heal to the first answer to an operation that was invoked after it.
fn recovery_ns(window: &Window<'_>, samples: &Samples) -> Option<u64> {
    window.injury.healed_ns?;
    Some(samples.served_after(window.to_ns)? - window.to_ns)
}

/// The union of windows: sorted stretches that do not overlap.
pub fn union<'a>(windows: impl IntoIterator<Item = &'a Window<'a>>) -> Vec<(u64, u64)> {
    let mut stretches: Vec<(u64, u64)> = (windows.into_iter())
        .map(|window| (window.from_ns, window.to_ns))
        .collect();
    stretches.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(stretches.len());
    for (from_ns, to_ns) in stretches {
        match merged.last_mut() {
            Some(last) if from_ns <= last.1 => last.1 = last.1.max(to_ns),
            _ => merged.push((from_ns, to_ns)),
        }
    }
    merged
}

/// The stretches of `[from_ns, to_ns)` that `covered` (sorted, disjoint) leaves free.
pub fn complement(covered: &[(u64, u64)], from_ns: u64, to_ns: u64) -> Vec<(u64, u64)> {
    let mut free = Vec::with_capacity(covered.len() + 1);
    let mut at = from_ns;
    for &(begin, end) in covered {
        if begin > at {
            free.push((at, begin.min(to_ns)));
        }
        at = at.max(end);
    }
    if at < to_ns {
        free.push((at, to_ns));
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injury(id: u64, from_ns: u64, to_ns: u64) -> Injury {
        Injury {
            id,
            fault: "partition".into(),
            shape: "halves".into(),
            targets: vec![],
            description: String::new(),
            parameters: serde_json::Value::Null,
            planned_ns: [from_ns, to_ns],
            injected_ns: Some([from_ns, from_ns]),
            healed_ns: Some([to_ns, to_ns]),
            effect: None,
            error: None,
        }
    }

    #[test]
    fn overlapping_windows_are_counted_once() {
        let injuries = [injury(0, 10, 30), injury(1, 20, 40), injury(2, 60, 70)];
        let windows = Window::all(&injuries, 100);
        let covered = union(&windows);
        assert_eq!(covered, [(10, 40), (60, 70)]);
        assert_eq!(complement(&covered, 0, 100), [(0, 10), (40, 60), (70, 100)]);
        assert_eq!(complement(&[], 0, 100), [(0, 100)]);
    }

    #[test]
    fn an_injury_that_was_never_inflicted_has_no_window() {
        let mut never = injury(0, 10, 30);
        never.injected_ns = None;
        let mut unhealed = injury(1, 50, 60);
        unhealed.healed_ns = None;
        let injuries = [never, unhealed];
        let windows = Window::all(&injuries, 100);
        assert_eq!(windows.len(), 1);
        assert_eq!((windows[0].from_ns, windows[0].to_ns), (50, 100));
    }
}
