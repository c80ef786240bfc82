//! Finds frames in a stream of bytes, piece by piece, without holding any of them.
//!
//! A frame, little endian: `len: u32` (bytes of payload), `crc: u32` (CRC-32C over the rest of the header,
//! then the payload), `kind: u8`, `version: u8`, `from: u16`, `to: u16`, `flags: u16`, `term: u64`, payload.
//! This is code of the harness' own, written from `node/README.md`: the judge shares none with the accused.

use super::rule::KINDS;

/// Bytes of a frame's header.
pub const HEADER: usize = 24;
/// The kind of the first frame of every connection.
pub(super) const HELLO: u8 = 1;
/// The kind of a piece of a snapshot.
const SNAPSHOT: u8 = 14;
/// No frame is longer; a length above it means that the bytes are something else.
const LONGEST: u32 = 1 << 28;
const VERSION: u8 = 3;

/// A run of bytes from the stream that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Of a frame that goes on after it.
    Part(usize),
    /// The last of this frame.
    Last(usize, Frame),
    /// Of a stream that is not made of frames.
    Opaque(usize),
}

/// What a frame's header said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Kind, below [`KINDS`].
    pub kind: u8,
    /// The sender's term.
    pub term: u64,
    /// Its whole length in bytes, header included.
    pub bytes: u64,
    /// The checksum is right.
    pub intact: bool,
}

/// What a rule may ask about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its kind.
    pub kind: u8,
    /// It is the last piece of a snapshot.
    pub last_chunk: bool,
}

impl Header {
    /// Of a whole frame.
    pub fn of(frame: &[u8]) -> Header {
        let kind = frame.get(8).copied().unwrap_or(0);
        let last_chunk = kind == SNAPSHOT && ends_a_snapshot(frame).unwrap_or(false);
        Header { kind, last_chunk }
    }
}

/// Does the piece reach the snapshot's end? A postcard `Body`: its variant, the snapshot's last entry (index, term), the
/// entry that brought its configuration, voters, voters before and learners (each a count and so many), addresses (a
/// count, then a node and a text each), the snapshot's size and checksum, where the piece begins, and its bytes with
/// their number in front.
fn ends_a_snapshot(frame: &[u8]) -> Option<bool> {
    let payload = &mut frame.get(HEADER..)?;
    for _ in 0..5 {
        varint(payload)?;
    }
    for _ in 0..3 {
        for _ in 0..varint(payload)? {
            varint(payload)?;
        }
    }
    for _ in 0..varint(payload)? {
        varint(payload)?;
        let len = usize::try_from(varint(payload)?).ok()?;
        *payload = payload.get(len..)?;
    }
    let size = varint(payload)?;
    let _checksum = varint(payload)?;
    let offset = varint(payload)?;
    Some(offset.checked_add(varint(payload)?)? >= size)
}

/// A number in postcard's form: seven bits a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// What is known of the next frame before any of its bytes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its kind, and its whole length in bytes.
    Kind(u8, usize),
    /// Too few bytes to know.
    Unknown,
    /// It is no frame, or one of which part was taken before.
    Begun,
}

/// Follows one direction of one connection. A connection begins with a frame or is opaque for ever; so it
/// is after the first thing that cannot be a header, or whose checksum is wrong.
#[derive(Debug)]
pub struct Frames {
    from: u16,
    to: u16,
    header: [u8; HEADER],
    have: usize,
    left: usize,
    crc: u32,
    opaque: bool,
}

impl Frames {
    /// Expects frames of the link `from` → `to`.
    pub fn new(from: u16, to: u16) -> Frames {
        Frames {
            from,
            to,
            header: [0; HEADER],
            have: 0,
            left: 0,
            crc: 0,
            opaque: false,
        }
    }

