//! A quick hash for small keys of our own making (numbers, masks, short texts); not safe against an adversary's keys
//! by itself, but a bad distribution costs time here, never a verdict.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map with the quick hash. Nothing may depend on the order of its entries.
pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// A set with the quick hash. Nothing may depend on the order of its members.
pub type Set<K> = HashSet<K, BuildHasherDefault<Quick>>;

/// An odd number with well mixed bits (the golden ratio's).
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// wyhash's first secret.
const FACTOR: u64 = 0xa076_1d64_78bd_642f;

/// Multiplies and folds (the scheme of Wang Yi's wyhash, reduced to one round a word).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quick(u64);

impl Quick {
    fn fold(&mut self, word: u64) {
        let wide = u128::from(self.0.rotate_left(23) ^ word ^ SEED) * u128::from(FACTOR);
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }
}

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(FACTOR).rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.fold(u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.fold(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.fold(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.fold(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.fold(number);
    }

    fn write_u128(&mut self, number: u128) {
        self.fold(number as u64);
        self.fold((number >> 64) as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.fold(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, Hash};

    fn hash(value: impl Hash) -> u64 {
        BuildHasherDefault::<Quick>::default().hash_one(value)
    }

    #[test]
    fn neighbours_fall_far_apart() {
        // In the seven top bits, by which the map tells entries apart, and in the low ones that choose the bucket.
        let low: Set<u64> = (0..1000_u64).map(|number| hash(number) % 1024).collect();
        let top: Set<u64> = (0..1000_u64).map(|number| hash(number) >> 57).collect();
        assert!(
            low.len() > 550 && top.len() > 120,
            "{} {}",
            low.len(),
            top.len()
        );
        assert_ne!(hash("ab"), hash("ba"));
        assert_ne!(hash("a"), hash("a\0"));
        assert_ne!(hash((0_u64, 1_u64)), hash((1_u64, 0_u64)));
    }
}
