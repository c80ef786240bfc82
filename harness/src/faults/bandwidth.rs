//! Links become narrow: so many bytes a second on each connection, and no more.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::latency::late;
use super::links::{DIRECTION, Disturbance};
use super::{Kind, Need, Order, Setting, TARGETS};
use crate::links::{Counters, Rule, Shape};

/// The row in the table of faults.
pub struct Bandwidth;

impl Disturbance for Bandwidth {
    fn name(&self) -> &'static str {
        "bandwidth"
    }

    fn about(&self) -> &'static str {
        "links of one, some or all nodes carry so many bytes a second on each connection, and no more"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            DIRECTION,
            Setting {
                name: "rate",
                kind: Kind::Bytes,
                default: "4-64k",
                about: "bytes a second",
            },
        ]
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let rate = order.bytes("rate", rng).max(1);
        let words = format!("carried {rate} bytes a second");
        (json!({ "bytes_per_second": rate }), words)
    }

    fn rule(&self, parameters: &Value) -> Rule {
        Rule::shape(Shape {
            rate: parameters["bytes_per_second"].as_u64().unwrap_or_default(),
            ..Shape::default()
        })
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        late(counters).map(|late| format!("{} bytes passed, {late}", counters.passed.bytes))
    }
}
