//! Why a data directory cannot be used, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{StorageError, files::sort_error};

/// Bytes that were on disk once are not there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, below the data directory.
    pub file: String,
    /// Where in it the trouble begins.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// Why a data directory cannot be used.
#[derive(Debug)]
pub enum OpenError {
    /// It has lost what may have been promised.
    Damage(Damage),
    /// It belongs to another node or cluster.
    Foreign(String),
    /// Another process uses it.
    Locked,
    /// The system refused.
    Io(io::Error),
}

impl Damage {
    /// Damage in `file` from `offset` on.
    pub fn new(file: &str, offset: u64, what: &str) -> Damage {
        Damage {
            file: file.to_owned(),
            offset,
            what: what.to_owned(),
        }
    }
}

impl OpenError {
    /// True where only space is missing.
    pub fn is_full(&self) -> bool {
        match self {
            OpenError::Io(error) => {
                let error = io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(0));
                matches!(sort_error(error), StorageError::Full)
            }
            _ => false,
        }
    }

    /// The whole story of what happened to the data directory at `path`, and the way out.
    pub fn explain(&self, path: &Path) -> String {
        let directory = path.display();
        match self {
            OpenError::Damage(damage) => format!(
                "{damage}. What stood there may have been acknowledged, so this node refuses to go on without it. \
                 To rebuild: move {directory} away, remove this node from the cluster, start it with --join, and add it \
                 again. Under its old membership the others refuse it: an empty node has forgotten its vote and what it \
                 acknowledged."
            ),
            OpenError::Foreign(what) => format!(
                "{directory} {what}. Give this node a data directory of its own with --data-dir."
            ),
            OpenError::Locked => format!(
                "Another process uses {directory}. Stop it, or give this node a data directory of its own with --data-dir."
            ),
            OpenError::Io(error) => format!("Cannot use the data directory {directory}: {error}."),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = PathBuf::from(&self.file);
        write!(
            f,
            "{} is damaged at byte {}: {}",
            file.display(),
            self.offset,
            self.what
        )
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain(Path::new("the data directory")))
    }
}

impl std::error::Error for OpenError {}

impl From<Damage> for OpenError {
    fn from(damage: Damage) -> OpenError {
        OpenError::Damage(damage)
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
    }
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> OpenError {
        OpenError::Io(match error {
            StorageError::Full => io::Error::from_raw_os_error(libc::ENOSPC),
            StorageError::Broken(error) => error,
        })
    }
}
