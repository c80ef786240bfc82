//! What is on disk: the log, term and vote. The only room that can attest that something is.

pub mod durable;
pub mod memory;

pub use durable::Durable;

use std::fmt;

use crate::raft::{Entry, HardState, Write};

/// A log on disk.
pub trait Storage: Send {
    /// Puts all writes on disk, in order, with one sync, and attests it.
    ///
    /// # Errors
    /// [`StorageError::Full`]: nothing of these writes counts, the log ends where it ended before, and the
    /// same writes may be tried again later. [`StorageError::Broken`]: the process must stop; what is on
    /// disk is known only after a restart.
    fn persist(&mut self, writes: &[Write]) -> Result<Durable, StorageError>;
}

/// What a node finds on disk when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Term and vote.
    pub hard_state: HardState,
    /// The log, contiguous from index 1.
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
