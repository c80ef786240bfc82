//! Take the file descriptors that a node could still open, and connect until it has none left.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{Draft, Fault, Need, Order, View, down, list, targets, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::process::Limit;

/// The row in the table of faults.
pub struct FdExhaustion;

/// How often it is looked whether a node has a descriptor left.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// More idle connections than any headroom, so that what is left is used up.
const CONNECTIONS: usize = 16;

impl Fault for FdExhaustion {
    fn name(&self) -> &'static str {
        "fd-exhaustion"
    }

    fn about(&self) -> &'static str {
        "one or some nodes get no more file descriptors (soft RLIMIT_NOFILE), and idle clients use up what is left"
    }

    fn needs(&self) -> Need {
        Need::Limits
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len()
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [("leader", 50), ("one", 40), ("minority", 10)];
        let (shape, targets) = victims(view, order, &weights, rng);
        let headroom = rng.random_range(0..8);
        Draft {
            shape: shape.into(),
            description: format!("{} had no file descriptor left", list(&targets)),
            targets,
            parameters: json!({ "headroom": headroom }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let before = down::before(cluster, injury);
            let headroom = injury.parameters["headroom"].as_u64().unwrap_or(0);
            for node in targets(injury) {
                cluster.may_end(injury.id, node);
                if let Some(used) = cluster.used(node, Limit::Files)? {
                    cluster.limit(injury.id, node, Limit::Files, used + headroom)?;
                }
            }
            Ok(before)
        })
    }

    fn act<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async move {
            let mut idle = Vec::new();
            for node in targets(injury) {
                for _ in 0..CONNECTIONS {
                    // The kernel connects whether or not the node can accept.
                    let connected = TcpStream::connect(cluster.site().client(node));
                    let connected = tokio::time::timeout(LOOK_EVERY, connected).await;
                    idle.extend(connected.ok().and_then(Result::ok));
                }
            }
            loop {
                for node in targets(injury) {
                    let limit = cluster.limited(injury.id, node, Limit::Files);
                    let used = cluster.used(node, Limit::Files)?;
                    if let (Some(limit), Some(used)) = (limit, used) {
                        cluster.count(injury.id, u64::from(used >= limit));
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
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
                cluster.unlimit(injury.id, node, Limit::Files)?;
            }
            tokio::time::sleep(down::LAST_WORDS).await;
            let ended = down::heal(cluster, injury, before).await?;
            let empty = cluster.counted(injury.id);
            let looked =
                (empty > 0).then(|| format!("none was left in {empty} looks, one every 20 ms"));
            Ok(ended.or(looked))
        })
    }
}
