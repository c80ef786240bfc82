//! The write-ahead log of entries: appended to, synced once for a batch, rolled back when the disk is full.
//!
//! # Why no stale byte ever passes for a record
//! Segments are reused files (see [`pool`]), whose former bytes stay where no record has come yet. A record
//! says which life of its file it belongs to, its checksum begins with the id of its segment and is chained to the
//! record before, and to the header of the segment that is chained to the segment before: none of that can be right
//! for bytes of another life.
//!
//! Within a life the log only grows at its end. Conflicting entries are not erased but followed by those that replace them
//! (see [`recovery`]), so bytes are overwritten in one case only: a batch failed for want of space. Before
//! anything else is written, the half-written region is zeroed and that is synced, and segments that
//! the batch began are removed. A crash before that leaves records of that batch: valid ones form a prefix
//! of it, entries that a leader sent and nobody acknowledged, which Raft allows; others are a torn tail.
//!
//! # How it gets shorter
//! Whole segments go, oldest first, and become spare files, once a snapshot that is on disk covers every entry in them ([`Wal::purge`]).
//! Where a leader's snapshot takes the place of the log, a segment begins that says so ([`Wal::reset`]).

pub mod pool;
pub mod record;
pub mod recovery;
pub mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use self::pool::Pool;
use self::recovery::Found;
use self::segment::Header;
use super::files::{File, Files, sort_error};
use super::{Identity, OpenError, StorageError};
use crate::bugs::{self, Bug};
use crate::raft::{Entry, Index};

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    sequence: u64,
    offset: u64,
    previous: u32,
    last: u64,
    capacity: u64,
}

/// A full segment.
#[derive(Clone, Copy, Debug)]
struct Older {
    sequence: u64,
    /// The highest index that any record in it has; 0 where none of them counts any more.
    highest: u64,
    capacity: u64,
}

/// The log, open for appending.
pub struct Wal {
    identity: Identity,
    segment_size: u64,
    pool: Pool,
    current: Box<dyn File>,
    /// Where the next record goes.
    end: End,
    /// Up to here everything is on disk.
    synced: End,
    /// Highest offset of segment `synced.sequence` that was written to.
    written: u64,
    /// Segments before the current one that are still there, oldest first.
    older: VecDeque<Older>,
    /// The highest index that a record of the current segment has.
    highest: u64,
    /// A batch failed: above `synced` nothing counts and everything is to be cleared.
    failed: bool,
}

impl Wal {
    /// Makes the first segment of an empty log and syncs it, its name included.
    ///
    /// # Errors
    /// Of the system.
    pub fn create(files: &dyn Files, identity: Identity, segment_size: u64) -> io::Result<Wal> {
        let mut header = Header {
            crc: 0,
            previous: 0,
            identity,
            sequence: 1,
            anew: false,
            recycled: false,
            first: 1,
            capacity: segment_size,
        };
        let mut pool = Pool::new(segment_size);
        let current = make_segment(files, &mut pool, &mut header)?;
        let end = End {
            sequence: 1,
            offset: segment::HEADER as u64,
            previous: header.crc,
            last: 0,
            capacity: segment_size,
        };
        Ok(Wal {
            identity,
            segment_size,
            pool,
            current,
            end,
            synced: end,
            written: end.offset,
            older: VecDeque::new(),
            highest: 0,
            failed: false,
        })
    }

    /// Opens a log, cuts a torn tail, and returns what it held.
    ///
    /// # Errors
    /// [`OpenError::Damage`]; otherwise of the system.
    pub fn open(
        files: &dyn Files,
        identity: Identity,
        segment_size: u64,
    ) -> Result<(Wal, Found), OpenError> {
        let found = recovery::read(files, identity)?;
        if let Some(unborn) = found.unborn {
            files.remove(&segment::name(unborn))?;
            files.sync_dir()?;
        }
        // `read` refuses a log without a first segment.
        let Some(last) = found.segments.last() else {
            return Err(io::Error::other("a log without segments was read").into());
        };
        let pool = Pool::open(files, segment_size)?;
        let current = files.open(&segment::name(last.header.sequence))?;
        if last.dirty > last.end {
            zero(current.as_ref(), last.end, last.dirty)?;
        }
        // Also for the tail that looks whole: it may have been in the page cache only, and after a sync that failed
        // the system calls its pages clean. Written again they are dirty, and the sync means something (Rebello et
        // al., "Can Applications Recover from fsync Failures?", ATC 2020).
        let bytes = current.read_all()?;
        current.write_at(0, &bytes[..last.end as usize])?;
        current.preallocate(last.header.capacity)?;
        current.sync()?;
        files.sync_dir()?;
        let end = End {
            sequence: last.header.sequence,
            offset: last.end,
            previous: found.previous,
            last: found.last(),
            capacity: last.header.capacity,
        };
        let older = found.segments.iter().rev().skip(1).rev();
        let wal = Wal {
            identity,
            segment_size,
            pool,
            current,
            end,
            synced: end,
            written: end.offset,
            older: older
                .map(|segment| Older {
                    sequence: segment.header.sequence,
                    highest: segment.highest,
                    capacity: segment.header.capacity,
                })
                .collect(),
            highest: last.highest,
            failed: false,
        };
        Ok((wal, found))
    }

