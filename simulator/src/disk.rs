//! A disk that is no disk: it forgets what was not synced, tears sectors, fills up, fails, and dies half-way.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use node::storage::files::{File, Files};

use crate::rng::Rng;

const SECTOR: usize = 512;
/// Says that power is gone: whoever gets it is as good as dead.
const POWER: &str = "power is gone";

/// One node's directory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// What went wrong since it was last asked, and what was at stake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    /// Sectors that a power loss took or tore.
    pub sectors_lost: u64,
    /// Sectors that were not synced and survived a power loss.
    pub sectors_kept: u64,
    /// Names that a power loss took back.
    pub names_lost: u64,
    /// Syncs and writes that failed with an I/O error.
    pub errors: u64,
    /// Writes that found no space.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    seen: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Names may have changed since they were durable.
    renamed: bool,
    operations: u64,
    /// Bytes that may still be written where no block is reserved; `None`: as many as one likes.
    space: Option<u64>,
    /// The operation with which power goes.
    dies_at: Option<u64>,
    fails: Option<Failing>,
    toll: Toll,
}

/// An error that the system reports once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The next write of a file's content fails half-way.
    Write,
    /// The next sync of a file fails; what was dirty is dropped from the cache.
    SyncAndForget,
    /// The next sync of a file fails; the cache keeps what was dirty and calls it clean.
    SyncAndPretend,
}

#[derive(Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Written and not synced.
    dirty: Vec<Range<usize>>,
    /// Where the last sync that wrote something began to write: what lies before is vouched for by later syncs.
    vouched: usize,
    /// A failed sync left the cache with bytes that are not on the disk and count as clean.
    pretends: bool,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of a node is caught; its disk is in order all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Operations that change something so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Power goes with the `operations`-th operation from now on (1: the next one): it does not happen, and none does
    /// any more until [`Disk::lose_power`].
    pub fn die_after(&self, operations: u64) {
        let mut state = self.lock();
        state.dies_at = Some(state.operations + operations);
    }

    /// Whether power is gone.
    pub fn is_dead(&self) -> bool {
        let state = self.lock();
        state.dies_at.is_some_and(|at| state.operations >= at)
    }

    /// Power was never gone: what was about to take it does not.
    pub fn revive(&self) {
        self.lock().dies_at = None;
    }

    /// How many bytes may be written where no block is reserved; `None`: as many as one likes.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.lock().space = bytes;
    }

    /// Something fails once, or nothing does.
    pub fn set_failing(&self, failing: Option<Failing>) {
        self.lock().fails = failing;
    }

    /// Something that counts is written and not synced, or a name of it is. What is being made aside does not count.
    pub fn is_dirty(&self) -> bool {
        const COUNTS: [&str; 3] = ["wal-", "hard-state", "snapshot-"];
        let counts = |name: &str| {
            COUNTS.iter().any(|start| name.starts_with(start)) && !name.ends_with(".new")
        };
        let state = self.lock();
        let named = |(name, inode): (&String, &usize)| {
            let unsynced = !state.inodes[*inode].dirty.is_empty();
            (unsynced || state.renamed) && counts(name) && {
                unsynced || state.durable.get(name) != Some(inode)
            }
        };
        state.seen.iter().any(named)
    }

    /// A power loss: of what was not synced each sector survives in `percent` of a hundred, and so does the whole of
    /// the directory's changes.
    pub fn lose_power(&self, rng: &mut Rng, percent: u64) {
        let mut state = self.lock();
        state.dies_at = None;
        state.fails = None;
        let State {
            inodes, seen, toll, ..
        } = &mut *state;
        for inode in seen.values() {
            inodes[*inode].lose(rng, percent, toll);
        }
        if state.seen != state.durable {
            let lost = if rng.chance(percent) {
                let seen = state.seen.clone();
                std::mem::replace(&mut state.durable, seen)
            } else {
                state.toll.names_lost += 1;
                let durable = state.durable.clone();
                std::mem::replace(&mut state.seen, durable)
            };
            lost.into_values().for_each(|inode| state.forget(inode));
        }
        state.renamed = false;
        // What was removed durably before may be seen again.
        let State {
            inodes, seen, toll, ..
        } = &mut *state;
        for inode in seen.values() {
            inodes[*inode].lose(rng, percent, toll);
        }
    }

    /// Takes the toll.
    pub fn toll(&self) -> Toll {
        std::mem::take(&mut self.lock().toll)
    }

    /// Flips a bit in a place that a later sync vouches for: in the file's name, and where; `None` where there is no
    /// such place.
    pub fn flip(&self, rng: &mut Rng) -> Option<(String, usize, u8)> {
        let mut state = self.lock();
        let State { inodes, seen, .. } = &mut *state;
        // A snapshot is written once, and all of it counts.
        let end = |name: &str, inode: &Inode| match name.starts_with("snapshot-") {
            true => inode.seen.len(),
            false => inode.vouched.min(inode.seen.len()),
        };
        let places = seen
            .iter()
            .map(|(name, inode)| (name, end(name, &inodes[*inode])));
        let places: Vec<(&String, usize)> = places.filter(|(_, end)| *end > 0).collect();
        if places.is_empty() {
            return None;
        }
        // Segments are many.
        let snapshot = places
            .iter()
            .find(|(name, _)| name.starts_with("snapshot-"));
        let (name, end) = match snapshot.filter(|_| rng.chance(50)) {
            Some(snapshot) => *snapshot,
            None => places[rng.below(places.len() as u64) as usize],
        };
        let (at, bits) = (rng.below(end as u64) as usize, 1 << rng.below(8));
        let name = name.clone();
        drop(state);
        self.flip_at(&name, at, bits);
        Some((name, at, bits))
    }

    /// Flips bits of one byte, on the disk and in the cache.
    pub fn flip_at(&self, name: &str, at: usize, bits: u8) {
        let mut state = self.lock();
        let Some(inode) = state.seen.get(name).copied() else {
            return;
        };
        let inode = &mut state.inodes[inode];
        for bytes in [&mut inode.seen, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
    }

    /// An independent copy, with nothing about to fail.
    pub fn copy(&self) -> Disk {
        let state = self.lock();
        let copy = |inode: &Inode| Inode {
            seen: inode.seen.clone(),
            durable: inode.durable.clone(),
            dirty: inode.dirty.clone(),
            ..*inode
        };
        Disk(Arc::new(Mutex::new(State {
            inodes: state.inodes.iter().map(copy).collect(),
            seen: state.seen.clone(),
            durable: state.durable.clone(),
            renamed: state.renamed,
            ..State::default()
        })))
    }
}

