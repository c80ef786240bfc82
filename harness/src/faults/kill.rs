//! SIGKILL nodes, at once, one by one or in a loop; restarted at once, after a while or to heal.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{Draft, Fault, Need, Order, Setting, View, down, list, victims, was};
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
        "SIGKILL one, some or all nodes, as a power loss or as a crash of the process; they restart at once, after a while or to heal"
    }

    fn needs(&self) -> Need {
        Need::Signals
    }

    fn settings(&self) -> &'static [Setting] {
        down::SETTINGS
    }

    fn takes_down(&self, draft: &Draft) -> usize {
        draft.targets.len()
    }

    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft {
        let (shape, targets) = victims(view, order, &down::WEIGHTS, rng);
        let (mut parameters, words) = down::draw(view, order, rng);
        let harm = match (view.kill_is_power_loss, was(&targets)) {
            (true, _) => "lost power".to_string(),
            (false, was) => format!("{was} killed"),
        };
        parameters["means"] = json!(if view.kill_is_power_loss {
            "power-loss"
        } else {
            "process"
        });
        Draft {
            shape: shape.into(),
            description: format!("{} {harm}{words}", list(&targets)),
            targets,
            parameters,
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
        Box::pin(down::act(cluster, injury, down::How::Kill))
    }

    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>> {
        Box::pin(async move { down::heal(cluster, injury, before).await })
    }
}
