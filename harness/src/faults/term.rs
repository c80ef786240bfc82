//! SIGTERM nodes, which have to end in order; restarted at once, after a while or to heal.

use rand::rngs::StdRng;
use serde_json::Value;

use super::{Draft, Fault, Need, Order, Setting, View, down, list, victims, was};
use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;

/// The row in the table of faults.
pub struct Term;

impl Fault for Term {
    fn name(&self) -> &'static str {
        "term"
    }

    fn about(&self) -> &'static str {
        "SIGTERM one, some or all nodes, which have to end in order within 5 s; they restart at once, after a while or to heal"
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
        let (parameters, words) = down::draw(view, order, rng);
        Draft {
            shape: shape.into(),
            description: format!("{} {} told to end{words}", list(&targets), was(&targets)),
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
        Box::pin(down::act(cluster, injury, down::How::Term))
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
