//! What one seed's cluster is like: size, switches, thresholds, latencies. Drawn, because features hide each other's bugs.

use std::collections::BTreeSet;
use std::time::Duration;

use node::raft::{Config, Membership, NodeId, Replication};

use crate::rng::Rng;

/// A cluster and its surroundings.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// Of the core; each node puts its own id and seed in.
    pub config: Config,
    /// Entries between two snapshots; 0: none.
    pub snapshot_every: u64,
    /// Of the log, in bytes.
    pub segment_size: u64,
    /// How long a node lets a request wait.
    pub request_timeout: Duration,
    /// How long a client waits.
    pub client_timeout: Duration,
    /// Longest pause of a client between two operations.
    pub think: Duration,
    /// What clients do.
    pub workload: Workload,
    /// Clients repeat what got no answer, in sessions.
    pub sessions: bool,
    /// Entries that a session outlives its last command.
    pub session_lifetime: u64,
    /// How many keys.
    pub keys: u64,
    /// Registers are deleted, too.
    pub deletes: bool,
    /// By how many bytes the longest key is longer than the shortest, so that commands differ in size.
    pub padding: u64,
    /// Usual delay of a message: from and to, in microseconds.
    pub latency: (u64, u64),
    /// Usual time of a sync: from and to, in microseconds.
    pub sync: (u64, u64),
    /// Links deliver in order, as TCP does; else in any order, and some things twice.
    pub in_order: bool,
    /// How fast clocks may be wrong, in millionths.
    pub clock_drift_ppm: u64,
    /// Sectors that survive a power loss, in a hundred.
    pub survive_percent: u64,
    /// How often something is injured: usual pause in milliseconds.
    pub cadence: u64,
    /// Nodes that are to join a cluster that has begun without them.
    pub spares: Vec<NodeId>,
    /// Members come and go.
    pub changes: bool,
    /// Kinds of injury that this seed does not have, as bits.
    pub spared: u64,
}

/// Half of all seeds answer with the commit. By dice of its own, so that the rest of a seed does not depend on it.
fn replication(seed: u64) -> Replication {
    let mut rng = Rng::new(seed, 5);
    match rng.chance(50) {
        true => Replication::Majority,
        false => rng.one_of(&[Replication::Sync, Replication::SemiSync, Replication::Async]),
    }
}

/// What clients do, and by which model they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Read, write and compare-and-set of a few keys.
    Register,
    /// Append to lists and read them.
    Append,
    /// Add to counters and read them.
    Counter,
    /// As [`Workload::Register`], while others keep leases alive.
    Lease,
}

impl Swarm {
    /// The cluster of a seed.
    pub fn draw(seed: u64) -> Swarm {
        Swarm::sized(seed, None)
    }

