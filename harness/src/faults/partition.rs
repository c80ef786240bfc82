//! Cut directed links between nodes; mend them to heal.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::{Value, json};

use super::{Draft, Fault, View, list, node, was};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::site::NodeId;

/// How often a cut link resets connections, as a firewall may, where it is a black hole otherwise.
const RESETS: f64 = 0.125;

/// The row in the table of faults.
pub struct Partition;

/// A directed link: what the first says no longer reaches the second.
type Link = (NodeId, NodeId);

impl Fault for Partition {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn about(&self) -> &'static str {
        "cut links, as a black hole or by resets: isolate the leader or one node, halves, majorities ring, bridge, one way"
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 2).then(|| "a cluster of one node has no links to cut".into())
    }

    fn plan(&self, view: &View, rng: &mut StdRng) -> Draft {
        let size = view.nodes.len();
        let shapes: Vec<(&str, u32)> = [
            ("isolate-leader", 38, 2),
            ("isolate-one", 10, 2),
            ("halves", 20, 3),
            ("one-way", 16, 2),
            ("bridge", 8, 3),
            ("majorities-ring", 8, 4),
        ]
        .into_iter()
        .filter(|(_, _, least)| size >= *least)
        .map(|(shape, weight, _)| (shape, weight))
        .collect();
        let shape = shapes
            .choose_weighted(rng, |(_, weight)| *weight)
            .map_or("isolate-one", |(shape, _)| *shape);
        let mut nodes = view.nodes.clone();
        nodes.shuffle(rng);
        let mut draft = match shape {
            "isolate-leader" => isolate(shape, view.leader.unwrap_or(nodes[0]), &nodes),
            "halves" => halves(&nodes),
            "one-way" => one_way(view.leader.filter(|_| rng.random_bool(0.6)), &nodes, rng),
            "bridge" => bridge(&nodes),
            "majorities-ring" => majorities_ring(&nodes),
            _ => isolate("isolate-one", nodes[0], &nodes),
        };
        draft.targets.sort_unstable();
        let resets = rng.random_bool(RESETS);
        draft.parameters["resets"] = json!(resets);
        if resets {
            draft.description += ", by resets";
        }
        draft
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let links = links(injury);
            let before = cluster.lost(&links);
            for (from, to) in &links {
                cluster.cut(*from, *to, resets(injury));
            }
            Ok(json!(before))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let links = links(injury);
            for (from, to) in &links {
                cluster.mend(*from, *to);
            }
            let Some(before) = before.as_array() else {
                return Ok(None);
            };
            let mut lost = cluster.lost(&links);
            for (now, before) in lost.iter_mut().zip(before) {
                *now = now.saturating_sub(before.as_u64().unwrap_or_default());
            }
            let [frames, bytes, connections] = lost;
            let on = format!("on {} links", links.len());
            Ok(if resets(injury) {
                (connections > 0).then(|| format!("{connections} connections reset {on}"))
            } else {
                (bytes > 0).then(|| format!("{frames} messages ({bytes} bytes) dropped {on}"))
            })
        })
    }
}

/// Does the injury reset connections?
fn resets(injury: &Injury) -> bool {
    injury.parameters["resets"] == json!(true)
}

