//! Spare files for segments: some were segments before, one is made in advance, and there are never many.
//!
//! A segment whose entries a snapshot covers becomes a spare (`spare-0000000003`), and the spare the next segment:
//! its blocks are allocated and written already, so that a sync of it changes no metadata. What makes that safe,
//! whatever of it a power loss undoes:
//!
//! - The bytes stay, and count for nothing: every record and its checksum carry the life of the file (see
//!   [`record`](super::record)), which ended with its name.
//! - The former name is gone for good, the directory synced, before the header is written over. Else a
//!   segment of the log could come back with the header of another.
//! - New name and header are synced before the first record. Until then the segment is unborn: no record, and
//!   a header of an earlier segment. That it *is* of an earlier one is seen to when the pool is opened: a spare
//!   may have got the header of a segment whose name a power loss then took back, and that header would be
//!   believed if the name came first the next time.

use std::collections::VecDeque;
use std::io;

use super::segment;
use crate::storage::files::{File, Files, remove_if_there};

/// Most spare files.
pub const MAX_SPARES: usize = 2;

const PREFIX: &str = "spare-";

/// The spare files of a log, all of one size.
#[derive(Debug)]
pub struct Pool {
    size: u64,
    spares: VecDeque<u64>,
    taken: u64,
}

/// The name of a spare, by the sequence that it had as a segment; 0: it was none.
pub fn name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:010}")
}

/// Whether a file is a spare.
pub fn is_spare(name: &str) -> bool {
    sequence(name).is_some()
}

fn sequence(name: &str) -> Option<u64> {
    let number: u64 = name.strip_prefix(PREFIX)?.parse().ok()?;
    (self::name(number) == name).then_some(number)
}

impl Pool {
    /// No spares yet.
    pub fn new(size: u64) -> Pool {
        Pool {
            size,
            spares: VecDeque::new(),
            taken: 0,
        }
    }

    /// Finds the spares of segments of `size` bytes, and removes those of another size and those too many.
    ///
    /// # Errors
    /// Of the system.
    pub fn open(files: &dyn Files, size: u64) -> io::Result<Pool> {
        let mut pool = Pool::new(size);
        for name in files.list()? {
            let Some(sequence) = sequence(&name) else {
                continue;
            };
            let file = files.open(&name)?;
            if pool.spares.len() < MAX_SPARES && file.length()? == size {
                file.write_at(0, &[0; segment::HEADER])?;
                file.sync()?;
                pool.spares.push_back(sequence);
            } else {
                files.remove(&name)?;
            }
        }
        // Before any of them is used: also of an earlier process' changes nothing may come back.
        files.sync_dir()?;
        Ok(pool)
    }

    /// Puts a segment away that nobody needs: its name is gone for good when this returns. May be done again.
    ///
    /// # Errors
    /// Of the system.
    pub fn put(&mut self, files: &dyn Files, sequence: u64, capacity: u64) -> io::Result<()> {
        let keep = capacity == self.size && self.spares.len() < MAX_SPARES;
        let segment = segment::name(sequence);
        let gone = match keep {
            true => files.rename(&segment, &name(sequence)),
            false => files.remove(&segment),
        };
        match gone {
            // By an attempt whose directory could not be synced.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            gone => gone?,
        }
        files.sync_dir()?;
        if keep {
            self.spares.push_back(sequence);
        }
        Ok(())
    }

    /// A spare file for a segment of `capacity` bytes, under its new name; neither that nor anything in the file is
    /// synced. `None`: there is none.
    ///
    /// # Errors
    /// Of the system.
    pub fn take(
        &mut self,
        files: &dyn Files,
        segment: &str,
        capacity: u64,
    ) -> io::Result<Option<Box<dyn File>>> {
        while capacity == self.size
            && let Some(sequence) = self.spares.pop_front()
        {
            match files.rename(&name(sequence), segment) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    self.taken += 1;
                    return files.open(segment).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Makes a spare where there is none. No harm if that fails for want of space: a segment is made when it is
    /// needed, then.
    ///
    /// # Errors
    /// Of the system.
    pub fn fill(&mut self, files: &dyn Files) -> io::Result<()> {
        if !self.spares.is_empty() {
            return Ok(());
        }
        let name = name(0);
        remove_if_there(files, &name)?;
        let file = files.create(&name)?;
        let made = file
            .preallocate(self.size)
            .and_then(|()| file.sync())
            .and_then(|()| files.sync_dir());
        match made {
            Ok(()) => self.spares.push_back(0),
            Err(_) => {
                files.remove(&name)?;
                files.sync_dir()?;
            }
        }
        made
    }

    /// How many segments were spares before.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// How many spares there are.
    pub fn len(&self) -> usize {
        self.spares.len()
    }

    /// Whether there is no spare.
    pub fn is_empty(&self) -> bool {
        self.spares.is_empty()
    }
}
