//! A log as the oracle keeps it: terms and hashes of entries by index.

use std::sync::Arc;

use node::raft::{Configuration, Configured, Cut, Entry, LogId, Payload, Write};

use crate::rng::mix;

/// The log of one node, issued or on its disk. What a snapshot stands in for stays in it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Vec<(u64, u64)>,
    /// Configurations that it holds, with their indices.
    configurations: Vec<(u64, Arc<Configuration>)>,
    /// The last entry that a snapshot covers.
    pub covered: LogId,
}

impl Log {
    /// Term and hash of the entry at an index.
    pub fn get(&self, index: u64) -> Option<(u64, u64)> {
        let position = (index as usize).checked_sub(1)?;
        self.entries.get(position).copied()
    }

    /// Index of the last entry.
    pub fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The name of the last entry.
    pub fn last_id(&self) -> LogId {
        let term = self.entries.last().map_or(0, |(term, _)| *term);
        LogId::new(self.last(), term)
    }

    /// The configuration in effect, which is the last one, and its index; `None`: that of the beginning.
    pub fn configuration(&self) -> Option<&(u64, Arc<Configuration>)> {
        self.configurations.last()
    }

    /// The configuration in effect at an index, and its own.
    pub fn configuration_at(&self, index: u64) -> Option<&(u64, Arc<Configuration>)> {
        let mut latest_first = self.configurations.iter().rev();
        latest_first.find(|(by, _)| *by <= index)
    }

    /// The index of the configuration before that; 0: that of the beginning.
    pub fn configuration_before(&self) -> u64 {
        let before = self.configurations.iter().rev().nth(1);
        before.map_or(0, |(index, _)| *index)
    }

    /// Replaces all from `entry` on. False: that would leave a gap.
    pub fn put(&mut self, entry: &Entry) -> bool {
        let position = entry.id.index.0 as usize - 1;
        if position > self.entries.len() {
            return false;
        }
        self.entries.truncate(position);
        self.configurations
            .retain(|(index, _)| *index < entry.id.index.0);
        if let Payload::Configuration(configuration) = &entry.payload {
            self.configurations
                .push((entry.id.index.0, configuration.clone()));
        }
        self.entries.push((entry.id.term.0, hash(entry)));
        true
    }

    /// A leader's snapshot takes the place of everything: what it stands in for is what is committed.
    pub fn restart(
        &mut self,
        last: LogId,
        configured: &Configured,
        committed: impl Iterator<Item = (u64, u64)>,
    ) {
        self.configurations.clear();
        if configured.by.index.0 > 0 {
            let configuration = configured.configuration.clone();
            self.configurations
                .push((configured.by.index.0, configuration));
        }
        self.entries.clear();
        self.entries.extend(committed.take(last.index.0 as usize));
        self.covered = last;
    }

    /// Does what a write does. False: it leaves a gap.
    pub fn write(&mut self, write: &Write, committed: &[(u64, u64)]) -> bool {
        if let Some(save) = &write.snapshot {
            match save.cut {
                Cut::Prefix(_) => self.covered = save.snapshot.last,
                Cut::Everything => {
                    let snapshot = &save.snapshot;
                    self.restart(
                        snapshot.last,
                        &snapshot.configured,
                        committed.iter().copied(),
                    );
                }
            }
        }
        write.entries.iter().all(|entry| self.put(entry))
    }
}

/// Of what an entry carries.
pub fn hash(entry: &Entry) -> u64 {
    match &entry.payload {
        Payload::Command(bytes) => hash_bytes(bytes),
        other => mix(hash_bytes(format!("{other:?}").as_bytes())),
    }
}

/// Of bytes.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    let mut hash = bytes.len() as u64;
    for chunk in &mut chunks {
        hash = mix(hash ^ u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    chunks
        .remainder()
        .iter()
        .fold(hash, |hash, byte| mix(hash ^ u64::from(*byte)))
}
