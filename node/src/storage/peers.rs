//! Whose disks this node knows: the data directory that each peer spoke from first, so that a lost one is noticed.
//!
//! A node whose data directory is gone has forgotten its vote and what it acknowledged. Under its old number it would be
//! counted as if it had not, so whoever knew it listens to no other data directory under that number, until it has left
//! the configuration.
//!
//! ```text
//!  0 crc     u32  crc32c over everything after this field
//!  4 version u32  1
//!  8 magic   8 bytes, "ordeal.p"
//! 16 cluster u64
//! 24 log     u64  of this data directory
//! 32 count   u64  of peers; then for each:
//!    node    u64
//!    log     u64  of its data directory
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use super::files::{Files, remove_if_there, sort_error};
use super::wal::record::{u32_at, u64_at};
use super::{Damage, Identity, OpenError, StorageError};
use crate::lock::lock;
use crate::raft::NodeId;

/// The file's name.
pub const FILE: &str = "peers";

const ASIDE: &str = "peers.new";
const MAGIC: &[u8; 8] = b"ordeal.p";
const VERSION: u32 = 1;
const HEADER: usize = 40;
const EACH: usize = 16;

/// The disks that a node knows, in memory and on its own disk.
#[derive(Clone)]
pub struct KnownDisks {
    files: Arc<dyn Files>,
    identity: Identity,
    known: Arc<Mutex<BTreeMap<NodeId, u64>>>,
    /// Held while the file is written, so that what is known can be looked up meanwhile.
    writing: Arc<Mutex<()>>,
}

impl KnownDisks {
    /// As [`read`] has it.
    ///
    /// # Errors
    /// As there.
    pub(super) fn open(files: Arc<dyn Files>, identity: Identity) -> Result<KnownDisks, OpenError> {
        let known = read(files.as_ref(), identity)?;
        Ok(KnownDisks {
            files,
            identity,
            known: Arc::new(Mutex::new(known)),
            writing: Arc::default(),
        })
    }

    /// This node's own data directory.
    pub fn own(&self) -> u64 {
        self.identity.log
    }

