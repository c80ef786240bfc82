//! Cut clients off from nodes that go on hearing each other: requests, answers, or both, are lost, late or reset.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::links::{DIRECTION, Link, impose, mend, names, whose};
use super::{Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, list};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::Rule;
use crate::site::CLIENTS;

/// The row in the table of faults.
pub struct ClientPartition;

/// What can be done to what is said, and how often each is drawn.
const MEANS: [(&str, u32); 3] = [("black-hole", 60), ("reset", 20), ("hold", 20)];
const NAMES: &[&str] = &["black-hole", "reset", "hold"];
/// Mean pause between messages that are released.
const GAP: Duration = Duration::from_millis(3);

impl Fault for ClientPartition {
    fn name(&self) -> &'static str {
        "client-partition"
    }

    fn about(&self) -> &'static str {
        "cut clients off from nodes that go on hearing each other; where answers alone are lost, the work is done and nobody is told"
    }

    fn needs(&self) -> Need {
        Need::Clients
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            Setting {
                about: "out: what the targets answer is lost; in: what they are asked; or both",
                default: "",
                ..DIRECTION
            },
            Setting {
                name: "means",
                kind: Kind::Words(NAMES),
                default: "",
                about: "bytes are swallowed, connections reset, or bytes kept until the heal",
            },
        ]
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = whose(view, order, rng);
        let drawn = [("both", 40), ("out", 40), ("in", 20)];
        let direction = chosen(order.text("direction"), &drawn, rng);
        let means = chosen(order.text("means"), &MEANS, rng);
        let whom = list(&targets);
        let did = match (means, direction) {
            ("reset", _) => format!("connections of clients to {whom} were reset"),
            ("hold", "out") => format!("answers of {whom} to clients were held back"),
            ("hold", "in") => format!("requests of clients to {whom} were held back"),
            ("hold", _) => format!("all between clients and {whom} was held back"),
            (_, "out") => format!("answers of {whom} to clients were lost"),
            (_, "in") => format!("requests of clients to {whom} were lost"),
            _ => format!("clients were cut off from {whom}"),
        };
        let links = targets.iter().flat_map(|node| {
            let (asked, answered) = ((CLIENTS, *node), (*node, CLIENTS));
            let both = [(asked, direction != "out"), (answered, direction != "in")];
            both.into_iter().filter(|(_, is)| *is).map(|(link, _)| link)
        });
        let links: Vec<Link> = links.collect();
        Draft {
            shape: shape.into(),
            description: did,
            parameters: json!({ "links": names(&links), "means": means }),
            targets,
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let rule = match injury.parameters["means"].as_str() {
                Some("reset") => Rule::Reset,
                Some("hold") => Rule::Hold(GAP),
                _ => Rule::Drop,
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
            let on = format!("on {links} links of clients");
            let (dropped, resets, held) = (did.dropped.bytes, did.resets, did.held);
            Ok(match injury.parameters["means"].as_str() {
                Some("reset") => (resets > 0).then(|| format!("{resets} connections reset {on}")),
                Some("hold") => {
                    (held > 0).then(|| format!("{held} bytes held and then released {on}"))
                }
                _ => (dropped > 0).then(|| format!("{dropped} bytes dropped {on}")),
            })
        })
    }
}

/// What is wanted, or else one of `all` by weight.
fn chosen<'a>(wanted: &str, all: &[(&'a str, u32)], rng: &mut StdRng) -> &'a str {
    let drawn = all.choose_weighted(rng, |(_, weight)| *weight);
    let named = all.iter().find(|(name, _)| *name == wanted);
    named
        .or(drawn.ok())
        .or(all.first())
        .map_or("", |(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::super::links::read;
    use super::*;
    use crate::site::NodeId;
    use rand::SeedableRng as _;

    fn links(order: &str) -> Vec<Link> {
        let view = View {
            nodes: [1, 2, 3].map(NodeId).to_vec(),
            leader: Some(NodeId(2)),
            primaries: vec![NodeId(2)],
            leader_aware: false,
            kill_is_power_loss: false,
        };
        let order = Order::parse(order).unwrap();
        let draft = ClientPartition.plan(&view, &order, &mut StdRng::seed_from_u64(1));
        read(&draft.parameters)
    }

    #[test]
    fn answers_requests_or_both_are_cut_and_nothing_between_nodes() {
        let (to, from) = ((CLIENTS, NodeId(2)), (NodeId(2), CLIENTS));
        assert_eq!(links("client-partition:leader:direction=out"), [from]);
        assert_eq!(links("client-partition:leader:direction=in"), [to]);
        assert_eq!(links("client-partition:n2:direction=both"), [to, from]);
        assert_eq!(links("client-partition:all:direction=both").len(), 6);
    }

    #[test]
    fn names_of_means_are_those_that_are_drawn() {
        let drawn: Vec<&str> = MEANS.iter().map(|(name, _)| *name).collect();
        assert_eq!(drawn, NAMES);
    }
}
