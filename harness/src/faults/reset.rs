//! Reset all connections of links now and then; new ones work.

use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, crossed, mend, names, read, touching, want, whose};
use super::{Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, list, millis, time};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::Rule;

/// The row in the table of faults.
pub struct Reset;

/// The rule has to hold for this long to reach every connection.
const MOMENT: Duration = Duration::from_millis(3);

impl Fault for Reset {
    fn name(&self) -> &'static str {
        "reset"
    }

    fn about(&self) -> &'static str {
        "all connections on links of one, some or all nodes are reset again and again; new ones work"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            DIRECTION,
            Setting {
                name: "every",
                kind: Kind::Time,
                default: "50-500ms",
                about: "time between resets",
            },
        ]
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 2).then(|| "a cluster of one node has no links".into())
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = whose(view, order, rng);
        let links = touching(&targets, &view.nodes, order.text("direction"));
        let every = millis(order.time("every", rng).unwrap_or_default());
        Draft {
            shape: shape.into(),
            description: format!(
                "the connections of {} were reset every {every:.0} ms",
                list(&targets)
            ),
            targets,
            parameters: json!({ "links": names(&links), "every_ms": every }),
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
            let links = read(&injury.parameters);
            let every = time(&injury.parameters, "every_ms");
            loop {
                for (rule, lasts) in [(Rule::Reset, MOMENT), (Rule::Pass, every.max(MOMENT))] {
                    want(cluster, injury, &links, &rule);
                    tokio::time::sleep(lasts).await;
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
            let Some((did, links)) = mend(cluster, injury, before) else {
                return Ok(None);
            };
            let resets = did.resets;
            Ok((resets > 0).then(|| format!("{resets} connections reset on {links} links")))
        })
    }
}
