//! Counts of durations in steps of a fifth, which many may add to at a time; for the live view.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Steps to each doubling.
const STEPS: u32 = 4;
/// From 1 µs to some 100 s.
const BUCKETS: usize = 27 * STEPS as usize;

/// Durations, counted in steps: each is known to a fifth of its length.
#[derive(Debug)]
pub struct Histogram([AtomicU64; BUCKETS]);

/// What was counted up to a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted([u64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Default for Counted {
    fn default() -> Counted {
        Counted([0; BUCKETS])
    }
}

impl Histogram {
    /// Counts a duration of so many nanoseconds. O(1), without a lock.
    pub fn add(&self, ns: u64) {
        let micros = (ns / 1_000).max(1) as f64;
        let at = (micros.log2() * f64::from(STEPS)) as usize;
        self.0[at.min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }

    /// All counts so far.
    pub fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        for (count, bucket) in counted.0.iter_mut().zip(&self.0) {
            *count = bucket.load(Relaxed);
        }
        counted
    }
}

impl Counted {
    /// What was counted after `before`.
    pub fn since(&self, before: &Counted) -> Counted {
        let mut since = self.clone();
        for (count, before) in since.0.iter_mut().zip(before.0) {
            *count = count.saturating_sub(before);
        }
        since
    }

    /// The upper end, in milliseconds, of the step in which quantile `q` is; `None` where nothing was counted.
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        let rank = (q * all as f64).ceil().max(1.0) as u64;
        let mut sum = 0;
        let at = self.0.iter().position(|count| {
            sum += count;
            sum >= rank
        })?;
        Some((2_f64).powf((at + 1) as f64 / f64::from(STEPS)) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_known_to_a_fifth() {
        let histogram = Histogram::default();
        assert_eq!(histogram.counted().quantile_ms(0.5), None);
        for ms in 1..=100 {
            histogram.add(ms * 1_000_000);
        }
        let first = histogram.counted();
        for (q, ms) in [(0.5, 50.0), (0.99, 99.0)] {
            let found = first.quantile_ms(q).expect("something was counted");
            assert!((ms..ms * 1.2).contains(&found), "{q}: {found}");
        }
        histogram.add(0);
        histogram.add(u64::MAX);
        let later = histogram.counted().since(&first);
        assert!(later.quantile_ms(0.5).expect("two") < 0.002);
        assert!(later.quantile_ms(1.0).expect("two") > 100_000.0);
    }
}
