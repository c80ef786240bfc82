//! Applies entries. No clock, no randomness, no unordered map: equal logs make equal states.

use serde::{Deserialize, Serialize};

use super::command::{Command, Logged, Operation};
use super::execute;
use super::hash::Digest;
use super::history::History;
use super::lease::Leases;
use super::outcome::{Done, Outcome, Written};
use super::session::Sessions;
use super::store::Store;
use super::terms::Terms;
use super::value::{Value, holds};
use crate::bugs::{self, Bug};
use crate::raft::{Entry, Index, LogId, Payload, Term};

/// The state after a prefix of the log. What is serialized is the snapshot: all but what follows from the rest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    applied: LogId,
    chain: Digest,
    store: Store,
    sessions: Sessions,
    leases: Leases,
    terms: Terms,
}

impl Machine {
    /// The state before the first entry.
    pub fn new() -> Machine {
        Machine::default()
    }

    /// Applies the next entry. O(log keys + bytes).
    ///
    /// # Panics
    /// Where `entry` is not the next one: a state that skipped an entry or applied one twice must not serve.
    pub fn apply(&mut self, entry: &Entry) -> Written {
        let id = entry.id;
        assert!(
            id.index == self.applied.index.next() && id.term >= self.applied.term,
            "entry {id} cannot be applied after {}",
            self.applied
        );
        self.applied = id;
        self.terms.note(id);
        self.sessions.expire(id.index);
        let chain = self.chain.number(id.index.0).number(id.term.0);
        match &entry.payload {
            Payload::Noop => {
                self.chain = chain.number(0);
                first_time(id, Outcome::Nothing)
            }
            Payload::Configuration(configuration) => {
                let bytes = postcard::to_stdvec(configuration).unwrap_or_default();
                self.chain = chain.number(2).field(&bytes);
                first_time(id, Outcome::Nothing)
            }
            Payload::Command(bytes) => {
                self.chain = chain.number(1).field(bytes);
                match Logged::decode(bytes) {
                    Ok(logged) => self.execute_once(id, logged),
                    Err(_) => first_time(id, Outcome::Undecodable),
                }
            }
        }
    }

    fn execute_once(&mut self, entry: LogId, logged: Logged) -> Written {
        let Logged { token, command } = logged;
        let Some(token) = token else {
            return first_time(entry, self.execute(entry, command));
        };
        if let Some(known) = self.sessions.known(token, entry)
            && !(known.repeated && bugs::on(Bug::NoSessionDedup))
        {
            return known;
        }
        let written = first_time(entry, self.execute(entry, command));
        self.sessions.remember(token, &written);
        written
    }

    fn execute(&mut self, entry: LogId, command: Command) -> Outcome {
        match command {
            Command::Put { key, value } => self.put(key, value),
            Command::Delete { key } => self.one(Operation::Delete { key }),
            Command::Do(operation) => self.one(operation),
            Command::Cas { key, expected, new } => {
                let matches = holds(self.get(&key), expected.as_deref());
                self.swap(matches, key, new)
            }
            Command::CasRevision { key, revision, new } => {
                let matches = self.get(&key).map_or(0, |value| value.revision) == revision;
                self.swap(matches, key, new)
            }
            Command::Transaction {
                compares,
                success,
                failure,
            } => {
                let succeeded = execute::hold(&self.store, &compares);
                let operations = if succeeded { success } else { failure };
                match execute::all(&mut self.store, &self.leases, operations) {
                    Ok((results, revision)) => Outcome::Transaction {
                        succeeded,
                        results,
                        revision,
                    },
                    Err(refused) => refused,
                }
            }
            Command::OpenSession { lifetime } => self.sessions.open(entry, lifetime),
            Command::CloseSession { session } => self.sessions.close(session),
            Command::GrantLease { ttl_ms } => {
                let revision = self.revision();
                self.leases.grant(entry, ttl_ms, revision)
            }
            Command::KeepAlive { lease } => self.leases.keep_alive(lease),
            Command::RevokeLease { lease } => {
                let existed = self.leases.revoke(lease);
                let (keys, revision) = self.delete_leased(&[lease]);
                Outcome::Revoked {
                    existed,
                    keys,
                    revision,
                }
            }
            Command::Clock { now_ms } => {
                let ended = self.leases.tick(entry.term, now_ms);
                self.delete_leased(&ended);
                Outcome::Nothing
            }
        }
    }

    fn one(&mut self, operation: Operation) -> Outcome {
        match execute::all(&mut self.store, &self.leases, vec![operation]) {
            Ok((results, revision)) => match results.into_iter().next() {
                Some(Done::Deleted(existed)) => Outcome::Deleted { existed, revision },
                Some(Done::Put) | None => Outcome::Written { revision },
                Some(result) => Outcome::Done { result, revision },
            },
            Err(refused) => refused,
        }
    }

