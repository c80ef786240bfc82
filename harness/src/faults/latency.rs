//! Links become slow: everything comes later, each message by another time, in order.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, Disturbance, LINKS};
use super::{Kind, Need, Order, Setting, TARGETS, millis, time};
use crate::links::{Counters, Rule, Shape};

/// The row in the table of faults.
pub struct Latency;

impl Disturbance for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn about(&self) -> &'static str {
        "messages on links of one, some or all nodes come late, by a delay and a jitter; order is kept"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            DIRECTION,
            LINKS,
            Setting {
                name: "delay",
                kind: Kind::Time,
                default: "5-200ms",
                about: "how late everything comes",
            },
            Setting {
                name: "jitter",
                kind: Kind::Time,
                default: "0-100ms",
                about: "up to how much later still",
            },
        ]
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let delay = order.time("delay", rng).unwrap_or_default();
        let jitter = order.time("jitter", rng).unwrap_or_default();
        let (delay, jitter) = (millis(delay), millis(jitter));
        let words = format!("were slower by {delay:.0} to {:.0} ms", delay + jitter);
        (json!({ "delay_ms": delay, "jitter_ms": jitter }), words)
    }

    fn rule(&self, parameters: &Value) -> Rule {
        Rule::shape(Shape {
            delay: time(parameters, "delay_ms"),
            jitter: time(parameters, "jitter_ms"),
            ..Shape::default()
        })
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        late(counters)
    }
}

/// How many messages came late, and by how much.
pub(super) fn late(counters: &Counters) -> Option<String> {
    let mean = counters.delay_ns as f64 / counters.delayed.max(1) as f64 / 1e6;
    (counters.delayed > 0).then(|| {
        format!(
            "{} messages late by {mean:.1} ms on average",
            counters.delayed
        )
    })
}
