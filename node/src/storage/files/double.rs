//! A disk in memory for tests: it can lose power, tear un-synced sectors, and fail at the n-th operation.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::{File, Files};

const SECTOR: usize = 512;

/// Cloned handles share one disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    inodes: Vec<Content>,
    seen: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Changes of names that were not synced, in order.
    pending: Vec<Change>,
    operations: u64,
    syncs: u64,
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Change {
    Create(String, usize),
    Rename(String, String, usize),
    Remove(String, usize),
}

#[derive(Clone, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
}

/// From operation number `from` on, `count` mutating operations fail with `errno`; a failing write writes half.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) from: u64,
    pub(crate) count: u64,
    pub(crate) errno: i32,
}

impl Disk {
    /// Mutating operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// File syncs so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().fault = fault;
    }

    /// A power loss. `survives` is asked of each change of a name and of each sector that was not synced: a directory
    /// may have taken a later change and lost an earlier one, as long as that one does not depend on the other.
    pub(crate) fn lose_power(&self, mut survives: impl FnMut() -> bool) {
        let mut state = self.0.lock().unwrap();
        for content in &mut state.inodes {
            let mut after = content.durable.clone();
            // The length is metadata: taken as durable only with a sync, unless a later sector survives.
            for start in (0..content.seen.len()).step_by(SECTOR) {
                let end = (start + SECTOR).min(content.seen.len());
                let changed = content.durable.get(start..end) != Some(&content.seen[start..end]);
                if changed && survives() {
                    if after.len() < end {
                        after.resize(end, 0);
                    }
                    after[start..end].copy_from_slice(&content.seen[start..end]);
                }
            }
            content.seen = after.clone();
            content.durable = after;
        }
        for change in std::mem::take(&mut state.pending) {
            if survives() {
                change.apply(&mut state.durable);
            }
        }
        state.seen = state.durable.clone();
    }

    /// A file's bytes, to look at or to damage.
    pub(crate) fn edit<T>(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut state = self.0.lock().unwrap();
        let inode = state.seen[name];
        let content = &mut state.inodes[inode];
        let result = edit(&mut content.seen);
        content.durable = content.seen.clone();
        result
    }

    /// An independent copy of all that is seen.
    pub(crate) fn copy(&self) -> Disk {
        let state = self.0.lock().unwrap();
        Disk(Arc::new(Mutex::new(State {
            inodes: state.inodes.clone(),
            seen: state.seen.clone(),
            durable: state.durable.clone(),
            pending: state.pending.clone(),
            ..State::default()
        })))
    }
}

impl Change {
    /// Does nothing where it depends on a change that was lost.
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Change::Create(name, inode) => {
                names.entry(name).or_insert(inode);
            }
            Change::Rename(from, to, inode) => {
                if names.get(&from) == Some(&inode) {
                    names.remove(&from);
                    names.insert(to, inode);
                }
            }
            Change::Remove(name, inode) => {
                if names.get(&name) == Some(&inode) {
                    names.remove(&name);
                }
            }
        }
    }
}

impl State {
    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.seen);
        self.pending.push(change);
    }

    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fault {
            Some(Fault { from, count, errno })
                if (from..from + count).contains(&self.operations) =>
            {
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }
}

impl Files for Disk {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        if state.seen.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Content::default());
        state.change(Change::Create(name.to_owned(), inode));
        Ok(Box::new(Open(self.clone(), inode)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        match self.0.lock().unwrap().seen.get(name) {
            Some(&inode) => Ok(Box::new(Open(self.clone(), inode))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        let inode = *state.seen.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change(Change::Rename(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        let inode = *state.seen.get(name).ok_or(io::ErrorKind::NotFound)?;
        state.change(Change::Remove(name.to_owned(), inode));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().seen.keys().cloned().collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operate()?;
        state.durable = state.seen.clone();
        state.pending.clear();
        Ok(())
    }
}

struct Open(Disk, usize);

impl File for Open {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        let result = state.operate();
        let written = if result.is_ok() {
            bytes
        } else {
            &bytes[..bytes.len() / 2]
        };
        let content = &mut state.inodes[self.1].seen;
        let (start, end) = (offset as usize, offset as usize + written.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(written);
        result
    }

    fn read_all(&self) -> io::Result<Vec<u8>> {
        Ok(self.0.0.lock().unwrap().inodes[self.1].seen.clone())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().unwrap().inodes[self.1].seen.len() as u64)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.operate()?;
        let content = &mut state.inodes[self.1].seen;
        content.resize(content.len().max(length as usize), 0);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.operate()?;
        state.inodes[self.1].seen.resize(length as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.operate()?;
        state.syncs += 1;
        let content = &mut state.inodes[self.1];
        content.durable = content.seen.clone();
        Ok(())
    }
}
