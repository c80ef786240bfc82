//! What the harness itself saw of nodes and of its own machine. A line of `observations.jsonl`.

use serde::{Deserialize, Serialize};

/// One observation. `time_ns` counts from the run's beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Observation {
    /// A node's answer to a status request; asked of every node some ten times a second.
    Status {
        /// When the answer came.
        time_ns: u64,
        /// `n1`.
        node: String,
        /// `None`: it did not answer.
        status: Option<NodeStatus>,
    },
    /// The harness itself was not scheduled for this long: what clients felt then may be the machine's fault.
    Stall {
        /// When it ended.
        time_ns: u64,
        /// How long it was.
        duration_ns: u64,
    },
    /// A line of a node's log that tells of a change: `n2 follower -> leader term=4 leader=n2`.
    Transition {
        /// When the harness read it.
        time_ns: u64,
        /// `n2`.
        node: String,
        /// `follower`, `pre-candidate`, `candidate`, `leader`.
        role: String,
        /// The term after it.
        term: u64,
        /// Whom it then follows.
        leader: Option<String>,
    },
    /// A node dropped entries for a leader's conflicting ones.
    RolledBack {
        /// When the harness read it.
        time_ns: u64,
        /// Whose log lost them.
        node: String,
        /// The entries: `5@3` (index@term).
        entries: Vec<String>,
    },
    /// A node's process started or ended.
    Process {
        /// When.
        time_ns: u64,
        /// `n1`.
        node: String,
        /// `started`, `killed` (by a fault), `exited` (by itself: `detail` says how).
        event: String,
        /// More, in words.
        detail: Option<String>,
    },
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// `follower`, `pre-candidate`, `candidate`, `leader`.
    pub role: String,
    /// Its term.
    pub term: u64,
    /// The leader it knows of.
    pub leader: Option<String>,
    /// Commit index.
    pub commit: u64,
    /// Applied index.
    pub applied: u64,
    /// Last index of its log.
    pub last: u64,
    /// Its wall clock against the harness' own, in milliseconds; what a clock fault did is seen here.
    pub clock_offset_ms: Option<f64>,
    /// True while its disk is full.
    pub disk_full: bool,
    /// On a leader: for each follower the last index sent, on its disk, applied.
    pub followers: Vec<FollowerStatus>,
}

/// A leader's view of a follower (as `pg_stat_replication` shows it).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowerStatus {
    /// `n3`.
    pub node: String,
    /// Last index sent.
    pub sent: u64,
    /// Last index known to be on its disk.
    pub durable: u64,
    /// Last index known to be applied there.
    pub applied: u64,
}
