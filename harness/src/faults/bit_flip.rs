//! Flip a bit on the disk of a node that is down: it has to refuse to start; flip it back and start the node to heal.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, Need, Order, Setting, View, list, targets, victims};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::site::NodeId;

/// How often it looks whether the node has refused.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The row in the table of faults.
pub struct BitFlip;

impl Fault for BitFlip {
    fn name(&self) -> &'static str {
        "bit-flip"
    }

    fn about(&self) -> &'static str {
        "SIGKILL a node, flip a bit of its log or snapshot, and start it: it must refuse; the bit is flipped back to heal"
    }

    fn makes_no_sense(&self, nodes: u16) -> Option<String> {
        (nodes < 3).then(|| "of fewer than three nodes none can be spared".into())
    }

    fn needs(&self) -> Need {
        Need::Checksums
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len()
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = victims(view, order, &[("leader", 40), ("one", 60)], rng);
        Draft {
            shape: shape.into(),
            description: format!("a bit on the disk of {} was flipped", list(&targets)),
            targets,
            parameters: json!({ "draw": rng.random::<u32>() }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let mut flipped = Vec::new();
            for node in targets(injury) {
                cluster.kill(injury.id, node)?;
                cluster.may_end(injury.id, node);
                let draw = injury.parameters["draw"].as_u64().unwrap_or_default();
                let Some((file, offset)) = cluster.deployment().vital_byte(node, draw) else {
                    continue;
                };
                let bit = 1 << (draw % 8);
                let was = flip(&file, offset, bit, None)
                    .map_err(|error| format!("cannot damage {}: {error}", file.display()))?;
                flipped.push(json!({
                    "node": node.to_string(), "file": file, "offset": offset, "bit": bit, "was": was,
                }));
            }
            Ok(json!({ "flipped": flipped }))
        })
    }

    fn act<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async move {
            for node in targets(injury) {
                cluster.let_start(injury.id, node)?;
                // Down without this fault's doing, or running: there is nothing to see.
                while cluster.is_running(node) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                cluster.look_after(node);
            }
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
            let mut effects = Vec::new();
            for flipped in before["flipped"].as_array().into_iter().flatten() {
                let named = |node: &NodeId| flipped["node"] == json!(node.to_string());
                let (Some(node), Some(file)) = (
                    targets(injury).into_iter().find(named),
                    flipped["file"].as_str(),
                ) else {
                    continue;
                };
                let number = |name: &str| flipped[name].as_u64().unwrap_or_default();
                let (bit, was) = (number("bit") as u8, number("was") as u8);
                // It is down, and stays so while its file is mended.
                let refused = cluster
                    .last_line(node)
                    .filter(|_| !cluster.is_running(node));
                cluster.kill(injury.id, node)?;
                let mended = flip(Path::new(file), number("offset"), bit, Some(was ^ bit));
                // A file that is another one now, or gone, was none that the node needed.
                if mended.is_ok() {
                    effects.extend(refused.map(|line| format!("{node} refused to start: {line}")));
                }
            }
            for node in targets(injury) {
                cluster.revive(injury.id, node)?;
            }
            Ok((!effects.is_empty()).then(|| effects.join("; ")))
        })
    }
}

/// Flips a bit of the byte at `offset`, which has to be `expected`; answers what the byte was.
fn flip(file: &Path, offset: u64, bit: u8, expected: Option<u8>) -> io::Result<u8> {
    let file = OpenOptions::new().read(true).write(true).open(file)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)?;
    let [was] = byte;
    if expected.is_some_and(|expected| expected != was) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    file.write_all_at(&[was ^ bit], offset)?;
    file.sync_data()?;
    Ok(was)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_flipped_back_only_where_the_byte_is_still_the_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wal");
        std::fs::write(&file, [7, 7, 7]).unwrap();
        assert_eq!(flip(&file, 1, 4, None).unwrap(), 7);
        assert_eq!(std::fs::read(&file).unwrap(), [7, 3, 7]);
        assert_eq!(flip(&file, 1, 4, Some(3)).unwrap(), 3);
        assert_eq!(std::fs::read(&file).unwrap(), [7, 7, 7]);
        assert!(flip(&file, 1, 4, Some(3)).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), [7, 7, 7]);
    }
}
