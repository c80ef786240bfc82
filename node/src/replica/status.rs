//! What a node says of itself: the answer to `GET /v1/status`.

use serde::Serialize;

use super::Members;
use crate::kv::Machine;
use crate::raft;

/// Where a node stands. Nodes are written `n1`, entries `5@3`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// This node.
    pub id: String,
    /// `follower`, `pre-candidate`, `candidate` or `leader`.
    pub role: raft::Role,
    /// Its term.
    pub term: u64,
    /// Who has its vote in that term.
    pub vote: Option<String>,
    /// The leader it knows of.
    pub leader: Option<String>,
    /// Index up to which it knows entries to be committed.
    pub commit: u64,
    /// Index up to which it has applied them.
    pub applied: u64,
    /// Index of its last entry.
    pub last: u64,
    /// Its last entry.
    pub last_entry: String,
    /// Index up to which its log is on its disk.
    pub durable: u64,
    /// Index of the last entry that its newest snapshot covers; 0 without one.
    pub snapshot: u64,
    /// Index of the first entry that its log still has.
    pub first: u64,
    /// Writes fail for want of space.
    pub disk_full: bool,
    /// How many mutations it has applied.
    pub revision: u64,
    /// Hash of all applied entries in order: equal on all nodes at equal `applied`.
    pub chain: String,
    /// Hash of the state's content: equal on all nodes at equal `applied`.
    pub content: String,
    /// Its wall clock, in milliseconds since 1970.
    pub clock_ms: f64,
    /// How often it has started.
    pub incarnation: u64,
    /// Requests that wait for an answer.
    pub waiters: usize,
    /// Open sessions.
    pub sessions: usize,
    /// Leases that have not ended.
    pub leases: usize,
    /// When writes are answered: `majority`, `sync`, `semi-sync` or `async`.
    pub replication: raft::Replication,
    /// On a leader that answers ahead of commits: the index up to which it has.
    pub ahead: Option<u64>,
    /// Who is a member.
    pub membership: Members,
    /// On a leader, its followers.
    pub followers: Vec<Follower>,
}

/// A leader's view of a follower.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Follower {
    /// Which.
    pub node: String,
    /// Index of the last entry that was sent.
    pub sent: u64,
    /// Index up to which its log is on its disk.
    pub durable: u64,
    /// Index up to which it was told that entries are committed, which it applies at once.
    pub applied: u64,
}

impl Status {
    /// Puts together what core, state machine and replica know.
    pub(super) fn new(
        core: raft::Status,
        machine: &Machine,
        incarnation: u64,
        waiters: usize,
        disk_full: bool,
        clock_ms: f64,
        ahead: Option<raft::Index>,
    ) -> Status {
        Status {
            id: core.id.to_string(),
            role: core.role,
            term: core.term.0,
            vote: core.vote.map(|node| node.to_string()),
            leader: core.leader.map(|node| node.to_string()),
            commit: core.commit.0,
            applied: machine.applied().0,
            last: core.last.index.0,
            last_entry: core.last.to_string(),
            durable: core.durable.0,
            snapshot: core.snapshot.index.0,
            first: core.first.0,
            disk_full,
            revision: machine.revision(),
            chain: machine.chain().to_string(),
            content: machine.content().to_string(),
            clock_ms,
            incarnation,
            waiters,
            sessions: machine.sessions(),
            leases: machine.leases(),
            replication: core.replication,
            ahead: ahead.map(|index| index.0),
            membership: Members::new(&core.configured, core.commit),
            followers: core
                .followers
                .iter()
                .map(|follower| Follower {
                    node: follower.id.to_string(),
                    sent: follower.sent.0,
                    durable: follower.durable.0,
                    applied: follower.commit.0,
                })
                .collect(),
        }
    }
}
