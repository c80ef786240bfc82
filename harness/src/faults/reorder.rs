//! Links let later messages overtake earlier ones.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, Disturbance};
use super::{Kind, Need, Order, Setting, TARGETS};
use crate::links::{Counters, Rule, Shape, Share};

/// The row in the table of faults.
pub struct Reorder;

impl Disturbance for Reorder {
    fn name(&self) -> &'static str {
        "reorder"
    }

    fn about(&self) -> &'static str {
        "links of one, some or all nodes let messages be overtaken by those of the next 40 ms"
    }

    fn needs(&self) -> Need {
        Need::Frames
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            DIRECTION,
            Setting {
                name: "share",
                kind: Kind::Percent,
                default: "5-50%",
                about: "of all messages",
            },
        ]
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let share = order.share("share", rng);
        let words = format!("let {:.0} % of messages be overtaken", share * 100.0);
        (json!({ "share": share }), words)
    }

    fn rule(&self, parameters: &Value) -> Rule {
        Rule::shape(Shape {
            reorder: Share::of(parameters["share"].as_f64().unwrap_or_default()),
            ..Shape::default()
        })
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        (counters.reordered > 0).then(|| format!("{} messages overtaken", counters.reordered))
    }
}
