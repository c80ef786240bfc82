//! Applies entries. No clock, no randomness, no unordered map: equal logs make equal states.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::hash::Digest;
use crate::raft::{Entry, Index, LogId, Payload};

/// A value and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// The value.
    pub value: String,
    /// The revision of the state that it came with.
    pub revision: u64,
}

/// What a command did. The revision counts all mutations so far; a command that changes nothing leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was no command: a leader's first entry.
    Nothing,
    /// The key now holds what was asked for.
    Written {
        /// The state's revision after it.
        revision: u64,
    },
    /// The key is absent now.
    Deleted {
        /// It was there before.
        existed: bool,
        /// The state's revision after it.
        revision: u64,
    },
    /// Compare-and-set found something else and changed nothing.
    Mismatch {
        /// What it found.
        current: Option<Value>,
        /// The state's revision.
        revision: u64,
    },
    /// The entry's bytes are no command; every replica skips it alike.
    Undecodable,
}

/// The state after a prefix of the log. What is serialized is the snapshot: all but what follows from the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    map: BTreeMap<String, Value>,
    applied: LogId,
    revision: u64,
    chain: Digest,
    /// Follows from the map.
    #[serde(skip)]
    content: u128,
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
    pub fn apply(&mut self, entry: &Entry) -> Outcome {
        let id = entry.id;
        assert!(
            id.index == self.applied.index.next() && id.term >= self.applied.term,
            "entry {id} cannot be applied after {}",
            self.applied
        );
        self.applied = id;
        let chain = self.chain.number(id.index.0).number(id.term.0);
        match &entry.payload {
            Payload::Noop => {
                self.chain = chain.number(0);
                Outcome::Nothing
            }
            Payload::Command(bytes) => {
                self.chain = chain.number(1).field(bytes);
                match Command::decode(bytes) {
                    Ok(command) => self.execute(command),
                    Err(_) => Outcome::Undecodable,
                }
            }
        }
    }

    fn execute(&mut self, command: Command) -> Outcome {
        match command {
            Command::Put { key, value } => self.set(key, Some(value)),
            Command::Delete { key } => self.set(key, None),
            Command::Cas { key, expected, new } => {
                let current = self.map.get(&key);
                if current.map(|c| &c.value) == expected.as_ref() {
                    self.set(key, new)
                } else {
                    Outcome::Mismatch {
                        current: current.cloned(),
                        revision: self.revision,
                    }
                }
            }
        }
    }

    fn set(&mut self, key: String, value: Option<String>) -> Outcome {
        let old = self.map.remove(&key);
        if let Some(old) = &old {
            self.content = self.content.wrapping_sub(weigh(&key, old));
        }
        let Some(value) = value else {
            let existed = old.is_some();
            self.revision += u64::from(existed);
            let revision = self.revision;
            return Outcome::Deleted { existed, revision };
        };
        self.revision += 1;
        let revision = self.revision;
        let new = Value { value, revision };
        self.content = self.content.wrapping_add(weigh(&key, &new));
        self.map.insert(key, new);
        Outcome::Written { revision }
    }

    /// With what was left out of the snapshot.
    pub(super) fn reindexed(mut self) -> Machine {
        let weights = self.map.iter().map(|(key, value)| weigh(key, value));
        self.content = weights.fold(0, u128::wrapping_add);
        self
    }

    /// What `key` holds. O(log keys).
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    /// Everything, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The last entry that was applied.
    pub fn applied(&self) -> Index {
        self.applied.index
    }

    /// How many mutations there have been.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Of every index, term and payload that was applied, each once and in order: equal at equal applied
    /// index, or replicas have diverged. O(1).
    pub fn chain(&self) -> Digest {
        self.chain
    }

    /// Of the content: revision and every key with its value and revision. Kept as a sum over keys (Bellare
    /// and Micciancio's AdHash), so that a mutation costs its key only. O(1).
    pub fn content(&self) -> Digest {
        Digest::default()
            .number(self.revision)
            .number(self.map.len() as u64)
            .field(&self.content.to_le_bytes())
    }
}

