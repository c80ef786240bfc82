//! A data directory: the lock on it, term and vote, the log; and the one place where writes become durable.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::files::{Files, direct::Direct, lossy::Lossy, sort_error};
use super::hard_state::{self, HardStateFile};
use super::snapshot;
use super::wal::{Wal, segment};
use super::{
    Aside, Damage, Durable, Identity, KnownDisks, OpenError, Recovered, Storage, StorageError,
};
use crate::bugs::{self, Bug};
use crate::events::{Events, observed::Observed};
use crate::raft::{Cut, HardState, Index, LogId, NodeId, Save, Ticket, Write};

/// What SIGKILL costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing that was written: the system keeps it.
    Direct,
    /// What was not synced, as a power loss would, but for what the system happened to write back.
    Lossy {
        /// Where that is drawn from.
        seed: u64,
    },
}

/// Which data directory, and whose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where; made if it does not exist.
    pub directory: PathBuf,
    /// What SIGKILL costs.
    pub mode: Mode,
    /// The cluster's name.
    pub cluster: String,
    /// This node.
    pub node: NodeId,
    /// Size of a segment of the log, in bytes.
    pub segment_size: u64,
    /// Told what is written and what a sync made durable.
    pub events: Events,
}

/// An open data directory.
pub struct Disk {
    files: Arc<dyn Files>,
    aside: Aside,
    known: KnownDisks,
    hard_state: HardStateFile,
    wal: Wal,
    /// The newest snapshot on disk.
    kept: LogId,
    durable: Ticket,
    /// Writes up to this one are on disk for good, although the batch that they came in may have failed.
    settled: Ticket,
    _lock: Option<Flock<fs::File>>,
}

/// What opening found, besides what Raft needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// How often this node has started, this time included.
    pub incarnation: u64,
    /// Bytes of a torn tail that were cut.
    pub torn_bytes: u64,
    /// How many segments the log has.
    pub segments: usize,
    /// The last entry that the snapshot covers; `0@0` without one.
    pub snapshot: LogId,
}

impl Disk {
    /// Opens a data directory, or makes it, and locks it for this process.
    ///
    /// Time is linear in the size of the log.
    ///
    /// # Errors
    /// See [`OpenError`]; [`OpenError::is_full`] ones may be tried again.
    pub fn open(options: &Options) -> Result<(Disk, Recovered, Boot), OpenError> {
        fs::create_dir_all(&options.directory)?;
        let lock = lock(options)?;
        let files: Arc<dyn Files> = match options.mode {
            Mode::Direct => Arc::new(Direct::new(&options.directory)),
            Mode::Lossy { seed } => Arc::new(Lossy::new(&options.directory, seed)?),
        };
        let files: Arc<dyn Files> = match options.events.on() {
            true => Arc::new(Observed::new(files, options.events.clone())),
            false => files,
        };
        // Differs from that of every other data directory, as hash maps' keys do.
        let log = RandomState::new().hash_one(&options.cluster);
        let (mut disk, recovered, boot) = Disk::open_files(files, options, log)?;
        disk._lock = Some(lock);
        Ok((disk, recovered, boot))
    }

    /// Opens the data directory in `files`, or makes it there and names it `log`. Locks nothing.
    ///
    /// # Errors
    /// As [`Disk::open`], except that it is never locked.
    pub fn open_files(
        files: Arc<dyn Files>,
        options: &Options,
        log: u64,
    ) -> Result<(Disk, Recovered, Boot), OpenError> {
        #[cfg(feature = "planted-bugs")]
        let files: Arc<dyn Files> = Arc::new(super::files::planted::Planted::new(files));
        let names = files.list()?;
        if !names.iter().any(|name| name == hard_state::FILE) {
            make(files.as_ref(), &names, options, log)?;
        }
        let mut hard_state = HardStateFile::open(files.as_ref())?;
        let slot = hard_state.state();
        check_owner(slot.identity, options)?;
        let known = KnownDisks::open(files.clone(), slot.identity)?;
        let snapshot = snapshot::load(files.as_ref(), slot.identity)?;
        let (mut wal, mut found) = Wal::open(files.as_ref(), slot.identity, options.segment_size)?;
        let covered = snapshot
            .as_ref()
            .map_or(LogId::default(), |s| s.snapshot.last);
        if !found.meets(covered)? {
            if snapshot.as_ref().is_some_and(|s| !s.installed) {
                let what =
                    format!("it ends or differs before {covered}, which a snapshot of it covers");
                return Err(Damage::new("the log", 0, &what).into());
            }
            // Power went between the arrival of a leader's snapshot and the end of what it replaced.
            wal.reset(files.as_ref(), covered.index.next())
                .map_err(OpenError::from)?;
            found.entries.clear();
        }
        wal.purge(files.as_ref(), Index(0))
            .map_err(OpenError::from)?;
        snapshot::sweep(files.as_ref(), true)?;
        let recovered = Recovered {
            hard_state: remembered(
                slot.hard_state,
                found.entries.last().map_or(covered, |e| e.id),
            ),
            snapshot: snapshot.map(|found| found.snapshot),
            entries: found.entries,
        };
        let last = recovered.entries.last().map_or(covered, |e| e.id);
        if last.term > slot.hard_state.term {
            // A term is durable before any entry of it is written.
            let what = format!(
                "its term {} is lower than the log's, {last}",
                slot.hard_state.term
            );
            return Err(Damage::new(hard_state::FILE, 0, &what).into());
        }
        // What was read may have been in the page cache only: this syncs it, whatever it was.
        let boot = Boot {
            incarnation: slot.incarnation + 1,
            torn_bytes: found.segments.iter().map(|s| s.dirty - s.end).sum(),
            segments: found.segments.len(),
            snapshot: covered,
        };
        hard_state.write(slot.hard_state, boot.incarnation)?;
        let disk = Disk {
            aside: Aside::new(files.clone(), slot.identity),
            files,
            known,
            hard_state,
            wal,
            kept: covered,
            durable: Ticket(0),
            settled: Ticket(0),
            _lock: None,
        };
        Ok((disk, recovered, boot))
    }

