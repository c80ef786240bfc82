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

impl Default for Digest {
    fn default() -> Digest {
        Digest(BASIS)
    }
}

impl Digest {
    /// Goes on with `bytes` and their length, so that a boundary that moves changes the digest. O(bytes).
    pub(super) fn field(self, bytes: &[u8]) -> Digest {
        let length = (bytes.len() as u64).to_le_bytes();
        let step = |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        Digest(length.iter().chain(bytes).fold(self.0, step))
    }

    pub(super) fn number(self, number: u64) -> Digest {
        self.field(&number.to_le_bytes())
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
        let hash = |bytes: &[u8]| {
            let step = |h: u128, b: &u8| (h ^ u128::from(*b)).wrapping_mul(PRIME);
            bytes.iter().fold(BASIS, step)
        };
        // The draft's test vector for "a".
        assert_eq!(hash(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
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
