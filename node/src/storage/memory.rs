//! A disk in memory, for tests and simulations: what is not persisted is lost in a crash.

use super::{Durable, Recovered, Storage, StorageError};
use crate::raft::{Cut, Write};

/// Attests at once. A test that wants a slow disk keeps writes back and persists them later; a test that
/// wants a crash builds the next core from [`Memory::recovered`] and forgets what it kept back.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    disk: Recovered,
    full: bool,
}

impl Memory {
    /// A disk with `disk` on it.
    pub fn new(disk: Recovered) -> Memory {
        Memory { disk, full: false }
    }

    /// What a node that starts now finds.
    pub fn recovered(&self) -> &Recovered {
        &self.disk
    }

    /// From now on there is no space (true), or there is again.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    fn write(&mut self, write: &Write) {
        if let Some(hard_state) = write.hard_state {
            self.disk.hard_state = hard_state;
        }
        if let Some(save) = &write.snapshot {
            match save.cut {
                Cut::Prefix(upto) => self.disk.entries.retain(|e| e.id.index > upto),
                Cut::Everything => self.disk.entries.clear(),
            }
            self.disk.snapshot = Some((*save.snapshot).clone());
        }
        if let Some(first) = write.entries.first() {
            let covered = self.disk.snapshot.as_ref().map_or(0, |s| s.last.index.0);
            let end = self.disk.entries.last().map_or(covered, |e| e.id.index.0) + 1;
            assert!(first.id.index.0 <= end, "{} leaves a gap", first.id);
            self.disk.entries.retain(|e| e.id.index < first.id.index);
            self.disk.entries.extend_from_slice(&write.entries);
        }
    }
}

impl Storage for Memory {
    /// # Panics
    /// Where `writes` is empty or leaves a gap in the log: the core never asks for that.
    fn persist(&mut self, writes: &[Write]) -> Result<Durable, StorageError> {
        if self.full {
            return Err(StorageError::Full);
        }
        for write in writes {
            self.write(write);
        }
        let last = writes.last().expect("something to persist");
        Ok(Durable::attest(last.ticket))
    }
}
