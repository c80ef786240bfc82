//! Files that lose at SIGKILL what a machine loses at a power cut: everything that was not synced.
//!
//! Writes, truncations, creations, renames and removals are held in this process' memory until the file,
//! or the directory, is synced; only then do they reach the system (and are really synced there, too). Of every other
//! sync some of the bytes go ahead of the rest, as a system writes back what it likes: SIGKILL then leaves torn writes.
//! A sync that fails loses what it was to make durable.
//! Reads see what is held. A file that is created but not yet named durably lives under a `.held-` name,
//! which the next start sweeps away.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

mod edits;

use edits::{Before, Edit, written_back};

use super::direct::{Direct, DirectFile, create_new};
use super::{File, Files, is_full};
use crate::lock::lock;
use crate::raft::rng::Rng;

const HELD: &str = ".held-";

/// The directory at a path, seen through a volatile cache of our own.
pub struct Lossy {
    directory: PathBuf,
    names: Mutex<Names>,
    rng: Arc<Mutex<Rng>>,
}

struct Names {
    /// What a reader of the directory sees.
    seen: BTreeMap<String, Arc<Inode>>,
    /// What the system has not been told yet, in order.
    held: Vec<Change>,
    created: u64,
}

enum Change {
    Create { under: String, name: String },
    Rename { from: String, to: String },
    Remove { name: String },
}

struct Inode {
    file: DirectFile,
    held: Mutex<Vec<Edit>>,
    rng: Arc<Mutex<Rng>>,
}

impl Lossy {
    /// The files in `directory`, which must exist. Sweeps away what an earlier process had not named durably. What is
    /// written back ahead of a sync is drawn from `seed`.
    ///
    /// # Errors
    /// Of the system.
    pub fn new(directory: &Path, seed: u64) -> io::Result<Lossy> {
        let rng = Arc::new(Mutex::new(Rng::new(seed)));
        let mut seen = BTreeMap::new();
        for name in Direct::new(directory).list()? {
            let path = directory.join(&name);
            if name.starts_with(HELD) {
                fs::remove_file(path)?;
            } else if path.is_file() {
                let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
                seen.insert(name, Arc::new(Inode::new(file, rng.clone())));
            }
        }
        Ok(Lossy {
            directory: directory.to_owned(),
            names: Mutex::new(Names {
                seen,
                held: Vec::new(),
                created: 0,
            }),
            rng,
        })
    }

    fn tell(&self, change: &Change) -> io::Result<()> {
        let at = |name: &str| self.directory.join(name);
        match change {
            Change::Create { under, name } => fs::rename(at(under), at(name)),
            Change::Rename { from, to } => fs::rename(at(from), at(to)),
            Change::Remove { name } => fs::remove_file(at(name)),
        }
    }
}

impl Files for Lossy {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut names = lock(&self.names);
        if names.seen.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let under = format!("{HELD}{}-{name}", names.created);
        let file = create_new(&self.directory.join(&under))?;
        let inode = Arc::new(Inode::new(file, self.rng.clone()));
        names.created += 1;
        names.seen.insert(name.to_owned(), inode.clone());
        names.held.push(Change::Create {
            under,
            name: name.to_owned(),
        });
        Ok(Box::new(inode))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        match lock(&self.names).seen.get(name) {
            Some(inode) => Ok(Box::new(inode.clone())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut names = lock(&self.names);
        let inode = names.seen.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.seen.insert(to.to_owned(), inode);
        names.held.push(Change::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut names = lock(&self.names);
        names.seen.remove(name).ok_or(io::ErrorKind::NotFound)?;
        names.held.push(Change::Remove {
            name: name.to_owned(),
        });
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.names).seen.keys().cloned().collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut names = lock(&self.names);
        while let Some(change) = names.held.first() {
            self.tell(change)?;
            names.held.remove(0);
        }
        Direct::new(&self.directory).sync_dir()
    }
}

impl Inode {
    fn new(file: fs::File, rng: Arc<Mutex<Rng>>) -> Inode {
        Inode {
            file: DirectFile { file },
            held: Mutex::new(Vec::new()),
            rng,
        }
    }

    fn hold(&self, edit: Edit) -> io::Result<()> {
        lock(&self.held).push(edit);
        Ok(())
    }
}

impl File for Arc<Inode> {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.hold(Edit::Write {
            offset,
            bytes: bytes.to_vec(),
        })
    }

    fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut content = self.file.read_all()?;
        for edit in lock(&self.held).iter() {
            edit.apply_to(&mut content);
        }
        Ok(content)
    }

    fn length(&self) -> io::Result<u64> {
        let mut length = self.file.length()?;
        for edit in lock(&self.held).iter() {
            length = edit.length(length);
        }
        Ok(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.hold(Edit::Preallocate { length })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.hold(Edit::SetLen { length })
    }

    fn sync(&self) -> io::Result<()> {
        let mut held = lock(&self.held);
        let mut ahead = Vec::new();
        {
            let mut rng = lock(&self.rng);
            if rng.next().is_multiple_of(2) {
                ahead = written_back(&held, &mut rng);
            }
        }
        let mut done = Ok(());
        if !ahead.is_empty() {
            done = self.write_and_sync(&ahead);
        }
        done = done.and_then(|()| self.write_and_sync(&held));
        // On a full disk nothing is lost: doing all of it again from the first gives the same file.
        if !done.as_ref().is_err_and(is_full) {
            held.clear();
        }
        done
    }
}

impl Inode {
    /// After an error the system's file is as before, unless the disk is full.
    fn write_and_sync(&self, edits: &[Edit]) -> io::Result<()> {
        let before = Before::read(&self.file, edits)?;
        let written = edits.iter().try_for_each(|edit| edit.apply(&self.file));
        written.and_then(|()| self.file.sync()).or_else(|error| {
            if !is_full(&error) {
                before.restore(&self.file)?;
            }
            Err(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(directory: &Path, name: &str) -> Option<Vec<u8>> {
        fs::read(directory.join(name)).ok()
    }

    #[test]
    fn what_is_not_synced_is_not_on_disk_yet_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let files = Lossy::new(dir.path(), 1).unwrap();
        let file = files.create("a").unwrap();
        file.write_at(2, b"xy").unwrap();
        assert_eq!(file.read_all().unwrap(), b"\0\0xy");
        file.sync().unwrap();
        assert_eq!(on_disk(dir.path(), "a"), None, "its name is not durable");
        files.sync_dir().unwrap();
        file.write_at(0, b"lost").unwrap();
        file.set_len(1).unwrap();
        assert_eq!(file.read_all().unwrap(), b"l");
        assert_eq!(on_disk(dir.path(), "a").unwrap(), b"\0\0xy");
    }

    #[test]
    fn a_sync_that_fails_loses_what_it_was_to_make_durable() {
        // Takes writes, and cannot be synced.
        let null = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null");
        let rng = Arc::new(Mutex::new(Rng::new(1)));
        let file = Arc::new(Inode::new(null.unwrap(), rng));
        file.write_at(0, b"lost").unwrap();
        assert_eq!(file.read_all().unwrap(), b"lost");
        assert!(file.sync().is_err());
        assert_eq!(file.read_all().unwrap(), b"");
    }

    #[test]
    fn a_durable_name_without_a_synced_content_is_an_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        let files = Lossy::new(dir.path(), 1).unwrap();
        files.create("a").unwrap().write_at(0, b"lost").unwrap();
        files.sync_dir().unwrap();
        assert_eq!(on_disk(dir.path(), "a").unwrap(), b"");
    }

    #[test]
    fn renames_and_removals_wait_for_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("old"), "1").unwrap();
        fs::write(dir.path().join("gone"), "2").unwrap();
        let files = Lossy::new(dir.path(), 1).unwrap();
        files.rename("old", "new").unwrap();
        files.remove("gone").unwrap();
        assert_eq!(files.list().unwrap(), ["new"]);
        assert_eq!(Direct::new(dir.path()).list().unwrap(), ["gone", "old"]);
        files.sync_dir().unwrap();
        assert_eq!(Direct::new(dir.path()).list().unwrap(), ["new"]);
    }

    #[test]
    fn the_next_start_sweeps_away_what_was_never_named() {
        let dir = tempfile::tempdir().unwrap();
        drop(Lossy::new(dir.path(), 1).unwrap().create("a").unwrap());
        assert_eq!(Direct::new(dir.path()).list().unwrap().len(), 1);
        assert!(
            Lossy::new(dir.path(), 1)
                .unwrap()
                .list()
                .unwrap()
                .is_empty()
        );
        assert!(Direct::new(dir.path()).list().unwrap().is_empty());
    }
}
