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
}

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
}

impl Op {
    /// The verb, as histories show it.
    pub fn f(&self) -> &'static str {
        match self {
            Op::Read { .. } => "read",
            Op::Write { .. } => "write",
            Op::Cas { .. } => "cas",
        }
    }

    /// The key it touches.
    pub fn key(&self) -> &SmolStr {
        match self {
            Op::Read { key } | Op::Write { key, .. } | Op::Cas { key, .. } => key,
        }
    }

    /// Its argument, as histories show it.
    pub fn value(&self) -> Value {
        match self {
            Op::Read { .. } => Value::Null,
            Op::Write { value, .. } => json!(value),
            Op::Cas { old, new, .. } => json!([old, new]),
        }
    }

    /// True where a lost answer leaves it open whether something changed.
    pub fn may_change(&self) -> bool {
        !matches!(self, Op::Read { .. })
    }
}