    /// Takes the first piece of `bytes`; `None` when they are empty. O(piece), allocates nothing.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Piece> {
        if bytes.is_empty() {
            return None;
        }
        if self.opaque {
            return Some(Piece::Opaque(bytes.len()));
        }
        let mut taken = 0;
        if self.have < HEADER {
            taken = bytes.len().min(HEADER - self.have);
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            if !self.plausible(&self.header[..self.have]) {
                self.opaque = true;
                return Some(Piece::Opaque(bytes.len()));
            }
            if self.have < HEADER {
                return Some(Piece::Part(taken));
            }
            self.left = self.word(0) as usize;
            self.crc = crc32c::crc32c(&self.header[8..]);
        }
        let payload = self.left.min(bytes.len() - taken);
        self.crc = crc32c::crc32c_append(self.crc, &bytes[taken..taken + payload]);
        self.left -= payload;
        taken += payload;
        if self.left > 0 {
            return Some(Piece::Part(taken));
        }
        let frame = self.frame();
        self.have = 0;
        self.opaque = !frame.intact;
        Some(Piece::Last(taken, frame))
    }

    /// Looks at the frame that `bytes` begin with, taking nothing.
    pub fn next(&self, bytes: &[u8]) -> Next {
        if self.opaque || self.have > 0 {
            return Next::Begun;
        }
        let header = &bytes[..bytes.len().min(HEADER)];
        if !self.plausible(header) {
            return Next::Begun;
        }
        if header.len() < HEADER {
            return Next::Unknown;
        }
        let len = header
            .first_chunk()
            .map_or(0, |len| u32::from_le_bytes(*len));
        Next::Kind(header[8], HEADER + len as usize)
    }

    /// Bytes to the end of the header or frame that was begun; without end in an opaque stream.
    pub fn remaining(&self) -> usize {
        if self.opaque {
            usize::MAX
        } else if self.have < HEADER {
            HEADER - self.have
        } else {
            self.left
        }
    }

    /// True between two frames: all that was taken were whole ones.
    pub fn between(&self) -> bool {
        !self.opaque && self.have == 0
    }

    /// True once the stream turned out not to hold frames.
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// Could a header begin with these bytes?
    fn plausible(&self, header: &[u8]) -> bool {
        let is = |at: usize, want: &[u8]| header.iter().skip(at).zip(want).all(|(a, b)| a == b);
        let len = header
            .first_chunk()
            .map_or(0, |len| u32::from_le_bytes(*len));
        let kind = header.get(8).copied();
        len <= LONGEST
            && kind.is_none_or(|kind| kind > 0 && usize::from(kind) < KINDS)
            && is(9, &[VERSION])
            && is(10, &self.from.to_le_bytes())
            && is(12, &self.to.to_le_bytes())
    }

    fn frame(&self) -> Frame {
        let term = self
            .header
            .last_chunk()
            .map_or(0, |t| u64::from_le_bytes(*t));
        Frame {
            kind: self.header[8],
            term,
            bytes: HEADER as u64 + u64::from(self.word(0)),
            intact: self.crc == self.word(4),
        }
    }

    fn word(&self, at: usize) -> u32 {
        self.header[at..]
            .first_chunk()
            .map_or(0, |word| u32::from_le_bytes(*word))
    }
}

