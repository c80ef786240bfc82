//! Files that tell what is really written to them and what a sync has made durable.
//!
//! They stand between storage and the disk (or its stand-in) and decode the bytes with code of their own, after the formats that
//! `storage::wal::{segment, record}`, `storage::hard_state` and `storage::snapshot` document. Whatever storage believes, the
//! evidence says what was there to be found.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::Events;
use super::event::{DiskOperation, Event, FileName, Id, Record, hash};
use crate::lock::lock;
use crate::raft::{NodeId, Term};
use crate::storage::StorageError;
use crate::storage::files::{File, Files, sort_error};

const SEGMENT_HEADER: usize = 64;
const RECORD_HEADER: usize = 40;
const SLOT: usize = 64;
const SNAPSHOT_HEADER: usize = 72;
/// What names of the log's segments begin with.
const WAL: &str = "wal-";

/// A directory of files that tell.
pub struct Observed {
    files: Arc<dyn Files>,
    shared: Arc<Shared>,
}

struct Shared {
    events: Events,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Writes are numbered, from 1.
    writes: u64,
    names: BTreeMap<String, Arc<Mutex<Content>>>,
    /// Snapshots that have their name, and the name is not durable yet.
    named: Vec<Head>,
}

/// What is known of a file.
#[derive(Default)]
struct Content {
    kind: Kind,
    /// Where the writes went that no sync has covered: number, first byte, byte behind the last.
    unsynced: Vec<(u64, u64, u64)>,
    /// Its name outlives a power loss.
    named: bool,
    /// The last write that was synced while the name was not: a power loss would take it all the same.
    owed: Option<u64>,
}

#[derive(Clone, Copy, Default)]
enum Kind {
    #[default]
    Unknown,
    HardState,
    /// Number and id, by which its records are known.
    Segment(u64, u64),
    Snapshot(Head),
}

/// A snapshot's header.
#[derive(Clone, Copy)]
struct Head {
    last: Id,
    hash: u64,
    installed: bool,
}

impl Observed {
    /// Tells what is done to `files`.
    pub fn new(files: Arc<dyn Files>, events: Events) -> Observed {
        Observed {
            files,
            shared: Arc::new(Shared {
                events,
                state: Mutex::default(),
            }),
        }
    }

    fn wrap(&self, file: Box<dyn File>, content: Arc<Mutex<Content>>) -> Box<dyn File> {
        Box::new(ObservedFile {
            file,
            content,
            shared: self.shared.clone(),
        })
    }
}

impl Shared {
    /// Tells of a refusal.
    fn noting<T>(
        &self,
        file: FileName,
        operation: DiskOperation,
        result: io::Result<T>,
    ) -> io::Result<T> {
        result.inspect_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                return;
            }
            let copy = io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(0));
            let full = matches!(sort_error(copy), StorageError::Full);
            self.events.tell(|| Event::DiskError {
                file,
                operation,
                full,
            });
            self.events.flush();
        })
    }
}

