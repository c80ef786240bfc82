//! Hashes by which replicas are compared: of the log that was applied, and of the content that it made.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 128 bits of FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv): short, the same in every version and on
/// every machine. It tells replicas that differ by accident; it does not resist forgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(u128);

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Powers of the prime.
const POWERS: [u128; 9] = {
    let (mut powers, mut at) = ([1; 9], 1);
    while at < 9 {
        powers[at] = u128::wrapping_mul(powers[at - 1], PRIME);
        at += 1;
    }
    powers
};

fn step(hash: u128, byte: &u8) -> u128 {
    (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
}

impl Default for Digest {
    fn default() -> Digest {
        Digest(BASIS)
    }
}

impl Digest {
    /// Goes on with `bytes` and their length, so that a boundary that moves changes the digest. O(bytes).
    pub(super) fn field(self, bytes: &[u8]) -> Digest {
        let length = self.word(bytes.len() as u64);
        Digest(bytes.iter().fold(length.0, step))
    }

    /// As the eight bytes of a number, little endian, as a field.
    pub(super) fn number(self, number: u64) -> Digest {
        self.word(8).word(number)
    }

    /// Eight bytes, little endian. Most are zero at the end, and each of those only multiplies.
    fn word(self, number: u64) -> Digest {
        let zeros = number.leading_zeros() as usize / 8;
        let bytes = number.to_le_bytes();
        let hash = bytes[..8 - zeros].iter().fold(self.0, step);
        Digest(hash.wrapping_mul(POWERS[zeros]))
    }

    /// The bits.
    pub fn value(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fnv_1a() {
        let hash = |bytes: &[u8]| bytes.iter().fold(BASIS, step);
        // The draft's test vector for "a".
        assert_eq!(hash(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        for number in [0, 1, 255, 256, 1 << 40, u64::MAX] {
            let whole = [8_u64.to_le_bytes(), number.to_le_bytes()].concat();
            assert_eq!(Digest::default().number(number).0, hash(&whole));
            let field = Digest::default().field(&number.to_le_bytes());
            assert_eq!(field.0, hash(&whole));
        }
    }

    #[test]
    fn a_moved_boundary_changes_it() {
        let digest = Digest::default();
        assert_ne!(
            digest.field(b"ab").field(b"c"),
            digest.field(b"a").field(b"bc")
        );
    }
}
