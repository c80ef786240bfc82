//! Snapshots on disk: one file `snapshot-` and the index of its last entry, made aside and renamed when whole.
//!
//! ```text
//!  0 crc      u32  crc32c over everything after this field up to the data
//!  4 version  u32  2
//!  8 magic    8 bytes, "ordeal.s"
//! 16 node     u16
//! 18 origin   u16  0 taken here, 1 from a leader in place of the log
//! 20 members  u32  bytes of the configuration
//! 24 cluster  u64
//! 32 log      u64  drawn at random when the data directory was made
//! 40 index    u64  of the last entry that it covers
//! 48 term     u64  of that entry
//! 56 length   u64  of the data
//! 64 whole    u32  crc32c over the data
//! 68 chunk    u32  bytes of data in a chunk; the last may be shorter
//! 72          u32  crc32c of each chunk
//!                  the configuration and the entry that brought it (postcard), then the data
//! ```
//!
//! All numbers are little endian. The order of saving: the file's content is synced under another name, it gets its
//! own name, the directory is synced; only then are older snapshots removed and the log is cut.

use std::io;

use super::files::{Files, remove_if_there};
use super::wal::record::{u32_at, u64_at};
use super::{Damage, Identity, OpenError};
use crate::bugs::{self, Bug};
use crate::raft::{LogId, Snapshot};

const HEADER: usize = 72;
const VERSION: u32 = 2;
const MAGIC: &[u8; 8] = b"ordeal.s";
const CHUNK: usize = 64 << 10;
const PREFIX: &str = "snapshot-";
/// What the storage thread is making.
const MAKING: &str = "snapshot.tmp";
/// What was made ahead of its turn.
pub(super) const ASIDE: &str = "snapshot.aside";
/// Bytes that are written between syncs: the log's own syncs must not wait for all of a large snapshot.
const STRIDE: usize = 4 << 20;

/// A snapshot that was found on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it holds.
    pub snapshot: Snapshot,
    /// It came from a leader in place of the whole log: a log that does not meet it is to be dropped.
    pub installed: bool,
}

/// The file name of the snapshot that ends in entry `index`.
pub fn name(index: u64) -> String {
    format!("{PREFIX}{index:020}")
}

/// The index that a file name tells, if it is a snapshot's.
pub fn index(name: &str) -> Option<u64> {
    let number: u64 = name.strip_prefix(PREFIX)?.parse().ok()?;
    (self::name(number) == name).then_some(number)
}

/// Reads the newest snapshot. Changes nothing on disk. O(bytes).
///
/// # Errors
/// [`OpenError::Damage`] if it is not whole: the log before it may be gone already, so that neither an older one
/// nor an empty state could stand in. Otherwise of the system.
pub fn load(files: &dyn Files, identity: Identity) -> Result<Option<Found>, OpenError> {
    let newest = files.list()?.iter().filter_map(|name| index(name)).max();
    let Some(index) = newest else {
        return Ok(None);
    };
    let bytes = files.open(&name(index))?.read_all()?;
    let found = decode(&bytes, identity, index)
        .map_err(|(offset, what)| Damage::new(&name(index), offset as u64, what))?;
    Ok(Some(found))
}

/// Puts a snapshot on disk in place of all others. Done again after an error, it begins anew.
///
/// # Errors
/// Of the system; the newest snapshot is whole all the same.
pub fn save(
    files: &dyn Files,
    identity: Identity,
    snapshot: &Snapshot,
    installed: bool,
) -> io::Result<()> {
    write(files, MAKING, identity, snapshot, installed)?;
    publish(files, MAKING, snapshot.last)
}

/// Writes a snapshot that was taken here to where [`publish`] finds it. Nothing else changes.
///
/// # Errors
/// Of the system.
pub(super) fn write_aside(
    files: &dyn Files,
    identity: Identity,
    snapshot: &Snapshot,
) -> io::Result<()> {
    write(files, ASIDE, identity, snapshot, false)
}

/// Makes the file `whole`, which was synced, the newest snapshot, in place of all others.
///
/// # Errors
/// Of the system; a snapshot is whole all the same.
pub(super) fn publish(files: &dyn Files, whole: &str, last: LogId) -> io::Result<()> {
    files.rename(whole, &name(last.index.0))?;
    files.sync_dir()?;
    sweep(files, false)
}

fn write(
    files: &dyn Files,
    name: &str,
    identity: Identity,
    snapshot: &Snapshot,
    installed: bool,
) -> io::Result<()> {
    remove_if_there(files, name)?;
    let header = encode(identity, snapshot, installed);
    let file = files.create(name)?;
    file.write_at(0, &header)?;
    let mut offset = header.len() as u64;
    for stride in snapshot.data.chunks(STRIDE) {
        file.write_at(offset, stride)?;
        file.sync()?;
        offset += stride.len() as u64;
    }
    file.sync()
}

