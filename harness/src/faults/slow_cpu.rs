//! Stop and continue nodes many times a second, as a processor does that others have taken.

use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{
    Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, down, list, millis, targets, time,
    victims,
};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;

/// The row in the table of faults.
pub struct SlowCpu;

impl Fault for SlowCpu {
    fn name(&self) -> &'static str {
        "slow-cpu"
    }

    fn about(&self) -> &'static str {
        "one, some or all nodes run for a share of the time only: stopped and continued many times a second"
    }

    fn needs(&self) -> Need {
        Need::Signals
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            Setting {
                name: "runs",
                kind: Kind::Percent,
                default: "5-50%",
                about: "the share of time in which they run",
            },
            Setting {
                name: "period",
                kind: Kind::Time,
                default: "20-120ms",
                about: "one stop and one run together",
            },
        ]
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [("leader", 40), ("one", 20), ("minority", 10), ("all", 30)];
        let (shape, targets) = victims(view, order, &weights, rng);
        let share = order.share("runs", rng);
        let period = order.time("period", rng).unwrap_or_default();
        let (runs, stands) = (period.mul_f64(share), period.mul_f64(1.0 - share));
        Draft {
            shape: shape.into(),
            description: format!(
                "{} had {:.0} % of a processor",
                list(&targets),
                share * 100.0
            ),
            targets,
            parameters: json!({ "runs_ms": millis(runs), "stands_ms": millis(stands) }),
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
            let runs = time(&injury.parameters, "runs_ms").max(Duration::from_millis(1));
            loop {
                for node in targets(injury) {
                    cluster.pause(injury.id, node)?;
                }
                down::pause(time(&injury.parameters, "stands_ms")).await;
                for node in targets(injury) {
                    cluster.resume(injury.id, node)?;
                }
                down::pause(runs).await;
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
            for node in targets(injury) {
                cluster.resume(injury.id, node)?;
            }
            let tallies = down::since(cluster, injury, before);
            let stops: u64 = tallies.iter().map(|tally| tally.stops).sum();
            let longest = tallies.iter().map(|t| t.stopped_ns).max().unwrap_or(0);
            let (count, seconds) = (tallies.len(), longest as f64 / 1e9);
            Ok((stops > 0)
                .then(|| format!("{count} nodes stopped for {seconds:.2} s in {stops} slices")))
        })
    }
}
