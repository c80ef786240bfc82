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
    /// In a session: any node that can tell what became of a write; this one first.
    InSession(NodeId),
}

impl Pinning {
    /// The node that is asked first.
    pub fn first(self) -> NodeId {
        match self {
            Pinning::Pinned(node) | Pinning::FollowsLeader(node) | Pinning::InSession(node) => node,
        }
    }
}

/// Of four workers one follows the leader as a user's driver would, one works in a session, and two ask one node
/// for ever; each kind is spread over the nodes.
pub fn pinning(worker: usize, nodes: u16) -> Pinning {
    let node = |number: usize| NodeId((number % usize::from(nodes)) as u16 + 1);
    match worker % 4 {
        1 => Pinning::InSession(node(worker / 4)),
        3 => Pinning::FollowsLeader(node(worker / 4)),
        _ => Pinning::Pinned(node(worker / 2)),
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
        Pinning::InSession(first) => deployment.session_client(first, timeout),
    };
    let mut others: BTreeMap<NodeId, Box<dyn Client>> = BTreeMap::new();
    while let Some(job) = jobs.recv().await {
        let client = match job.node {
            None => &mut own,
            Some(node) => others
                .entry(node)
                .or_insert_with(|| deployment.client(node, timeout)),
        };
        // The client's own deadline may be longer than ours: what has not answered by now is unknown.
        let result = match tokio::time::timeout(timeout * 3, client.invoke(&job.op)).await {
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
    fn pinned_workers_are_spread_evenly_and_a_quarter_each_follows_the_leader_and_works_in_a_session()
     {
        let all: Vec<Pinning> = (0..20).map(|worker| pinning(worker, 5)).collect();
        for node in (1..=5).map(NodeId) {
            let count = |kind: Pinning| all.iter().filter(|p| **p == kind).count();
            assert_eq!(count(Pinning::Pinned(node)), 2, "{node}");
            assert_eq!(count(Pinning::FollowsLeader(node)), 1, "{node}");
            assert_eq!(count(Pinning::InSession(node)), 1, "{node}");
        }
    }
}
