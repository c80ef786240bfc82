//! Links flip single bits; the frames' checksums have to catch it.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, Disturbance};
use super::{Kind, Need, Order, Setting, TARGETS};
use crate::links::{Counters, Rule, Shape, Share};

/// The row in the table of faults.
pub struct Corrupt;

impl Disturbance for Corrupt {
    fn name(&self) -> &'static str {
        "corrupt"
    }

    fn about(&self) -> &'static str {
        "links of one, some or all nodes flip one bit of single messages, which their checksum has to catch"
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
                default: "1-20%",
                about: "of all messages",
            },
        ]
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let share = order.share("share", rng);
        let words = format!("damaged {:.1} % of messages", share * 100.0);
        (json!({ "share": share }), words)
    }

    fn rule(&self, parameters: &Value) -> Rule {
        Rule::shape(Shape {
            corrupt: Share::of(parameters["share"].as_f64().unwrap_or_default()),
            ..Shape::default()
        })
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        (counters.corrupted > 0).then(|| format!("{} messages damaged", counters.corrupted))
    }
}
