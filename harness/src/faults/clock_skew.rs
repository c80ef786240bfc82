//! Move the wall clock of nodes by seconds to an hour, either way; put it right to heal.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::{Draft, Fault, Need, Order, View, grown, readings, targets, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;

/// The row in the table of faults.
pub struct ClockSkew;

/// Jumps in seconds that are drawn from, each scaled by up to a third and in either direction.
const JUMPS: [f64; 5] = [1.0, 5.0, 30.0, 600.0, 2700.0];

/// How often each kind of victims is drawn when clocks go wrong.
pub(super) const WEIGHTS: [(&str, u32); 5] = [
    ("leader", 35),
    ("one", 25),
    ("minority", 15),
    ("majority", 15),
    ("all", 10),
];

impl Fault for ClockSkew {
    fn name(&self) -> &'static str {
        "clock-skew"
    }

    fn about(&self) -> &'static str {
        "jump the wall clock of one, some or all nodes by a second to an hour, either way; put it right to heal"
    }

    fn needs(&self) -> Need {
        Need::Preload
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = victims(view, order, &WEIGHTS, rng);
        let mut offsets = serde_json::Map::new();
        for node in &targets {
            let jump = JUMPS.choose(rng).copied().unwrap_or(1.0) * rng.random_range(1.0..1.33);
            let signed = if rng.random_bool(0.5) { jump } else { -jump };
            offsets.insert(node.to_string(), json!((signed * 1e3).round() as i64));
        }
        let each: Vec<String> = offsets
            .iter()
            .map(|(node, ms)| {
                format!(
                    "that of {node} by {:+.1} s",
                    ms.as_f64().unwrap_or(0.0) / 1e3
                )
            })
            .collect();
        Draft {
            shape: shape.into(),
            description: format!("the wall clock was wrong: {}", each.join(", ")),
            targets,
            parameters: json!({ "offsets_ms": offsets }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let before = readings(injury, |node| {
                cluster.shim(node).effect().clock_reads_skewed
            });
            for node in targets(injury) {
                let offset = injury.parameters["offsets_ms"][node.to_string()]
                    .as_i64()
                    .unwrap_or_default();
                cluster.shim(node).set_clock_offset(offset * 1_000_000);
            }
            Ok(before)
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let (reads, nodes) = grown(injury, before, |node| {
                let shim = cluster.shim(node);
                shim.set_clock_offset(0);
                shim.effect().clock_reads_skewed
            });
            Ok((reads > 0).then(|| format!("{reads} skewed clock reads on {nodes} nodes")))
        })
    }
}
