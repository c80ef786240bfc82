//! Links that come and go: cut and mended again and again, for some milliseconds each.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::links::{DIRECTION, crossed, mend, names, read, told, touching, want, whose};
use super::{Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, down, list, millis, time};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::Rule;

/// The row in the table of faults.
pub struct Flaky;

impl Fault for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    fn about(&self) -> &'static str {
        "links of one, some or all nodes come and go many times a second; what lost bytes is reset when it comes back"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            DIRECTION,
            Setting {
                name: "down",
                kind: Kind::Time,
                default: "20-300ms",
                about: "how long they are cut at most",
            },
            Setting {
                name: "up",
                kind: Kind::Time,
                default: "20-300ms",
                about: "how long they work at most",
            },
        ]
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 2).then(|| "a cluster of one node has no links".into())
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = whose(view, order, rng);
        let links = touching(&targets, &view.nodes, order.text("direction"));
        Draft {
            shape: shape.into(),
            description: format!("the links of {} came and went", list(&targets)),
            targets,
            parameters: json!({
                "links": names(&links),
                "down_ms": millis(order.time("down", rng).unwrap_or_default()),
                "up_ms": millis(order.time("up", rng).unwrap_or_default()),
                "seed": rng.random::<u32>(),
            }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move { Ok(crossed(cluster, injury)) })
    }

    fn act<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async move {
            let parameters = &injury.parameters;
            let links = read(parameters);
            let seed = parameters["seed"].as_u64().unwrap_or_default();
            let mut rng = StdRng::seed_from_u64(seed);
            loop {
                for (rule, most) in [(Rule::Drop, "down_ms"), (Rule::Pass, "up_ms")] {
                    want(cluster, injury, &links, &rule);
                    let lasts = time(parameters, most).mul_f64(rng.random_range(0.2..=1.0));
                    down::pause(lasts.max(Duration::from_millis(1))).await;
                }
                cluster.count(injury.id, 1);
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
            let Some((did, links)) = mend(cluster, injury, before) else {
                return Ok(None);
            };
            Ok((did.dropped.bytes > 0).then(|| {
                let text = format!(
                    "{} dropped on {links} links that came back {} times",
                    did.dropped.amount(),
                    cluster.counted(injury.id)
                );
                told(cluster, text)
            }))
        })
    }
}
