//! Let one sync of a file fail with EIO, after which a node has to end by itself; start it again to heal.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, Need, Order, Setting, TARGETS, View, down, list, millis};
use super::{readings, targets, time, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::site::NodeId;

/// How often it looks whether a node has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A node whose sync has failed has to end within this.
const END_WITHIN: Duration = Duration::from_secs(1);

/// The row in the table of faults.
pub struct SyncError;

impl Fault for SyncError {
    fn name(&self) -> &'static str {
        "sync-error"
    }

    fn about(&self) -> &'static str {
        "a sync (fsync, fdatasync) of one or some nodes fails with EIO, and what it was for is lost; they end, and restart at once, after a while or to heal"
    }

    fn needs(&self) -> Need {
        Need::Preload
    }

    fn settings(&self) -> &'static [Setting] {
        &[TARGETS, down::RESTART]
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len()
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [
            ("leader", 45),
            ("one", 30),
            ("minority", 15),
            ("majority", 10),
        ];
        let (shape, targets) = victims(view, order, &weights, rng);
        let restart = down::restart(view, order, rng);
        Draft {
            shape: shape.into(),
            description: format!(
                "a sync of {} failed{}",
                list(&targets),
                down::restarted(restart)
            ),
            targets,
            parameters: json!({
                "nth": rng.random_range(1..=20), "restart_ms": restart.map(millis),
            }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let mut before = down::before(cluster, injury);
            before["failed"] = readings(injury, |node| failed(cluster, node));
            for node in targets(injury) {
                cluster.may_end(injury.id, node);
                let nth = injury.parameters["nth"].as_u64().unwrap_or(1);
                cluster.shim(node).set_sync_error(nth);
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
            if injury.parameters["restart_ms"].is_null() {
                return std::future::pending().await;
            }
            let mut waiting = targets(injury);
            loop {
                let mut ended = Vec::new();
                waiting.retain(|node| {
                    let gone =
                        !cluster.shim(*node).sync_error_pending() && !cluster.is_running(*node);
                    if gone {
                        cluster.look_after(*node);
                        ended.push(*node);
                    }
                    !gone
                });
                if !ended.is_empty() {
                    down::pause(time(&injury.parameters, "restart_ms")).await;
                }
                for node in ended {
                    cluster.revive(injury.id, node)?;
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
            let mut count = 0;
            for node in targets(injury) {
                cluster.shim(node).set_sync_error(0);
                let earlier = before["failed"][node.to_string()].as_u64();
                let now = failed(cluster, node);
                let since = now.saturating_sub(earlier.unwrap_or(now));
                count += since;
                if since > 0 && cluster.is_to_end(injury.id, node) {
                    end(cluster, injury.id, node).await?;
                }
            }
            let ended = down::heal(cluster, injury, before).await?;
            let ended = ended.map_or(String::new(), |ended| format!(", {ended}"));
            let syncs = if count == 1 { "sync" } else { "syncs" };
            Ok((count > 0).then(|| format!("{count} {syncs} failed{ended}")))
        })
    }
}

/// Waits for a node to end. One that goes on does what it must not, which the white-box judge sees; it is killed, as it is
/// to start from what is on its disk.
async fn end(cluster: &Cluster, owner: u64, node: NodeId) -> Result<(), String> {
    let asked = Instant::now();
    while cluster.is_running(node) && asked.elapsed() < END_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    cluster.kill(owner, node).map(drop)
}

/// How many syncs of the node failed so far.
fn failed(cluster: &Cluster, node: NodeId) -> u64 {
    cluster.shim(node).effect().syncs_failed
}
