//! Take nodes away one by one, then give them back in another order, again and again (FoundationDB's swizzle).

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use serde_json::{Value, json};

use super::links::{crossed, names, read, told, touching};
use super::{
    Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, down, list, millis, node, time,
    victims,
};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::{Counters, Rule};
use crate::site::NodeId;

/// The row in the table of faults.
pub struct Swizzle;

impl Fault for Swizzle {
    fn name(&self) -> &'static str {
        "swizzle"
    }

    fn about(&self) -> &'static str {
        "cut off, stop or kill nodes one by one, then give them back in another order"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            Setting {
                name: "how",
                kind: Kind::Words(&["cut", "stop", "kill"]),
                default: "",
                about: "what is done to each",
            },
            Setting {
                name: "step",
                kind: Kind::Time,
                default: "30-300ms",
                about: "time between one and the next",
            },
        ]
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 2).then(|| "in a cluster of one node there is no order to change".into())
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        match draft.parameters["how"].as_str() {
            Some("stop" | "kill") => draft.targets.len(),
            _ => 0,
        }
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [("minority", 20), ("majority", 40), ("all", 40)];
        let (shape, targets) = victims(view, order, &weights, rng);
        let drawn = *["cut", "stop", "kill"].choose(rng).unwrap_or(&"cut");
        let how = match order.text("how") {
            "" => drawn,
            chosen => chosen,
        };
        let mut turns = [targets.clone(), targets.clone()];
        turns.iter_mut().for_each(|turns| turns.shuffle(rng));
        let [away, back] =
            turns.map(|turns| turns.iter().map(NodeId::to_string).collect::<Vec<_>>());
        let word = match how {
            "stop" => "stopped",
            "kill" => "killed",
            _ => "cut off",
        };
        Draft {
            shape: shape.into(),
            description: format!(
                "{} were {word} one by one, then given back in another order",
                list(&targets)
            ),
            parameters: json!({
                "how": how, "away": away, "back": back,
                "step_ms": millis(order.time("step", rng).unwrap_or_default()),
                "links": names(&touching(&targets, &view.nodes, "both")),
            }),
            targets,
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let mut before = down::before(cluster, injury);
            before["crossed"] = crossed(cluster, injury);
            Ok(before)
        })
    }

    fn act<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async move {
            let step = time(&injury.parameters, "step_ms");
            loop {
                for (turns, away) in [("away", true), ("back", false)] {
                    let turns = injury.parameters[turns].as_array().into_iter().flatten();
                    for node in turns.filter_map(|name| node(name.as_str()?)) {
                        one(cluster, injury, node, away)?;
                        tokio::time::sleep(step).await;
                    }
                }
            }
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            for node in super::targets(injury) {
                one(cluster, injury, node, false)?;
            }
            let Ok(crossed) = serde_json::from_value::<Counters>(before["crossed"].clone()) else {
                return Ok(None);
            };
            let tallies = down::since(cluster, injury, before);
            let links = read(&injury.parameters);
            let dropped = (cluster.crossed(&links) - crossed).dropped;
            let stops: u64 = tallies.iter().map(|tally| tally.stops).sum();
            let stopped: u64 = tallies.iter().map(|tally| tally.stopped_ns).sum();
            Ok(match injury.parameters["how"].as_str() {
                Some("kill") => down::effect(cluster, &tallies),
                Some("stop") => (stops > 0)
                    .then(|| format!("{stops} stops, {:.2} s in all", stopped as f64 / 1e9)),
                _ => (dropped.bytes > 0)
                    .then(|| told(cluster, format!("{} dropped", dropped.amount()))),
            })
        })
    }
}

/// Takes a node away or gives it back; who is given back hears everybody again, whoever else is still away.
fn one(cluster: &Cluster, injury: &Injury, node: NodeId, away: bool) -> Result<(), String> {
    match (injury.parameters["how"].as_str(), away) {
        (Some("kill"), true) => cluster.kill(injury.id, node).map(drop),
        (Some("kill"), false) => cluster.revive(injury.id, node),
        (Some("stop"), true) => cluster.pause(injury.id, node).map(drop),
        (Some("stop"), false) => cluster.resume(injury.id, node),
        _ => {
            let rule = if away { Rule::Drop } else { Rule::Pass };
            for link in touching(&[node], &cluster.nodes(), "both") {
                cluster.want(injury.id, link, rule.clone());
            }
            Ok(())
        }
    }
}
