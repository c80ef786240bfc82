//! What all disturbances of links have in common: whose links, in which direction, and what is measured.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, Kind, Need, Order, Setting, View, list, node, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::{Counters, Rule, Way};
use crate::site::{CLIENTS, NodeId};

/// A directed link: what the first says to the second.
pub(super) type Link = (NodeId, NodeId);

/// Which of its victims' links a disturbance is on.
pub(super) const DIRECTION: Setting = Setting {
    name: "direction",
    kind: Kind::Words(&["both", "out", "in"]),
    default: "both",
    about: "the links from the targets, to them, or both",
};

/// The links themselves, instead of whose they are.
pub(super) const LINKS: Setting = Setting {
    name: "links",
    kind: Kind::Links,
    default: "",
    about: "the same, spelled out; the others than the leader are f1, f2 …",
};

/// Something that is done to links: a file each.
pub trait Disturbance: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// One sentence for lists.
    fn about(&self) -> &'static str;
    /// What it needs.
    fn needs(&self) -> Need;
    /// Does it act on links of packets, whose streams nobody takes apart?
    fn acts_on_packets(&self) -> bool {
        true
    }
    /// What can be chosen of it, targets first.
    fn settings(&self) -> &'static [Setting];
    /// Draws how bad it is; answers that, and in words what happened to "the links of n1".
    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String);
    /// What a link is to do, from what was drawn.
    fn rule(&self, parameters: &Value) -> Rule;
    /// What it did, in words; `None`: nothing.
    fn effect(&self, parameters: &Value, counters: &Counters) -> Option<String>;
}

/// A disturbance as a fault.
pub struct OnLinks<D>(pub D);

impl<D: Disturbance> OnLinks<D> {
    /// On these links and no others.
    fn spelled_out(&self, links: &[Link], order: &Order, rng: &mut StdRng) -> Draft {
        let mut targets: Vec<NodeId> = links.iter().map(|(from, _)| *from).collect();
        targets.sort_unstable();
        targets.dedup();
        let (mut parameters, words) = self.0.draw(order, rng);
        parameters["links"] = json!(names(links));
        let which: Vec<String> = links
            .iter()
            .map(|(from, to)| format!("{from} to {to}"))
            .collect();
        Draft {
            shape: "links".into(),
            description: format!("the links {} {words}", which.join(", ")),
            targets,
            parameters,
        }
    }
}

impl<D: Disturbance> Fault for OnLinks<D> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn about(&self) -> &'static str {
        self.0.about()
    }

    fn needs(&self) -> Need {
        self.0.needs()
    }

    fn acts_on_packets(&self) -> bool {
        self.0.acts_on_packets()
    }

    fn settings(&self) -> &'static [Setting] {
        self.0.settings()
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 2).then(|| "a cluster of one node has no links".into())
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        if let Ok(links) = super::partition::cut(&super::cast(order.text("links"), view)) {
            return self.spelled_out(&links, order, rng);
        }
        let (shape, targets) = whose(view, order, rng);
        let (mut parameters, words) = self.0.draw(order, rng);
        let direction = order.text("direction");
        parameters["links"] = json!(names(&touching(&targets, &view.nodes, direction)));
        let which = match direction {
            "out" => "links from",
            "in" => "links to",
            _ => "links of",
        };
        Draft {
            shape: shape.into(),
            description: format!("the {which} {} {words}", list(&targets)),
            targets,
            parameters,
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move { Ok(impose(cluster, injury, &self.0.rule(&injury.parameters))) })
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
            let effect = self.0.effect(&injury.parameters, &did);
            Ok(effect.map(|effect| told(cluster, format!("{effect} on {links} links"))))
        })
    }
}

/// From now on the injury wants this of the links.
pub(super) fn want(cluster: &Cluster, injury: &Injury, links: &[Link], rule: &Rule) {
    for link in links {
        cluster.want(injury.id, *link, rule.clone());
    }
}

/// What the injury's links have done so far, for [`mend`].
pub(super) fn crossed(cluster: &Cluster, injury: &Injury) -> Value {
    json!(cluster.crossed(&read(&injury.parameters)))
}

/// From now on the injury wants this of its links. Answers what they have done so far, for [`mend`].
pub(super) fn impose(cluster: &Cluster, injury: &Injury, rule: &Rule) -> Value {
    let before = crossed(cluster, injury);
    want(cluster, injury, &read(&injury.parameters), rule);
    before
}

/// The injury wants nothing of its links any more. Answers what they did since `before`, as far as that is known, and how many
/// they are.
pub(super) fn mend(
    cluster: &Cluster,
    injury: &Injury,
    before: &Value,
) -> Option<(Counters, usize)> {
    let links = read(&injury.parameters);
    want(cluster, injury, &links, &Rule::Pass);
    let before: Counters = serde_json::from_value(before.clone()).ok()?;
    Some((cluster.crossed(&links) - before, links.len()))
}

/// An effect in the words of the links that it was on: a switch counts packets, where proxies count messages.
pub(super) fn told(cluster: &Cluster, effect: String) -> String {
    match cluster.site().way() {
        Way::Packets => effect.replace("messages", "packets"),
        Way::Proxies | Way::None => effect,
    }
}

/// Draws whose links.
pub(super) fn whose(view: &View, order: &Order, rng: &mut StdRng) -> (&'static str, Vec<NodeId>) {
    let weights = [("leader", 45), ("one", 20), ("minority", 10), ("all", 25)];
    victims(view, order, &weights, rng)
}

/// The links between any of `targets` and any other node.
pub(super) fn touching(targets: &[NodeId], nodes: &[NodeId], direction: &str) -> Vec<Link> {
    let pairs = nodes
        .iter()
        .flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
    let wanted = |(from, to): &Link| {
        let (out, inward) = (targets.contains(from), targets.contains(to));
        from != to
            && match direction {
                "out" => out,
                "in" => inward,
                _ => out || inward,
            }
    };
    pairs.filter(wanted).collect()
}

/// Links as parameters keep them.
pub(super) fn names(links: &[Link]) -> Vec<[String; 2]> {
    links
        .iter()
        .map(|(from, to)| [from, to].map(end_name))
        .collect()
}

/// How parameters call one who speaks or is spoken to.
fn end_name(end: &NodeId) -> String {
    match *end {
        CLIENTS => "clients".into(),
        node => node.to_string(),
    }
}

/// Links from parameters.
pub(super) fn read(parameters: &Value) -> Vec<Link> {
    let end = |name: &Value| match name.as_str()? {
        "clients" => Some(CLIENTS),
        name => node(name),
    };
    let pair = |pair: &Value| Some((end(&pair[0])?, end(&pair[1])?));
    let links = parameters["links"].as_array().into_iter().flatten();
    links.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_those_that_touch_a_target_in_the_direction_that_is_meant() {
        let nodes = [1, 2, 3].map(NodeId);
        let touching = |direction| touching(&[NodeId(1)], &nodes, direction).len();
        assert_eq!(
            (touching("out"), touching("in"), touching("both")),
            (2, 2, 4)
        );
    }

    #[test]
    fn links_are_kept_in_parameters() {
        let links = [(NodeId(1), NodeId(2)), (NodeId(2), CLIENTS)];
        assert_eq!(read(&json!({ "links": names(&links) })), links);
    }
}
