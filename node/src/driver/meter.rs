//! What the driver measures of disk and snapshots since its start, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper ends of the buckets of [`Timer`], in microseconds.
pub const BUCKETS: [u64; 10] = [
    100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000,
];

/// Counts and times of one kind of work.
#[derive(Debug, Default)]
pub struct Timer {
    /// Each counts only what fits into no smaller one.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Meter {
    /// Batches of writes made durable: written, and synced with one sync of the log.
    pub persists: Timer,
    /// Snapshots made and written.
    pub snapshots: Timer,
    /// Leaders' snapshots made into a state.
    pub restores: Timer,
    /// Segments of the log that were made of spare files.
    pub recycled: AtomicU64,
}

impl Timer {
    /// It took so long.
    pub fn note(&self, took: Duration) {
        let micros = took.as_micros() as u64;
        let bucket = BUCKETS.partition_point(|&end| end < micros);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }

    /// For each bucket its upper end in seconds, if it has one, and how many were not slower.
    pub fn below(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let ends = BUCKETS.iter().map(|&end| Some(end as f64 / 1e6));
        let counts = self.buckets.iter().scan(0, |sum, count| {
            *sum += count.load(Relaxed);
            Some(*sum)
        });
        ends.chain([None]).zip(counts)
    }

    /// Sum of all times, in seconds.
    pub fn seconds(&self) -> f64 {
        self.micros.load(Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_counts_what_was_not_slower() {
        let timer = Timer::default();
        for micros in [50, 100, 101, 9_000_000] {
            timer.note(Duration::from_micros(micros));
        }
        let below: Vec<u64> = timer.below().map(|(_, count)| count).collect();
        assert_eq!(below, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!(timer.below().last(), Some((None, 4)));
        assert_eq!(timer.seconds(), 9.000251);
    }
}
