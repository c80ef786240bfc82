//! Let the monotonic clock of nodes run a little fast or slow; true again to heal, and never a jump.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::clock_skew::WEIGHTS;
use super::{Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, targets, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;

/// The row in the table of faults.
pub struct ClockRate;

impl Fault for ClockRate {
    fn name(&self) -> &'static str {
        "clock-rate"
    }

    fn about(&self) -> &'static str {
        "the monotonic clock of one, some or all nodes gains or loses some percent, without a jump, and keeps what it has gained"
    }

    fn needs(&self) -> Need {
        Need::Preload
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            Setting {
                name: "percent",
                kind: Kind::Percent,
                // Of two nodes one fast and one slow: still within the 10 % that leases of `node` allow for.
                default: "1-4%",
                about: "by how much, drawn for each node; at most 95 % slower",
            },
            Setting {
                name: "way",
                kind: Kind::Words(&["fast", "slow", "either"]),
                default: "either",
                about: "whether it gains or loses",
            },
        ]
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = victims(view, order, &WEIGHTS, rng);
        let mut rates = serde_json::Map::new();
        let mut each = Vec::new();
        for node in &targets {
            let ppm = (order.share("percent", rng) * 1e6).round() as i64;
            let fast = match order.text("way") {
                "fast" => true,
                "slow" => false,
                _ => rng.random_bool(0.5),
            };
            let ppm = if fast { ppm } else { -ppm };
            each.push(format!("that of {node} by {:+.1} %", ppm as f64 / 1e4));
            rates.insert(node.to_string(), json!(ppm));
        }
        Draft {
            shape: shape.into(),
            description: format!(
                "the monotonic clock ran at a wrong rate: {}",
                each.join(", ")
            ),
            targets,
            parameters: json!({ "rates_ppm": rates }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let mut before = serde_json::Map::new();
            for node in targets(injury) {
                let ppm = injury.parameters["rates_ppm"][node.to_string()]
                    .as_i64()
                    .unwrap_or_default();
                let shim = cluster.shim(node);
                before.insert(node.to_string(), json!(shim.effect().gained_ns));
                shim.set_clock_rate(ppm);
            }
            Ok(Value::Object(before))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let mut gained = Vec::new();
            for node in targets(injury) {
                let shim = cluster.shim(node);
                shim.set_clock_rate(0);
                // As the node itself has read it, last before the heal.
                let after = shim.effect().gained_ns;
                if let Some(before) = before[node.to_string()].as_i64()
                    && after != before
                {
                    let ms = (after - before) as f64 / 1e6;
                    gained.push(format!("{ms:+.1} ms on {node}"));
                }
            }
            Ok((!gained.is_empty()).then(|| format!("clocks gained {}", gained.join(", "))))
        })
    }
}
