//! A segment: one preallocated file `wal-0000000001`, a header of 64 bytes, then records, then zeros or what
//! a former life of the file has left.
//!
//! ```text
//!  0 crc       u32  crc32c over everything after this field
//!  4 previous  u32  the crc of the last record of the segment before; 0 for the first segment
//!  8 magic     8 bytes, "ordeal.w"
//! 16 version   u32  2
//! 20 node      u16
//! 22 flags     u16  1: the log begins anew with this segment, behind a leader's snapshot
//!                    2: the file was another segment before: bytes of that life may stand behind the last record
//! 24 cluster   u64
//! 32 log       u64  drawn at random when the data directory was made
//! 40 sequence  u64  from 1, without gaps; the first ones may be gone
//! 48 first     u64  index of the record that it was begun for: its first one, unless power went before that was written
//! 56 capacity  u64  length of the file when it was made
//! ```

use super::record::{u32_at, u64_at};
use crate::bugs::{self, Bug};
use crate::storage::Identity;

/// Length of a segment's header.
pub const HEADER: usize = 64;
/// The least size of a segment, in bytes.
pub const MIN_SIZE: u64 = 4096;
/// The size of a segment unless told otherwise, in bytes.
pub const DEFAULT_SIZE: u64 = 16 << 20;
/// The greatest size of a segment, in bytes: offsets in records have 32 bits.
pub const MAX_SIZE: u64 = 1 << 30;

const MAGIC: &[u8; 8] = b"ordeal.w";
const VERSION: u32 = 2;
const ANEW: u8 = 1;
const RECYCLED: u8 = 2;
const PREFIX: &str = "wal-";

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its own checksum, to which the first record is chained.
    pub crc: u32,
    /// Checksum of the last record of the segment before.
    pub previous: u32,
    /// Whose log this is.
    pub identity: Identity,
    /// Position among the segments, from 1.
    pub sequence: u64,
    /// The log begins anew with it: nothing that earlier segments hold counts.
    pub anew: bool,
    /// The file was another segment before (see [`pool`](super::pool)).
    pub recycled: bool,
    /// Index of the record that it was begun for: its first one, unless power went before that was written.
    pub first: u64,
    /// Length of the file when it was made, in bytes.
    pub capacity: u64,
}

impl Header {
    /// The header's bytes; sets `crc`.
    pub fn encode(&mut self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[4..8].copy_from_slice(&self.previous.to_le_bytes());
        bytes[8..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&VERSION.to_le_bytes());
        bytes[20..22].copy_from_slice(&self.identity.node.0.to_le_bytes());
        bytes[22] = u8::from(self.anew) * ANEW + u8::from(self.recycled) * RECYCLED;
        bytes[24..32].copy_from_slice(&self.identity.cluster.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.identity.log.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.capacity.to_le_bytes());
        self.crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    /// Reads the header of segment `sequence` of the log of `identity`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn decode(bytes: &[u8], identity: Identity, sequence: u64) -> Result<Header, &'static str> {
        let Some(bytes) = bytes.get(..HEADER) else {
            return Err("the file ends within the segment's header");
        };
        let crc = u32_at(bytes, 0);
        if &bytes[8..16] != MAGIC || crc32c::crc32c(&bytes[4..]) != crc {
            return Err("the segment's header does not match its checksum");
        }
        if u32_at(bytes, 16) != VERSION {
            return Err("the segment has a format that this version does not know");
        }
        let header = Header {
            crc,
            previous: u32_at(bytes, 4),
            identity,
            sequence,
            anew: bytes[22] & ANEW != 0,
            recycled: bytes[22] & RECYCLED != 0,
            first: u64_at(bytes, 48),
            capacity: u64_at(bytes, 56),
        };
        if bytes != header.clone().encode() {
            return Err("the segment belongs to another node, cluster or position");
        }
        Ok(header)
    }

    /// What every record's checksum begins with.
    pub fn id(&self) -> u64 {
        id(self.identity, self.sequence)
    }
}

/// The id of a segment: unlike for any other segment of this node, and not to be guessed by a client who would
/// have a value taken for a record.
pub fn id(identity: Identity, sequence: u64) -> u64 {
    if bugs::on(Bug::RecycledSegmentStaleRecords) {
        return identity.log;
    }
    // Odd multiplier (golden ratio): distinct sequences give distinct ids.
    identity
        .log
        .wrapping_add(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The file name of a segment.
pub fn name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:010}")
}

/// The segment that a file name tells, if it tells one.
pub fn sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number: u64 = digits.parse().ok()?;
    (self::name(number) == name).then_some(number)
}
