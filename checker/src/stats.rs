//! Counts, rates and latencies, by verb and outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::history::{History, Outcome};

/// Figures of a whole history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Sorted by verb, then ok, fail, info.
    pub groups: Vec<Group>,
    /// Completions by second, sorted; seconds without any are left out.
    pub rates: Vec<Rate>,
}

/// The operations of one verb that ended one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The verb.
    pub f: SmolStr,
    /// `ok`, `fail` or `info`.
    pub outcome: SmolStr,
    /// How many, those included that were open at the end.
    pub count: u64,
    /// From invocation to completion; `None` where none completed.
    pub latency: Option<Quantiles>,
}

/// Quantiles in nanoseconds, each the smallest measured value that at least that share does not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Median.
    pub p50_ns: u64,
    /// 95 of 100.
    pub p95_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1000.
    pub p999_ns: u64,
    /// The slowest.
    pub max_ns: u64,
}

/// Completions in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Its number, from 0.
    pub second: u64,
    /// That happened.
    pub ok: u64,
    /// That did not.
    pub fail: u64,
    /// Of which nobody knows.
    pub info: u64,
}

impl Stats {
    /// Counts. O(operations log operations).
    pub fn of(history: &History) -> Stats {
        let mut groups: BTreeMap<(SmolStr, u8), (u64, Vec<u64>)> = BTreeMap::new();
        let mut rates: BTreeMap<u64, Rate> = BTreeMap::new();
        for operation in history.operations() {
            let columns = history.columns();
            let rank = match operation.outcome {
                Outcome::Ok => 0,
                Outcome::Fail => 1,
                Outcome::Info => 2,
            };
            let f = history.verb(operation).clone();
            let group = groups.entry((f, rank)).or_default();
            group.0 += 1;
            let Some(complete) = operation.complete() else {
                continue;
            };
            group
                .1
                .push(columns.time_ns(complete) - columns.time_ns(operation.invoke()));
            let second = columns.time_ns(complete) / 1_000_000_000;
            let rate = rates.entry(second).or_insert(Rate {
                second,
                ..Rate::default()
            });
            match operation.outcome {
                Outcome::Ok => rate.ok += 1,
                Outcome::Fail => rate.fail += 1,
                Outcome::Info => rate.info += 1,
            }
        }
        Stats {
            groups: groups
                .into_iter()
                .map(|((f, rank), (count, latencies))| Group {
                    f,
                    outcome: ["ok", "fail", "info"][usize::from(rank)].into(),
                    count,
                    latency: Quantiles::of(latencies),
                })
                .collect(),
            rates: rates.into_values().collect(),
        }
    }

    /// Operations that ended so, of all verbs: `ok`, `fail` or `info`.
    pub fn count(&self, outcome: &str) -> u64 {
        self.groups
            .iter()
            .filter(|group| group.outcome == outcome)
            .map(|group| group.count)
            .sum()
    }
}

impl Quantiles {
    /// Quantiles of some measurements; `None` of nothing. O(n log n).
    pub fn of(mut measured: Vec<u64>) -> Option<Quantiles> {
        measured.sort_unstable();
        let max_ns = *measured.last()?;
        let at = |per_mille: usize| {
            let rank = (measured.len() * per_mille).div_ceil(1000).max(1);
            measured[rank - 1]
        };
        Some(Quantiles {
            p50_ns: at(500),
            p95_ns: at(950),
            p99_ns: at(990),
            p999_ns: at(999),
            max_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::jsonl::read;

    #[test]
    fn a_quantile_is_the_smallest_value_that_the_share_does_not_exceed() {
        let thousand = Quantiles::of((1..=1000).rev().collect()).unwrap();
        let of_thousand = [
            thousand.p50_ns,
            thousand.p95_ns,
            thousand.p99_ns,
            thousand.p999_ns,
            thousand.max_ns,
        ];
        assert_eq!(of_thousand, [500, 950, 990, 999, 1000]);
        let one = Quantiles::of(vec![7]).unwrap();
        assert_eq!((one.p50_ns, one.p999_ns, one.max_ns), (7, 7, 7));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }

    #[test]
    fn operations_are_counted_by_verb_and_outcome_and_completions_by_second() {
        let lines = concat!(
            "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"time\":0}\n",
            "{\"process\":0,\"type\":\"ok\",\"f\":\"read\",\"value\":1,\"time\":1000000005}\n",
            "{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1,\"time\":1000000006}\n",
        );
        let stats = Stats::of(&read("test", lines.as_bytes()).unwrap().history);
        assert_eq!(
            stats.rates,
            [Rate {
                second: 1,
                ok: 1,
                fail: 0,
                info: 0
            }]
        );
        assert_eq!(
            (stats.count("ok"), stats.count("info"), stats.count("fail")),
            (1, 1, 0)
        );
        assert_eq!(
            stats.groups[0].latency.map(|latency| latency.max_ns),
            Some(1_000_000_005)
        );
        assert_eq!(stats.groups[1].latency, None);
    }
}
