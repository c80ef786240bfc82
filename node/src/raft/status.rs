//! What a node says about itself, for operators and for the harness.

use serde::Serialize;

use super::acknowledge::Replication;
use super::core::{Core, State};
use super::quorum::{Configuration, Configured};
use super::transfer::Transfer;
use super::types::{Index, LogId, NodeId, Role, Term, Time};

/// A snapshot of the protocol's state, as of the last input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node.
    pub id: NodeId,
    /// Its part.
    pub role: Role,
    /// Its term.
    pub term: Term,
    /// Who has its vote in that term.
    pub vote: Option<NodeId>,
    /// The leader, as far as known.
    pub leader: Option<NodeId>,
    /// Committed up to here, as far as known.
    pub commit: Index,
    /// The last entry of its log, on disk or not.
    pub last: LogId,
    /// On its disk up to here.
    pub durable: Index,
    /// The last entry that its newest snapshot covers; `0@0` without one.
    pub snapshot: LogId,
    /// The first entry that its log still has, or will have next.
    pub first: Index,
    /// It was told that its disk is full.
    pub disk_full: bool,
    /// Reads are served on a lease until then.
    pub lease_until: Option<Time>,
    /// On a leader that hands over, to whom.
    pub transfer: Option<NodeId>,
    /// The configuration that counts, and the entry that brought it.
    pub configured: Configured,
    /// When writes are answered.
    pub replication: Replication,
    /// On a leader, how far each follower is; else empty.
    pub followers: Vec<FollowerStatus>,
}

/// What a leader knows of a follower, as `pg_stat_replication` shows lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FollowerStatus {
    /// The follower.
    pub id: NodeId,
    /// Entries up to here were sent.
    pub sent: Index,
    /// Entries up to here are on its disk.
    pub durable: Index,
    /// It knows that entries up to here are committed.
    pub commit: Index,
}

/// Where a node stands, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its part.
    pub role: Role,
    /// Its term.
    pub term: Term,
    /// The leader, as far as known.
    pub leader: Option<NodeId>,
    /// The last entry that it knows to be committed.
    pub commit: LogId,
    /// On a leader that hands over, to whom.
    pub transfer: Option<NodeId>,
    /// The entry that brought the configuration in effect; `0@0` where it is the command line's.
    pub configured_by: LogId,
}

impl Core {
    /// Where this node stands, in short. O(1).
    pub fn position(&self) -> Position {
        Position {
            role: self.state.role(),
            term: self.hard_state.term,
            leader: self.leader,
            commit: LogId {
                index: self.commit,
                // What is committed is in the log, or the last that its snapshot covers.
                term: self.log.term_at(self.commit).unwrap_or_default(),
            },
            transfer: match &self.state {
                State::Leader(leader) => leader.transfer.as_ref().map(Transfer::to),
                _ => None,
            },
            configured_by: self.members.configured().by,
        }
    }

    /// The configuration in effect. O(1).
    pub fn configuration(&self) -> &Configuration {
        &self.members.configured().configuration
    }

    /// The latest term that this node has heard of, on disk or on its way there. O(1).
    pub fn term(&self) -> Term {
        self.hard_state.term
    }

    /// Where this node stands. O(followers).
    pub fn status(&self) -> Status {
        let followers = match &self.state {
            State::Leader(leader) => leader
                .followers
                .iter()
                .map(|(id, follower)| FollowerStatus {
                    id: *id,
                    sent: follower.next.previous(),
                    durable: follower.matched,
                    commit: follower.commit_known,
                })
                .collect(),
            _ => Vec::new(),
        };
        Status {
            id: self.config.id,
            role: self.state.role(),
            term: self.hard_state.term,
            vote: self.hard_state.vote,
            leader: self.leader,
            commit: self.commit,
            last: self.log.last(),
            durable: self.durability.durable(),
            snapshot: self.snapshots.last(),
            first: self.log.base().index.next(),
            disk_full: self.disk_full,
            lease_until: self.lease_until(),
            transfer: match &self.state {
                State::Leader(leader) => leader.transfer.as_ref().map(Transfer::to),
                _ => None,
            },
            configured: self.members.configured().clone(),
            replication: self.config.replication,
            followers,
        }
    }
}
