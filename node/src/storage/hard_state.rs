//! Term and vote: one file, two checksummed slots, each written and synced in turn.
//!
//! Both slots are on disk before a change is attested, so damage to either one loses nothing, and a write that is
//! torn by a power loss leaves the other. With both unreadable the node may have voted in a term that it no longer
//! knows of: it refuses to start rather than vote twice.
//!
//! ```text
//!  0 crc         u32  crc32c over everything after this field
//!  4 node        u32
//!  8 magic       8 bytes, "ordeal.h"
//! 16 version     u32  1
//! 20 vote        u32  0: none
//! 24 cluster     u64
//! 32 log         u64  drawn at random when the data directory was made
//! 40 sequence    u64  of the write
//! 48 term        u64
//! 56 incarnation u64  how often this node has started
//! ```

use std::io;

use super::files::{File, Files};
use super::wal::record::{u32_at, u64_at};
use super::{Damage, Identity, OpenError};
use crate::raft::{HardState, NodeId, Term};

/// The file's name.
pub const FILE: &str = "hard-state";

const ASIDE: &str = "hard-state.new";
const MAGIC: &[u8; 8] = b"ordeal.h";
const VERSION: u32 = 1;
const SLOT: usize = 64;
/// In different sectors and pages, so that one torn write never reaches both.
const OFFSETS: [usize; 2] = [0, 4096];

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose it is.
    pub identity: Identity,
    /// Grows with every write.
    pub sequence: u64,
    /// Term and vote.
    pub hard_state: HardState,
    /// How often this node has started.
    pub incarnation: u64,
}

/// The file, open for writing.
pub struct HardStateFile {
    file: Box<dyn File>,
    state: Slot,
    /// The slot to write first: never the only one that is readable.
    next: usize,
}

impl HardStateFile {
    /// Makes the file, whole and durable or not at all.
    ///
    /// # Errors
    /// Of the system.
    pub fn create(files: &dyn Files, identity: Identity) -> io::Result<HardStateFile> {
        let state = Slot {
            identity,
            sequence: 1,
            hard_state: HardState::default(),
            incarnation: 0,
        };
        if files.list()?.iter().any(|name| name == ASIDE) {
            files.remove(ASIDE)?;
        }
        let file = files.create(ASIDE)?;
        file.preallocate((OFFSETS[1] + SLOT) as u64)?;
        for offset in OFFSETS {
            file.write_at(offset as u64, &state.encode())?;
        }
        file.sync()?;
        files.rename(ASIDE, FILE)?;
        files.sync_dir()?;
        Ok(HardStateFile {
            file,
            state,
            next: 0,
        })
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`OpenError::Damage`] when no slot is readable; otherwise of the system.
    pub fn open(files: &dyn Files) -> Result<HardStateFile, OpenError> {
        let file = files.open(FILE)?;
        let slots = read(&file.read_all()?);
        let newest = match (slots[0], slots[1]) {
            (Some(a), Some(b)) if a.sequence >= b.sequence => 0,
            (Some(_), None) => 0,
            (_, Some(_)) => 1,
            (None, None) => {
                let what = "neither copy of term and vote matches its checksum";
                return Err(Damage::new(FILE, 0, what).into());
            }
        };
        let Some(state) = slots[newest] else {
            return Err(io::Error::other("the newest slot was read before").into());
        };
        Ok(HardStateFile {
            file,
            state,
            next: 1 - newest,
        })
    }

    /// What is on disk.
    pub fn state(&self) -> Slot {
        self.state
    }

    /// Puts term and vote on disk, twice.
    ///
    /// # Errors
    /// Of the system; then the change may be on disk or not, and one slot at least is readable.
    pub fn write(&mut self, hard_state: HardState, incarnation: u64) -> io::Result<()> {
        let state = Slot {
            sequence: self.state.sequence + 1,
            hard_state,
            incarnation,
            ..self.state
        };
        for _ in OFFSETS {
            self.file
                .write_at(OFFSETS[self.next] as u64, &state.encode())?;
            self.file.sync()?;
            // Only now, so that after an error the same slot is written again first.
            self.next = 1 - self.next;
        }
        self.state = state;
        Ok(())
    }
}