    /// Writes entries behind the end; they count once [`Wal::sync`] returned. An entry whose index the log
    /// has already replaces that one and all behind it.
    ///
    /// # Errors
    /// [`StorageError::Full`]: as if nothing had been written since the last sync, which may be one of this call's own
    /// where a segment ended.
    ///
    /// # Panics
    /// If an entry would leave a gap: the core never asks for that.
    pub fn append(&mut self, files: &dyn Files, entries: &[Entry]) -> Result<(), StorageError> {
        let result = self
            .clear_failed(files)
            .and_then(|()| self.append_records(files, entries));
        self.after(result)
    }

    /// Makes everything that was appended outlive a power loss.
    ///
    /// # Errors
    /// [`StorageError::Full`]: as if nothing had been written since the last sync.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        if self.end == self.synced {
            return Ok(());
        }
        let result = self.current.sync();
        if result.is_ok() {
            self.mark_synced();
        }
        self.after(result)
    }

    /// Puts away the segments in which all entries are at or below `upto`, oldest first, each gone for good before
    /// the next, so that no gap can be left. A snapshot that covers them must be on disk.
    ///
    /// # Errors
    /// As [`Wal::sync`]; may be done again.
    pub fn purge(&mut self, files: &dyn Files, upto: Index) -> Result<(), StorageError> {
        while let Some(oldest) = self.older.front()
            && oldest.highest <= upto.0
            && oldest.sequence < self.synced.sequence
        {
            self.pool
                .put(files, oldest.sequence, oldest.capacity)
                .map_err(sort_error)?;
            self.older.pop_front();
        }
        Ok(())
    }

    /// Begins anew: the next entry has index `first`, and what was there before counts no more. Durable when it
    /// returns. Everything that was appended must have been synced.
    ///
    /// # Errors
    /// As [`Wal::sync`]; the log is as it was, and it may be done again.
    pub fn reset(&mut self, files: &dyn Files, first: Index) -> Result<(), StorageError> {
        let result = self
            .clear_failed(files)
            .and_then(|()| self.begin_segment(files, first.0, 0, true));
        if result.is_ok() {
            self.end.last = first.previous().0;
            for segment in &mut self.older {
                segment.highest = 0;
            }
            self.mark_synced();
        }
        self.after(result)?;
        self.purge(files, Index(0))
    }

    /// Makes a spare file in advance, so that the next segment begins without waiting for one.
    ///
    /// # Errors
    /// [`StorageError::Broken`]; without space it is left undone.
    pub fn prepare(&mut self, files: &dyn Files) -> Result<(), StorageError> {
        let near = self.end.offset >= self.end.capacity / 2;
        if self.failed || !near || !self.pool.is_empty() {
            return Ok(());
        }
        match self.pool.fill(files).map_err(sort_error) {
            Err(StorageError::Full) => Ok(()),
            done => done,
        }
    }

    /// How many segments were made of spare files since the log was opened.
    pub fn recycled(&self) -> u64 {
        self.pool.taken()
    }

    /// The index of the last entry that is on disk.
    pub fn last(&self) -> u64 {
        self.synced.last
    }

    fn append_records(&mut self, files: &dyn Files, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut start = self.end.offset;
        for entry in entries {
            let index = entry.id.index.0;
            assert!(
                index >= 1 && index <= self.end.last + 1,
                "entry {} would leave a gap behind index {}",
                entry.id,
                self.end.last
            );
            let size = record::size(entry) as u64;
            if self.end.offset + size > self.end.capacity {
                self.write(start, &bytes)?;
                bytes.clear();
                self.begin_segment(files, index, size, false)?;
                start = self.end.offset;
            }
            // Segments are at most a GiB, or as long as one entry: an offset fits 32 bits.
            let floor = match self.synced.sequence == self.end.sequence {
                true => self.synced.offset as u32,
                false => segment::HEADER as u32,
            };
            let id = segment::id(self.identity, self.end.sequence);
            self.end.previous = record::encode(&mut bytes, id, self.end.previous, floor, entry);
            self.end.offset += size;
            self.end.last = index;
            self.highest = self.highest.max(index);
        }
        self.write(start, &bytes)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.end.sequence == self.synced.sequence {
            // Before the attempt: a write that fails may have written any part.
            self.written = self.written.max(offset + bytes.len() as u64);
        }
        self.current.write_at(offset, bytes)
    }

    /// Begins the next segment. The full one is synced first, so that the new one's header proves it whole.
    fn begin_segment(
        &mut self,
        files: &dyn Files,
        first: u64,
        size: u64,
        anew: bool,
    ) -> io::Result<()> {
        self.current.sync()?;
        // Without space for the new one this stays: what is on disk is not taken back.
        self.mark_synced();
        let mut header = Header {
            crc: 0,
            previous: self.end.previous,
            identity: self.identity,
            sequence: self.end.sequence + 1,
            anew,
            recycled: false,
            first,
            capacity: self.segment_size.max(segment::HEADER as u64 + size),
        };
        self.current = make_segment(files, &mut self.pool, &mut header)?;
        self.older.push_back(Older {
            sequence: self.end.sequence,
            highest: std::mem::take(&mut self.highest),
            capacity: self.end.capacity,
        });
        self.end = End {
            sequence: header.sequence,
            offset: segment::HEADER as u64,
            previous: header.crc,
            last: self.end.last,
            capacity: header.capacity,
        };
        Ok(())
    }

    /// After a full disk: removes what the failed batch left, newest first, each step durable before the next, so
    /// that a crash in between leaves a log that recovery understands.
    fn clear_failed(&mut self, files: &dyn Files) -> io::Result<()> {
        if !self.failed {
            return Ok(());
        }
        // Also for removals of an earlier attempt.
        files.sync_dir()?;
        let names = files.list()?;
        let newer = |name: &&String| segment::sequence(name) > Some(self.synced.sequence);
        for name in names.iter().rev().filter(newer) {
            files.remove(name)?;
            files.sync_dir()?;
        }
        self.current = files.open(&segment::name(self.synced.sequence))?;
        self.end = self.synced;
        zero(self.current.as_ref(), self.synced.offset, self.written)?;
        self.current.sync()?;
        self.written = self.synced.offset;
        self.failed = false;
        Ok(())
    }

    fn mark_synced(&mut self) {
        self.synced = self.end;
        self.written = self.end.offset;
    }

    fn after(&mut self, result: io::Result<()>) -> Result<(), StorageError> {
        result.map_err(|error| {
            if bugs::on(Bug::EnospcPartialWriteNotRolledBack) {
                return sort_error(error);
            }
            self.failed = true;
            self.end = self.synced;
            while let Some(segment) = self.older.back()
                && segment.sequence >= self.synced.sequence
            {
                self.highest = segment.highest;
                self.older.pop_back();
            }
            sort_error(error)
        })
    }
}

/// Makes a segment, of a spare file where there is one: content and name are both synced before anything rests on
/// them. Until then it is unborn, whichever of the two a power loss leaves.
fn make_segment(
    files: &dyn Files,
    pool: &mut Pool,
    header: &mut Header,
) -> io::Result<Box<dyn File>> {
    let name = segment::name(header.sequence);
    let spare = pool.take(files, &name, header.capacity)?;
    header.recycled = spare.is_some();
    let file = match spare {
        Some(file) => file,
        None => files.create(&name)?,
    };
    file.preallocate(header.capacity)?;
    file.write_at(0, &header.encode())?;
    file.sync()?;
    files.sync_dir()?;
    Ok(file)
}

fn zero(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    file.write_at(from, &vec![0; to.saturating_sub(from) as usize])
}
