//! Books what crosses one link: counts, and a ring of the last frames. One short lock for each chunk of bytes.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::counters::{Counters, Traffic};
use super::frame::{Frame, Frames, Piece};
use crate::lock::lock;

/// How many frames a link remembers.
const REMEMBERED: usize = 512;

/// A frame that crossed a link, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When its last byte was booked.
    pub at: Instant,
    /// What its header said.
    pub frame: Frame,
    /// It went through.
    pub passed: bool,
    /// So long the proxy kept it before that; zero where it only went through.
    pub late: Duration,
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Written to the other side.
    Passed,
    /// The same, after it was kept back for a while.
    Late(Duration),
    /// Swallowed.
    Dropped,
}

/// One link's books.
#[derive(Debug)]
pub(super) struct Ledger(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    counters: Counters,
    /// Filled up to its capacity, then overwritten from the oldest.
    ring: Vec<Seen>,
    oldest: usize,
    /// How many were ever put into it.
    remembered: u64,
}

impl Ledger {
    pub(super) fn new() -> Ledger {
        let ring = Vec::with_capacity(REMEMBERED);
        Ledger(Mutex::new(Pages {
            counters: Counters::default(),
            ring,
            oldest: 0,
            remembered: 0,
        }))
    }

    /// Books bytes of one direction of one connection, which `frames` follows. O(bytes), for the checksum.
    pub(super) fn book(&self, frames: &mut Frames, mut bytes: &[u8], fate: Fate) {
        let at = Instant::now();
        let mut pages = self.lock();
        pages.traffic(fate).bytes += bytes.len() as u64;
        while let Some(piece) = frames.take(bytes) {
            let (Piece::Part(taken) | Piece::Last(taken, _) | Piece::Opaque(taken)) = piece;
            bytes = &bytes[taken..];
            if let Piece::Last(_, frame) = piece {
                pages.traffic(fate).add_frame(&frame);
                pages.counters.damaged += u64::from(!frame.intact);
                pages.remember(Seen {
                    at,
                    frame,
                    passed: fate != Fate::Dropped,
                    late: match fate {
                        Fate::Late(late) => late,
                        Fate::Passed | Fate::Dropped => Duration::ZERO,
                    },
                });
            }
        }
    }

    /// Changes the counts of connections.
    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.lock().counters);
    }

    pub(super) fn counters(&self) -> Counters {
        self.lock().counters
    }

    /// The last frames, oldest first.
    pub(super) fn recent(&self) -> Vec<Seen> {
        let pages = self.lock();
        let (newer, older) = pages.ring.split_at(pages.oldest);
        [older, newer].concat()
    }

    /// The frames after the first `known` ones, oldest first; how many of these are forgotten already; and how many there
    /// were in all. O(frames).
    pub(super) fn after(&self, known: u64) -> (Vec<Seen>, u64, u64) {
        let pages = self.lock();
        let fresh = pages.remembered.saturating_sub(known);
        let kept = fresh.min(pages.ring.len() as u64);
        let (newer, older) = pages.ring.split_at(pages.oldest);
        let skip = pages.ring.len() - kept as usize;
        let seen = older.iter().chain(newer).skip(skip).copied().collect();
        (seen, fresh - kept, pages.remembered)
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        lock(&self.0)
    }
}

impl Pages {
    fn traffic(&mut self, fate: Fate) -> &mut Traffic {
        match fate {
            Fate::Passed | Fate::Late(_) => &mut self.counters.passed,
            Fate::Dropped => &mut self.counters.dropped,
        }
    }

    fn remember(&mut self, seen: Seen) {
        self.remembered += 1;
        if self.ring.len() < REMEMBERED {
            self.ring.push(seen);
        } else {
            self.ring[self.oldest] = seen;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::sample::frame;
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_frames_in_order() {
        let (ledger, mut frames) = (Ledger::new(), Frames::new(1, 2));
        for term in 0..700 {
            ledger.book(&mut frames, &frame(8, 1, 2, term, b""), Fate::Passed);
        }
        let terms: Vec<u64> = ledger.recent().iter().map(|seen| seen.frame.term).collect();
        assert_eq!(terms, (700 - 512..700).collect::<Vec<u64>>());
        assert_eq!(ledger.counters().passed.kinds[8], 700);
        let (seen, forgotten, all) = ledger.after(100);
        assert_eq!((seen.len(), forgotten, all), (512, 88, 700));
        let (seen, forgotten, _) = ledger.after(690);
        assert_eq!((seen[0].frame.term, seen.len(), forgotten), (690, 10, 0));
        assert_eq!(ledger.after(700).0, []);
    }

    #[test]
    fn what_came_late_is_told_with_how_late_and_counts_as_passed() {
        let (ledger, mut frames) = (Ledger::new(), Frames::new(1, 2));
        let late = Duration::from_millis(40);
        ledger.book(&mut frames, &frame(8, 1, 2, 1, b""), Fate::Late(late));
        ledger.book(&mut frames, &frame(8, 1, 2, 1, b""), Fate::Passed);
        let seen = ledger.recent();
        let told: Vec<_> = seen.iter().map(|seen| (seen.passed, seen.late)).collect();
        assert_eq!(told, [(true, late), (true, Duration::ZERO)]);
        assert_eq!(ledger.counters().passed.frames, 2);
    }

    #[test]
    fn a_frame_cut_in_the_middle_counts_where_its_end_went() {
        let (ledger, mut frames) = (Ledger::new(), Frames::new(1, 2));
        let bytes = frame(6, 1, 2, 1, &[0; 100]);
        ledger.book(&mut frames, &bytes[..50], Fate::Passed);
        ledger.book(&mut frames, &bytes[50..], Fate::Dropped);
        let counters = ledger.counters();
        assert_eq!((counters.passed.frames, counters.passed.bytes), (0, 50));
        assert_eq!((counters.dropped.frames, counters.dropped.bytes), (1, 74));
    }
}