impl Inode {
    fn lose(&mut self, rng: &mut Rng, percent: u64, toll: &mut Toll) {
        let dirty = std::mem::take(&mut self.dirty);
        let pretends = std::mem::take(&mut self.pretends);
        if dirty.is_empty() && !pretends && self.seen.len() == self.durable.len() {
            return;
        }
        // The length is metadata: durable with a sync, or where a later sector survives.
        let mut last = None;
        for range in dirty {
            let first = range.start / SECTOR * SECTOR;
            for start in (first..range.end).step_by(SECTOR) {
                if last.is_some_and(|last| start <= last) {
                    continue;
                }
                last = Some(start);
                let end = (start + SECTOR).min(self.seen.len());
                if start >= end || self.durable.get(start..end) == Some(&self.seen[start..end]) {
                    continue;
                }
                if !rng.chance(percent) {
                    toll.sectors_lost += 1;
                    continue;
                }
                toll.sectors_kept += 1;
                if self.durable.len() < end {
                    self.durable.resize(end, 0);
                }
                self.durable[start..end].copy_from_slice(&self.seen[start..end]);
            }
        }
        self.seen.clone_from(&self.durable);
    }

    /// Adds a range, kept sorted by start and merged where it touches the last one, the usual case.
    fn soil(&mut self, range: Range<usize>) {
        if let Some(last) = self.dirty.last_mut()
            && last.start <= range.start
            && range.start <= last.end
        {
            last.end = last.end.max(range.end);
            return;
        }
        let at = self.dirty.partition_point(|r| r.start <= range.start);
        self.dirty.insert(at, range);
    }

