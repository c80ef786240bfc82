//! What is on disk: the log, term and vote. The only room that can attest that something is.

pub mod aside;
pub mod damage;
pub mod disk;
pub mod durable;
#[cfg(feature = "planted-bugs")]
pub mod eager;
pub mod files;
pub mod hard_state;
pub mod memory;
pub mod peers;
pub mod snapshot;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod wal;

pub use aside::Aside;
pub use damage::{Damage, OpenError};
pub use disk::{Boot, Disk, Mode, Options};
pub use durable::Durable;
pub use peers::KnownDisks;

use std::fmt;
use std::time::Duration;

use crate::exit;
use crate::log::say;
use crate::raft::{Entry, HardState, NodeId, Snapshot, Write};

/// A log on disk.
pub trait Storage: Send {
    /// Puts all writes on disk, in order, with one sync, and attests it.
    ///
    /// # Errors
    /// [`StorageError::Full`]: nothing of these writes counts, though a part of the entries may be on disk already, and
    /// the same writes may be tried again later. [`StorageError::Broken`]: the process must stop; what is on
    /// disk is known only after a restart.
    fn persist(&mut self, writes: &[Write]) -> Result<Durable, StorageError>;

    /// Where snapshots can be written ahead of their turn; `None`: nowhere.
    fn aside(&self) -> Option<Aside> {
        None
    }

    /// How many segments of the log were made of spare files.
    fn recycled(&self) -> u64 {
        0
    }

    /// Does work that waited, when no writes do; returns after how long it wants to be asked again.
    ///
    /// # Errors
    /// As [`Storage::persist`].
    fn idle(&mut self) -> Result<Option<Duration>, StorageError> {
        Ok(None)
    }
}

/// The disk itself; in a build with planted bugs, behind those that this run makes. `now` is a monotonic clock.
#[cfg(feature = "planted-bugs")]
pub fn wrap(disk: Disk, now: Box<dyn Fn() -> Duration + Send>) -> Box<dyn Storage> {
    use crate::bugs::{Bug, on};
    let follower = on(Bug::FollowerAckBeforeFsync);
    let leader = on(Bug::LeaderSelfAckBeforeFsync);
    match follower || leader {
        true => Box::new(eager::Eager::new(disk, follower, leader, now)),
        false => Box::new(disk),
    }
}

/// The disk itself; in a build with planted bugs, behind those that this run makes. `now` is a monotonic clock.
#[cfg(not(feature = "planted-bugs"))]
pub fn wrap(disk: Disk, _now: Box<dyn Fn() -> Duration + Send>) -> Box<dyn Storage> {
    Box::new(disk)
}

/// Whose data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster, by [`cluster_id`].
    pub cluster: u64,
    /// The node.
    pub node: NodeId,
    /// The data directory: drawn at random when it was made.
    pub log: u64,
}

/// A cluster's name as a number, in files and handshakes (FNV-1a, 64 bits).
pub fn cluster_id(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What a node finds on disk when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Term and vote.
    pub hard_state: HardState,
    /// The newest snapshot.
    pub snapshot: Option<Snapshot>,
    /// The log, contiguous; it begins with index 1, or at or before the index behind the snapshot.
    pub entries: Vec<Entry>,
}

/// Why something could not be put on disk.
#[derive(Debug)]
pub enum StorageError {
    /// No space left. Not a crash.
    Full,
    /// A write or sync failed: nobody knows what is on disk.
    Broken(std::io::Error),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Full => f.write_str("no space left on the data directory's disk"),
            StorageError::Broken(error) => write!(f, "a write or sync failed: {error}"),
        }
    }
}

impl std::error::Error for StorageError {}

impl StorageError {
    /// Ends the process, as whoever meets [`StorageError::Broken`] must: what is on disk is known only after reading it
    /// again (PostgreSQL's fsyncgate, 2018).
    pub fn end_process(&self, id: NodeId) -> ! {
        say!("{id} stops: {self}; restart it to recover from what is on disk");
        std::process::exit(exit::IO_FAILED);
    }
}
