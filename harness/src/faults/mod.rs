//! Faults: what kinds of harm there are. To add one: a file here, a `mod` line, a row in [`FAULTS`].

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::site::NodeId;

mod clock_skew;
mod disk_full;
mod kill;
mod membership;
mod partition;
mod pause;

/// What a fault may know of the cluster when it chooses its victims.
#[derive(Clone, Debug)]
pub struct View {
    /// All nodes.
    pub nodes: Vec<NodeId>,
    /// Who leads, as far as the harness saw last.
    pub leader: Option<NodeId>,
    /// What SIGKILL stands for.
    pub kill_is_power_loss: bool,
}

/// What a fault would do: decided, but not inflicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// A name for the kind of victims or harm: `isolate-leader`, `majority`, `+60s` …
    pub shape: String,
    /// Whom it is aimed at.
    pub targets: Vec<NodeId>,
    /// In words, as a clause that can follow "while": `n1 was cut off from n2 and n3`.
    pub description: String,
    /// All that is needed to do it again.
    pub parameters: Value,
}

/// A kind of harm. Faults of one kind never overlap; faults of different kinds may.
pub trait Fault: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// One sentence for lists.
    fn about(&self) -> &'static str;
    /// Why it is pointless in a cluster of this size.
    fn makes_no_sense(&self, _nodes: u16) -> Option<String> {
        None
    }
    /// Chooses victims and harm.
    fn plan(&self, view: &View, rng: &mut StdRng) -> Draft;
    /// Does it. The answer is what [`Fault::heal`] needs to measure the effect.
    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>>;
    /// Undoes it, also after half an inject, also twice. Answers what the injury did, measured;
    /// `None`: nothing that could be measured.
    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>>;
}

/// All faults, sorted by name.
pub const FAULTS: &[&dyn Fault] = &[
    &clock_skew::ClockSkew,
    &disk_full::DiskFull,
    &kill::Kill,
    &membership::Membership,
    &partition::Partition,
    &pause::Pause,
];

/// The fault of that name.
pub fn find(name: &str) -> Option<&'static dyn Fault> {
    FAULTS.iter().copied().find(|fault| fault.name() == name)
}

/// Draws victims: `leader` (or some node, while none is known), `one`, `minority`, `majority` or `all`.
fn victims(
    view: &View,
    weights: &[(&'static str, u32)],
    rng: &mut StdRng,
) -> (&'static str, Vec<NodeId>) {
    let size = view.nodes.len();
    let possible: Vec<_> = weights
        .iter()
        .filter(|(shape, _)| match *shape {
            "leader" | "all" => true,
            "one" => size > 1,
            // Fewer than half, but more than one; anything else is another shape under a false name.
            "minority" => (size - 1) / 2 > 1,
            "majority" => size > 2,
            _ => false,
        })
        .collect();
    let shape = possible
        .choose_weighted(rng, |(_, weight)| *weight)
        .map_or("all", |(shape, _)| *shape);
    let mut shuffled = view.nodes.clone();
    shuffled.shuffle(rng);
    let some = |count: usize| shuffled[..count.min(size)].to_vec();
    let mut chosen = match shape {
        "leader" => view.leader.map_or_else(|| some(1), |leader| vec![leader]),
        "one" => some(1),
        "minority" => some((size - 1) / 2),
        "majority" => some(size / 2 + 1),
        _ => view.nodes.clone(),
    };
    chosen.sort_unstable();
    (shape, chosen)
}

/// `n1, n2 and n3`.
fn list(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "nobody".into(),
    }
}

/// `was` or `were`.
fn was(nodes: &[NodeId]) -> &'static str {
    if nodes.len() == 1 { "was" } else { "were" }
}

/// The injury's victims.
fn targets(injury: &Injury) -> Vec<NodeId> {
    injury
        .targets
        .iter()
        .filter_map(|name| node(name))
        .collect()
}

/// `n3` as a node.
fn node(name: &str) -> Option<NodeId> {
    name.strip_prefix('n')?.parse().ok().map(NodeId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn view(nodes: u16) -> View {
        View {
            nodes: (1..=nodes).map(NodeId).collect(),
            leader: Some(NodeId(1)),
            kill_is_power_loss: true,
        }
    }

    #[test]
    fn victims_are_as_many_as_their_name_says() {
        let weights = &[
            ("leader", 1),
            ("one", 1),
            ("minority", 1),
            ("majority", 1),
            ("all", 1),
        ];
        let mut rng = StdRng::seed_from_u64(1);
        for nodes in 1..=9_u16 {
            for _ in 0..50 {
                let (shape, chosen) = victims(&view(nodes), weights, &mut rng);
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
    fn every_fault_plans_the_same_from_the_same_seed() {
        for fault in FAULTS {
            for nodes in (1..=9).filter(|nodes| fault.makes_no_sense(*nodes).is_none()) {
                let draw = |seed| fault.plan(&view(nodes), &mut StdRng::seed_from_u64(seed));
                assert_eq!(draw(5), draw(5), "{} at {nodes}", fault.name());
                assert!(!draw(5).targets.is_empty(), "{} at {nodes}", fault.name());
            }
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(
            FAULTS
                .windows(2)
                .all(|pair| pair[0].name() < pair[1].name())
        );
    }
}
