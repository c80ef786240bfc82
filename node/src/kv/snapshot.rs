//! The whole state as bytes, and back: deterministic, versioned, checksummed.

use std::fmt;

use postcard::ser_flavors::{Flavor, StdVec};
use postcard::serialize_with_flavor;

use super::machine::Machine;
use crate::bugs::{self, Bug};
use crate::raft::LogId;

/// The first bytes of every snapshot of a state machine.
const MAGIC: [u8; 6] = *b"ordeal";
/// Of the layout of [`Machine`]; grows with every change of it.
const VERSION: u16 = 4;
/// Magic, version, length of the payload (u64) and crc32c over all of that and the payload; little endian.
const HEADER: usize = 6 + 2 + 8 + 4;

/// Bytes that are no snapshot of this version, or damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt(String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the snapshot of the state machine {}", self.0)
    }
}

impl std::error::Error for Corrupt {}

/// The state as it was at one entry, kept so that it can be made into bytes elsewhere and later.
#[derive(Clone, Debug)]
pub struct Frozen(Machine);

impl Frozen {
    /// The last entry that it covers.
    pub fn last(&self) -> LogId {
        self.0.applied_entry()
    }

    /// All that later entries can depend on. Equal states make equal bytes. O(bytes).
    pub fn bytes(&self) -> Vec<u8> {
        // Our own types into memory always have an encoding; an empty payload would be refused.
        let mut bytes = self.behind_header().unwrap_or_default();
        if let Some(length) = bytes.len().checked_sub(HEADER) {
            bytes[..6].copy_from_slice(&MAGIC);
            bytes[6..8].copy_from_slice(&VERSION.to_le_bytes());
            bytes[8..16].copy_from_slice(&(length as u64).to_le_bytes());
            let checksum = checksum(&bytes);
            bytes[16..HEADER].copy_from_slice(&checksum.to_le_bytes());
        }
        bytes
    }

    /// The payload behind an empty header.
    fn behind_header(&self) -> postcard::Result<Vec<u8>> {
        let mut bytes = StdVec::new();
        bytes.try_extend(&[0; HEADER])?;
        serialize_with_flavor(&self.0, bytes)
    }
}

impl Machine {
    /// The state as it is now, at little cost: see [`Frozen`].
    pub fn freeze(&self) -> Frozen {
        Frozen(self.frozen())
    }

    /// As [`Frozen::bytes`], at once.
    pub fn snapshot(&self) -> Vec<u8> {
        self.freeze().bytes()
    }

    /// The state in `bytes`, which goes on exactly as the one that made them. O(bytes).
    ///
    /// # Errors
    /// Where they are anything else than one whole snapshot.
    pub fn restore(bytes: &[u8]) -> Result<Machine, Corrupt> {
        let corrupt = |why: String| Err(Corrupt(why));
        if bytes.len() < HEADER || bytes[..6] != MAGIC {
            return corrupt("does not begin as one does".to_owned());
        }
        let version = u16::from_le_bytes([bytes[6], bytes[7]]);
        if version != VERSION {
            return corrupt(format!("has version {version}, not {VERSION}"));
        }
        let length = (bytes.len() - HEADER) as u64;
        if bytes[8..16] != length.to_le_bytes() {
            return corrupt(format!("has {length} bytes, not as many as it says"));
        }
        let unchecked = bugs::on(Bug::SnapshotNoChecksum);
        if bytes[16..HEADER] != checksum(bytes).to_le_bytes() && !unchecked {
            return corrupt("has a wrong checksum".to_owned());
        }
        match postcard::take_from_bytes::<Machine>(&bytes[HEADER..]) {
            Ok((machine, [])) => Ok(machine.reindexed()),
            Ok(_) => corrupt("has bytes behind its end".to_owned()),
            Err(error) => corrupt(format!("cannot be read: {error}")),
        }
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..16]), &bytes[HEADER..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::{apply_in, logged, put};
    use super::super::{Logged, Written};
    use super::*;

    fn apply(machine: &mut Machine, logged: &Logged) -> Written {
        apply_in(machine, logged.token, &logged.command)
    }

    fn after(commands: &[Logged]) -> Machine {
        let mut machine = Machine::new();
        for command in commands {
            apply(&mut machine, command);
        }
        machine
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_restored_state_is_the_same_and_goes_on_the_same(
            before in proptest::collection::vec(logged("[0-9]?"), 0..40),
            later in proptest::collection::vec(logged("[0-9]?"), 0..20),
        ) {
            let mut machine = after(&before);
            let bytes = machine.snapshot();
            let mut restored = Machine::restore(&bytes).expect("whole");
            prop_assert_eq!(restored.content(), machine.content());
            prop_assert_eq!(restored.snapshot(), bytes);
            for command in &later {
                prop_assert_eq!(apply(&mut restored, command), apply(&mut machine, command));
                prop_assert_eq!(restored.chain(), machine.chain());
                prop_assert_eq!(restored.content(), machine.content());
            }
            prop_assert_eq!(restored.snapshot(), machine.snapshot());
        }

        #[test]
        fn any_bytes_are_restored_or_refused(bytes: Vec<u8>) {
            prop_assert!(Machine::restore(&bytes).is_err());
        }
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_refused() {
        let put = |key: &str| Logged {
            token: None,
            command: put(key, "vvvvvvvvv"),
        };
        let whole = after(&[put("x"), put("y"), put("x")]).snapshot();
        assert!(Machine::restore(&whole).is_ok());
        for at in 0..whole.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                assert!(Machine::restore(&bytes).is_err(), "byte {at}");
            }
            assert!(Machine::restore(&whole[..at]).is_err(), "cut at {at}");
        }
        let longer = [&whole[..], &[0]].concat();
        assert!(Machine::restore(&longer).is_err());
    }
}
