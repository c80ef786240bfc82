//! Bytes that are on their way: each piece with the time at which it may leave. Pure: told the time, draws nothing.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A piece of a stream that leaves whole: a frame, or some bytes of a stream without frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) bytes: Vec<u8>,
    /// When it came.
    pub(super) born: Instant,
    /// Its place in the order in which pieces came.
    pub(super) number: u64,
    /// It was held, and leaves at its own time also when the link is healthy again.
    released: bool,
}

/// The pieces of one direction of one connection.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By when they leave; among equals the order in which they came.
    due: BTreeMap<(Instant, u64), Parcel>,
    /// Those that wait for a release, in order.
    held: VecDeque<Parcel>,
    bytes: usize,
    next: u64,
    /// When the last piece that keeps its place leaves.
    last: Option<Instant>,
    /// When the line is free again, where its rate is limited.
    free_at: Option<Instant>,
}

/// When a piece leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) delay: Duration,
    /// Bytes a second; 0: no limit.
    pub(super) rate: u64,
    /// It leaves later by this, and what follows need not wait for it.
    pub(super) overtaken_by: Option<Duration>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.held.is_empty()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a piece that leaves in its time.
    pub(super) fn push(&mut self, bytes: Vec<u8>, now: Instant, timing: Timing) {
        let parcel = self.parcel(bytes, now);
        let mut leaves = now + timing.delay;
        if timing.rate > 0 {
            let takes = Duration::from_secs_f64(parcel.bytes.len() as f64 / timing.rate as f64);
            let begins = self.free_at.map_or(now, |free| free.max(now));
            self.free_at = Some(begins + takes);
            leaves = leaves.max(begins + takes);
        }
        leaves = self.last.map_or(leaves, |last| leaves.max(last));
        match timing.overtaken_by {
            Some(late) => leaves += late,
            None => self.last = Some(leaves),
        }
        self.due.insert((leaves, parcel.number), parcel);
    }

    /// Adds a piece that waits until it is released.
    pub(super) fn hold(&mut self, bytes: Vec<u8>, now: Instant) {
        let parcel = self.parcel(bytes, now);
        self.held.push_back(parcel);
    }

    fn parcel(&mut self, bytes: Vec<u8>, born: Instant) -> Parcel {
        self.bytes += bytes.len();
        self.next += 1;
        Parcel {
            bytes,
            born,
            number: self.next,
            released: false,
        }
    }

    /// Whatever was on its way waits too, before what comes. Answers its bytes.
    pub(super) fn stop(&mut self) -> usize {
        let due = std::mem::take(&mut self.due);
        let bytes = due.values().map(|parcel| parcel.bytes.len()).sum();
        for (_, parcel) in due.into_iter().rev() {
            self.held.push_front(parcel);
        }
        self.last = None;
        bytes
    }

    /// Lets the held pieces go, in order, each after a pause that `gap` draws; what comes later follows them.
    /// All are gone after `within` at the latest, whatever is drawn.
    pub(super) fn release(
        &mut self,
        now: Instant,
        within: Duration,
        mut gap: impl FnMut() -> Duration,
    ) {
        let gaps: Vec<Duration> = self.held.iter().map(|_| gap()).collect();
        let sum: Duration = gaps.iter().sum();
        let scale = (within.as_secs_f64() / sum.as_secs_f64().max(1e-9)).min(1.0);
        let mut leaves = self.last.map_or(now, |last| last.max(now));
        for (mut parcel, gap) in self.held.drain(..).zip(gaps) {
            leaves += gap.mul_f64(scale);
            parcel.released = true;
            self.due.insert((leaves, parcel.number), parcel);
            self.last = Some(leaves);
        }
    }

    /// Is there something to release?
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// The link is healthy: nothing waits any longer, but for what is being released.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.due.values().any(|parcel| parcel.released) {
            return;
        }
        let due = std::mem::take(&mut self.due);
        // Behind one another in the order in which they would have left.
        for ((leaves, number), parcel) in due {
            self.due.insert((leaves.min(now), number), parcel);
        }
        (self.last, self.free_at) = (None, None);
    }

    /// When the next piece leaves.
    pub(super) fn next_leaves(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((leaves, _), _)| *leaves)
    }

    /// The next piece, if its time has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Parcel> {
        let first = self.due.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let parcel = first.remove();
        self.bytes -= parcel.bytes.len();
        Some(parcel)
    }

    /// Throws everything away; answers it in the order in which it came.
    pub(super) fn clear(&mut self) -> Vec<Parcel> {
        self.stop();
        self.bytes = 0;
        self.free_at = None;
        self.held.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(delay: Duration) -> Timing {
        Timing {
            delay,
            ..Timing::default()
        }
    }

    /// Which pieces leave by then, by their one byte.
    fn left(queue: &mut Queue, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| queue.pop(now))
            .map(|p| p.bytes[0])
            .collect()
    }

    #[test]
    fn a_shorter_delay_overtakes_nothing_but_what_may_be_overtaken() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(vec![1], now, after(10 * MS));
        queue.push(vec![2], now, after(MS));
        let late = Timing {
            overtaken_by: Some(5 * MS),
            ..after(MS)
        };
        queue.push(vec![3], now, late);
        queue.push(vec![4], now, after(MS));
        assert_eq!(left(&mut queue, now + 9 * MS), [0u8; 0]);
        assert_eq!(left(&mut queue, now + 10 * MS), [1, 2, 4]);
        assert_eq!(left(&mut queue, now + 15 * MS), [3]);
        assert!(queue.is_empty() && queue.bytes() == 0);
    }

    #[test]
    fn a_rate_lets_each_piece_take_its_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let slow = Timing {
            rate: 1000,
            ..Timing::default()
        };
        for byte in 1..=3 {
            queue.push(vec![byte; 10], now, slow);
        }
        assert_eq!(left(&mut queue, now + 9 * MS), [0u8; 0]);
        assert_eq!(left(&mut queue, now + 20 * MS), [1, 2]);
        assert_eq!(left(&mut queue, now + 30 * MS), [3]);
    }

    #[test]
    fn what_is_held_goes_gradually_and_in_order_and_what_comes_later_follows() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(vec![1], now, after(50 * MS));
        assert_eq!(queue.stop(), 1);
        queue.hold(vec![2], now);
        queue.hold(vec![3], now);
        assert_eq!(queue.next_leaves(), None);
        assert!(queue.holds());
        queue.release(now, 1000 * MS, || 3 * MS);
        queue.push(vec![4], now, Timing::default());
        // A healthy link does not take the pauses back.
        queue.hurry(now);
        assert_eq!(left(&mut queue, now + 2 * MS), [0u8; 0]);
        assert_eq!(left(&mut queue, now + 6 * MS), [1, 2]);
        assert_eq!(left(&mut queue, now + 9 * MS), [3, 4]);
    }

    #[test]
    fn a_release_is_over_within_its_bound() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for _ in 0..1000 {
            queue.hold(vec![1], now);
        }
        queue.release(now, 100 * MS, || 3 * MS);
        assert_eq!(left(&mut queue, now + 101 * MS).len(), 1000);
    }

    #[test]
    fn a_healthy_link_lets_nothing_wait() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(vec![1], now, after(1000 * MS));
        queue.push(vec![2], now, after(1000 * MS));
        queue.hurry(now);
        assert_eq!(left(&mut queue, now), [1, 2]);
        queue.push(vec![3], now, Timing::default());
        assert_eq!(left(&mut queue, now), [3]);
    }

    #[test]
    fn what_is_thrown_away_is_told() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(vec![1, 1], now, after(MS));
        queue.hold(vec![2], now);
        let bytes: Vec<u8> = queue.clear().into_iter().flat_map(|p| p.bytes).collect();
        assert_eq!(bytes, [1, 1, 2]);
        assert!(queue.is_empty() && queue.bytes() == 0);
    }
}
