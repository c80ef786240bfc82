//! Packets that wait: until they are due, or until their link holds no more. In order on each link, but for those put aside.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};

use super::LinkId;

/// So much is held on a link at most, in bytes; what comes then is lost, as in any full queue.
const MOST: usize = 4 << 20;
/// All that was held is on its way within this.
const RELEASED: Duration = Duration::from_millis(1500);

/// A packet, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) link: Option<LinkId>,
    pub(super) wire: usize,
    pub(super) frame: Vec<u8>,
    pub(super) came: Instant,
}

/// One that waits, by when it is due and in which order it came; and whether others of its link wait for it.
struct Waiting(Instant, u64, Parcel, bool);

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// What one link has waiting.
#[derive(Default)]
struct Lane {
    /// How many wait in order.
    waiting: usize,
    /// When the last of them is due.
    last: Option<Instant>,
    /// When the wire is free again, where its rate is limited.
    free: Option<Instant>,
    held: VecDeque<Parcel>,
    bytes: usize,
    gap: Duration,
}

/// All that waits.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Waiting>>,
    lanes: BTreeMap<LinkId, Lane>,
    count: u64,
}

impl Queue {
    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(first)| first.0)
    }

    /// The next one that is due by now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Parcel> {
        self.due().filter(|due| *due <= now)?;
        let Reverse(Waiting(_, _, parcel, in_order)) = self.heap.pop()?;
        let lane = parcel.link.and_then(|link| self.lanes.get_mut(&link));
        if let Some(lane) = lane.filter(|_| in_order) {
            lane.waiting = lane.waiting.saturating_sub(1);
        }
        Some(parcel)
    }

    /// Nothing of the link is waiting in order: what comes may pass at once.
    pub(super) fn is_idle(&self, link: LinkId) -> bool {
        let lane = self.lanes.get(&link);
        lane.is_none_or(|lane| lane.held.is_empty() && lane.waiting == 0)
    }

    /// It goes after `delay`, after all that went before it, and at so many bytes a second; 0: no limit.
    pub(super) fn put(&mut self, parcel: Parcel, delay: Duration, rate: u64) {
        let Some(link) = parcel.link else {
            return self.push(parcel.came, parcel, false);
        };
        let lane = self.lanes.entry(link).or_default();
        let mut due = parcel.came + delay;
        if rate > 0 {
            let takes = Duration::from_secs_f64(parcel.frame.len() as f64 / rate as f64);
            let free = lane.free.map_or(parcel.came, |free| free.max(parcel.came)) + takes;
            lane.free = Some(free);
            due = due.max(free);
        }
        due = lane.last.map_or(due, |last| due.max(last));
        lane.last = Some(due);
        lane.waiting += 1;
        self.push(due, parcel, true);
    }

    /// It goes after `delay`, whatever goes before it.
    pub(super) fn put_aside(&mut self, parcel: Parcel, delay: Duration) {
        self.push(parcel.came + delay, parcel, false);
    }

    /// It stays until its link is released, then goes after about `gap`; false: too much is held already.
    pub(super) fn hold(&mut self, parcel: Parcel, gap: Duration) -> bool {
        let Some(link) = parcel.link else {
            return false;
        };
        let lane = self.lanes.entry(link).or_default();
        let fits = lane.bytes + parcel.frame.len() <= MOST;
        if fits {
            lane.gap = gap;
            lane.bytes += parcel.frame.len();
            lane.held.push_back(parcel);
        }
        fits
    }

    /// Is something held on the link?
    pub(super) fn holds(&self, link: LinkId) -> bool {
        self.lanes
            .get(&link)
            .is_some_and(|lane| !lane.held.is_empty())
    }

    /// What is held on the link goes, in order, each after a random pause: so links interleave anew.
    pub(super) fn release(&mut self, link: LinkId, rng: &mut impl Rng) {
        let Some(lane) = self.lanes.get_mut(&link) else {
            return;
        };
        let held = std::mem::take(&mut lane.held);
        lane.bytes = 0;
        let gap = lane
            .gap
            .min(RELEASED / u32::try_from(held.len()).unwrap_or(u32::MAX).max(1) / 2);
        let mut due = Instant::now();
        due = lane.last.map_or(due, |last| due.max(last));
        let due_all: Vec<Instant> = held
            .iter()
            .map(|_| {
                due += gap.mul_f64(rng.random_range(0.0..2.0));
                due
            })
            .collect();
        lane.last = Some(due);
        lane.waiting += held.len();
        for (due, parcel) in due_all.into_iter().zip(held) {
            self.push(due, parcel, true);
        }
    }

    fn push(&mut self, due: Instant, parcel: Parcel, in_order: bool) {
        self.count += 1;
        let waiting = Waiting(due, self.count, parcel, in_order);
        self.heap.push(Reverse(waiting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    const LINK: LinkId = LinkId { from: 1, to: 2 };
    const MS: Duration = Duration::from_millis(1);

    fn parcel(name: u8, came: Instant) -> Parcel {
        Parcel {
            link: Some(LINK),
            wire: 2,
            frame: vec![name; 100],
            came,
        }
    }

    fn left(queue: &mut Queue, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| queue.pop(now))
            .map(|p| p.frame[0])
            .collect()
    }

    #[test]
    fn delays_keep_order_and_what_is_put_aside_is_overtaken() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.put(parcel(1, now), 30 * MS, 0);
        queue.put(parcel(2, now), 10 * MS, 0);
        queue.put_aside(parcel(3, now), 20 * MS);
        assert!(!queue.is_idle(LINK));
        assert_eq!(left(&mut queue, now + 25 * MS), [3]);
        assert_eq!(left(&mut queue, now + 30 * MS), [1, 2]);
    }

    #[test]
    fn a_rate_spreads_packets_over_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for name in 1..=3 {
            queue.put(parcel(name, now), Duration::ZERO, 10_000);
        }
        assert_eq!(left(&mut queue, now + 15 * MS), [1]);
        assert_eq!(left(&mut queue, now + 30 * MS), [2, 3]);
    }

    #[test]
    fn what_is_held_stays_until_it_is_released_and_then_goes_in_order() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for name in 1..=9 {
            assert!(queue.hold(parcel(name, now), 3 * MS));
        }
        assert!(queue.holds(LINK) && left(&mut queue, now + 1000 * MS).is_empty());
        queue.release(LINK, &mut rand::rngs::StdRng::seed_from_u64(1));
        // What comes meanwhile waits its turn.
        queue.put(parcel(10, Instant::now()), Duration::ZERO, 0);
        let later = Instant::now() + RELEASED;
        assert_eq!(left(&mut queue, later), (1..=10).collect::<Vec<u8>>());
    }

    #[test]
    fn a_link_holds_no_more_than_it_may() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let big = || Parcel {
            frame: vec![0; MOST / 2],
            ..parcel(1, now)
        };
        assert!(queue.hold(big(), MS) && queue.hold(big(), MS));
        assert!(!queue.hold(parcel(2, now), MS));
    }
}
