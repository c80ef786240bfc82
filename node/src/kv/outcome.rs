//! What a command did, as told to clients, between nodes, and once more to whoever repeats it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::lease::MAX_LEASES;
use super::value::{Data, Value};
use crate::raft::LogId;

/// A command was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The log entry that carried it; of a repeat, the entry of the first time.
    pub entry: LogId,
    /// It had been applied before, and was not again.
    pub repeated: bool,
    /// What it did.
    pub outcome: Outcome,
}

/// What a command did. The revision counts the commands that changed something; one that did not leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// One operation was done.
    Done {
        /// What it did.
        result: Done,
        /// The state's revision after it.
        revision: u64,
    },
    /// A transaction was done, all of it.
    Transaction {
        /// The compares held.
        succeeded: bool,
        /// What each of the operations did, in order.
        results: Vec<Done>,
        /// The state's revision after it.
        revision: u64,
    },
    /// It cannot be done, and nothing changed.
    Refused {
        /// Why.
        why: Refused,
        /// Of a transaction, which of its operations, from 0.
        operation: usize,
        /// The state's revision.
        revision: u64,
    },
    /// A session is open.
    SessionOpened {
        /// Its name.
        session: u64,
        /// How many entries it outlives its last command.
        lifetime: u64,
    },
    /// A session is closed.
    SessionClosed {
        /// It was open before.
        existed: bool,
    },
    /// The session is not there, or not any more: this changed nothing, but an earlier one may have.
    NoSession,
    /// The session has gone on to this sequence number: this changed nothing, but an earlier one may have.
    OldSequence {
        /// The latest.
        latest: u64,
    },
    /// A lease has its whole time.
    Leased {
        /// Its name.
        lease: u64,
        /// How long that is, in milliseconds.
        ttl_ms: u64,
    },
    /// A lease is over, and its keys are absent.
    Revoked {
        /// It was there before.
        existed: bool,
        /// How many keys were attached to it.
        keys: u64,
        /// The state's revision after it.
        revision: u64,
    },
    /// There is no such lease, or not any more: nothing changed.
    NoLease,
    /// The entry's bytes are no command; every replica skips it alike.
    Undecodable,
}

/// What one operation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// What the key holds.
    Got(Option<Value>),
    /// The key holds what was asked for.
    Put,
    /// The key is absent now; whether it was there before.
    Deleted(bool),
    /// The list has this many items now.
    Appended(u64),
    /// The counter stands here now.
    Counted(i64),
}

/// Why an operation cannot be done on what the key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// Append to something that is no list.
    NotAList,
    /// Add to something that is no integer of 64 bits.
    NotANumber,
    /// The sum does not fit into 64 bits.
    Overflow,
    /// The list would be larger than a value may be.
    TooLarge,
    /// What a transaction reads would be larger than an answer may be.
    AnswerTooLarge,
    /// The lease of a put is not there, or not any more.
    NoLease,
    /// As many as there may be.
    TooManyLeases,
}

/// Most bytes of values in the answer to a transaction: it must fit into a frame between nodes.
pub const MAX_ANSWER: usize = 4 << 20;

impl Outcome {
    /// Bytes of the values that it tells.
    pub(super) fn bytes(&self) -> usize {
        let of = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.data.bytes());
        match self {
            Outcome::Mismatch { current, .. } => of(current),
            Outcome::Done { result, .. } => result.bytes(),
            Outcome::Transaction { results, .. } => results.iter().map(Done::bytes).sum(),
            _ => 0,
        }
    }
}

impl Done {
    /// Bytes of the value that it tells.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Done::Got(Some(value)) => value.data.bytes(),
            _ => 0,
        }
    }
}

impl Refused {
    /// A name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Refused::NotAList => "not-a-list",
            Refused::NotANumber => "not-a-number",
            Refused::Overflow => "overflow",
            Refused::TooLarge => "value-too-large",
            Refused::AnswerTooLarge => "answer-too-large",
            Refused::NoLease => "no-lease",
            Refused::TooManyLeases => "too-many-leases",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotAList => f.write_str("the key holds a text, not a list: delete it first"),
            Refused::NotANumber => {
                f.write_str("the key holds something else than a decimal integer of 64 bits")
            }
            Refused::Overflow => f.write_str("the sum does not fit into 64 bits"),
            Refused::AnswerTooLarge => write!(
                f,
                "the values that it reads have more than {MAX_ANSWER} bytes: read them one by one"
            ),
            Refused::NoLease => f.write_str("the lease has ended or never was: grant another"),
            Refused::TooManyLeases => write!(f, "there are {MAX_LEASES} leases: revoke some"),
            Refused::TooLarge => write!(
                f,
                "the list would be larger than {} bytes: go on under another key",
                Data::MAX_BYTES
            ),
        }
    }
}
