//! What a core is told once, at boot: who it is, who votes, its timeouts and its switches.

use std::collections::BTreeSet;
use std::time::Duration;

use super::acknowledge::Replication;
use super::change::Membership;
use super::types::NodeId;

/// Parameters of a [`Core`](super::Core). Safety depends on none of the timings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// Who votes in a cluster that has never been told otherwise; nobody: a node that is to join one.
    pub voters: BTreeSet<NodeId>,
    /// How this node changes voters while it leads.
    pub membership: Membership,
    /// Timeouts are drawn anew from `[min, max)` each time (Raft paper, 5.2).
    pub election_timeout: (Duration, Duration),
    /// A leader begins a round of heartbeats at least this often.
    pub heartbeat: Duration,
    /// Ask whether an election could be won before raising the term (Raft dissertation, 9.6).
    pub pre_vote: bool,
    /// A leader that hears no quorum for an election timeout steps down (Raft dissertation, 6.2).
    pub check_quorum: bool,
    /// Refuse votes while a leader is heard, except where that leader asked for the election
    /// (Raft dissertation, 4.2.3).
    pub stickiness: bool,
    /// Serve reads on a lease, given that the clocks of any two nodes run at rates that differ by less than so
    /// many percent. Needs check-quorum and stickiness, and the same on all nodes. `None`: a round for every
    /// batch of reads, and no clock matters.
    pub lease_drift_percent: Option<u32>,
    /// When writes are answered.
    pub replication: Replication,
    /// Most entries in one append.
    pub max_batch_entries: usize,
    /// Most bytes of entries in one append; one entry is sent however large it is.
    pub max_batch_bytes: usize,
    /// Most unanswered appends to one follower.
    pub max_inflight: usize,
    /// Entries that stay in the log behind a snapshot's last one, so that a follower that lags a little
    /// needs no snapshot.
    pub keep_entries: u64,
    /// Bytes of applied entries after which a snapshot is wanted, however few they are; and half as many stay in the
    /// log behind it. The log is kept in memory, and this is what bounds it.
    pub log_bytes: usize,
    /// Most bytes of a snapshot in one message.
    pub snapshot_chunk_bytes: usize,
    /// Most bytes of uncommitted commands at a leader; beyond it proposals are refused.
    pub max_uncommitted_bytes: usize,
    /// Most reads that wait for confirmation; beyond it they are refused.
    pub max_pending_reads: usize,
    /// Of the timeouts and of the names of forwarded reads. Should differ from node to node and from boot
    /// to boot.
    pub seed: u64,
}

impl Config {
    /// The defaults: 150-300 ms elections, 30 ms heartbeats, every protection on.
    pub fn new(id: NodeId, voters: BTreeSet<NodeId>) -> Config {
        Config {
            id,
            voters,
            membership: Membership::default(),
            election_timeout: (Duration::from_millis(150), Duration::from_millis(300)),
            heartbeat: Duration::from_millis(30),
            pre_vote: true,
            check_quorum: true,
            stickiness: true,
            lease_drift_percent: None,
            replication: Replication::Majority,
            max_batch_entries: 1024,
            max_batch_bytes: 1 << 20,
            max_inflight: 64,
            keep_entries: 1000,
            log_bytes: 64 << 20,
            snapshot_chunk_bytes: 256 << 10,
            max_uncommitted_bytes: 64 << 20,
            max_pending_reads: 65_536,
            seed: u64::from(id.0),
        }
    }
}
