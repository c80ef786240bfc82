//! One snapshot on its way to one follower: pieces within a window, from where the follower says.

use std::sync::Arc;
use std::time::Duration;

use super::message::Chunk;
use super::types::{LogId, Snapshot, Time};

/// Unanswered pieces: few, so that heartbeats on the same stream are not held up.
const WINDOW: u64 = 4;

/// A snapshot and its checksum.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) snapshot: Arc<Snapshot>,
    crc: u32,
}

impl Kept {
    /// O(bytes).
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Kept {
        Kept {
            crc: crc32c::crc32c(&snapshot.data),
            snapshot,
        }
    }
}

/// How far a follower has come with a snapshot. It stays the same one until it has arrived, whatever newer ones
/// the leader takes meanwhile: else a busy leader would begin anew for ever.
#[derive(Debug)]
pub(super) struct Sending {
    kept: Kept,
    /// The follower holds so many bytes.
    received: u64,
    /// What it said last; less than `received` where that was late, or where it has started anew.
    told: u64,
    /// It was gone back to here already, because an answer told of no progress.
    again: Option<u64>,
    /// So many were sent.
    sent: u64,
    /// When pieces were sent that none had been on the way before, or the last answer told of progress.
    moved: Time,
}

impl Sending {
    pub(super) fn new(kept: Kept, now: Time) -> Sending {
        Sending {
            kept,
            received: 0,
            told: 0,
            again: None,
            sent: 0,
            moved: now,
        }
    }

    pub(super) fn last(&self) -> LogId {
        self.kept.snapshot.last
    }

    /// The next piece of at most `bytes`, where one may leave now.
    pub(super) fn next_chunk(&mut self, bytes: usize, now: Time) -> Option<Chunk> {
        let data = &self.kept.snapshot.data;
        let (size, bytes) = (data.len() as u64, bytes.max(1) as u64);
        // An empty snapshot is one piece, too.
        let end = size.max(1);
        if self.sent >= end || self.sent >= self.received + WINDOW * bytes {
            return None;
        }
        if self.sent == self.received {
            self.moved = now;
        }
        let offset = self.sent;
        let piece = data.get(offset as usize..(offset + bytes).min(size) as usize);
        let piece: Arc<[u8]> = piece.unwrap_or_default().into();
        self.sent += (piece.len() as u64).max(1);
        Some(Chunk {
            last: self.last(),
            configured: self.kept.snapshot.configured.clone(),
            size,
            crc: self.kept.crc,
            offset,
            bytes: piece,
        })
    }

    /// The follower holds `received` bytes of the snapshot that ends in `last`. No more than before: a piece between
    /// was lost or late, so it goes on from there, but once; if every such answer had pieces sent again, each of which
    /// is answered, they would grow to a flood. Less than before: late, or it has started anew, which shows with time.
    pub(super) fn received(&mut self, last: LogId, received: u64, now: Time) {
        let size = self.kept.snapshot.data.len() as u64;
        if last != self.last() || received > size {
            return;
        }
        self.told = received;
        if received > self.received {
            self.moved = now;
            self.sent = self.sent.max(received);
            self.received = received;
        } else if received == self.received && self.again != Some(received) {
            self.again = Some(received);
            self.sent = received;
        }
    }

