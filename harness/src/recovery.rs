//! After everything is healed a cluster must recover by itself, without new writes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::observation::NodeStatus;
use crate::site::NodeId;

/// How long it may take. Generous: an election takes well under a second.
pub const BOUND: Duration = Duration::from_secs(15);

/// Waits until one leader is known to all and everybody has applied what it has.
///
/// # Errors
/// What was still missing at the end of the bound.
pub async fn wait(cluster: &Cluster, bound: Duration) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        let fresh = cluster.statuses_since(began);
        let problem = match missing(&cluster.nodes(), &fresh) {
            None => return Ok(began.elapsed()),
            Some(problem) => problem,
        };
        if began.elapsed() > bound {
            return Err(problem);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What keeps the cluster from being whole; `None`: nothing.
fn missing(nodes: &[NodeId], statuses: &[(NodeId, NodeStatus)]) -> Option<String> {
    let silent: Vec<String> = nodes
        .iter()
        .filter(|node| !statuses.iter().any(|(known, _)| known == *node))
        .map(ToString::to_string)
        .collect();
    if !silent.is_empty() {
        return Some(format!("{} did not answer", silent.join(", ")));
    }
    let Some((leader, leads)) = statuses
        .iter()
        .filter(|(_, s)| s.role == "leader")
        .max_by_key(|(_, s)| s.term)
    else {
        return Some("no node leads".into());
    };
    for (node, status) in statuses {
        if status.term != leads.term
            || (node != leader && status.leader.as_deref() != Some(&leader.to_string()))
        {
            return Some(format!(
                "{node} does not follow {leader} in term {}",
                leads.term
            ));
        }
        if status.disk_full {
            return Some(format!("{node} still says that its disk is full"));
        }
    }
    let applied: BTreeSet<u64> = statuses.iter().map(|(_, status)| status.applied).collect();
    if applied.len() > 1 {
        return Some(format!(
            "nodes have applied up to different indices: {applied:?}"
        ));
    }
    (leads.commit != leads.last || leads.applied != leads.commit).then(|| {
        format!(
            "{leader} has applied {} of {} entries",
            leads.applied, leads.last
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(role: &str, leader: &str, applied: u64) -> NodeStatus {
        NodeStatus {
            role: role.into(),
            term: 3,
            leader: Some(leader.into()),
            commit: 9,
            applied,
            last: 9,
            clock_offset_ms: None,
            disk_full: false,
            followers: Vec::new(),
        }
    }

    fn judge(statuses: &[(u16, NodeStatus)]) -> Option<String> {
        let statuses: Vec<_> = statuses
            .iter()
            .map(|(node, s)| (NodeId(*node), s.clone()))
            .collect();
        missing(&[NodeId(1), NodeId(2)], &statuses)
    }

    #[test]
    fn a_whole_cluster_misses_nothing() {
        assert_eq!(
            judge(&[
                (1, status("leader", "n1", 9)),
                (2, status("follower", "n1", 9))
            ]),
            None
        );
    }

    #[test]
    fn a_silent_node_a_missing_leader_and_a_laggard_are_named() {
        let said = judge(&[(1, status("leader", "n1", 9))]).unwrap();
        assert!(said.contains("n2"), "{said}");
        let said = judge(&[
            (1, status("follower", "n2", 9)),
            (2, status("follower", "n1", 9)),
        ])
        .unwrap();
        assert!(said.contains("leads"), "{said}");
        let said = judge(&[
            (1, status("leader", "n1", 9)),
            (2, status("follower", "n1", 5)),
        ])
        .unwrap();
        assert!(said.contains("different"), "{said}");
    }
}
