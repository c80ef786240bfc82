//! Take the memory that a node could still ask for: its memory may not grow beyond a little more, while clients
//! send it large requests that never end.

use std::net::SocketAddr;

use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{
    Draft, Fault, Kind, Need, Order, Setting, TARGETS, View, down, list, targets, victims,
};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::process::Limit;

/// The row in the table of faults.
pub struct Memory;

/// So many clients send requests, each of so many bytes but for the last one, which never comes.
const CLIENTS: usize = 24;
const BYTES: usize = 512 << 10;

impl Fault for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn about(&self) -> &'static str {
        "one or some nodes get no more memory than they have and a little (RLIMIT_DATA), and clients send large requests; one that ends by it is restarted to heal"
    }

    fn needs(&self) -> Need {
        Need::Memory
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            Setting {
                name: "headroom",
                kind: Kind::Bytes,
                default: "0-64k",
                about: "what they may still get",
            },
        ]
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len()
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [("leader", 50), ("one", 40), ("minority", 10)];
        let (shape, targets) = victims(view, order, &weights, rng);
        let headroom = order.bytes("headroom", rng);
        Draft {
            shape: shape.into(),
            description: format!(
                "{} could get {} KiB more memory and no more",
                list(&targets),
                headroom >> 10
            ),
            targets,
            parameters: json!({ "headroom_bytes": headroom }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let mut before = down::before(cluster, injury);
            let headroom = injury.parameters["headroom_bytes"].as_u64().unwrap_or(0);
            for node in targets(injury) {
                cluster.may_end(injury.id, node);
                let Some(used) = cluster.used(node, Limit::Memory)? else {
                    continue;
                };
                cluster.limit(injury.id, node, Limit::Memory, used + headroom)?;
                before["used"][node.to_string()] = json!(used);
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
            let mut clients = JoinSet::new();
            for node in targets(injury) {
                for _ in 0..CLIENTS {
                    clients.spawn(ask_without_end(cluster.site().client(node)));
                }
            }
            // What it does to the nodes shows at the heal; until then the connections stay. A node that has ended takes none.
            let _open = clients.join_all().await;
            std::future::pending().await
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let mut full = 0;
            for node in targets(injury) {
                let limit = cluster.unlimit(injury.id, node, Limit::Memory)?;
                let used = cluster.used(node, Limit::Memory)?;
                let earlier = before["used"][node.to_string()].as_u64();
                let (Some(limit), Some(used), Some(earlier)) = (limit, used, earlier) else {
                    continue;
                };
                // It grew, and there is less left than the smallest stack or arena takes.
                full += u64::from(used > earlier && limit.saturating_sub(used) < 64 << 10);
            }
            tokio::time::sleep(down::LAST_WORDS).await;
            let ended = down::heal(cluster, injury, before).await?;
            Ok(ended.or((full > 0).then(|| format!("{full} nodes used all that they could get"))))
        })
    }
}

/// A request that nobody can carry out, as its end is missing.
async fn ask_without_end(node: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(node).await?;
    let head =
        format!("PUT /v1/kv/large HTTP/1.1\r\nhost: {node}\r\ncontent-length: {BYTES}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&vec![b' '; BYTES - 1]).await?;
    Ok(stream)
}
