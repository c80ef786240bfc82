//! How clients read, and what they are told where they are not served: certainly not done, or nobody knows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::raft::{ChangeRefusal, LogId, NodeId};

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// Linearizable; a follower asks the leader for a read index.
    Linearizable,
    /// Linearizable, and only if this node leads.
    LeaderOnly,
    /// Whatever this node has applied.
    Stale,
}

/// Why a request was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// This node does not lead, and was not to ask the one that does.
    NotLeader {
        /// The leader it knows of.
        leader: Option<NodeId>,
    },
    /// No leader could be reached until the deadline.
    NoLeader,
    /// The leader's disk is full.
    DiskFull,
    /// Too much waits already.
    Overloaded,
    /// Another leader's entry took the place of the command's.
    Superseded {
        /// The command's entry, which will never be applied.
        entry: LogId,
    },
    /// A read could not be confirmed until the deadline.
    Unconfirmed,
    /// The command is in a log, or on its way to one, and nothing more was heard until the deadline.
    TimedOut,
    /// This node stops.
    Stopping,
    /// There is nobody to hand leadership to: no voter that answers, or not the one that was named.
    NoSuccessor,
    /// The configuration will not be changed.
    Change(ChangeRefusal),
}

impl Failure {
    /// Whether the command may have been applied, or may be yet. A read that failed has no effect either way.
    pub fn is_unknown(self) -> bool {
        matches!(self, Failure::TimedOut | Failure::Stopping)
    }

    /// A name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Failure::NotLeader { .. } => "not-leader",
            Failure::NoLeader => "no-leader",
            Failure::DiskFull => "disk-full",
            Failure::Overloaded => "overloaded",
            Failure::Superseded { .. } => "superseded",
            Failure::Unconfirmed => "unconfirmed",
            Failure::TimedOut => "timed-out",
            Failure::Stopping => "stopping",
            Failure::NoSuccessor => "no-successor",
            Failure::Change(why) => why.code(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotLeader { leader: Some(node) } => {
                write!(
                    f,
                    "this node does not lead; {node} does, as far as it knows"
                )
            }
            Failure::NotLeader { leader: None } => {
                f.write_str("this node does not lead and knows of no leader")
            }
            Failure::NoLeader => f.write_str("no leader could be reached in time"),
            Failure::DiskFull => {
                f.write_str("the leader's disk is full: writes are refused until space is back")
            }
            Failure::Overloaded => f.write_str("too many requests wait already: try again later"),
            Failure::Superseded { entry } => {
                write!(
                    f,
                    "entry {entry} was replaced by another leader's and will never be applied"
                )
            }
            Failure::Unconfirmed => f.write_str("the read could not be confirmed in time"),
            Failure::TimedOut => f.write_str("no answer in time: it may be applied, now or later"),
            Failure::Change(why) => why.fmt(f),
            Failure::NoSuccessor => {
                f.write_str("no other voter answers, or the one that was named is none")
            }
            Failure::Stopping => f.write_str("this node stops: it may be applied, now or later"),
        }
    }
}