/// Removes all snapshots but the newest and, at a `start`, what is left of one that was being made.
///
/// # Errors
/// Of the system.
pub fn sweep(files: &dyn Files, start: bool) -> io::Result<()> {
    let names = files.list()?;
    let newest = names.iter().filter_map(|name| index(name)).max();
    let mut removed = false;
    for name in &names {
        let unfinished = start && (name == MAKING || name == ASIDE);
        if unfinished || index(name).is_some_and(|index| Some(index) < newest) {
            files.remove(name)?;
            removed = true;
        }
    }
    if removed {
        files.sync_dir()?;
    }
    Ok(())
}

/// Everything up to the data.
fn encode(identity: Identity, snapshot: &Snapshot, installed: bool) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
    bytes[8..16].copy_from_slice(MAGIC);
    bytes[16..18].copy_from_slice(&identity.node.0.to_le_bytes());
    bytes[18] = u8::from(installed);
    // Serializing a type of ours into memory cannot fail.
    let configured = postcard::to_stdvec(&snapshot.configured).unwrap_or_default();
    bytes[20..24].copy_from_slice(&(configured.len() as u32).to_le_bytes());
    bytes[24..32].copy_from_slice(&identity.cluster.to_le_bytes());
    bytes[32..40].copy_from_slice(&identity.log.to_le_bytes());
    bytes[40..48].copy_from_slice(&snapshot.last.index.0.to_le_bytes());
    bytes[48..56].copy_from_slice(&snapshot.last.term.0.to_le_bytes());
    bytes[56..64].copy_from_slice(&(snapshot.data.len() as u64).to_le_bytes());
    bytes[64..68].copy_from_slice(&crc32c::crc32c(&snapshot.data).to_le_bytes());
    bytes[68..72].copy_from_slice(&(CHUNK as u32).to_le_bytes());
    for chunk in snapshot.data.chunks(CHUNK) {
        bytes.extend_from_slice(&crc32c::crc32c(chunk).to_le_bytes());
    }
    bytes.extend_from_slice(&configured);
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], identity: Identity, index: u64) -> Result<Found, (usize, &'static str)> {
    if bytes.len() < HEADER {
        return Err((bytes.len(), "the file ends within the snapshot's header"));
    }
    if &bytes[8..16] != MAGIC {
        return Err((8, "no snapshot begins here"));
    }
    if u32_at(bytes, 4) != VERSION {
        return Err((
            4,
            "the snapshot has a format that this version does not know",
        ));
    }
    let short = (bytes.len(), "the file ends within the snapshot");
    let size = usize::try_from(u64_at(bytes, 56)).map_err(|_| short)?;
    let table = size.div_ceil(CHUNK).checked_mul(4).ok_or(short)?;
    let members = HEADER.checked_add(table).ok_or(short)?;
    let start = members
        .checked_add(u32_at(bytes, 20) as usize)
        .ok_or(short)?;
    let head = bytes.get(..start).ok_or(short)?;
    if crc32c::crc32c(&head[4..]) != u32_at(head, 0) {
        return Err((0, "the snapshot's header does not match its checksum"));
    }
    let data = &bytes[start..];
    for (number, chunk) in data.chunks(CHUNK).take(size.div_ceil(CHUNK)).enumerate() {
        if crc32c::crc32c(chunk) != u32_at(head, HEADER + 4 * number)
            && !bugs::on(Bug::SnapshotNoChecksum)
        {
            let offset = start + number * CHUNK;
            return Err((
                offset,
                "a chunk of the snapshot does not match its checksum",
            ));
        }
    }
    if data.len() != size {
        return Err((
            start + size.min(data.len()),
            "the snapshot has another length than it says",
        ));
    }
    if crc32c::crc32c(data) != u32_at(head, 64) && !bugs::on(Bug::SnapshotNoChecksum) {
        return Err((start, "the snapshot does not match its checksum"));
    }
    let Ok((configured, [])) = postcard::take_from_bytes(&head[members..]) else {
        return Err((members, "the snapshot's configuration cannot be read"));
    };
    let found = Found {
        snapshot: Snapshot {
            last: LogId::new(u64_at(head, 40), u64_at(head, 48)),
            configured,
            data: data.into(),
        },
        installed: head[18] == 1,
    };
    if found.snapshot.last.index.0 != index
        || (head != encode(identity, &found.snapshot, found.installed)
            && !bugs::on(Bug::SnapshotNoChecksum))
    {
        return Err((
            16,
            "the snapshot belongs to another node, cluster or position",
        ));
    }
    Ok(found)
}
