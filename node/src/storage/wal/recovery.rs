//! Reads a log back: takes what is proven, cuts a torn tail, and refuses damage.
//!
//! Records are taken in the order of writing for as long as each one's checksum holds and is chained to the one
//! before. Where that ends, at offset `p` of a segment, there are three cases.
//!
//! - Only zeros follow, or bytes of a former life of the file, and no segment: the log ends here.
//! - It is the last segment, and no valid record behind `p` has a floor above `p`: nothing proves that
//!   the bytes at `p` were ever synced, so nothing that rests on them has left this node. A torn tail: it is
//!   cut. (Valid records behind `p` may be there: sectors of one un-synced batch reach the disk
//!   in any order.)
//! - Otherwise bytes that were synced are gone. Entries from `p` on may have been acknowledged, and a node that
//!   went on without them could help to elect a leader that lacks them (Alagappan et al., "Protocol-Aware
//!   Recovery", FAST 2018). It refuses to start.
//!
//! What cannot be told from a torn tail is damage to the last batch of all, as no later record vouches for it.
//!
//! A record with an index that the log has already replaces that entry and all behind it (a leader's
//! conflicting entries): the file itself is only ever appended to, so the order of records is the order of
//! history, and no bytes of a former tail ever stand behind the end.
//!
//! The oldest segments may be gone: a snapshot covers what they held, which [`Found::meets`] makes sure of. A
//! segment that says so in its header begins the log anew, behind a snapshot that a leader sent.

use super::record::{self, ALIGN, Fault};
use super::segment::{self, Header};
use crate::bugs::{self, Bug};
use crate::raft::{Entry, LogId};
use crate::storage::files::Files;
use crate::storage::{Damage, Identity, OpenError};

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The log, contiguous from index `first`.
    pub entries: Vec<Entry>,
    /// Index of the first entry, or of the next one where there is none.
    pub first: u64,
    /// Entries before `first` may have been in segments that are gone.
    cut: bool,
    /// One for each segment, in order.
    pub segments: Vec<Segment>,
    /// Chained to by the next record.
    pub previous: u32,
    /// A last segment that was being made when power went: it holds nothing and is to be removed.
    pub unborn: Option<u64>,
}

/// One segment as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its header.
    pub header: Header,
    /// How many records it holds.
    pub records: u64,
    /// The highest index that any of them has; 0 where a later segment begins anew.
    pub highest: u64,
    /// Where the last valid record ends.
    pub end: u64,
    /// Where bytes end that were written in this life of the file; above `end`: a torn tail.
    pub dirty: u64,
}

/// Reads all segments. Changes nothing on disk.
///
/// Time and memory are linear in the size of the log, except that behind a bad record every eighth offset is
/// tried, most of them at the cost of one comparison.
///
/// # Errors
/// [`OpenError::Damage`], or of the system.
pub fn read(files: &dyn Files, identity: Identity) -> Result<Found, OpenError> {
    let names = files.list()?;
    let sequences: Vec<u64> = names.iter().filter_map(|n| segment::sequence(n)).collect();
    let mut found = Found {
        entries: Vec::new(),
        first: 1,
        cut: false,
        segments: Vec::new(),
        previous: 0,
        unborn: None,
    };
    let Some(&oldest) = sequences.first() else {
        let missing = segment::name(1);
        return Err(Damage::new(&missing, 0, "the log is missing").into());
    };
    found.cut = oldest > 1;
    for (position, &sequence) in sequences.iter().enumerate() {
        let expected = oldest + position as u64;
        if sequence != expected {
            let what = "this segment is missing, although later ones exist";
            return Err(Damage::new(&segment::name(expected), 0, what).into());
        }
        let bytes = files.open(&segment::name(sequence))?.read_all()?;
        let last = position + 1 == sequences.len();
        found.take_segment(&bytes, identity, sequence, last)?;
    }
    Ok(found)
}

impl Found {
    /// Index of the last entry.
    pub fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// Whether the log goes on from the snapshot that ends in `covered` (`0@0`: there is none), or covers its end.
    /// False: it knows nothing of the snapshot's last entry.
    ///
    /// # Errors
    /// Where entries between the snapshot and the log are missing.
    pub fn meets(&self, covered: LogId) -> Result<bool, Damage> {
        if self.first > covered.index.0 + 1 {
            let name = match self.segments.first() {
                Some(segment) => segment::name(segment.header.sequence),
                None => segment::name(1),
            };
            let what = format!(
                "segments before this one are missing, and no snapshot covers entries {} to {}",
                covered.index.next(),
                self.first - 1
            );
            return Err(Damage::new(&name, 0, &what));
        }
        let position = covered.index.0.checked_sub(self.first);
        Ok(match position {
            None => true,
            Some(position) => self
                .entries
                .get(position as usize)
                .is_some_and(|entry| entry.id == covered),
        })
    }

