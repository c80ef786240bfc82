//! The words of the Raft paper as types: term, index, node, entry; displayed `n1` and `5@3` everywhere.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quorum::{Configuration, Configured};

/// A member of the cluster, from 1. Displayed `n1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u16);

/// Raft's logical clock (Raft paper, 5.1). 0: no term yet.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Term(pub u64);

/// Position in the log; the first entry has 1, and 0 is "before the first".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Index(pub u64);

/// Names one entry for ever: displayed `5@3` (index@term). `0@0` is before the first.
///
/// Not `Ord` by field order: "more up to date" compares terms first ([`LogId::up_to_date_key`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogId {
    /// Where.
    pub index: Index,
    /// Proposed by the leader of which term.
    pub term: Term,
}

/// Monotonic time since the driver began; the core never reads a clock, it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// A new leader's first entry, which commits what earlier terms left (Raft paper, 8).
    Noop,
    /// A command for the state machine, opaque to Raft.
    Command(Arc<[u8]>),
    /// Who is a member from here on (Raft paper, 6): effective once it is in a log.
    Configuration(Arc<Configuration>),
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub id: LogId,
    /// Its content.
    pub payload: Payload,
}

/// The state machine after all entries up to `last`: it stands in for them (Raft paper, 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry that it covers.
    pub last: LogId,
    /// The configuration that counted when that entry was the last.
    pub configured: Configured,
    /// The state, opaque to Raft. Equal states should make equal bytes, so that a transfer that one leader
    /// began can be ended by the next.
    pub data: Arc<[u8]>,
}

/// What must be on disk before anything that rests on it leaves (Raft paper, figure 2: persistent state).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// Latest term this node has seen.
    pub term: Term,
    /// Who got its vote in that term.
    pub vote: Option<NodeId>,
}

/// Names a client's request while it waits; chosen by the driver, never reused within a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// A node's part in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether it would win, without raising its term (Raft dissertation, 9.6).
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Orders the log.
    Leader,
}

impl LogId {
    /// Names entry `index` of `term`.
    pub fn new(index: u64, term: u64) -> LogId {
        LogId {
            index: Index(index),
            term: Term(term),
        }
    }

    /// Compares logs by their last entries (Raft paper, 5.4.1): later term wins, then the longer log.
    pub fn up_to_date_key(self) -> (Term, Index) {
        (self.term, self.index)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Follower => "follower",
            Role::PreCandidate => "pre-candidate",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        })
    }
}

impl Term {
    /// The next term.
    pub fn next(self) -> Term {
        Term(self.0 + 1)
    }
}

impl Index {
    /// The next index.
    pub fn next(self) -> Index {
        Index(self.0 + 1)
    }

    /// The index before; 0 stays 0.
    pub fn previous(self) -> Index {
        Index(self.0.saturating_sub(1))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, by: Duration) -> Time {
        Time(self.0 + by)
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