/// The links that the injury cuts.
fn links(injury: &Injury) -> Vec<Link> {
    let pair = |pair: &Value| Some((node(pair[0].as_str()?)?, node(pair[1].as_str()?)?));
    injury.parameters["cut"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(pair)
        .collect()
}

fn draft(shape: &str, targets: Vec<NodeId>, description: String, cut: &[Link]) -> Draft {
    let cut: Vec<[String; 2]> = cut
        .iter()
        .map(|(from, to)| [from.to_string(), to.to_string()])
        .collect();
    Draft {
        shape: shape.into(),
        targets,
        description,
        parameters: json!({ "cut": cut }),
    }
}

/// Both directions between each of `left` and each of `right`.
fn between(left: &[NodeId], right: &[NodeId]) -> Vec<Link> {
    left.iter()
        .flat_map(|a| right.iter().flat_map(move |b| [(*a, *b), (*b, *a)]))
        .collect()
}

fn sorted(nodes: &[NodeId]) -> Vec<NodeId> {
    let mut sorted = nodes.to_vec();
    sorted.sort_unstable();
    sorted
}

fn others(node: NodeId, nodes: &[NodeId]) -> Vec<NodeId> {
    sorted(nodes)
        .into_iter()
        .filter(|other| *other != node)
        .collect()
}

fn isolate(shape: &str, victim: NodeId, nodes: &[NodeId]) -> Draft {
    let rest = others(victim, nodes);
    let description = format!("{victim} was cut off from {}", list(&rest));
    draft(shape, vec![victim], description, &between(&[victim], &rest))
}

fn halves(nodes: &[NodeId]) -> Draft {
    let (left, right) = nodes.split_at(nodes.len() / 2);
    let (left, right) = (sorted(left), sorted(right));
    let description = format!(
        "{} {} cut off from {}",
        list(&left),
        was(&left),
        list(&right)
    );
    draft("halves", left.clone(), description, &between(&left, &right))
}

/// Two halves that see each other only through one node, which sees all.
fn bridge(nodes: &[NodeId]) -> Draft {
    let (bridge, rest) = (nodes[0], &nodes[1..]);
    let (left, right) = rest.split_at(rest.len() / 2);
    let (left, right) = (sorted(left), sorted(right));
    let description = format!(
        "{} could not reach {}, only {bridge} saw both",
        list(&left),
        list(&right)
    );
    draft("bridge", vec![bridge], description, &between(&left, &right))
}

/// Every node sees a majority, but no two need see the same one: all sit on a ring and see near neighbours.
fn majorities_ring(nodes: &[NodeId]) -> Draft {
    let size = nodes.len();
    let majority = size / 2 + 1;
    let reach = (majority - 1).div_ceil(2);
    let mut cut = Vec::new();
    for (a, from) in nodes.iter().enumerate() {
        for (b, to) in nodes.iter().enumerate() {
            let apart = a.abs_diff(b).min(size - a.abs_diff(b));
            if apart > reach {
                cut.push((*from, *to));
            }
        }
    }
    let ring: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    let description = format!(
        "each node saw only its neighbours on the ring {}",
        ring.join(" - ")
    );
    draft("majorities-ring", nodes.to_vec(), description, &cut)
}

/// What the victim says is lost, or what it should hear.
fn one_way(leader: Option<NodeId>, nodes: &[NodeId], rng: &mut StdRng) -> Draft {
    let victim = leader.unwrap_or(nodes[0]);
    let rest = others(victim, nodes);
    if rng.random_bool(0.5) {
        let cut: Vec<Link> = rest.iter().map(|other| (victim, *other)).collect();
        draft(
            "one-way",
            vec![victim],
            format!("{victim} heard {}, but was not heard", list(&rest)),
            &cut,
        )
    } else {
        let cut: Vec<Link> = rest.iter().map(|other| (*other, victim)).collect();
        draft(
            "one-way",
            vec![victim],
            format!("{victim} was heard by {}, but heard nobody", list(&rest)),
            &cut,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn cut(draft: &Draft) -> BTreeSet<Link> {
        let pairs = draft.parameters["cut"].as_array().unwrap();
        pairs
            .iter()
            .map(|p| {
                (
                    node(p[0].as_str().unwrap()).unwrap(),
                    node(p[1].as_str().unwrap()).unwrap(),
                )
            })
            .collect()
    }

    fn ids(count: u16) -> Vec<NodeId> {
        (1..=count).map(NodeId).collect()
    }

    #[test]
    fn on_the_ring_every_node_sees_a_majority_but_not_all() {
        for size in 4..=9 {
            let cut = cut(&majorities_ring(&ids(size)));
            for me in ids(size) {
                let seen = ids(size)
                    .into_iter()
                    .filter(|other| !cut.contains(&(me, *other)))
                    .count();
                assert!(seen > usize::from(size) / 2, "{me} of {size} sees {seen}");
                assert!(seen < usize::from(size), "{me} of {size} sees all");
            }
        }
    }

    #[test]
    fn a_bridge_sees_all_and_nobody_else_does() {
        let cut = cut(&bridge(&ids(5)));
        assert!(
            cut.iter()
                .all(|(from, to)| *from != NodeId(1) && *to != NodeId(1))
        );
        for me in &ids(5)[1..] {
            assert!(cut.iter().any(|(from, _)| from == me), "{me} sees all");
        }
    }

    #[test]
    fn one_way_cuts_one_direction_only() {
        use rand::SeedableRng as _;
        for seed in 0..10 {
            let cut = cut(&one_way(None, &ids(5), &mut StdRng::seed_from_u64(seed)));
            assert_eq!(cut.len(), 4);
            assert!(cut.iter().all(|(from, to)| !cut.contains(&(*to, *from))));
        }
    }
}