    fn take_segment(
        &mut self,
        bytes: &[u8],
        identity: Identity,
        sequence: u64,
        last: bool,
    ) -> Result<(), Damage> {
        let name = segment::name(sequence);
        let id = segment::id(identity, sequence);
        let header = match Header::decode(bytes, identity, sequence) {
            Ok(header) => header,
            // A header is synced before the first record follows it: without a record this segment
            // was being made. The first one was there before the node ever ran.
            Err(_)
                if last && !self.segments.is_empty() && valid_behind(bytes, id, 0, 0).is_none() =>
            {
                self.unborn = Some(sequence);
                return Ok(());
            }
            Err(what) => return Err(Damage::new(&name, 0, what)),
        };
        if self.segments.is_empty() && self.cut {
            self.previous = header.previous;
            self.first = header.first;
        }
        if header.previous != self.previous {
            let before = self.segments.last();
            let (name, end) = match before {
                Some(s) => (segment::name(s.header.sequence), s.end),
                None => (name, 0),
            };
            let what = "records that the next segment is chained to are missing here";
            return Err(Damage::new(&name, end, what));
        }
        self.previous = header.crc;
        if header.anew {
            self.entries.clear();
            self.first = header.first;
            self.cut = false;
            for segment in &mut self.segments {
                segment.highest = 0;
            }
        }
        let mut end = segment::HEADER;
        let (mut records, mut highest) = (0, 0);
        let fault = loop {
            match self.take_record(bytes, id, end) {
                Ok(next) => end = next,
                Err(Fault::Unreadable(what)) => break what,
                Err(Fault::Misplaced(what)) => return Err(Damage::new(&name, end as u64, what)),
            }
            records += 1;
            highest = self.last().max(highest);
        };
        let dirty = match header.recycled {
            true => end.max(used_in_this_life(bytes, id, end)),
            false => end.max(used(bytes)),
        };
        let length = bytes.len() as u64;
        // A new file may be short while it is made, and then holds its header at most; a spare never was.
        let in_the_making = last && !header.recycled && dirty == segment::HEADER;
        if length < header.capacity && !in_the_making {
            // The length was synced before the first record was written.
            let what = format!(
                "the file was cut: it has lost {} bytes",
                header.capacity - length
            );
            return Err(Damage::new(&name, length, &what));
        }
        if dirty > end && !bugs::on(Bug::MidlogCorruptionAsTornTail) {
            if !last && !header.recycled {
                let what = format!("{fault}, and later segments exist");
                return Err(Damage::new(&name, end as u64, &what));
            }
            if let Some((offset, id)) = valid_behind(bytes, id, end, end + 1) {
                let what = format!(
                    "{fault}, and the valid record {id} at byte {offset} was written after this was on disk"
                );
                return Err(Damage::new(&name, end as u64, &what));
            }
        }
        self.segments.push(Segment {
            header,
            records,
            highest,
            end: end as u64,
            dirty: dirty as u64,
        });
        Ok(())
    }

    fn take_record(&mut self, bytes: &[u8], id: u64, offset: usize) -> Result<usize, Fault> {
        let record = record::decode(bytes, id, offset)?;
        if record.previous != self.previous {
            return Err(Fault::Misplaced(
                "the record is not chained to the one before",
            ));
        }
        let index = record.entry.id.index.0;
        if self.cut && self.entries.is_empty() && index > self.first {
            // The oldest segment that is left was begun for an entry that a failed batch repeated, and got the next one.
            // Whether the snapshot covers what was before is asked by `meets`.
            self.first = index;
        }
        if index == 0 || index > self.last() + 1 || (index < self.first && !self.cut) {
            return Err(Fault::Misplaced(
                "the record's index leaves a gap in the log",
            ));
        }
        if index < self.first {
            // It replaces entries whose first ones were in a segment that is gone.
            self.first = index;
        }
        // At most `len()`, so it fits a usize.
        self.entries.truncate((index - self.first) as usize);
        if let Some(before) = self.entries.last()
            && before.id.term > record.entry.id.term
        {
            return Err(Fault::Misplaced(
                "the record's term is lower than that of the entry before",
            ));
        }
        self.previous = record.crc;
        self.entries.push(record.entry);
        Ok(record.end)
    }
}

/// Where the bytes that are not zero end. Pages at a time: most of a segment is zeros.
fn used(bytes: &[u8]) -> usize {
    const PAGE: usize = 4096;
    let mut end = bytes.len();
    while end >= PAGE && bytes[end - PAGE..end] == [0; PAGE] {
        end -= PAGE;
    }
    bytes[..end]
        .iter()
        .rposition(|&b| b != 0)
        .map_or(0, |p| p + 1)
}

/// Where the bytes end that records of this life of the segment may have left at or behind `from`; 0: nowhere.
/// What stands there besides is of a former life.
fn used_in_this_life(bytes: &[u8], id: u64, from: usize) -> usize {
    let end = (from.next_multiple_of(ALIGN)..bytes.len())
        .step_by(ALIGN)
        .filter_map(|offset| record::claimed_end(bytes, id, offset))
        .max();
    end.map_or(0, |end| end.min(bytes.len()))
}

/// The first record at or behind `from` that its own checksum confirms and that has at least this floor.
fn valid_behind(bytes: &[u8], id: u64, from: usize, floor: usize) -> Option<(usize, LogId)> {
    (from.next_multiple_of(ALIGN)..bytes.len())
        .step_by(ALIGN)
        .find_map(|offset| match record::decode(bytes, id, offset) {
            Ok(record) if record.floor as usize >= floor => Some((offset, record.entry.id)),
            _ => None,
        })
}
