//! Writes a snapshot ahead of its turn, on a thread that nobody waits for.
//!
//! The storage thread then has only to give it its name: a large state would keep the log waiting for as long as it
//! takes to write otherwise. Whatever goes wrong here goes wrong again, and is told, when it is the snapshot's turn.

use std::sync::{Arc, Mutex};

use super::files::Files;
use super::{Identity, snapshot};
use crate::lock::lock;
use crate::raft::{LogId, Snapshot};

/// The place beside a data directory's newest snapshot.
#[derive(Clone)]
pub struct Aside {
    files: Arc<dyn Files>,
    identity: Identity,
    /// What is there, whole and synced.
    whole: Arc<Mutex<Option<LogId>>>,
}

impl Aside {
    pub(super) fn new(files: Arc<dyn Files>, identity: Identity) -> Aside {
        Aside {
            files,
            identity,
            whole: Arc::default(),
        }
    }

    /// Writes and syncs a snapshot that was taken here. By one thread at a time. O(bytes).
    pub fn write(&self, snapshot: &Snapshot) {
        self.set(None);
        let written = snapshot::write_aside(self.files.as_ref(), self.identity, snapshot);
        match written {
            Ok(()) => self.set(Some(snapshot.last)),
            // So that it takes no space that others need.
            Err(_) => drop(self.files.remove(snapshot::ASIDE)),
        }
    }

    /// Whether the snapshot up to `last` is there, which then is the caller's.
    pub(super) fn take(&self, last: LogId) -> bool {
        let mut whole = lock(&self.whole);
        whole.take_if(|there| *there == last).is_some()
    }

    fn set(&self, there: Option<LogId>) {
        *lock(&self.whole) = there;
    }
}

impl std::fmt::Debug for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aside").finish_non_exhaustive()
    }
}
