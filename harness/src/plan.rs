//! What a run will do, decided and written down (`plan.json`) before anything starts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Most;
use crate::faults::Order;
use crate::links::Way;
use crate::replication::{Promise, Replication};
use crate::schedule::Entry;

/// Everything that a run follows from. The same plan with the same seed draws the same operations and faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of Ordeal that made the plan.
    pub version: String,
    /// The system under test: `node`.
    pub system: String,
    /// What clients do: `register`.
    pub workload: String,
    /// Names of faults, in the order given: `partition`, `kill` …; empty for none.
    pub nemesis: Vec<String>,
    /// What was chosen of each; empty in plans from before anything could be chosen.
    #[serde(default)]
    pub orders: Vec<Order>,
    /// Injuries at fixed times; where there are any, no others are drawn.
    #[serde(default)]
    pub schedule: Vec<Entry>,
    /// The folder's name of the run whose injuries are inflicted again.
    #[serde(default)]
    pub repeats: Option<String>,
    /// How injuries follow each other: `classic` (two lanes, some seconds) or `fast` (four lanes, aimed at leaders).
    #[serde(default)]
    pub cadence: String,
    /// Size of the cluster, 1 to 9.
    pub nodes: u16,
    /// How many clients act at a time.
    pub concurrency: usize,
    /// Operations a second that are begun at most, over all clients; 0: as fast as they can.
    pub rate: f64,
    /// How many independent keys.
    pub keys: usize,
    /// How long faults and operations go on.
    pub time: Duration,
    /// How many nodes faults may have down at a time.
    #[serde(default)]
    pub most_down: Most,
    /// Mean time of a fault, and between two: each is drawn from 0.2 to 1.8 times this.
    pub interval: Duration,
    /// Where every choice is drawn from.
    pub seed: u64,
    /// What SIGKILL stands for: `power-loss` (un-synced writes are lost) or `process`.
    pub kill_means: String,
    /// When the system under test answers a write.
    #[serde(default)]
    pub replication: Replication,
    /// Every acknowledgement is judged as a promise to keep, whatever the replication mode says.
    #[serde(default)]
    pub strict: bool,
    /// Planted bugs in the system under test.
    pub bugs: Vec<String>,
    /// Flags that every node gets beside those of the harness, or instead of them.
    #[serde(default)]
    pub node_flags: Vec<String>,
    /// Nodes that can leave evidence of what they do for the white-box judge.
    #[serde(default)]
    pub events: bool,
    /// The run ends as soon as a violation is certain.
    #[serde(default)]
    pub stop_on_violation: bool,
    /// What links between nodes are made of.
    #[serde(default)]
    pub links: Way,
    /// The command that repeats this plan.
    pub command: String,
}

impl Plan {
    /// Faults and what was chosen of each.
    pub fn orders(&self) -> Vec<Order> {
        if self.orders.is_empty() {
            self.nemesis.iter().map(|name| Order::plain(name)).collect()
        } else {
            self.orders.clone()
        }
    }

    /// What an acknowledgement promises.
    pub fn promise(&self) -> Promise {
        Promise {
            mode: self.replication,
            nodes: self.nodes,
            strict: self.strict,
        }
    }

    /// Injuries follow each other fast, and aim at leaders.
    pub fn is_fast(&self) -> bool {
        self.cadence == "fast"
    }
}
