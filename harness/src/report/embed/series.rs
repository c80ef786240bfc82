//! What nodes told of themselves, as thin series of numbers: lag, clocks, disks.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::observation::Observation;
use crate::report::data::Data;

/// Most points of a series; of a longer one the extremes of equal stretches are kept.
const MOST: usize = 4_000;

/// Points of one node over time, microseconds since the run began. Missing values are `null`.
#[derive(Debug, Default, Serialize)]
pub struct Series {
    /// When.
    pub t: Vec<u64>,
    /// What.
    pub v: Vec<Option<f64>>,
}

impl Series {
    fn push(&mut self, ns: u64, value: Option<f64>) {
        self.t.push(ns / 1_000);
        self.v.push(value);
    }

    /// Leaves out what says nothing: the middle of stretches without change, and of a long series all but extremes.
    fn thin(self) -> Series {
        let all = self.v.len();
        let keep = |at: usize| {
            at == 0 || at + 1 >= all || self.v[at] != self.v[at - 1] || self.v[at] != self.v[at + 1]
        };
        let mut kept: Vec<usize> = (0..all).filter(|at| keep(*at)).collect();
        if kept.len() > MOST {
            let stretch = kept.len().div_ceil(MOST / 2);
            kept = (kept.chunks(stretch))
                .flat_map(|stretch| {
                    let by = |a: &&usize, b: &&usize| {
                        let value = |at: &usize| self.v[*at].unwrap_or(f64::NEG_INFINITY);
                        value(a).total_cmp(&value(b))
                    };
                    let least = stretch.iter().min_by(by);
                    let most = stretch.iter().max_by(by);
                    let mut two: Vec<usize> = least.into_iter().chain(most).copied().collect();
                    two.sort_unstable();
                    two.dedup();
                    two
                })
                .collect();
        }
        Series {
            t: kept.iter().map(|at| self.t[*at]).collect(),
            v: kept.iter().map(|at| self.v[*at]).collect(),
        }
    }
}

/// All series, by node.
#[derive(Debug, Default, Serialize)]
pub struct AllSeries {
    /// Log entries that the leader of the highest term had and a follower's disk had not.
    pub lag: BTreeMap<String, Series>,
    /// Milliseconds that a node's wall clock is ahead of the harness' own.
    pub clock: BTreeMap<String, Series>,
    /// 1 while the node reports a full disk.
    pub disk: BTreeMap<String, Series>,
}

impl AllSeries {
    /// Reads the observations, which are in the order of time. Clocks and disks only where a fault touches them.
    pub fn new(data: &Data<'_>) -> AllSeries {
        let mut out = AllSeries::default();
        let mut newest = 0;
        let skewed = data.faults().iter().any(|fault| fault.contains("clock"));
        for observation in &data.run.observations {
            let Observation::Status {
                time_ns,
                node,
                status,
            } = observation
            else {
                continue;
            };
            if skewed {
                let offset = status.as_ref().and_then(|status| status.clock_offset_ms);
                let rounded = offset.map(|ms| (ms * 10.0).round() / 10.0);
                (out.clock.entry(node.clone()).or_default()).push(*time_ns, rounded);
            }
            let Some(status) = status else { continue };
            let full = Some(f64::from(u8::from(status.disk_full)));
            (out.disk.entry(node.clone()).or_default()).push(*time_ns, full);
            // A deposed leader knows nothing of what is acknowledged elsewhere.
            if status.role != "leader" || status.term < newest {
                continue;
            }
            newest = status.term;
            for follower in &status.followers {
                let lag = status.last.saturating_sub(follower.durable) as f64;
                (out.lag.entry(follower.node.clone()).or_default()).push(*time_ns, Some(lag));
            }
        }
        out.disk.retain(|_, series| series.v.contains(&Some(1.0)));
        for series in [&mut out.lag, &mut out.clock, &mut out.disk] {
            for one in series.values_mut() {
                *one = std::mem::take(one).thin();
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thin_series_keeps_changes_and_extremes() {
        let mut steady = Series::default();
        for at in 0..10 {
            steady.push(at * 1_000, Some(if at < 5 { 1.0 } else { 2.0 }));
        }
        let steady = steady.thin();
        assert_eq!(steady.t, [0, 4, 5, 9]);
        let mut wild = Series::default();
        for at in 0..50_000_u64 {
            let value = if at == 31_234 { 1e9 } else { (at % 7) as f64 };
            wild.push(at * 1_000, Some(value));
        }
        let wild = wild.thin();
        assert!(wild.t.len() <= MOST, "{}", wild.t.len());
        assert!(wild.v.contains(&Some(1e9)));
        assert!(wild.t.is_sorted());
    }
}