impl Files for Observed {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.shared.noting(
            FileName::Other,
            DiskOperation::Create,
            self.files.create(name),
        )?;
        let content = Arc::<Mutex<Content>>::default();
        lock(&self.shared.state)
            .names
            .insert(name.to_owned(), content.clone());
        Ok(self.wrap(file, content))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.files.open(name)?;
        let known = lock(&self.shared.state).names.get(name).cloned();
        let content = match known {
            Some(content) => content,
            None => {
                let content = Arc::new(Mutex::new(Content {
                    kind: Kind::of(&file.read_all()?),
                    named: true,
                    ..Content::default()
                }));
                lock(&self.shared.state)
                    .names
                    .insert(name.to_owned(), content.clone());
                content
            }
        };
        Ok(self.wrap(file, content))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.shared.noting(
            FileName::Other,
            DiskOperation::Rename,
            self.files.rename(from, to),
        )?;
        let mut state = lock(&self.shared.state);
        if let Some(content) = state.names.remove(from) {
            {
                let mut content = lock(&content);
                content.named = false;
                if let Kind::Snapshot(head) = content.kind {
                    state.named.push(head);
                }
                // A segment that is put away to become another counts no more.
                if let file @ FileName::Wal(_) = content.kind.name()
                    && !to.starts_with(WAL)
                {
                    self.shared.events.tell(|| Event::Removed { file });
                    content.kind = Kind::Unknown;
                }
            }
            state.names.insert(to.to_owned(), content);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.shared.noting(
            FileName::Other,
            DiskOperation::Rename,
            self.files.remove(name),
        )?;
        if let Some(content) = lock(&self.shared.state).names.remove(name)
            && let file @ FileName::Wal(_) = lock(&content).kind.name()
        {
            self.shared.events.tell(|| Event::Removed { file });
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.shared
            .noting(FileName::Other, DiskOperation::Sync, self.files.sync_dir())?;
        let mut state = lock(&self.shared.state);
        for content in state.names.values() {
            let mut content = lock(content);
            content.named = true;
            if let Some(write) = content.owed.take() {
                content.tell_synced(&self.shared.events, write);
            }
        }
        for Head {
            last,
            hash,
            installed,
        } in std::mem::take(&mut state.named)
        {
            self.shared.events.tell(|| Event::Snapshot {
                last,
                hash,
                installed,
            });
        }
        Ok(())
    }
}

struct ObservedFile {
    file: Box<dyn File>,
    content: Arc<Mutex<Content>>,
    shared: Arc<Shared>,
}

impl File for ObservedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // Told before the attempt: one that fails, or is cut short by a kill, may have written any part.
        let write = {
            let mut state = lock(&self.shared.state);
            state.writes += 1;
            state.writes
        };
        self.note_write(write, offset, bytes);
        self.shared.noting(
            self.name(),
            DiskOperation::Write,
            self.file.write_at(offset, bytes),
        )
    }

    fn read_all(&self) -> io::Result<Vec<u8>> {
        self.file.read_all()
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.shared.noting(
            self.name(),
            DiskOperation::Create,
            self.file.preallocate(length),
        )
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.shared.noting(
            self.name(),
            DiskOperation::Create,
            self.file.set_len(length),
        )
    }

    fn sync(&self) -> io::Result<()> {
        // Only what was written before the sync began is certain to be covered.
        let last = lock(&self.content)
            .unsynced
            .last()
            .map(|(write, ..)| *write);
        self.shared
            .noting(self.name(), DiskOperation::Sync, self.file.sync())?;
        let Some(last) = last else {
            return Ok(());
        };
        let mut content = lock(&self.content);
        content.unsynced.retain(|(write, ..)| *write > last);
        if content.named {
            content.tell_synced(&self.shared.events, last);
        } else {
            content.owed = Some(last);
        }
        Ok(())
    }
}

impl Content {
    fn tell_synced(&self, events: &Events, write: u64) {
        let file = self.kind.name();
        if !matches!(file, FileName::Other) {
            events.tell(|| Event::Synced { file, write });
        }
    }
}

impl ObservedFile {
    fn name(&self) -> FileName {
        lock(&self.content).kind.name()
    }

