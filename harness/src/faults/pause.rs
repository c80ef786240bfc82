//! SIGSTOP nodes; SIGCONT to heal.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, Need, Order, View, list, targets, victims, was};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;

/// The row in the table of faults.
pub struct Pause;

impl Fault for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn about(&self) -> &'static str {
        "SIGSTOP one, some or all nodes, as a long stall of the machine or a debugger would; SIGCONT to heal"
    }

    fn needs(&self) -> Need {
        Need::Signals
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len()
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let weights = [
            ("leader", 45),
            ("one", 20),
            ("minority", 15),
            ("majority", 15),
            ("all", 5),
        ];
        let (shape, targets) = victims(view, order, &weights, rng);
        Draft {
            shape: shape.into(),
            description: format!("{} {} stopped", list(&targets), was(&targets)),
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
            let mut stopped = Vec::new();
            for node in targets(injury) {
                if cluster.pause(injury.id, node)? {
                    stopped.push(node.to_string());
                }
            }
            Ok(json!({ "stopped": stopped, "at_ns": cluster.now_ns() }))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let at = before
                .get("at_ns")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let mut problems = Vec::new();
            for node in targets(injury) {
                if let Err(problem) = cluster.resume(injury.id, node) {
                    problems.push(problem);
                }
            }
            if !problems.is_empty() {
                return Err(problems.join("; "));
            }
            let stopped = before
                .get("stopped")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let seconds = (cluster.now_ns().saturating_sub(at)) as f64 / 1e9;
            Ok((stopped > 0).then(|| {
                format!(
                    "{stopped} of {} nodes stopped for {seconds:.2} s",
                    cluster.size()
                )
            }))
        })
    }
}