    /// The data directory that `node` spoke from first, if it is known.
    pub fn of(&self, node: NodeId) -> Option<u64> {
        lock(&self.known).get(&node).copied()
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<NodeId, u64> {
        lock(&self.known).clone()
    }

    /// Whether `node` may speak from data directory `log`. Who speaks for the first time may, and is remembered on disk
    /// before this returns.
    ///
    /// # Errors
    /// As [`Storage::persist`](super::Storage::persist); then it may not speak.
    pub fn admits(&self, node: NodeId, log: u64) -> Result<bool, StorageError> {
        let _writing = lock(&self.writing);
        if let Some(known) = self.of(node) {
            return Ok(known == log);
        }
        let mut known = self.all();
        known.insert(node, log);
        self.write(known)?;
        Ok(true)
    }

    /// Forgets all but `members`: who left may come back from another disk.
    ///
    /// # Errors
    /// As above; then they are known still.
    pub fn keep(&self, members: &BTreeSet<NodeId>) -> Result<(), StorageError> {
        let _writing = lock(&self.writing);
        let mut known = self.all();
        let before = known.len();
        known.retain(|node, _| members.contains(node));
        match known.len() < before {
            true => self.write(known),
            false => Ok(()),
        }
    }

    fn write(&self, known: BTreeMap<NodeId, u64>) -> Result<(), StorageError> {
        self.replace(&encode(&known, self.identity))
            .map_err(sort_error)?;
        *lock(&self.known) = known;
        Ok(())
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let files = self.files.as_ref();
        remove_if_there(files, ASIDE)?;
        let file = files.create(ASIDE)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        files.rename(ASIDE, FILE)?;
        files.sync_dir()
    }
}

/// What the file says. Nothing is known where there is none: nobody has been met yet.
///
/// # Errors
/// [`OpenError::Damage`] where the file is not whole; otherwise of the system.
pub fn read(files: &dyn Files, identity: Identity) -> Result<BTreeMap<NodeId, u64>, OpenError> {
    match files.open(FILE) {
        Ok(file) => decode(&file.read_all()?, identity).ok_or_else(|| {
            let what = "which disks its peers have cannot be read";
            Damage::new(FILE, 0, what).into()
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}

fn encode(known: &BTreeMap<NodeId, u64>, identity: Identity) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(MAGIC);
    for number in [identity.cluster, identity.log, known.len() as u64] {
        bytes.extend(number.to_le_bytes());
    }
    for (node, log) in known {
        bytes.extend(u64::from(node.0).to_le_bytes());
        bytes.extend(log.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], identity: Identity) -> Option<BTreeMap<NodeId, u64>> {
    let header = bytes.get(..HEADER)?;
    let sound = u32_at(header, 0) == crc32c::crc32c(&bytes[4..])
        && u32_at(header, 4) == VERSION
        && &header[8..16] == MAGIC
        && u64_at(header, 16) == identity.cluster
        && u64_at(header, 24) == identity.log;
    let each = bytes[HEADER..].chunks_exact(EACH);
    let whole = each.remainder().is_empty() && each.len() as u64 == u64_at(header, 32);
    if !sound || !whole {
        return None;
    }
    each.map(|peer| {
        Some((
            NodeId(u16::try_from(u64_at(peer, 0)).ok()?),
            u64_at(peer, 8),
        ))
    })
    .collect()
}

impl std::fmt::Debug for KnownDisks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KnownDisks").field(&self.all()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::files::double::{Disk, Fault};

    const IDENTITY: Identity = Identity {
        cluster: 7,
        node: NodeId(1),
        log: 9,
    };

    fn open(disk: &Disk) -> Result<KnownDisks, OpenError> {
        KnownDisks::open(Arc::new(disk.clone()), IDENTITY)
    }

    #[test]
    fn who_spoke_from_another_disk_first_is_refused_also_after_power_loss() {
        let disk = Disk::default();
        let known = open(&disk).unwrap();
        assert!(known.admits(NodeId(2), 20).unwrap());
        assert!(known.admits(NodeId(3), 30).unwrap());
        assert!(!known.admits(NodeId(3), 31).unwrap());
        disk.lose_power(|| false);
        let known = open(&disk).unwrap();
        assert!(known.admits(NodeId(2), 20).unwrap());
        assert!(!known.admits(NodeId(3), 31).unwrap());
        known.keep(&[NodeId(2)].into()).unwrap();
        disk.lose_power(|| false);
        let known = open(&disk).unwrap();
        assert!(known.admits(NodeId(3), 31).unwrap());
        assert!(!known.admits(NodeId(2), 21).unwrap());
    }

    #[test]
    fn nobody_is_admitted_whom_the_disk_would_forget() {
        for errno in [libc::ENOSPC, libc::EIO] {
            for failing in 0..5 {
                let disk = Disk::default();
                let known = open(&disk).unwrap();
                known.admits(NodeId(2), 20).unwrap();
                disk.fail(Some(Fault {
                    from: disk.operations() + 1 + failing,
                    count: 1,
                    errno,
                }));
                known.admits(NodeId(3), 30).unwrap_err();
                assert_eq!(known.of(NodeId(3)), None);
                assert!(known.admits(NodeId(3), 33).unwrap());
                disk.lose_power(|| false);
                assert_eq!(open(&disk).unwrap().of(NodeId(3)), Some(33));
                assert_eq!(open(&disk).unwrap().of(NodeId(2)), Some(20));
            }
        }
    }

    #[test]
    fn any_flipped_byte_and_any_missing_one_is_refused() {
        let disk = Disk::default();
        open(&disk).unwrap().admits(NodeId(2), 20).unwrap();
        for at in 0..HEADER + EACH {
            let flipped = disk.copy();
            flipped.edit(FILE, |bytes| bytes[at] ^= 0x40);
            assert!(matches!(open(&flipped), Err(OpenError::Damage(_))), "{at}");
            let cut = disk.copy();
            cut.edit(FILE, |bytes| bytes.truncate(at));
            assert!(matches!(open(&cut), Err(OpenError::Damage(_))), "{at}");
        }
    }
}
