//! Who is a member of the cluster under test, and changes of that, asked for as an operator would.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::databases::Change;
use crate::site::NodeId;

/// Between two attempts, and before a node that was just added can have caught up.
const AGAIN: Duration = Duration::from_millis(50);

/// Asks whoever leads until the change is done, at most for `bound`; false: nobody did it.
pub async fn change(cluster: &Cluster, change: &Change, bound: Duration) -> bool {
    let end = Instant::now() + bound;
    loop {
        if let Some(leader) = cluster.leader()
            && let Ok(()) = cluster.deployment().change_members(leader, change).await
        {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Makes every node a voter again, at most for `bound`; says how many changes that took.
///
/// # Errors
/// Who is still no voter.
pub async fn restore(cluster: &Cluster, bound: Duration) -> Result<u32, String> {
    let end = Instant::now() + bound;
    let all: BTreeSet<NodeId> = cluster.nodes().into_iter().collect();
    let mut changes = 0;
    let mut out = "nobody leads".to_owned();
    loop {
        if let Some(leader) = cluster.leader()
            && let Some(members) = cluster.deployment().members(leader).await
        {
            let missing: Vec<NodeId> = all.difference(&members.voters).copied().collect();
            let Some(next) = missing.first().copied() else {
                if members.settled {
                    return Ok(changes);
                }
                out = "a change is not committed".into();
                wait(end, &out).await?;
                continue;
            };
            let names: Vec<String> = missing.iter().map(NodeId::to_string).collect();
            out = format!("{} do not vote", names.join(", "));
            // Learners first: they catch up while others are added.
            let promote = missing.iter().find(|node| members.learners.contains(node));
            let add = missing.iter().find(|node| !members.learners.contains(node));
            let wanted = match (add, promote) {
                (Some(node), _) => Change::Add(*node),
                (None, Some(node)) => Change::Promote(*node),
                (None, None) => Change::Add(next),
            };
            if cluster
                .deployment()
                .change_members(leader, &wanted)
                .await
                .is_ok()
            {
                changes += 1;
                continue;
            }
        }
        wait(end, &out).await?;
    }
}

async fn wait(end: Instant, problem: &str) -> Result<(), String> {
    if Instant::now() >= end {
        return Err(problem.to_owned());
    }
    tokio::time::sleep(AGAIN).await;
    Ok(())
}
