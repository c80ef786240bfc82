//! Remove, demote or replace voters while clients work; make everybody a voter again to heal.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::{Value, json};

use super::{Draft, Fault, View, list, targets, was};
use crate::cluster::Cluster;
use crate::databases::{Change, Future_};
use crate::injury::Injury;
use crate::members;
use crate::site::NodeId;

/// How long an operator tries; other faults may be in the way.
const TRY: Duration = Duration::from_secs(2);
/// How long it may take to bring everybody back; what is missing then comes back with the next heal.
const BACK: Duration = Duration::from_secs(5);

/// The row in the table of faults.
pub struct Membership;

/// A majority of all nodes goes on voting.
fn least(nodes: usize) -> usize {
    nodes / 2 + 1
}

impl Fault for Membership {
    fn name(&self) -> &'static str {
        "membership"
    }

    fn about(&self) -> &'static str {
        "voters are removed, demoted to learners or replaced as a set, the leader often among them; all vote again to heal"
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 3).then(|| "of fewer than three voters none can be spared".into())
    }

    fn plan(&self, view: &View, rng: &mut StdRng) -> Draft {
        let shapes = [
            ("remove-leader", 25),
            ("remove-one", 15),
            ("demote-leader", 15),
            ("demote-one", 15),
            ("replace", 30),
        ];
        let shape = shapes
            .choose_weighted(rng, |(_, weight)| *weight)
            .map_or("remove-one", |(shape, _)| *shape);
        let mut nodes = view.nodes.clone();
        nodes.shuffle(rng);
        let stay = match shape {
            "replace" => rng.random_range(least(nodes.len())..nodes.len()),
            _ => nodes.len() - 1,
        };
        if shape.ends_with("-leader")
            && let Some(leader) = view.leader
        {
            nodes.retain(|node| *node != leader);
            nodes.push(leader);
        }
        let mut voters = nodes[..stay].to_vec();
        let mut gone = nodes[stay..].to_vec();
        voters.sort_unstable();
        gone.sort_unstable();
        let what = if shape.starts_with("demote") {
            "made a learner"
        } else {
            "removed from the cluster"
        };
        let names = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>();
        Draft {
            shape: shape.into(),
            description: format!("{} {} {what}", list(&gone), was(&gone)),
            parameters: json!({ "voters": names(&voters) }),
            targets: gone,
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let gone = targets(injury);
            let wanted = match (injury.shape.as_str(), gone.first()) {
                (shape, Some(node)) if shape.starts_with("remove") => Change::Remove(*node),
                (shape, Some(node)) if shape.starts_with("demote") => Change::Demote(*node),
                _ => {
                    let all = cluster.nodes().into_iter();
                    Change::Voters(all.filter(|node| !gone.contains(node)).collect())
                }
            };
            let done = members::change(cluster, &wanted, TRY).await;
            Ok(json!({ "changes": u32::from(done) }))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        _injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let injured = before["changes"].as_u64().unwrap_or_default();
            let (healed, missing) = match members::restore(cluster, BACK).await {
                Ok(changes) => (changes, String::new()),
                Err(problem) => (0, format!("; after {BACK:?} {problem}")),
            };
            Ok((injured > 0)
                .then(|| format!("{} changes committed{missing}", injured + u64::from(healed))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn a_majority_of_all_nodes_always_stays() {
        let mut rng = StdRng::seed_from_u64(3);
        for nodes in 3..=9_u16 {
            let view = View {
                nodes: (1..=nodes).map(NodeId).collect(),
                leader: Some(NodeId(2)),
                kill_is_power_loss: true,
            };
            for _ in 0..100 {
                let draft = Membership.plan(&view, &mut rng);
                let stay = usize::from(nodes) - draft.targets.len();
                assert!(stay * 2 > usize::from(nodes), "{draft:?}");
                if draft.shape.ends_with("leader") {
                    assert_eq!(draft.targets, [NodeId(2)]);
                }
            }
        }
    }
}