    fn note_write(&self, write: u64, offset: u64, bytes: &[u8]) {
        let mut content = lock(&self.content);
        let events = &self.shared.events;
        if offset == 0 || matches!(content.kind, Kind::Unknown) {
            content.kind = match Kind::of(bytes) {
                Kind::Unknown => content.kind,
                kind => kind,
            };
        }
        let end = offset + bytes.len() as u64;
        let file = content.kind.name();
        if let FileName::Wal(_) = file
            && offset >= SEGMENT_HEADER as u64
        {
            let over = |(_, from, to): &&(u64, u64, u64)| *from < end && offset < *to;
            if let Some((first, ..)) = content.unsynced.iter().find(over).copied() {
                content.unsynced.retain(|(write, ..)| *write < first);
                events.tell(|| Event::Erased { file, write: first });
            }
        }
        content.unsynced.push((write, offset, end));
        match content.kind {
            Kind::HardState => {
                if let Some((term, vote)) = slot(bytes) {
                    events.tell(|| Event::HardState { write, term, vote });
                }
            }
            Kind::Segment(_, id) if offset >= SEGMENT_HEADER as u64 => {
                let entries = records(bytes, id);
                if !entries.is_empty() {
                    events.tell(|| Event::Append {
                        write,
                        file,
                        entries,
                    });
                }
            }
            Kind::Segment(..)
                if offset == 0 && bytes.get(22).is_some_and(|flags| flags & 1 == 1) =>
            {
                let first = u64_at(bytes, 48).unwrap_or_default();
                events.tell(|| Event::Anew { write, file, first });
            }
            _ => {}
        }
    }
}

impl Kind {
    /// What begins with these bytes.
    fn of(bytes: &[u8]) -> Kind {
        match bytes.get(8..16) {
            Some(b"ordeal.h") => Kind::HardState,
            Some(b"ordeal.w") => segment(bytes).unwrap_or_default(),
            Some(b"ordeal.s") => head(bytes).map(Kind::Snapshot).unwrap_or_default(),
            _ => Kind::Unknown,
        }
    }

    fn name(self) -> FileName {
        match self {
            Kind::HardState => FileName::HardState,
            Kind::Segment(number, _) => FileName::Wal(number),
            Kind::Snapshot(_) | Kind::Unknown => FileName::Other,
        }
    }
}

fn segment(bytes: &[u8]) -> Option<Kind> {
    let header = bytes.get(..SEGMENT_HEADER)?;
    (crc32c::crc32c(&header[4..]) == u32_at(header, 0)?).then_some(())?;
    let (log, number) = (u64_at(header, 32)?, u64_at(header, 40)?);
    // What every record's checksum begins with.
    let id = log.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Some(Kind::Segment(number, id))
}

fn head(bytes: &[u8]) -> Option<Head> {
    let header = bytes.get(..SNAPSHOT_HEADER)?;
    Some(Head {
        last: Id(u64_at(header, 40)?, u64_at(header, 48)?),
        hash: u64::from(u32_at(header, 64)?),
        installed: header[18] == 1,
    })
}

/// Term and vote of a slot whose checksum holds.
fn slot(bytes: &[u8]) -> Option<(Term, Option<NodeId>)> {
    let slot = bytes.get(..SLOT)?;
    (crc32c::crc32c(&slot[4..]) == u32_at(slot, 0)?).then_some(())?;
    let vote = u16::try_from(u32_at(slot, 20)?).ok()?;
    Some((Term(u64_at(slot, 48)?), (vote != 0).then_some(NodeId(vote))))
}

/// The records that stand one behind the other from the first byte on, as far as their checksums hold.
fn records(bytes: &[u8], id: u64) -> Vec<Record> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((record, size)) = record(rest, id) {
        found.push(record);
        rest = &rest[size..];
    }
    found
}

fn record(bytes: &[u8], id: u64) -> Option<(Record, usize)> {
    let header = bytes.get(..RECORD_HEADER)?;
    (header[13..16] == [0xa5, 0x52, 0x57]).then_some(())?;
    let length = u32_at(header, 8)? as usize;
    let size = (RECORD_HEADER + length).next_multiple_of(8);
    let whole = bytes.get(..size)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&id.to_le_bytes()), &whole[4..]);
    (crc == u32_at(header, 0)?).then_some(())?;
    let payload = &whole[RECORD_HEADER..RECORD_HEADER + length];
    let record = Record(
        u64_at(header, 16)?,
        u64_at(header, 24)?,
        hash(header[12], payload),
    );
    Some((record, size))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
