//! The frame that every word between nodes travels in. `node/README.md` describes it for other programs.
//!
//! ```text
//!  0 len     u32  bytes of payload
//!  4 crc     u32  crc32c over bytes 8..24 and the payload
//!  8 kind    u8
//!  9 version u8   3
//! 10 from    u16
//! 12 to      u16
//! 14 flags   u16  0
//! 16 term    u64
//! 24 payload
//! ```

use std::fmt;

use crate::raft::{NodeId, Term};

/// Length of a frame's header.
pub const HEADER: usize = 24;
/// The version spoken: 2 brought configurations in entries and snapshots, 3 data directories in greetings.
pub const VERSION: u8 = 3;
/// Most bytes of payload. An append carries one entry at least, and an entry at most two values of 1 MiB.
pub const MAX_PAYLOAD: usize = 16 << 20;

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload.
    pub length: usize,
    /// Checksum, as sent.
    pub crc: u32,
    /// What the payload is.
    pub kind: u8,
    /// Who speaks.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// The speaker's term.
    pub term: Term,
}

/// Why bytes are not a frame. The connection cannot be understood any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// Another version of the format.
    Version(u8),
    /// Longer than any frame may be.
    Length(usize),
    /// Flags that this version does not know.
    Flags(u16),
    /// Damaged.
    Checksum,
    /// The payload is not what the kind says.
    Payload(u8),
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// If no frame of this version can begin like this.
    pub fn decode(bytes: &[u8; HEADER]) -> Result<Header, BadFrame> {
        let [l0, l1, l2, l3, c0, c1, c2, c3, rest @ ..] = *bytes;
        let [kind, version, f0, f1, t0, t1, g0, g1, term @ ..] = rest;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let flags = u16::from_le_bytes([g0, g1]);
        if version != VERSION {
            return Err(BadFrame::Version(version));
        }
        if length > MAX_PAYLOAD {
            return Err(BadFrame::Length(length));
        }
        if flags != 0 {
            return Err(BadFrame::Flags(flags));
        }
        Ok(Header {
            length,
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
            kind,
            from: NodeId(u16::from_le_bytes([f0, f1])),
            to: NodeId(u16::from_le_bytes([t0, t1])),
            term: Term(u64::from_le_bytes(term)),
        })
    }

    /// Checks header and payload against the checksum.
    ///
    /// # Errors
    /// [`BadFrame::Checksum`].
    pub fn check(bytes: &[u8; HEADER], payload: &[u8]) -> Result<(), BadFrame> {
        let [_, _, _, _, c0, c1, c2, c3, ..] = *bytes;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[8..]), payload);
        if crc == u32::from_le_bytes([c0, c1, c2, c3]) {
            Ok(())
        } else {
            Err(BadFrame::Checksum)
        }
    }
}

/// Appends a frame to `bytes`; `payload` writes the payload behind what it is given.
pub fn encode(
    mut bytes: Vec<u8>,
    kind: u8,
    from: NodeId,
    to: NodeId,
    term: Term,
    payload: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&[kind, VERSION]);
    bytes.extend_from_slice(&from.0.to_le_bytes());
    bytes.extend_from_slice(&to.0.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&term.0.to_le_bytes());
    let mut bytes = payload(bytes);
    // Limits on keys, values and batches keep a payload far below 4 GiB.
    let length = (bytes.len() - start - HEADER) as u32;
    let crc = crc32c::crc32c(&bytes[start + 8..]);
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    bytes
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFrame::Version(version) => {
                write!(
                    f,
                    "speaks version {version} of the peer protocol, not {VERSION}"
                )
            }
            BadFrame::Length(length) => write!(
                f,
                "announced a frame of {length} bytes, more than {MAX_PAYLOAD}"
            ),
            BadFrame::Flags(flags) => write!(f, "set unknown flags {flags:#06x}"),
            BadFrame::Checksum => f.write_str("sent a frame that does not match its checksum"),
            BadFrame::Payload(kind) => write!(f, "sent a frame of kind {kind} that cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        encode(Vec::new(), 6, NodeId(1), NodeId(2), Term(7), |mut bytes| {
            bytes.extend_from_slice(payload);
            bytes
        })
    }

    fn read(bytes: &[u8]) -> Result<Header, BadFrame> {
        let (header, payload) = bytes.split_first_chunk::<HEADER>().unwrap();
        let decoded = Header::decode(header)?;
        Header::check(header, payload)?;
        Ok(decoded)
    }

    #[test]
    fn the_layout_is_the_one_that_is_documented() {
        let bytes = frame(b"xyz");
        assert_eq!(bytes[..4], [3, 0, 0, 0]);
        assert_eq!(bytes[4..8], crc32c::crc32c(&bytes[8..]).to_le_bytes());
        assert_eq!(bytes[8..16], [6, 3, 1, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[16..24], [7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&bytes[24..], b"xyz");
        assert_eq!(read(&bytes).unwrap().term, Term(7));
    }

    #[test]
    fn a_flipped_bit_anywhere_but_in_the_length_is_noticed() {
        let bytes = frame(b"payload");
        for at in 4..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn an_immense_length_is_refused_before_memory_is_taken() {
        let mut bytes = frame(b"");
        bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&bytes), Err(BadFrame::Length(u32::MAX as usize)));
    }
}
