//! Whom a fault hits: the leader, one node, some, all, or those that are named.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::{Order, View, node};
use crate::site::NodeId;

/// Names of kinds of victims.
pub(super) const SHAPES: &[&str] = &["leader", "one", "minority", "majority", "primaries", "all"];

/// Chooses victims: those that the order names, or a kind of them drawn by weight. `leader` is some node while none is
/// known.
pub(super) fn victims(
    view: &View,
    order: &Order,
    weights: &[(&'static str, u32)],
    rng: &mut StdRng,
) -> (&'static str, Vec<NodeId>) {
    let size = view.nodes.len();
    let wanted = order.text("targets");
    let possible: Vec<_> = weights
        .iter()
        .filter(|(shape, _)| match *shape {
            "one" => size > 1,
            // Fewer than half, but more than one; anything else is another shape under a false name.
            "minority" => (size - 1) / 2 > 1,
            "majority" => size > 2,
            _ => true,
        })
        .collect();
    let weight = |shape: &str, weight: u32| match shape {
        "leader" if view.leader_aware => 3 * weight,
        _ => weight,
    };
    let drawn = possible
        .choose_weighted(rng, |(shape, by)| weight(shape, *by))
        .map_or("all", |(shape, _)| *shape);
    let mut shuffled = view.nodes.clone();
    shuffled.shuffle(rng);
    let some = |count: usize| shuffled[..count.clamp(1, size)].to_vec();
    let cast = cast(wanted, view);
    let named: Vec<NodeId> = cast.split('+').filter_map(node).collect();
    if !named.is_empty() && !SHAPES.contains(&wanted) {
        return ("named", sorted(named));
    }
    let shape = SHAPES
        .iter()
        .copied()
        .find(|shape| *shape == wanted)
        .unwrap_or(drawn);
    let chosen = match shape {
        "leader" => view.leader.map_or_else(|| some(1), |leader| vec![leader]),
        "one" => some(1),
        "minority" => some((size - 1) / 2),
        "majority" => some(size / 2 + 1),
        "primaries" if view.primaries.is_empty() => some(1),
        "primaries" => view.primaries.clone(),
        _ => view.nodes.clone(),
    };
    (shape, sorted(chosen))
}

/// A text about nodes with the roles in it filled in: `leader`, and `f1`, `f2` … for the others in order. `leader` is the
/// first node while none is known.
pub(super) fn cast(text: &str, view: &View) -> String {
    let leader = view.leader.or(view.nodes.first().copied());
    let others: Vec<NodeId> = view
        .nodes
        .iter()
        .copied()
        .filter(|node| Some(*node) != leader)
        .collect();
    let filled = text.split_inclusive(['+', ',', '|', '>']).map(|part| {
        let word = part.trim_end_matches(['+', ',', '|', '>']);
        let behind = &part[word.len()..];
        let who = match (word, follower(word)) {
            ("leader", _) => leader,
            (_, Some(number)) => others.get(number - 1).copied(),
            _ => None,
        };
        who.map_or(part.into(), |who| format!("{who}{behind}"))
    });
    filled.collect()
}

/// The number of `f1`, `f2` …
pub(super) fn follower(word: &str) -> Option<usize> {
    let number = word.strip_prefix('f')?.parse().ok()?;
    (number > 0).then_some(number)
}

fn sorted(mut nodes: Vec<NodeId>) -> Vec<NodeId> {
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn view(nodes: u16) -> View {
        View {
            nodes: (1..=nodes).map(NodeId).collect(),
            leader: Some(NodeId(1)),
            primaries: vec![NodeId(1), NodeId(2)],
            leader_aware: false,
            kill_is_power_loss: true,
        }
    }

    const WEIGHTS: &[(&str, u32)] = &[
        ("leader", 1),
        ("one", 1),
        ("minority", 1),
        ("majority", 1),
        ("all", 1),
    ];

    #[test]
    fn victims_are_as_many_as_their_name_says() {
        let mut rng = StdRng::seed_from_u64(1);
        let order = Order::plain("kill");
        for nodes in 1..=9_u16 {
            for _ in 0..50 {
                let (shape, chosen) = victims(&view(nodes), &order, WEIGHTS, &mut rng);
                let half = usize::from(nodes) / 2;
                match shape {
                    "leader" => assert_eq!(chosen, [NodeId(1)]),
                    "one" => assert_eq!(chosen.len(), 1),
                    "minority" => {
                        assert!(chosen.len() > 1 && chosen.len() * 2 < usize::from(nodes))
                    }
                    "majority" => assert!(chosen.len() == half + 1),
                    _ => assert_eq!(chosen.len(), usize::from(nodes)),
                }
            }
        }
    }

    #[test]
    fn an_order_overrides_chance() {
        let mut rng = StdRng::seed_from_u64(1);
        for (targets, count) in [
            ("all", 5),
            ("primaries", 2),
            ("minority", 2),
            ("n4", 1),
            ("f4", 1),
        ] {
            let order = Order::parse(&format!("kill:{targets}")).unwrap();
            for _ in 0..20 {
                let (_, chosen) = victims(&view(5), &order, WEIGHTS, &mut rng);
                assert_eq!(chosen.len(), count, "{targets}");
            }
        }
    }

    #[test]
    fn roles_are_filled_in() {
        let view = View {
            leader: Some(NodeId(2)),
            ..view(3)
        };
        assert_eq!(cast("leader>f1,f2>leader", &view), "n2>n1,n3>n2");
        assert_eq!(cast("n1|leader,f2", &view), "n1|n2,n3");
        assert_eq!(cast("f3>f0", &view), "f3>f0");
    }

    #[test]
    fn a_leader_aware_nemesis_hits_the_leader_more_often() {
        let aware = View {
            leader_aware: true,
            ..view(5)
        };
        let order = Order::plain("kill");
        let hits = |view: &View| {
            let mut rng = StdRng::seed_from_u64(1);
            (0..1000)
                .filter(|_| victims(view, &order, WEIGHTS, &mut rng).0 == "leader")
                .count()
        };
        assert!(hits(&aware) > 2 * hits(&view(5)) - 50);
        assert!(hits(&aware) > hits(&view(5)) + 100);
    }
}
