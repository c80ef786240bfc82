//! Let writes and syncs of nodes end in ENOSPC; give the space back to heal.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, Need, Order, View, grown, list, readings, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::shim::Shim;

/// The row in the table of faults.
pub struct DiskFull;

impl Fault for DiskFull {
    fn name(&self) -> &'static str {
        "disk-full"
    }

    fn about(&self) -> &'static str {
        "no space left (ENOSPC from write and fsync) on the disk of one, some or all nodes; space is back to heal"
    }

    fn needs(&self) -> Need {
        Need::Preload
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [
            ("leader", 40),
            ("one", 20),
            ("minority", 15),
            ("majority", 15),
            ("all", 10),
        ];
        let (shape, targets) = victims(view, order, &weights, rng);
        Draft {
            shape: shape.into(),
            description: format!("the disk of {} was full", list(&targets)),
            targets,
            parameters: json!({}),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            Ok(readings(injury, |node| {
                let shim = cluster.shim(node);
                let refused = refused_calls(&shim);
                shim.set_disk_full(true);
                refused
            }))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let (refused, nodes) = grown(injury, before, |node| {
                let shim = cluster.shim(node);
                shim.set_disk_full(false);
                refused_calls(&shim)
            });
            Ok((refused > 0)
                .then(|| format!("{refused} writes and syncs refused on {nodes} nodes")))
        })
    }
}

/// Calls that ended in ENOSPC so far.
fn refused_calls(shim: &Shim) -> u64 {
    let effect = shim.effect();
    effect.writes_refused + effect.syncs_refused
}