/// Frames for tests, written from the same page.
#[cfg(test)]
pub mod sample {
    /// A frame of link `from` → `to`.
    pub fn frame(kind: u8, from: u16, to: u16, term: u64, payload: &[u8]) -> Vec<u8> {
        let mut rest = vec![kind, super::VERSION];
        rest.extend(from.to_le_bytes());
        rest.extend(to.to_le_bytes());
        rest.extend(0u16.to_le_bytes());
        rest.extend(term.to_le_bytes());
        rest.extend(payload);
        let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
        bytes.extend(crc32c::crc32c(&rest).to_le_bytes());
        bytes.extend(rest);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::sample::frame;
    use super::*;

    fn stream() -> Vec<u8> {
        [
            frame(1, 1, 2, 0, b"hello"),
            frame(6, 1, 2, 3, &[7; 1000]),
            frame(8, 1, 2, 4, b""),
        ]
        .concat()
    }

    /// Every piece when the bytes come `chunk` at a time.
    fn pieces(bytes: &[u8], chunk: usize) -> Vec<Piece> {
        let mut frames = Frames::new(1, 2);
        let mut all = vec![];
        for mut bytes in bytes.chunks(chunk) {
            while let Some(piece) = frames.take(bytes) {
                let (Piece::Part(n) | Piece::Last(n, _) | Piece::Opaque(n)) = piece;
                bytes = &bytes[n..];
                all.push(piece);
            }
        }
        all
    }

    #[test]
    fn frames_are_found_however_the_stream_is_cut_up() {
        let bytes = stream();
        for chunk in (1..60).chain([bytes.len()]) {
            let pieces = pieces(&bytes, chunk);
            let found: Vec<(u8, u64, u64)> = pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Last(_, frame) if frame.intact => {
                        Some((frame.kind, frame.term, frame.bytes))
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(found, [(1, 0, 29), (6, 3, 1024), (8, 4, 24)], "by {chunk}");
        }
    }

    #[test]
    fn the_last_piece_of_a_snapshot_is_known() {
        // Variant 10, last entry 300@2, configuration of 7@1: voters 1 2 3, nobody before, learner 4, the address of 4.
        let begin = [
            10, 0xac, 0x02, 2, 7, 1, 3, 1, 2, 3, 0, 1, 4, 1, 4, 3, b'a', b':', b'1',
        ];
        // 5 bytes in all, a checksum, then where it begins and how many come.
        let payload = |offset: u8, len: u8| {
            let mut bytes = begin.to_vec();
            bytes.extend([5, 0xff, 0xff, 0xff, 0xff, 0x0f, offset, len]);
            bytes.extend(vec![7; usize::from(len)]);
            bytes
        };
        let header = |kind, payload: &[u8]| Header::of(&frame(kind, 1, 2, 3, payload));
        assert!(!header(14, &payload(0, 3)).last_chunk);
        assert!(header(14, &payload(3, 2)).last_chunk);
        assert!(!header(6, &payload(3, 2)).last_chunk);
        assert!(!header(14, &[10]).last_chunk);
    }

    #[test]
    fn text_is_opaque_from_its_first_word() {
        assert_eq!(pieces(b"GET / HTTP/1.1\r\n", 100), [Piece::Opaque(16)]);
        assert_eq!(Frames::new(1, 2).next(b"PING"), Next::Begun);
    }

    #[test]
    fn frames_of_another_link_are_opaque() {
        let bytes = frame(6, 2, 1, 3, b"x");
        assert_eq!(pieces(&bytes, 100), [Piece::Opaque(25)]);
    }

    #[test]
    fn a_wrong_checksum_ends_the_trust_in_the_stream() {
        let mut bytes = stream();
        bytes[HEADER] ^= 1;
        let pieces = pieces(&bytes, bytes.len());
        assert!(matches!(
            pieces[0],
            Piece::Last(29, Frame { intact: false, .. })
        ));
        assert_eq!(pieces[1..], [Piece::Opaque(bytes.len() - 29)]);
    }

    #[test]
    fn garbage_never_panics_and_no_byte_is_left_out() {
        let mut state = 1u64;
        for round in 0..2000 {
            let mut bytes = stream();
            for _ in 0..round % 7 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            let total: usize = pieces(&bytes, 1 + round % 40)
                .iter()
                .map(|(Piece::Part(n) | Piece::Last(n, _) | Piece::Opaque(n))| n)
                .sum();
            assert_eq!(total, bytes.len());
        }
    }

    #[test]
    fn the_next_frame_is_known_once_its_header_is_there() {
        let bytes = frame(4, 1, 2, 9, b"");
        let frames = Frames::new(1, 2);
        for n in 0..HEADER {
            assert_eq!(frames.next(&bytes[..n]), Next::Unknown);
        }
        assert_eq!(frames.next(&bytes), Next::Kind(4, HEADER));
    }
}