/// Both slots, as far as they are readable.
pub fn read(bytes: &[u8]) -> [Option<Slot>; 2] {
    OFFSETS.map(|offset| Slot::decode(bytes.get(offset..offset + SLOT)?))
}

impl Slot {
    fn encode(&self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let vote = self.hard_state.vote.map_or(0, |node| node.0);
        bytes[4..8].copy_from_slice(&u32::from(self.identity.node.0).to_le_bytes());
        bytes[8..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&VERSION.to_le_bytes());
        bytes[20..24].copy_from_slice(&u32::from(vote).to_le_bytes());
        bytes[24..32].copy_from_slice(&self.identity.cluster.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.identity.log.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.hard_state.term.0.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.incarnation.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Slot> {
        let sound = u32_at(bytes, 0) == crc32c::crc32c(&bytes[4..])
            && &bytes[8..16] == MAGIC
            && u32_at(bytes, 16) == VERSION;
        let node = |offset| u16::try_from(u32_at(bytes, offset)).ok().map(NodeId);
        let slot = Slot {
            identity: Identity {
                node: node(4)?,
                cluster: u64_at(bytes, 24),
                log: u64_at(bytes, 32),
            },
            sequence: u64_at(bytes, 40),
            hard_state: HardState {
                term: Term(u64_at(bytes, 48)),
                vote: node(20).filter(|node| node.0 != 0),
            },
            incarnation: u64_at(bytes, 56),
        };
        sound.then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::files::double::{Disk, Fault};

    const IDENTITY: Identity = Identity {
        cluster: 7,
        node: NodeId(2),
        log: 9,
    };

    fn vote(term: u64, vote: u16) -> HardState {
        HardState {
            term: Term(term),
            vote: (vote != 0).then_some(NodeId(vote)),
        }
    }

    fn reopen(disk: &Disk) -> HardState {
        HardStateFile::open(disk).unwrap().state().hard_state
    }

    #[test]
    fn any_one_flipped_byte_loses_nothing() {
        let disk = Disk::default();
        let mut file = HardStateFile::create(&disk, IDENTITY).unwrap();
        file.write(vote(4, 3), 1).unwrap();
        for at in 0..OFFSETS[1] + SLOT {
            let copy = disk.copy();
            copy.edit(FILE, |bytes| bytes[at] ^= 0x40);
            assert_eq!(reopen(&copy), vote(4, 3), "byte {at}");
        }
    }

    #[test]
    fn two_unreadable_slots_are_refused() {
        let disk = Disk::default();
        HardStateFile::create(&disk, IDENTITY).unwrap();
        disk.edit(FILE, |bytes| {
            bytes[10] ^= 1;
            bytes[OFFSETS[1] + 50] ^= 1;
        });
        assert!(matches!(
            HardStateFile::open(&disk),
            Err(OpenError::Damage(_))
        ));
    }

    #[test]
    fn a_vote_that_was_written_survives_power_loss_and_a_failed_one_never_costs_the_last() {
        for errno in [libc::ENOSPC, libc::EIO] {
            for failing in 0..4 {
                let disk = Disk::default();
                let mut file = HardStateFile::create(&disk, IDENTITY).unwrap();
                file.write(vote(4, 3), 1).unwrap();
                disk.fail(Some(Fault {
                    from: disk.operations() + 1 + failing,
                    count: 1,
                    errno,
                }));
                file.write(vote(5, 1), 1).unwrap_err();
                let crashed = disk.copy();
                let mut odd = false;
                crashed.lose_power(|| {
                    odd = !odd;
                    odd
                });
                let found = reopen(&crashed);
                assert!(found == vote(4, 3) || found == vote(5, 1), "{found:?}");
                file.write(vote(6, 2), 1).unwrap();
                disk.lose_power(|| false);
                assert_eq!(reopen(&disk), vote(6, 2));
            }
        }
    }
}
