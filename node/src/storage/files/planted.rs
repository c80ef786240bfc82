//! Planted bugs: a file layer above the real one that leaves out syncs of files or names, or takes a failed one for good.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{File, Files};
use crate::bugs::{Bug, on};
use crate::storage::hard_state;

/// Directories of a node that makes mistakes with its files; what it does not change goes to the layer below.
pub struct Planted {
    files: Arc<dyn Files>,
    /// `snapshot-rename-no-dirsync`: the next sync of the directory is left out.
    renamed: AtomicBool,
}

impl Planted {
    /// On top of `files`.
    pub fn new(files: Arc<dyn Files>) -> Planted {
        Planted {
            files,
            renamed: AtomicBool::new(false),
        }
    }
}

struct PlantedFile {
    file: Box<dyn File>,
    /// `vote-no-fsync`, `snapshot-not-synced-before-compaction`: its content is written and never synced.
    unsynced: bool,
}

fn planted(name: &str, file: io::Result<Box<dyn File>>) -> io::Result<Box<dyn File>> {
    let unsynced = name == hard_state::FILE && on(Bug::VoteNoFsync)
        || name.starts_with("snapshot") && on(Bug::SnapshotNotSyncedBeforeCompaction);
    file.map(|file| Box::new(PlantedFile { file, unsynced }) as Box<dyn File>)
}

impl Files for Planted {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        planted(name, self.files.create(name))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        planted(name, self.files.open(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if to.starts_with("snapshot") && on(Bug::SnapshotRenameNoDirsync) {
            self.renamed.store(true, Relaxed);
        }
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn sync_dir(&self) -> io::Result<()> {
        match self.renamed.swap(false, Relaxed) {
            true => Ok(()),
            false => self.files.sync_dir(),
        }
    }
}

impl File for PlantedFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn read_all(&self) -> io::Result<Vec<u8>> {
        self.file.read_all()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.file.preallocate(length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        if self.unsynced {
            return Ok(());
        }
        match self.file.sync() {
            // The system has dropped the pages: the second sync finds nothing to do and succeeds.
            Err(_) if on(Bug::FsyncErrorRetried) => {
                let _ = self.file.sync();
                Ok(())
            }
            result => result,
        }
    }
}
