//! Verbs: what clients ask of a database, and what it answers.

use serde_json::{Value, json};
use smol_str::SmolStr;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The key's value.
    Read {
        /// Of which key.
        key: SmolStr,
    },
    /// Sets the key.
    Write {
        /// Which key.
        key: SmolStr,
        /// To what.
        value: i64,
    },
    /// Sets the key to `new` if it holds `old`.
    Cas {
        /// Which key.
        key: SmolStr,
        /// What it must hold; `None`: it must be absent.
        old: Option<i64>,
        /// What it then holds.
        new: i64,
    },
    /// Several keys at once.
    Txn(Transaction),
}

/// All of `then` if every compare holds, else all of `otherwise`, at once and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is done if it does,
    pub then: Vec<Act>,
    /// and if not.
    pub otherwise: Vec<Act>,
}

/// A condition of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The key holds this value; `None`: it is absent.
    Value(SmolStr, Option<i64>),
    /// This revision wrote the key last; 0: it is absent.
    Revision(SmolStr, u64),
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Tells value and revision.
    Get(SmolStr),
    /// Sets the key.
    Put(SmolStr, i64),
    /// Removes the key.
    Delete(SmolStr),
}

/// What a get told: the value and the revision that wrote it; `None`: the key is absent.
pub type Got = Option<(i64, u64)>;

/// What a database answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A read's value; `None`: the key is absent.
    Value(Option<i64>),
    /// The write or compare-and-set happened, in that log entry (`5@3`) where the system tells.
    Done {
        /// The log entry.
        entry: Option<SmolStr>,
    },
    /// The compare-and-set did not happen: the key held another value.
    Mismatch {
        /// What it held, where the system tells.
        current: Option<Option<i64>>,
    },
    /// A transaction happened.
    Txn {
        /// All compares held.
        succeeded: bool,
        /// The store's revision afterwards. Each transaction that changes something raises it by one; an empty store has 1.
        revision: u64,
        /// What its gets told, in order.
        got: Vec<Got>,
        /// The log entry, where the system tells.
        entry: Option<SmolStr>,
    },
}

impl Op {
    /// The verb, as histories show it.
    pub fn f(&self) -> &'static str {
        match self {
            Op::Read { .. } => "read",
            Op::Write { .. } => "write",
            Op::Cas { .. } => "cas",
            Op::Txn(_) => "txn",
        }
    }

    /// The key it touches; a transaction may touch several.
    pub fn key(&self) -> Option<&SmolStr> {
        match self {
            Op::Read { key } | Op::Write { key, .. } | Op::Cas { key, .. } => Some(key),
            Op::Txn(_) => None,
        }
    }

    /// Its argument, as histories show it.
    pub fn value(&self) -> Value {
        match self {
            Op::Read { .. } => Value::Null,
            Op::Write { value, .. } => json!(value),
            Op::Cas { old, new, .. } => json!([old, new]),
            Op::Txn(Transaction {
                compares,
                then,
                otherwise,
            }) => json!([
                compares.iter().map(Compare::value).collect::<Vec<_>>(),
                then.iter().map(Act::value).collect::<Vec<_>>(),
                otherwise.iter().map(Act::value).collect::<Vec<_>>(),
            ]),
        }
    }

    /// True where a lost answer leaves it open whether something changed.
    pub fn may_change(&self) -> bool {
        match self {
            Op::Read { .. } => false,
            Op::Write { .. } | Op::Cas { .. } => true,
            Op::Txn(asked) => asked.acts().any(|act| !matches!(act, Act::Get(_))),
        }
    }
}

impl Transaction {
    /// The operations of both lists.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        self.then.iter().chain(&self.otherwise)
    }

    /// The operations of the list that was carried out.
    pub fn carried_out(&self, succeeded: bool) -> &[Act] {
        match succeeded {
            true => &self.then,
            false => &self.otherwise,
        }
    }

    /// An answer as histories show it: `[succeeded, revision, answers]`, with an answer for each operation that was
    /// carried out; `null`, but for a get of a key that is there `[value, revision]`.
    pub fn answer(&self, succeeded: bool, revision: u64, got: &[Got]) -> Value {
        let mut got = got.iter();
        let answers: Vec<Value> = self
            .carried_out(succeeded)
            .iter()
            .map(|act| match act {
                Act::Get(_) => json!(got.next()),
                Act::Put(..) | Act::Delete(_) => Value::Null,
            })
            .collect();
        json!([succeeded, revision, answers])
    }
}

impl Compare {
    fn value(&self) -> Value {
        match self {
            Compare::Value(key, value) => json!(["value", key, value]),
            Compare::Revision(key, revision) => json!(["mod", key, revision]),
        }
    }
}

impl Act {
    fn value(&self) -> Value {
        match self {
            Act::Get(key) => json!(["get", key]),
            Act::Put(key, value) => json!(["put", key, value]),
            Act::Delete(key) => json!(["delete", key]),
        }
    }
}