    /// The cluster of a seed with so many voters, or as many as it draws.
    pub fn sized(seed: u64, voters: Option<u16>) -> Swarm {
        let mut rng = Rng::new(seed, 1);
        let size = rng.one_of(&[1, 2, 3, 3, 3, 3, 4, 5, 5, 5]);
        let size = voters.unwrap_or(size);
        let voters = (1..=size).map(NodeId).collect();
        let (check_quorum, stickiness) = (rng.chance(75), rng.chance(70));
        let leases = check_quorum && stickiness && rng.chance(50);
        let timeout = rng.one_of(&[100, 150, 150, 300]);
        let mut dice = Rng::new(seed, 6);
        let (changes, by_joint) = (dice.chance(40), dice.chance(60));
        let spares = if changes { dice.below(3) as u16 } else { 0 };
        let config = Config {
            election_timeout: (
                Duration::from_millis(timeout),
                Duration::from_millis(2 * timeout),
            ),
            heartbeat: Duration::from_millis(timeout / rng.one_of(&[4, 5, 8])),
            pre_vote: rng.chance(60),
            check_quorum,
            stickiness,
            lease_drift_percent: leases.then(|| rng.one_of(&[10, 10, 20])),
            max_batch_entries: rng.one_of(&[1, 1, 4, 16, 1024]),
            max_batch_bytes: rng.one_of(&[64, 1000, 1 << 20]),
            max_inflight: rng.one_of(&[1, 4, 64]),
            keep_entries: rng.one_of(&[0, 3, 50, 1000]),
            snapshot_chunk_bytes: rng.one_of(&[64, 512, 4096, 65_536]),
            max_uncommitted_bytes: rng.one_of(&[500, 1 << 20, 1 << 20]),
            replication: replication(seed),
            membership: match by_joint {
                true => Membership::Joint,
                false => Membership::Single,
            },
            seed: rng.next(),
            ..Config::new(NodeId(1), voters)
        };
        let fast = rng.one_of(&[200, 500, 1000]);
        Swarm {
            config,
            snapshot_every: rng.one_of(&[0, 1, 5, 20, 50, 50, 1000]),
            segment_size: rng.one_of(&[4 << 10, 4 << 10, 16 << 10, 256 << 10]),
            request_timeout: Duration::from_millis(rng.one_of(&[200, 500, 1000, 3000])),
            client_timeout: Duration::from_millis(rng.one_of(&[300, 1000, 2000])),
            think: Duration::from_millis(rng.one_of(&[5, 20, 50, 100])),
            workload: rng.one_of(&[
                Workload::Register,
                Workload::Register,
                Workload::Append,
                Workload::Counter,
                Workload::Lease,
            ]),
            spares: (size + 1..=size + spares).map(NodeId).collect(),
            changes,
            deletes: rng.chance(25),
            padding: rng.one_of(&[0, 0, 30, 300]),
            sessions: rng.chance(40),
            session_lifetime: rng.one_of(&[30, 1000, 100_000]),
            keys: rng.one_of(&[1, 2, 5]),
            latency: (fast, fast * rng.one_of(&[2, 4, 10])),
            sync: (100, rng.one_of(&[500, 3_000, 10_000])),
            in_order: rng.chance(50),
            clock_drift_ppm: match leases {
                // Within what leases are told to reckon with: (1 + d) / (1 - d) < 1 / 0.9.
                true => rng.one_of(&[0, 10_000, 50_000]),
                false => rng.one_of(&[0, 50_000, 500_000]),
            },
            survive_percent: rng.one_of(&[0, 0, 30, 50, 90]),
            cadence: rng.one_of(&[100, 300, 300, 700, 2000]),
            // About a third of all kinds is left out.
            spared: rng.next() & rng.next() | rng.next() & rng.next() & rng.next(),
        }
    }

    /// Whether this cluster may answer writes that it then loses: where those that had them are in no majority.
    pub fn may_lose(&self) -> bool {
        match self.config.replication {
            Replication::Majority | Replication::Sync => false,
            Replication::SemiSync => self.config.voters.len() > 3 || self.changes,
            Replication::Async => self.config.voters.len() > 1 || self.changes,
        }
    }

    /// The core's configuration on one node in one boot.
    pub fn config_of(&self, id: NodeId, boot: u64) -> Config {
        let joins = self.spares.contains(&id);
        Config {
            id,
            voters: match joins {
                true => BTreeSet::new(),
                false => self.config.voters.clone(),
            },
            seed: self.config.seed ^ u64::from(id.0) << 48 ^ boot << 32,
            ..self.config.clone()
        }
    }

    /// Nothing rests on clocks that only run at wrong rates.
    pub fn clocks_may_jump(&self) -> bool {
        self.config.lease_drift_percent.is_none() && self.workload != Workload::Lease
    }

    /// All nodes.
    pub fn ids(&self) -> Vec<NodeId> {
        self.config
            .voters
            .iter()
            .chain(&self.spares)
            .copied()
            .collect()
    }

    /// Those that vote in the beginning, and in the end.
    pub fn voters(&self) -> Vec<NodeId> {
        self.config.voters.iter().copied().collect()
    }
}
