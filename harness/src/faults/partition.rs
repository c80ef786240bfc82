//! Cut directed links between nodes; mend them to heal.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::{Value, json};

use super::links::{Link, impose, mend, names, told};
use super::{Draft, Fault, Kind, Need, Order, Setting, View, list, node, was};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::Rule;
use crate::site::NodeId;

/// How often a cut link resets connections, as a firewall may, where it is a black hole otherwise.
const RESETS: f64 = 0.125;

/// The row in the table of faults.
pub struct Partition;

/// Jepsen's shapes and some more: by name, how often each is drawn, and the least nodes that it makes sense for.
const SHAPES: [(&str, u32, usize); 9] = [
    ("isolate-leader", 32, 2),
    ("isolate-one", 10, 2),
    ("halves", 18, 3),
    ("one-way", 14, 2),
    ("bridge", 8, 3),
    ("majorities-ring", 8, 4),
    ("minority-third", 4, 4),
    ("primaries", 2, 2),
    ("leader-with-one", 4, 4),
];
const NAMES: &[&str] = &[
    "isolate-leader",
    "isolate-one",
    "halves",
    "one-way",
    "bridge",
    "majorities-ring",
    "minority-third",
    "primaries",
    "leader-with-one",
];

impl Fault for Partition {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn about(&self) -> &'static str {
        "cut links, as a black hole or by resets: around the leader, all primaries or one node, halves, a third, a ring of majorities, a bridge, one way, the leader with one follower"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                name: "shape",
                kind: Kind::Words(NAMES),
                default: "",
                about: "who is cut off from whom",
            },
            Setting {
                name: "cut",
                kind: Kind::Cut,
                default: "",
                about: "the same, spelled out",
            },
            Setting {
                name: "means",
                kind: Kind::Words(&["black-hole", "reset"]),
                default: "",
                about: "whether anybody hears of it",
            },
        ]
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 2).then(|| "a cluster of one node has no links to cut".into())
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let size = view.nodes.len();
        let weight = |shape: &str, weight: u32| match shape {
            "isolate-leader" | "leader-with-one" | "one-way" if view.leader_aware => 3 * weight,
            _ => weight,
        };
        let possible: Vec<_> = SHAPES
            .iter()
            .filter(|(_, _, least)| size >= *least)
            .collect();
        let drawn = possible
            .choose_weighted(rng, |(shape, by, _)| weight(shape, *by))
            .map_or("isolate-one", |(shape, ..)| *shape);
        let mut nodes = view.nodes.clone();
        nodes.shuffle(rng);
        let leader = view.leader.unwrap_or(nodes[0]);
        let wanted = order.text("shape");
        let shape = NAMES
            .iter()
            .copied()
            .find(|shape| *shape == wanted)
            .unwrap_or(drawn);
        let mut draft = match (cut(&super::cast(order.text("cut"), view)), shape) {
            (Ok(links), _) => spelled_out(&super::cast(order.text("cut"), view), &links),
            (_, "isolate-leader") => isolate(shape, &[leader], &nodes),
            (_, "halves") => split(shape, nodes.len() / 2, &nodes),
            (_, "minority-third") => split(shape, (nodes.len() / 3).max(1), &nodes),
            (_, "one-way") => one_way(view.leader.filter(|_| rng.random_bool(0.6)), &nodes, rng),
            (_, "bridge") => bridge(&nodes),
            (_, "majorities-ring") => majorities_ring(&nodes),
            (_, "primaries") if !view.primaries.is_empty() => {
                isolate(shape, &view.primaries, &nodes)
            }
            (_, "leader-with-one") => leader_with_one(leader, &nodes),
            _ => isolate("isolate-one", &nodes[..1], &nodes),
        };
        draft.targets.sort_unstable();
        let resets = match order.text("means") {
            "" => rng.random_bool(RESETS),
            means => means == "reset",
        };
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
            let rule = if resets(injury) {
                Rule::Reset
            } else {
                Rule::Drop
            };
            Ok(impose(cluster, injury, &rule))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let Some((did, links)) = mend(cluster, injury, before) else {
                return Ok(None);
            };
            let on = format!("on {links} links");
            Ok(if resets(injury) {
                (did.resets > 0).then(|| format!("{} connections reset {on}", did.resets))
            } else {
                let text = || format!("{} dropped {on}", did.dropped.amount());
                (did.dropped.bytes > 0).then(|| told(cluster, text()))
            })
        })
    }
}

/// Does the injury reset connections?
fn resets(injury: &Injury) -> bool {
    injury.parameters["resets"] == json!(true)
}

