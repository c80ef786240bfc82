//! One simulated process: a core, a disk, and what a driver keeps for it.

use std::collections::VecDeque;

use node::kv::Machine;
use node::raft::{Config, Core, Entry, Index, NodeId, Promise, Role, Status, Time, Write};
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
    /// The core's log, as its writes tell it: on disk and queued.
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
        self.core = None;
        self.boot += 1;
        lost
    }

    pub fn restart(&mut self, config: &Config, now: Time) {
        let config = Config {
            seed: config.seed ^ (self.boot << 32),
            ..config.clone()
        };
        let recovered = self.disk.recovered().clone();
        self.log = recovered.entries.clone();
        self.machine = Machine::new();
        let core = Core::new(config, recovered, now);
        self.status = core.status();
        self.core = Some(core);
        self.told_full = false;
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

    pub fn entry_on_disk(&self, index: Index) -> Option<&Entry> {
        let position = (index.0 as usize).checked_sub(1)?;
        self.disk.recovered().entries.get(position)
    }
}
