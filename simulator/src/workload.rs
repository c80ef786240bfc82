//! What clients ask: operations as the node takes them and as the checker reads them.

use checker::models::ModelKind;
use node::kv::{Answer, Command, Data, Done, Operation, Outcome, Query};
use serde_json::{Value, json};

use crate::rng::Rng;
use crate::swarm::{Swarm, Workload};

/// How many items a list gets before clients go on to the next one: reading it all again is quadratic.
const ITEMS: u64 = 60;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads a key.
    Read(String),
    /// Sets a key.
    Write(String, i64),
    /// Sets a key if it holds the first.
    Cas(String, Option<i64>, i64),
    /// Puts an item at the end of a list.
    Append(String, i64),
    /// Adds to a counter.
    Add(String, i64),
    /// Deletes a key: in the history it writes no value.
    Delete(String),
    /// Deletes a list that nobody uses any more; not part of the history.
    Forget(String),
    /// Opens a session; not part of the history.
    Open(u64),
    /// Is granted a lease of so many milliseconds; not part of the history.
    Grant(u64),
    /// Keeps a lease alive; not part of the history.
    KeepAlive(u64),
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// It happened, with this value for the history.
    Done(Value),
    /// It certainly did not happen; a compare-and-set may have found this.
    Not(Option<Value>),
    /// Nobody knows.
    Unknown,
    /// The session is gone; nobody knows of earlier attempts.
    NoSession,
    /// A session is open.
    Opened(u64),
    /// A lease has its whole time.
    Leased(u64),
    /// A lease is over.
    NoLease,
}

impl Op {
    /// Draws an operation. `last` is a value that was written or seen lately, `next` one that never was.
    pub fn draw(rng: &mut Rng, swarm: &Swarm, last: Option<i64>, next: i64) -> Op {
        let keys = swarm.keys;
        let key = rng.below(keys);
        match swarm.workload {
            Workload::Register | Workload::Lease => {
                let padding = (swarm.padding * key / keys.max(2)) as usize;
                let key = format!("r{key}{:x<padding$}", "");
                match rng.below(10) {
                    0 if swarm.deletes => Op::Delete(key),
                    0..5 => Op::Read(key),
                    5..8 => Op::Write(key, next),
                    _ => Op::Cas(key, last, next),
                }
            }
            Workload::Append => {
                let key = list(key, generation(keys, next));
                match rng.chance(40) {
                    true => Op::Read(key),
                    false => Op::Append(key, next),
                }
            }
            Workload::Counter => {
                let key = format!("c{key}");
                match rng.chance(40) {
                    true => Op::Read(key),
                    false => Op::Add(key, rng.below(5) as i64 + 1),
                }
            }
        }
    }

    /// It changes something.
    pub fn writes(&self) -> bool {
        !matches!(self, Op::Read(_))
    }

    /// It stands in the history.
    pub fn is_recorded(&self) -> bool {
        !matches!(
            self,
            Op::Open(_) | Op::Grant(_) | Op::KeepAlive(_) | Op::Forget(_)
        )
    }

    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Op::Read(key)
            | Op::Write(key, _)
            | Op::Cas(key, ..)
            | Op::Append(key, _)
            | Op::Add(key, _)
            | Op::Delete(key)
            | Op::Forget(key) => key,
            Op::Open(_) | Op::Grant(_) | Op::KeepAlive(_) => "",
        }
    }

    /// The verb in the history.
    pub fn verb(&self) -> &'static str {
        match self {
            Op::Read(_) => "read",
            Op::Write(..) | Op::Delete(_) => "write",
            Op::Cas(..) => "cas",
            Op::Append(..) => "append",
            Op::Add(..) => "add",
            Op::Forget(_) => "forget",
            Op::Open(_) => "open",
            Op::Grant(_) => "grant",
            Op::KeepAlive(_) => "keep-alive",
        }
    }

    /// The argument in the history.
    pub fn argument(&self) -> Value {
        match self {
            Op::Read(_) | Op::Delete(_) | Op::Forget(_) => Value::Null,
            Op::Write(_, value) | Op::Append(_, value) | Op::Add(_, value) => json!(value),
            Op::Cas(_, old, new) => json!([old, new]),
            Op::Open(number) | Op::Grant(number) | Op::KeepAlive(number) => json!(number),
        }
    }

    /// For the node, if it writes.
    pub fn command(&self) -> Option<Command> {
        Some(match self.clone() {
            Op::Read(_) => return None,
            Op::Write(key, value) => Command::Put {
                key,
                value: value.to_string(),
            },
            Op::Cas(key, old, new) => Command::Cas {
                key,
                expected: old.map(|old| old.to_string()),
                new: Some(new.to_string()),
            },
            Op::Append(key, value) => Command::Do(Operation::Append {
                key,
                value: value.to_string(),
            }),
            Op::Add(key, by) => Command::Do(Operation::Add { key, by }),
            Op::Delete(key) | Op::Forget(key) => Command::Delete { key },
            Op::Open(lifetime) => Command::OpenSession { lifetime },
            Op::Grant(ttl_ms) => Command::GrantLease { ttl_ms },
            Op::KeepAlive(lease) => Command::KeepAlive { lease },
        })
    }

    /// For the node, if it reads.
    pub fn query(&self) -> Query {
        Query::Key(self.key().to_owned())
    }

    /// What the node's answer to a command says.
    pub fn wrote(&self, outcome: &Outcome) -> Came {
        match outcome {
            Outcome::Written { .. } | Outcome::Deleted { .. } => Came::Done(self.argument()),
            Outcome::Leased { lease, .. } => Came::Leased(*lease),
            Outcome::NoLease => Came::NoLease,
            Outcome::Mismatch { current, .. } => {
                let current = current.as_ref().map(|value| number(&value.data));
                Came::Not(Some(current.unwrap_or_default()))
            }
            Outcome::Done {
                result: Done::Appended(_) | Done::Counted(_),
                ..
            } => Came::Done(self.argument()),
            Outcome::SessionOpened { session, .. } => Came::Opened(*session),
            Outcome::NoSession | Outcome::OldSequence { .. } => Came::NoSession,
            Outcome::Refused { .. } => Came::Not(None),
            _ => Came::Unknown,
        }
    }

    /// What the node's answer to a query says.
    pub fn read(&self, workload: Workload, answer: &Answer) -> Came {
        let Answer::Key(value) = answer else {
            return Came::Unknown;
        };
        Came::Done(match (workload, value.as_ref().map(|value| &value.data)) {
            (Workload::Register | Workload::Lease, None) => Value::Null,
            (Workload::Append, None) => json!([]),
            (Workload::Counter, None) => json!(0),
            (_, Some(data)) => number(data),
        })
    }
}

/// Which lists clients append to when this is the next value.
pub fn generation(keys: u64, next: i64) -> u64 {
    next as u64 / (ITEMS * keys)
}

/// The name of a list.
pub fn list(key: u64, generation: u64) -> String {
    format!("a{key}-{generation}")
}

/// Texts of numbers as numbers.
fn number(data: &Data) -> Value {
    let number = |text: &str| text.parse::<i64>().map_or(json!(text), |n| json!(n));
    match data {
        Data::Text(text) => number(text),
        Data::List(items) => items.iter().map(|item| number(item)).collect(),
    }
}

/// By which model a workload is judged.
pub fn model(workload: Workload) -> ModelKind {
    match workload {
        Workload::Register | Workload::Lease => ModelKind::Register,
        Workload::Append => ModelKind::Log,
        Workload::Counter => ModelKind::Counter,
    }
}