/// Who no longer hears whom: `n1|n2,n3` parts groups that lose each other, `n1>n2,n3>n2` names directed links.
///
/// # Errors
/// It is neither.
pub(super) fn cut(text: &str) -> Result<Vec<Link>, String> {
    let wrong =
        || "say who is parted from whom as n1|n2,n3, or which links as n1>n2,n3>n2".to_string();
    let nodes =
        |group: &str| -> Option<Vec<NodeId>> { group.split(['+', ',']).map(node).collect() };
    if text.contains('>') {
        let link = |text: &str| {
            let (from, to) = text.split_once('>')?;
            Some((node(from)?, node(to)?))
        };
        return text
            .split(',')
            .map(|text| link(text).ok_or_else(wrong))
            .collect();
    }
    let groups: Option<Vec<_>> = text.split('|').map(nodes).collect();
    let groups = groups.filter(|groups| groups.len() > 1).ok_or_else(wrong)?;
    let mut links = Vec::new();
    for (position, left) in groups.iter().enumerate() {
        for right in &groups[position + 1..] {
            links.extend(between(left, right));
        }
    }
    Ok(links)
}

fn spelled_out(text: &str, cut: &[Link]) -> Draft {
    let mut targets: Vec<NodeId> = cut.iter().map(|(from, _)| *from).collect();
    targets.sort_unstable();
    targets.dedup();
    draft("cut", targets, format!("links were cut: {text}"), cut)
}

fn draft(shape: &str, targets: Vec<NodeId>, description: String, cut: &[Link]) -> Draft {
    Draft {
        shape: shape.into(),
        targets,
        description,
        parameters: json!({ "links": names(cut) }),
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

fn others(victims: &[NodeId], nodes: &[NodeId]) -> Vec<NodeId> {
    sorted(nodes)
        .into_iter()
        .filter(|other| !victims.contains(other))
        .collect()
}

/// Each victim alone, also apart from the other victims.
fn isolate(shape: &str, victims: &[NodeId], nodes: &[NodeId]) -> Draft {
    let mut cut = Vec::new();
    for victim in victims {
        cut.extend(between(&[*victim], &others(&[*victim], nodes)));
    }
    cut.sort_unstable();
    cut.dedup();
    let rest = match victims {
        [victim] => list(&others(&[*victim], nodes)),
        _ => "everybody".into(),
    };
    let description = format!("{} {} cut off from {rest}", list(victims), was(victims));
    draft(shape, victims.to_vec(), description, &cut)
}

/// The first `count` on one side, the rest on the other.
fn split(shape: &str, count: usize, nodes: &[NodeId]) -> Draft {
    let (left, right) = nodes.split_at(count);
    let (left, right) = (sorted(left), sorted(right));
    let description = format!(
        "{} {} cut off from {}",
        list(&left),
        was(&left),
        list(&right)
    );
    draft(shape, left.clone(), description, &between(&left, &right))
}

/// The leader keeps exactly one follower; both lose all others.
fn leader_with_one(leader: NodeId, nodes: &[NodeId]) -> Draft {
    let follower = nodes.iter().copied().find(|node| *node != leader);
    let pair: Vec<NodeId> = [leader].into_iter().chain(follower).collect();
    let rest = others(&pair, nodes);
    let description = format!("{} saw only each other, not {}", list(&pair), list(&rest));
    draft(
        "leader-with-one",
        pair.clone(),
        description,
        &between(&pair, &rest),
    )
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
    let rest = others(&[victim], nodes);
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
    use super::super::links::read;
    use super::*;
    use std::collections::BTreeSet;

    fn cut(draft: &Draft) -> BTreeSet<Link> {
        read(&draft.parameters).into_iter().collect()
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
    fn what_is_spelled_out_is_cut() {
        let links = |text| super::cut(text).map(|links| names(&links).concat().join(" "));
        assert_eq!(links("n1|n2,n3").unwrap(), "n1 n2 n2 n1 n1 n3 n3 n1");
        assert_eq!(links("n1>n2,n3>n2").unwrap(), "n1 n2 n3 n2");
        for wrong in ["", "n1", "n1|banana", "n1>", "everybody"] {
            assert!(super::cut(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_leader_keeps_exactly_one_follower() {
        let cut = cut(&leader_with_one(NodeId(2), &ids(5)));
        let hears = |me, to: &NodeId| *to != me && !cut.contains(&(me, *to));
        let heard = |me| -> Vec<NodeId> { ids(5).into_iter().filter(|to| hears(me, to)).collect() };
        assert_eq!(heard(NodeId(2)), [NodeId(1)]);
        assert_eq!(heard(NodeId(3)), [NodeId(4), NodeId(5)]);
    }

    #[test]
    fn every_shape_cuts_something_and_is_called_what_it_is() {
        use rand::SeedableRng as _;
        let view = View {
            nodes: ids(5),
            leader: Some(NodeId(1)),
            primaries: vec![NodeId(1), NodeId(4)],
            leader_aware: false,
            kill_is_power_loss: false,
        };
        for shape in NAMES {
            let order = Order::parse(&format!("partition:{shape}:means=reset")).unwrap();
            let draft = Partition.plan(&view, &order, &mut StdRng::seed_from_u64(1));
            assert_eq!(draft.shape, *shape);
            assert!(!cut(&draft).is_empty() && draft.parameters["resets"] == json!(true));
        }
        assert!(
            NAMES
                .iter()
                .zip(SHAPES)
                .all(|(name, (shape, ..))| *name == shape)
        );
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
