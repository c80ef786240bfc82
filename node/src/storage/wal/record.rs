//! One entry as bytes: a header of 40 bytes, the payload, zeros up to a multiple of 8.
//!
//! ```text
//!  0 crc       u32  crc32c over the segment's id and everything after this field, padding included
//!  4 previous  u32  the crc of the record before (of the segment's header, for its first record)
//!  8 length    u32  of the payload
//! 12 kind      u8   1 no-op, 2 command, 3 configuration (postcard)
//! 13 mark      3 bytes, a5 52 57
//! 16 index     u64
//! 24 term      u64
//! 32 floor     u32  all bytes of the segment below this offset were synced before this record was written
//! 36 life      u32  the lower half of the segment's id: unlike in any record that the file held before
//! ```
//!
//! All numbers are little endian. As each crc covers the one before, a record is valid only behind the very
//! records that it was written behind. `floor` is what tells a torn tail from damage: a valid record
//! proves that everything below its floor once was on disk.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bugs::{self, Bug};
use crate::raft::{Entry, LogId, Payload};

/// Length of a record's header.
pub const HEADER: usize = 40;
/// Records begin at multiples of this.
pub const ALIGN: usize = 8;

const MARK: [u8; 3] = [0xa5, 0x52, 0x57];
const NOOP: u8 = 1;
const COMMAND: u8 = 2;
const CONFIGURATION: u8 = 3;

/// A record that its checksum confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its own checksum, to which the next one is chained.
    pub crc: u32,
    /// The checksum of the record before.
    pub previous: u32,
    /// See the module.
    pub floor: u32,
    /// Where it ends in the segment.
    pub end: usize,
    /// What it carries.
    pub entry: Entry,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They may be what a power loss left of one.
    Unreadable(&'static str),
    /// The checksum holds, so they are what somebody wrote; yet they do not belong here.
    Misplaced(&'static str),
}

/// Bytes that an entry takes in the log.
pub fn size(entry: &Entry) -> usize {
    (HEADER + payload(entry).1.len()).next_multiple_of(ALIGN)
}

/// Appends an entry's record to `bytes` and returns its checksum.
pub fn encode(bytes: &mut Vec<u8>, segment: u64, previous: u32, floor: u32, entry: &Entry) -> u32 {
    let (kind, payload) = payload(entry);
    let start = bytes.len();
    bytes.reserve(size(entry));
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&previous.to_le_bytes());
    // The API's limits keep a command far below 4 GiB.
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&entry.id.index.0.to_le_bytes());
    bytes.extend_from_slice(&entry.id.term.0.to_le_bytes());
    bytes.extend_from_slice(&floor.to_le_bytes());
    bytes.extend_from_slice(&life(segment));
    bytes.extend_from_slice(&payload);
    bytes.resize(start + size(entry), 0);
    let crc = checksum(segment, &bytes[start + 4..]);
    bytes[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    crc
}

/// The record that begins at `offset`.
///
/// # Errors
/// What is wrong with it, for people.
pub fn decode(bytes: &[u8], segment: u64, offset: usize) -> Result<Record, Fault> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let Some(header) = rest.get(..HEADER) else {
        return Err(Fault::Unreadable("the file ends within a record's header"));
    };
    let Some(end) = claimed_end(bytes, segment, offset) else {
        return Err(Fault::Unreadable("no record begins here"));
    };
    let length = u32_at(header, 8) as usize;
    let Some(record) = bytes.get(offset..end) else {
        return Err(Fault::Unreadable("the file ends within a record"));
    };
    let crc = u32_at(header, 0);
    if checksum(segment, &record[4..]) != crc && !bugs::on(Bug::TornTailNoCrc) {
        return Err(Fault::Unreadable("the record's checksum is wrong"));
    }
    let payload = match header[12] {
        NOOP => Payload::Noop,
        COMMAND => Payload::Command(Arc::from(&record[HEADER..HEADER + length])),
        CONFIGURATION => match postcard::take_from_bytes(&record[HEADER..HEADER + length]) {
            Ok((configuration, [])) => Payload::Configuration(Arc::new(configuration)),
            _ => {
                return Err(Fault::Misplaced(
                    "the record's configuration is one that only a newer version can read",
                ));
            }
        },
        _ => {
            return Err(Fault::Misplaced(
                "the record is of a kind that only a newer version knows",
            ));
        }
    };
    Ok(Record {
        crc,
        previous: u32_at(header, 4),
        floor: u32_at(header, 32),
        end,
        entry: Entry {
            id: LogId::new(u64_at(header, 16), u64_at(header, 24)),
            payload,
        },
    })
}

/// Its kind and content.
fn payload(entry: &Entry) -> (u8, Cow<'_, [u8]>) {
    match &entry.payload {
        Payload::Noop => (NOOP, Cow::Borrowed(&[])),
        Payload::Command(command) => (COMMAND, Cow::Borrowed(command)),
        Payload::Configuration(configuration) => {
            // Serializing a type of ours into memory cannot fail.
            let bytes = postcard::to_stdvec(configuration).unwrap_or_default();
            (CONFIGURATION, Cow::Owned(bytes))
        }
    }
}

/// Where the record would end that the header at `offset` speaks of, in this life of the segment; perhaps behind
/// the file. `None`: no such header is there.
pub fn claimed_end(bytes: &[u8], segment: u64, offset: usize) -> Option<usize> {
    let header = bytes.get(offset..)?.get(..HEADER)?;
    let ours = header[13..16] == MARK && header[36..40] == life(segment);
    let size = (HEADER + u32_at(header, 8) as usize).next_multiple_of(ALIGN);
    ours.then_some(offset + size)
}

/// The multiplier of the segment's sequence in its id is odd, so that this half differs, too, from that of all
/// segments but every 2^32nd.
fn life(segment: u64) -> [u8; 4] {
    (segment as u32).to_le_bytes()
}

fn checksum(segment: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&segment.to_le_bytes()), bytes)
}

pub(in crate::storage) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(number)
}

pub(in crate::storage) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(number)
}