    fn sync(&mut self) {
        if self.durable.len() != self.seen.len() {
            self.durable.resize(self.seen.len(), 0);
        }
        if let Some(first) = self.dirty.first() {
            self.vouched = self.vouched.max(first.start);
        }
        for range in self.dirty.drain(..) {
            let end = range.end.min(self.seen.len());
            if range.start < end {
                self.durable[range.start..end].copy_from_slice(&self.seen[range.start..end]);
            }
        }
    }
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.dies_at.is_some_and(|at| self.operations >= at) {
            true => Err(io::Error::other(POWER)),
            false => Ok(()),
        }
    }

    /// Takes `bytes` of what space there is, or all that is left.
    fn take_space(&mut self, bytes: u64) -> Result<(), u64> {
        match &mut self.space {
            None => Ok(()),
            Some(space) if *space >= bytes => {
                *space -= bytes;
                Ok(())
            }
            Some(space) => {
                self.toll.refused += 1;
                Err(std::mem::take(space))
            }
        }
    }
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOSPC)
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}

impl Files for Disk {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut state = self.lock();
        state.operate()?;
        if state.seen.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if state.space == Some(0) {
            state.toll.refused += 1;
            return Err(full());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.seen.insert(name.to_owned(), inode);
        state.renamed = true;
        Ok(Box::new(Open(self.clone(), inode)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        match self.lock().seen.get(name) {
            Some(&inode) => Ok(Box::new(Open(self.clone(), inode))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        let inode = state.seen.remove(from).ok_or(io::ErrorKind::NotFound)?;
        // It becomes something else: what vouched for its old content says nothing of the new.
        state.inodes[inode].vouched = 0;
        if let Some(replaced) = state.seen.insert(to.to_owned(), inode) {
            state.forget(replaced);
        }
        state.renamed = true;
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        let removed = state.seen.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.forget(removed);
        state.renamed = true;
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().seen.keys().cloned().collect())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        if std::mem::take(&mut state.renamed) {
            let before = state.seen.clone();
            let before = std::mem::replace(&mut state.durable, before);
            before.into_values().for_each(|inode| state.forget(inode));
        }
        Ok(())
    }
}

impl State {
    /// Frees the content of a file that had a name, if none leads to it any more.
    fn forget(&mut self, inode: usize) {
        let mut names = self.seen.values().chain(self.durable.values());
        if names.all(|other| *other != inode) {
            self.inodes[inode] = Inode::default();
        }
    }
}

#[derive(Debug)]
struct Open(Disk, usize);

impl File for Open {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let mut written = bytes;
        let mut result = Ok(());
        if state.fails == Some(Failing::Write) {
            state.fails = None;
            state.toll.errors += 1;
            written = &bytes[..bytes.len() / 2];
            result = Err(broken());
        }
        let start = offset as usize;
        let reserved = state.inodes[self.1].seen.len();
        let beyond = (start + written.len()).saturating_sub(reserved.max(start));
        if let Err(left) = state.take_space(beyond as u64) {
            let short = written.len() - beyond + left as usize;
            written = &written[..short];
            result = Err(full());
        }
        let inode = &mut state.inodes[self.1];
        let end = start + written.len();
        if inode.seen.len() < end {
            inode.seen.resize(end, 0);
        }
        inode.seen[start..end].copy_from_slice(written);
        if start < end {
            inode.soil(start..end);
        }
        result
    }

    fn read_all(&self) -> io::Result<Vec<u8>> {
        Ok(self.0.lock().inodes[self.1].seen.clone())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.lock().inodes[self.1].seen.len() as u64)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let present = state.inodes[self.1].seen.len();
        let grown = (length as usize).saturating_sub(present);
        if state.take_space(grown as u64).is_err() {
            return Err(full());
        }
        let seen = &mut state.inodes[self.1].seen;
        seen.resize(present.max(length as usize), 0);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let inode = &mut state.inodes[self.1];
        let before = inode.seen.len();
        inode.seen.resize(length as usize, 0);
        if before < inode.seen.len() {
            inode.soil(before..length as usize);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operate()?;
        let failing = state.fails;
        if matches!(
            failing,
            Some(Failing::SyncAndForget | Failing::SyncAndPretend)
        ) {
            state.fails = None;
            state.toll.errors += 1;
            let inode = &mut state.inodes[self.1];
            let dirty = std::mem::take(&mut inode.dirty);
            if failing == Some(Failing::SyncAndPretend) {
                inode.pretends |= !dirty.is_empty();
            } else {
                for at in dirty.into_iter().flatten() {
                    if at < inode.seen.len() {
                        inode.seen[at] = inode.durable.get(at).copied().unwrap_or(0);
                    }
                }
            }
            return Err(broken());
        }
        state.inodes[self.1].sync();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synced(disk: &Disk, bytes: &[u8]) -> Box<dyn File> {
        let file = disk.create("wal-a").unwrap();
        file.write_at(0, bytes).unwrap();
        file.sync().unwrap();
        disk.sync_dir().unwrap();
        file
    }

    #[test]
    fn a_power_loss_takes_what_was_not_synced_sector_by_sector() {
        let disk = Disk::default();
        let file = synced(&disk, &[1; 2048]);
        file.write_at(100, &[2; 1500]).unwrap();
        assert!(disk.is_dirty());
        let torn = disk.copy();
        torn.lose_power(&mut Rng::new(1, 0), 50);
        let bytes = torn.open("wal-a").unwrap().read_all().unwrap();
        let kept = |at: usize| bytes[at] == 2;
        assert!((0..3).any(|sector| kept(sector * 512 + 300)));
        assert!((0..3).any(|sector| !kept(sector * 512 + 300)));
        disk.lose_power(&mut Rng::new(1, 0), 0);
        assert_eq!(file.read_all().unwrap(), [1; 2048]);
        assert!(!disk.is_dirty());
    }

    #[test]
    fn a_name_is_lost_unless_its_directory_was_synced() {
        let disk = Disk::default();
        synced(&disk, b"old");
        disk.create("b").unwrap().sync().unwrap();
        disk.rename("wal-a", "c").unwrap();
        disk.lose_power(&mut Rng::new(1, 0), 0);
        assert_eq!(disk.list().unwrap(), ["wal-a"]);
        assert_eq!(disk.open("wal-a").unwrap().read_all().unwrap(), b"old");
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next_one() {
        for failing in [Failing::SyncAndForget, Failing::SyncAndPretend] {
            let disk = Disk::default();
            let file = synced(&disk, b"old");
            file.write_at(0, b"new").unwrap();
            disk.set_failing(Some(failing));
            file.sync().unwrap_err();
            file.sync().unwrap();
            let pretends = failing == Failing::SyncAndPretend;
            assert_eq!(file.read_all().unwrap() == b"new", pretends);
            disk.lose_power(&mut Rng::new(1, 0), 100);
            assert_eq!(file.read_all().unwrap(), b"old");
        }
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_reserved_blocks_need_no_space() {
        let disk = Disk::default();
        let file = disk.create("a").unwrap();
        file.preallocate(10).unwrap();
        disk.set_space(Some(3));
        file.write_at(0, &[1; 10]).unwrap();
        let error = file.write_at(8, &[2; 10]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
        assert_eq!(file.read_all().unwrap().len(), 13);
    }

    #[test]
    fn nothing_happens_any_more_once_power_is_gone() {
        let disk = Disk::default();
        let file = synced(&disk, b"old");
        disk.die_after(2);
        file.write_at(0, b"new").unwrap();
        assert!(!disk.is_dead());
        file.sync().unwrap_err();
        file.sync().unwrap_err();
        assert!(disk.is_dead());
        disk.lose_power(&mut Rng::new(1, 0), 0);
        assert_eq!(file.read_all().unwrap(), b"old");
    }
}
