//! One simulated process: a core, a disk, and what a driver keeps for it.

use std::collections::VecDeque;

use node::kv::{Machine, Speculative};
use node::raft::{
    Config, Core, Entry, Index, LogId, NodeId, Promise, Role, Snapshot, Status, Time, Write,
};
use node::storage::Storage;
use node::storage::memory::Memory;

pub struct Node {
    /// `None` while it is down.
    pub core: Option<Core>,
    /// Counts its boots, so that events of an earlier one are dropped.
    pub boot: u64,
    pub paused_until: Time,
    pub disk: Memory,
    pub disk_slow: bool,
    pub disk_full: bool,
    pub told_full: bool,
    /// Issued but not on disk.
    pub queue: VecDeque<Write>,
    /// How many of them the sync under way covers.
    pub syncing: usize,
    pub promises: Vec<Promise>,
    pub machine: Machine,
    /// On a leader that answers ahead of commits.
    pub speculative: Option<Speculative>,
    /// The last entry that the machine was given.
    pub applied: LogId,
    /// The core's log, as its writes tell it: on disk and queued, and what a snapshot stands in for.
    pub log: Vec<Entry>,
    pub status: Status,
}

impl Node {
    pub fn new(config: &Config) -> Node {
        let core = Core::new(config.clone(), Default::default(), Time::default());
        Node {
            status: core.status(),
            core: Some(core),
            boot: 0,
            paused_until: Time::default(),
            disk: Memory::default(),
            disk_slow: false,
            disk_full: false,
            told_full: false,
            queue: VecDeque::new(),
            syncing: 0,
            promises: Vec::new(),
            machine: Machine::new(),
            speculative: None,
            applied: LogId::default(),
            log: Vec::new(),
        }
    }

    /// Power loss: what was not attested may or may not be on disk, in order. Gives how many writes are lost.
    pub fn crash(&mut self, survive: usize) -> usize {
        let survivors: Vec<Write> = self.queue.drain(..survive).collect();
        if !survivors.is_empty() {
            self.disk.set_full(false);
            self.disk.persist(&survivors).expect("memory has space");
        }
        let lost = self.queue.len();
        self.queue.clear();
        self.syncing = 0;
        self.promises.clear();
        self.speculative = None;
        self.core = None;
        self.boot += 1;
        lost
    }

    /// `prefix` is what the snapshot on its disk stands in for.
    pub fn restart(&mut self, config: &Config, now: Time, prefix: Vec<Entry>) {
        let config = Config {
            seed: config.seed ^ (self.boot << 32),
            ..config.clone()
        };
        let recovered = self.disk.recovered().clone();
        self.log = prefix;
        for entry in &recovered.entries {
            match self.log.get(entry.id.index.0 as usize - 1) {
                Some(known) => assert_eq!(known, entry, "the log differs from the snapshot"),
                None => self.log.push(entry.clone()),
            }
        }
        self.machine = Machine::new();
        self.applied = LogId::default();
        if let Some(snapshot) = &recovered.snapshot {
            self.restore(snapshot);
        }
        let core = Core::new(config, recovered, now);
        self.status = core.status();
        self.core = Some(core);
        self.told_full = false;
    }

    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.machine = Machine::restore(&snapshot.data).expect("whole");
        self.applied = snapshot.last;
        assert_eq!(self.machine.applied(), snapshot.last.index);
    }

    pub fn id(&self) -> NodeId {
        self.status.id
    }

    pub fn is_up(&self) -> bool {
        self.core.is_some()
    }

    pub fn leads(&self) -> bool {
        self.is_up() && self.status.role == Role::Leader
    }

    /// Replaces its log from the write's first entry on.
    pub fn append(&mut self, write: &Write) {
        if let Some(first) = write.entries.first() {
            self.log.truncate(first.id.index.0 as usize - 1);
            self.log.extend_from_slice(&write.entries);
        }
    }

    /// The last entry that the snapshot on its disk covers.
    pub fn covered(&self) -> LogId {
        let snapshot = &self.disk.recovered().snapshot;
        snapshot.as_ref().map_or(LogId::default(), |s| s.last)
    }

    /// As itself, or covered by a snapshot.
    pub fn entry_on_disk(&self, index: Index) -> Option<&Entry> {
        let position = (index.0 as usize).checked_sub(1)?;
        if index <= self.covered().index {
            return self.log.get(position);
        }
        let entries = &self.disk.recovered().entries;
        let first = entries.first()?.id.index.0;
        entries.get(index.0.checked_sub(first)? as usize)
    }
}
