//! Planted bugs: storage that attests before it has synced, and syncs up to 300 ms later.

use std::time::Duration;

use super::{Aside, Disk, Durable, Storage, StorageError};
use crate::raft::{Ticket, Write};

const LATE: Duration = Duration::from_millis(300);

/// A disk that lies about entries: about a follower's, a leader's, or both.
pub struct Eager {
    disk: Disk,
    /// `follower-ack-before-fsync`.
    follower: bool,
    /// `leader-self-ack-before-fsync`.
    leader: bool,
    /// Attested, not synced.
    owed: Vec<Write>,
    /// A full disk has undone the writes that are owed.
    undone: bool,
    /// Since any moment.
    now: Box<dyn Fn() -> Duration + Send>,
    since: Duration,
    durable: Ticket,
}

impl Eager {
    /// Lies about the writes of followers, of leaders, or of both; `now` is a monotonic clock.
    pub fn new(
        disk: Disk,
        follower: bool,
        leader: bool,
        now: Box<dyn Fn() -> Duration + Send>,
    ) -> Eager {
        Eager {
            disk,
            follower,
            leader,
            owed: Vec::new(),
            undone: false,
            since: now(),
            now,
            durable: Ticket(0),
        }
    }

    /// Entries alone: a vote or a snapshot is synced all the same, as those are other bugs.
    fn lies_about(&self, write: &Write) -> bool {
        write.hard_state.is_none()
            && write.snapshot.is_none()
            && if write.as_leader {
                self.leader
            } else {
                self.follower
            }
    }

    /// Writes, after what a full disk undid.
    fn write(&mut self, writes: &[Write]) -> Result<(), StorageError> {
        if self.undone {
            self.disk.write(&self.owed)?;
            self.undone = false;
        }
        let written = self.disk.write(writes);
        self.undone |= written.is_err();
        written
    }

    fn settle(&mut self) -> Result<(), StorageError> {
        self.write(&[])?;
        let settled = self.disk.sync();
        self.undone |= settled.is_err();
        settled?;
        self.owed.clear();
        Ok(())
    }
}

impl Storage for Eager {
    fn persist(&mut self, writes: &[Write]) -> Result<Durable, StorageError> {
        self.write(writes)?;
        if self.owed.is_empty() {
            self.since = (self.now)();
        }
        self.owed.extend_from_slice(writes);
        let honest = !writes.iter().all(|write| self.lies_about(write));
        if honest || (self.now)().saturating_sub(self.since) >= LATE {
            let settled = self.settle();
            if settled.is_err() {
                // The caller will bring these again.
                self.owed.truncate(self.owed.len() - writes.len());
            }
            settled?;
        }
        if let Some(write) = writes.last() {
            self.durable = write.ticket;
        }
        Ok(Durable::attest(self.durable))
    }

    fn recycled(&self) -> u64 {
        self.disk.recycled()
    }

    fn aside(&self) -> Option<Aside> {
        self.disk.aside()
    }

    fn idle(&mut self) -> Result<Option<Duration>, StorageError> {
        if self.owed.is_empty() {
            return Ok(None);
        }
        let left = LATE.saturating_sub((self.now)().saturating_sub(self.since));
        if left.is_zero() {
            self.settle()?;
            return Ok(None);
        }
        Ok(Some(left))
    }
}
