//! SIGKILL nodes; restart them to heal.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, View, list, targets, victims, was};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;

/// The row in the table of faults.
pub struct Kill;

impl Fault for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn about(&self) -> &'static str {
        "SIGKILL one, some or all nodes, as a power loss or as a crash of the process; restart them to heal"
    }

    fn plan(&self, view: &View, rng: &mut StdRng) -> Draft {
        let weights = [
            ("leader", 35),
            ("one", 15),
            ("minority", 15),
            ("majority", 15),
            ("all", 20),
        ];
        let (shape, targets) = victims(view, &weights, rng);
        let harm = match (view.kill_is_power_loss, was(&targets)) {
            (true, _) => "lost power".to_string(),
            (false, was) => format!("{was} killed"),
        };
        Draft {
            shape: shape.into(),
            description: format!("{} {harm}", list(&targets)),
            targets,
            parameters: json!({ "means": if view.kill_is_power_loss { "power-loss" } else { "process" } }),
        }
    }

    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>> {
        Box::pin(async move {
            let mut killed = Vec::new();
            for node in targets(injury) {
                if cluster.kill(node)? {
                    killed.push(node.to_string());
                }
            }
            Ok(json!({ "killed": killed, "at_ns": cluster.now_ns() }))
        })
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let mut problems = Vec::new();
            for node in targets(injury) {
                if let Err(problem) = cluster.start(node) {
                    problems.push(problem);
                }
            }
            if !problems.is_empty() {
                return Err(problems.join("; "));
            }
            let killed = before
                .get("killed")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let at = before
                .get("at_ns")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let down = (cluster.now_ns().saturating_sub(at)) as f64 / 1e9;
            Ok((killed > 0)
                .then(|| format!("{killed} of {} nodes down for {down:.2} s", cluster.size())))
        })
    }
}