    fn put(&mut self, key: String, value: String) -> Outcome {
        let lease = None;
        self.one(Operation::Put { key, value, lease })
    }

    /// How many keys that were, and the revision after it.
    fn delete_leased(&mut self, leases: &[u64]) -> (u64, u64) {
        let of = |&lease: &u64| self.store.leased(lease);
        let keys: Vec<String> = leases.iter().flat_map(of).collect();
        let count = keys.len() as u64;
        let mut batch = self.store.batch();
        for key in keys {
            batch.delete(key);
        }
        (count, batch.commit())
    }

    fn swap(&mut self, matches: bool, key: String, new: Option<String>) -> Outcome {
        match (matches, new) {
            (true, Some(value)) => self.put(key, value),
            (true, None) => self.one(Operation::Delete { key }),
            (false, _) => Outcome::Mismatch {
                current: self.get(&key).cloned(),
                revision: self.revision(),
            },
        }
    }

    /// A copy that goes on alike, for [`Speculative`](super::Speculative): all but the changes that watchers
    /// are told. O(bytes).
    pub(super) fn fork(&self) -> Machine {
        Machine {
            applied: self.applied,
            chain: self.chain,
            store: self.store.fork(),
            sessions: self.sessions.clone(),
            leases: self.leases.clone(),
            terms: self.terms.clone(),
        }
    }

    /// With what was left out of the snapshot.
    pub(super) fn reindexed(mut self) -> Machine {
        self.store = self.store.reindexed();
        self.sessions = self.sessions.reindexed();
        self.leases = self.leases.reindexed();
        self
    }

    /// What goes into a snapshot, to be kept as it is while the state goes on. O(keys / 128 + sessions + leases).
    pub(super) fn frozen(&self) -> Machine {
        Machine {
            applied: self.applied,
            chain: self.chain,
            store: self.store.frozen(),
            sessions: self.sessions.frozen(),
            leases: self.leases.clone(),
            terms: self.terms.clone(),
        }
    }

    /// What `key` holds. O(log keys).
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.store.get(key)
    }

    /// Everything, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.store.iter()
    }

    /// Keys from `start` on, in order.
    pub(super) fn from(&self, start: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.store.from(start)
    }

    /// The latest changes, for who watches.
    pub(super) fn history(&self) -> &History {
        self.store.history()
    }

    /// The last entry that was applied.
    pub fn last_applied(&self) -> LogId {
        self.applied
    }

    /// The index of the last entry that was applied.
    pub fn applied(&self) -> Index {
        self.applied.index
    }

    /// The same by index and term.
    pub(super) fn applied_entry(&self) -> LogId {
        self.applied
    }

    /// Whether `entry` is one of those that were applied; `None` where nobody can tell any more, or not yet.
    pub fn has_applied(&self, entry: LogId) -> Option<bool> {
        match entry.index > self.applied.index {
            // A later term's log does not get it behind its end either.
            true => (entry.term < self.applied.term).then_some(false),
            false => Some(self.terms.at(entry.index)? == entry.term),
        }
    }

    /// The first entry of each term that was applied, in order; of the oldest terms perhaps none.
    pub fn terms(&self) -> impl Iterator<Item = LogId> {
        self.terms.iter()
    }

    /// How many commands have changed something.
    pub fn revision(&self) -> u64 {
        self.store.revision()
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Log time in milliseconds: what the last clock entry said.
    pub fn clock_ms(&self) -> u64 {
        self.leases.now_ms()
    }

    /// How many leases have not ended.
    pub fn leases(&self) -> usize {
        self.leases.len()
    }

    /// The log time at which a leader of `term` should write a clock entry, in milliseconds; `None` while no
    /// lease needs one, or while it has not applied an entry of its term, so that log time may yet move.
    pub fn clock_due_ms(&self, term: Term) -> Option<u64> {
        let settled = self.applied.term == term && self.leases.len() > 0;
        settled.then(|| self.leases.clock_due_ms(term)).flatten()
    }

    /// Time to live of a lease in milliseconds and the keys that end with it, if it has not ended.
    pub fn lease(&self, id: u64) -> Option<(u64, Vec<String>)> {
        let ttl_ms = self.leases.ttl_ms(id)?;
        Some((ttl_ms, self.store.leased(id)))
    }

    /// Of every index, term and payload that was applied, each once and in order: equal at equal applied
    /// index, or replicas have diverged. O(1).
    pub fn chain(&self) -> Digest {
        self.chain
    }

    /// Of the content: revision, every key with its value and revision, sessions, leases, log time. O(1).
    pub fn content(&self) -> Digest {
        self.store
            .content()
            .number(self.sessions.len() as u64)
            .field(&self.sessions.content().to_le_bytes())
            .field(&self.leases.content().value().to_le_bytes())
    }
}

fn first_time(entry: LogId, outcome: Outcome) -> Written {
    Written {
        entry,
        repeated: false,
        outcome,
    }
}

#[cfg(test)]
mod tests;