fn weigh(key: &str, value: &Value) -> u128 {
    Digest::default()
        .field(key.as_bytes())
        .field(value.value.as_bytes())
        .number(value.revision)
        .value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    fn put(key: &str, value: &str) -> Command {
        Command::Put {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn cas(key: &str, expected: Option<&str>, new: Option<&str>) -> Command {
        Command::Cas {
            key: key.to_owned(),
            expected: expected.map(str::to_owned),
            new: new.map(str::to_owned),
        }
    }

    fn delete(key: &str) -> Command {
        Command::Delete {
            key: key.to_owned(),
        }
    }

    fn entry(machine: &Machine, payload: Payload) -> Entry {
        let id = LogId::new(machine.applied().0 + 1, 1);
        Entry { id, payload }
    }

    fn run(machine: &mut Machine, command: Command) -> Outcome {
        let payload = Payload::Command(command.encode().into());
        machine.apply(&entry(machine, payload))
    }

    fn value(machine: &Machine, key: &str) -> Option<String> {
        machine.get(key).map(|v| v.value.clone())
    }

    #[test]
    fn a_put_is_read_with_its_revision() {
        let mut machine = Machine::new();
        assert_eq!(
            run(&mut machine, put("x", "1")),
            Outcome::Written { revision: 1 }
        );
        assert_eq!(
            run(&mut machine, put("y", "2")),
            Outcome::Written { revision: 2 }
        );
        assert_eq!(machine.get("x").map(|v| v.revision), Some(1));
        assert_eq!(value(&machine, "y"), some("2"));
    }

    #[test]
    fn compare_and_set_succeeds_only_on_what_it_expects() {
        let mut machine = Machine::new();
        run(&mut machine, cas("x", None, Some("1")));
        assert_eq!(value(&machine, "x"), some("1"));
        let failed = run(&mut machine, cas("x", Some("0"), Some("2")));
        let current = machine.get("x").cloned();
        let revision = 1;
        assert_eq!(failed, Outcome::Mismatch { current, revision });
        run(&mut machine, cas("x", Some("1"), Some("2")));
        assert_eq!(value(&machine, "x"), some("2"));
        run(&mut machine, cas("x", Some("2"), None));
        assert_eq!(value(&machine, "x"), None);
    }

    #[test]
    fn deleting_what_is_absent_leaves_the_revision() {
        let mut machine = Machine::new();
        run(&mut machine, put("x", "1"));
        let (existed, revision) = (false, 1);
        assert_eq!(
            run(&mut machine, delete("y")),
            Outcome::Deleted { existed, revision }
        );
        let (existed, revision) = (true, 2);
        assert_eq!(
            run(&mut machine, delete("x")),
            Outcome::Deleted { existed, revision }
        );
    }

    #[test]
    fn bytes_that_are_no_command_change_nothing_but_the_chain() {
        let mut machine = Machine::new();
        let (chain, content) = (machine.chain(), machine.content());
        let garbage = Payload::Command(vec![0xff; 9].into());
        assert_eq!(
            machine.apply(&entry(&machine, garbage)),
            Outcome::Undecodable
        );
        assert_ne!(machine.chain(), chain);
        assert_eq!(machine.content(), content);
    }

    #[test]
    fn the_content_hash_depends_on_the_content_not_on_the_way_there() {
        let (mut a, mut b) = (Machine::new(), Machine::new());
        run(&mut a, put("x", "0"));
        run(&mut a, put("x", "1"));
        run(&mut b, put("y", "0"));
        assert_ne!(a.content(), b.content());
        run(&mut b, put("x", "1"));
        assert_ne!(a.content(), b.content());
        run(&mut a, put("z", "3"));
        run(&mut a, delete("z"));
        run(&mut b, cas("q", None, Some("5")));
        run(&mut b, delete("q"));
        run(&mut a, delete("nothing"));
        run(&mut a, put("y", "0"));
        run(&mut b, delete("y"));
        // Same keys are not enough: revisions count.
        assert_ne!(a.content(), b.content());
        let mut c = a.clone();
        run(&mut c, delete("absent"));
        assert_eq!(a.content(), c.content());
        assert_ne!(a.chain(), c.chain());
    }

    #[test]
    #[should_panic(expected = "entry 2@1 cannot be applied after 0@0")]
    fn a_skipped_entry_is_not_applied_over() {
        let payload = Payload::Noop;
        let id = LogId::new(2, 1);
        Machine::new().apply(&Entry { id, payload });
    }
}
