//! A worker does one operation at a time for the interpreter, as one client of the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use workloads::Op;

use crate::databases::{Client, Deployment};
use crate::outcome::{Ending, ending};
use crate::site::NodeId;

/// An operation to do.
pub struct Job {
    /// What.
    pub op: Op,
    /// Of which node; `None`: the worker's own.
    pub node: Option<NodeId>,
}

/// An operation that ended.
pub struct Done {
    /// Which worker is free again.
    pub worker: usize,
    /// How it ended.
    pub ending: Ending,
    /// The node that the worker would ask next.
    pub next_node: NodeId,
}

/// Which node a worker asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// Always this one.
    Pinned(NodeId),
    /// The leader, as far as hints tell; this one first.
    FollowsLeader(NodeId),
}

/// Every fourth worker follows the leader as a user's driver would; the others are spread over the nodes.
pub fn pinning(worker: usize, nodes: u16) -> Pinning {
    let pinned_before = worker - worker / 4;
    let node = |number: usize| NodeId((number % usize::from(nodes)) as u16 + 1);
    if worker % 4 == 3 {
        Pinning::FollowsLeader(node(worker / 4))
    } else {
        Pinning::Pinned(node(pinned_before))
    }
}

/// Runs a worker until its jobs end.
pub async fn run(
    worker: usize,
    pinning: Pinning,
    deployment: Arc<dyn Deployment>,
    timeout: Duration,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    done: mpsc::UnboundedSender<Done>,
) {
    let mut own: Box<dyn Client> = match pinning {
        Pinning::Pinned(node) => deployment.client(node, timeout),
        Pinning::FollowsLeader(first) => deployment.leader_client(first, timeout),
    };
    let mut others: BTreeMap<NodeId, Box<dyn Client>> = BTreeMap::new();
    while let Some(job) = jobs.recv().await {
        let client = match job.node {
            None => &mut own,
            Some(node) => others
                .entry(node)
                .or_insert_with(|| deployment.client(node, timeout)),
        };
        // The database's own deadline may be longer than ours: what has not answered by now is unknown.
        let result = match tokio::time::timeout(timeout * 2, client.invoke(&job.op)).await {
            Ok(result) => result,
            Err(_) => Err(crate::databases::Error::Indefinite("timed out".into())),
        };
        let ending = ending(&job.op, result);
        if done
            .send(Done {
                worker,
                ending,
                next_node: own.node(),
            })
            .is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_workers_are_spread_evenly_and_a_quarter_follows_the_leader() {
        let all: Vec<Pinning> = (0..20).map(|worker| pinning(worker, 5)).collect();
        for node in 1..=5 {
            let pinned = all
                .iter()
                .filter(|p| **p == Pinning::Pinned(NodeId(node)))
                .count();
            assert_eq!(pinned, 3, "n{node}");
        }
        assert_eq!(
            all.iter()
                .filter(|p| matches!(p, Pinning::FollowsLeader(_)))
                .count(),
            5
        );
    }
}