    /// Goes on from what was answered where no answer has told of progress for `patience`. A follower that
    /// has everything is sent the last byte again, until it says that all is on its disk.
    pub(super) fn give_up_waiting(&mut self, now: Time, patience: Duration) {
        if now - self.moved < patience {
            return;
        }
        self.moved = now;
        self.received = self.told;
        let size = self.kept.snapshot.data.len() as u64;
        self.sent = match self.received == size {
            true => size.saturating_sub(1),
            false => self.received,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Configured;

    const PATIENCE: Duration = Duration::from_millis(150);
    const LAST: LogId = LogId {
        index: crate::raft::Index(9),
        term: crate::raft::Term(2),
    };

    fn at(ms: u64) -> Time {
        Time(Duration::from_millis(ms))
    }

    fn sending(size: u8) -> Sending {
        let data: Vec<u8> = (0..size).collect();
        let snapshot = Snapshot {
            last: LAST,
            configured: Configured::default(),
            data: data.into(),
        };
        Sending::new(Kept::new(Arc::new(snapshot)), at(0))
    }

    fn offsets(sending: &mut Sending, now: u64) -> Vec<u64> {
        std::iter::from_fn(|| sending.next_chunk(3, at(now)))
            .map(|chunk| chunk.offset)
            .collect()
    }

    #[test]
    fn pieces_leave_within_the_window_and_answers_open_it() {
        let mut sending = sending(20);
        assert_eq!(offsets(&mut sending, 0), [0, 3, 6, 9]);
        sending.received(LAST, 6, at(1));
        assert_eq!(offsets(&mut sending, 1), [12, 15]);
        sending.received(LAST, 18, at(2));
        assert_eq!(sending.next_chunk(3, at(2)).unwrap().bytes[..], [18, 19]);
    }

    #[test]
    fn what_is_not_answered_is_sent_again_from_where_the_follower_is() {
        let mut sending = sending(20);
        offsets(&mut sending, 0);
        sending.received(LAST, 3, at(10));
        sending.give_up_waiting(at(159), PATIENCE);
        assert_eq!(offsets(&mut sending, 159), [12]);
        sending.give_up_waiting(at(160), PATIENCE);
        assert_eq!(offsets(&mut sending, 160), [3, 6, 9, 12]);
    }

    #[test]
    fn a_follower_that_lost_everything_begins_anew() {
        let mut sending = sending(20);
        offsets(&mut sending, 0);
        sending.received(LAST, 12, at(1));
        offsets(&mut sending, 1);
        sending.received(LAST, 0, at(2));
        sending.give_up_waiting(at(151), PATIENCE);
        assert_eq!(offsets(&mut sending, 151), [0, 3, 6, 9]);
    }

    #[test]
    fn a_late_answer_has_nothing_sent_again() {
        let mut sending = sending(20);
        offsets(&mut sending, 0);
        sending.received(LAST, 6, at(1));
        assert_eq!(offsets(&mut sending, 1), [12, 15]);
        sending.received(LAST, 3, at(2));
        assert!(offsets(&mut sending, 2).is_empty());
        sending.received(LAST, 9, at(3));
        assert_eq!(offsets(&mut sending, 3), [18]);
    }

    #[test]
    fn a_lost_piece_is_sent_again_once_at_the_next_answer() {
        let mut sending = sending(20);
        offsets(&mut sending, 0);
        sending.received(LAST, 3, at(1));
        assert_eq!(offsets(&mut sending, 1), [12]);
        sending.received(LAST, 3, at(2));
        assert_eq!(offsets(&mut sending, 2), [3, 6, 9, 12]);
        sending.received(LAST, 3, at(3));
        assert!(offsets(&mut sending, 3).is_empty());
    }

    #[test]
    fn a_follower_that_has_everything_is_asked_again_until_it_is_on_its_disk() {
        let mut sending = sending(4);
        assert_eq!(offsets(&mut sending, 0), [0, 3]);
        sending.received(LAST, 4, at(1));
        assert!(offsets(&mut sending, 1).is_empty());
        sending.give_up_waiting(at(151), PATIENCE);
        assert_eq!(offsets(&mut sending, 151), [3]);
    }

    #[test]
    fn an_empty_snapshot_is_one_piece() {
        let mut sending = sending(0);
        assert_eq!(offsets(&mut sending, 0), [0]);
        sending.give_up_waiting(at(150), PATIENCE);
        assert_eq!(offsets(&mut sending, 150), [0]);
    }

    #[test]
    fn answers_about_another_snapshot_are_ignored() {
        let mut sending = sending(20);
        sending.received(LogId::new(8, 2), 9, at(1));
        sending.received(LAST, 21, at(1));
        assert_eq!(offsets(&mut sending, 1), [0, 3, 6, 9]);
    }
}