    /// Whose disks this node knows.
    pub fn known(&self) -> KnownDisks {
        self.known.clone()
    }

    /// Writes without the log's sync: what [`Disk::sync`] then makes durable. Term and vote are synced here, and
    /// first: an entry never reaches the disk before its term.
    ///
    /// # Errors
    /// As [`Storage::persist`].
    pub(super) fn write(&mut self, writes: &[Write]) -> Result<(), StorageError> {
        let slot = self.hard_state.state();
        let wanted: Option<HardState> = writes.iter().filter_map(|w| w.hard_state).next_back();
        if let Some(wanted) = wanted
            && wanted != slot.hard_state
        {
            self.hard_state
                .write(wanted, slot.incarnation)
                .map_err(sort_error)?;
        }
        for write in writes {
            if write.ticket <= self.settled {
                continue;
            }
            if let Some(save) = &write.snapshot {
                self.keep(write.ticket, save)?;
            }
            self.wal.append(self.files.as_ref(), &write.entries)?;
        }
        Ok(())
    }

    /// Puts a snapshot on disk, and only then cuts the log. All earlier writes are synced first and for good: tried
    /// again behind a log that begins anew, they would not fit.
    fn keep(&mut self, ticket: Ticket, save: &Save) -> Result<(), StorageError> {
        self.wal.sync()?;
        self.settled = Ticket(ticket.0 - 1);
        let last = save.snapshot.last;
        let installed = save.cut == Cut::Everything;
        if self.kept != last {
            if !installed && self.aside.take(last) {
                snapshot::publish(self.files.as_ref(), snapshot::ASIDE, last)
            } else {
                let identity = self.hard_state.state().identity;
                snapshot::save(self.files.as_ref(), identity, &save.snapshot, installed)
            }
            .map_err(sort_error)?;
            self.kept = last;
        }
        match save.cut {
            Cut::Prefix(upto) => self.wal.purge(self.files.as_ref(), upto),
            Cut::Everything => self.wal.reset(self.files.as_ref(), last.index.next()),
        }
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// As [`Storage::persist`].
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        self.wal.sync()
    }
}

impl Storage for Disk {
    fn persist(&mut self, writes: &[Write]) -> Result<Durable, StorageError> {
        self.write(writes)?;
        self.sync()?;
        if let Some(write) = writes.last() {
            self.durable = write.ticket;
        }
        Ok(Durable::attest(self.durable))
    }

    fn recycled(&self) -> u64 {
        self.wal.recycled()
    }

    fn aside(&self) -> Option<Aside> {
        Some(self.aside.clone())
    }

    fn idle(&mut self) -> Result<Option<Duration>, StorageError> {
        self.wal.prepare(self.files.as_ref())?;
        Ok(None)
    }
}

fn lock(options: &Options) -> Result<Flock<fs::File>, OpenError> {
    let file = fs::File::create(options.directory.join("LOCK"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, nix::Error::EWOULDBLOCK)) => Err(OpenError::Locked),
        Err((_, error)) => Err(io::Error::from(error).into()),
    }
}

/// Makes an empty log, then term and vote: once those exist, the log has existed.
fn make(files: &dyn Files, names: &[String], options: &Options, log: u64) -> Result<(), OpenError> {
    if names.iter().any(|name| snapshot::index(name).is_some()) {
        let what = "term and vote are missing, although a snapshot exists";
        return Err(Damage::new(hard_state::FILE, 0, what).into());
    }
    let segments: Vec<&String> = names
        .iter()
        .filter(|name| segment::sequence(name).is_some())
        .collect();
    for name in &segments {
        // A first start that was cut short leaves a segment without records; anything else lost its term.
        let bytes = files.open(name)?.read_all()?;
        let records = bytes.iter().skip(segment::HEADER).any(|&b| b != 0);
        if records || segments.len() > 1 {
            let what = "term and vote are missing, although a log exists";
            return Err(Damage::new(hard_state::FILE, 0, what).into());
        }
        files.remove(name)?;
        files.sync_dir()?;
    }
    let identity = Identity {
        cluster: super::cluster_id(&options.cluster),
        node: options.node,
        log,
    };
    Wal::create(files, identity, options.segment_size)?;
    HardStateFile::create(files, identity)?;
    Ok(())
}

/// What a node that starts remembers of its term and vote: all, unless it is `hardstate-volatile`.
fn remembered(found: HardState, last: LogId) -> HardState {
    match bugs::on(Bug::HardstateVolatile) {
        true => HardState {
            term: last.term,
            vote: None,
        },
        false => found,
    }
}

fn check_owner(found: Identity, options: &Options) -> Result<(), OpenError> {
    if found.cluster != super::cluster_id(&options.cluster) {
        let what = format!("belongs to another cluster than {:?}", options.cluster);
        return Err(OpenError::Foreign(what));
    }
    if found.node != options.node {
        let what = format!("belongs to {}, not to {}", found.node, options.node);
        return Err(OpenError::Foreign(what));
    }
    Ok(())
}
