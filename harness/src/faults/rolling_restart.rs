//! Restart one node after the other, each once the one before answers again; with changed flags where asked.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};

use super::{
    Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, down, list, millis, node, time,
    victims,
};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::site::NodeId;

/// The row in the table of faults.
pub struct RollingRestart;

/// The next node is not waited for longer than this.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

impl Fault for RollingRestart {
    fn name(&self) -> &'static str {
        "rolling-restart"
    }

    fn about(&self) -> &'static str {
        "end and restart one node after the other, as an upgrade does, each once the one before answers; with other flags if asked"
    }

    fn needs(&self) -> Need {
        Need::Signals
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            Setting {
                name: "how",
                kind: Kind::Words(&["term", "kill"]),
                default: "term",
                about: "the signal that ends them",
            },
            Setting {
                name: "down",
                kind: Kind::Time,
                default: "5-200ms",
                about: "how long each stays down",
            },
            Setting {
                name: "gap",
                kind: Kind::Time,
                default: "0-200ms",
                about: "pause once one answers",
            },
            Setting {
                name: "flags",
                kind: Kind::Text,
                default: "",
                about: "flags that are added until the heal",
            },
        ]
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len().min(1)
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = victims(view, order, &[("all", 1)], rng);
        let mut turns = targets.clone();
        turns.shuffle(rng);
        let how = order.text("how");
        let flags: Vec<&str> = order.text("flags").split_whitespace().collect();
        let with = if flags.is_empty() {
            String::new()
        } else {
            format!(" with {}", flags.join(" "))
        };
        Draft {
            shape: shape.into(),
            description: format!("{} restarted one after the other{with}", list(&turns)),
            targets,
            parameters: json!({
                "turns": turns.iter().map(NodeId::to_string).collect::<Vec<_>>(),
                "how": how,
                "flags": flags,
                "down_ms": millis(order.time("down", rng).unwrap_or_default()),
                "gap_ms": millis(order.time("gap", rng).unwrap_or_default()),
            }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move { Ok(down::before(cluster, injury)) })
    }

    fn act<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async move {
            let parameters = &injury.parameters;
            loop {
                for node in strings(&parameters["turns"]).iter().filter_map(|n| node(n)) {
                    down::take_down(cluster, injury.id, node, how(injury)).await?;
                    cluster.add_flags(node, strings(&parameters["flags"]));
                    down::pause(time(parameters, "down_ms")).await;
                    cluster.revive(injury.id, node)?;
                    answers(cluster, node).await;
                    down::pause(time(parameters, "gap_ms")).await;
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
            if !strings(&injury.parameters["flags"]).is_empty() {
                for node in super::targets(injury) {
                    cluster.add_flags(node, Vec::new());
                    down::take_down(cluster, injury.id, node, how(injury)).await?;
                    cluster.revive(injury.id, node)?;
                    answers(cluster, node).await;
                }
            }
            down::heal(cluster, injury, before).await
        })
    }
}

fn how(injury: &Injury) -> down::How {
    if injury.parameters["how"] == json!("kill") {
        down::How::Kill
    } else {
        down::How::Term
    }
}

fn strings(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts
        .filter_map(|text| Some(text.as_str()?.to_string()))
        .collect()
}

/// Waits until the node answers, within reason.
async fn answers(cluster: &Cluster, node: NodeId) {
    let answered = async {
        while cluster.deployment().status(node).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = tokio::time::timeout(ANSWERS_WITHIN, answered).await;
}
