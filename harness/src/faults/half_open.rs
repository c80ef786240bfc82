//! Connections that one side believes in and the other has seen end, as after the crash of a firewall between them.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, Disturbance};
use super::{Need, Order, Setting, TARGETS};
use crate::links::{Counters, Rule};

/// The row in the table of faults.
pub struct HalfOpen;

impl Disturbance for HalfOpen {
    fn name(&self) -> &'static str {
        "half-open"
    }

    fn about(&self) -> &'static str {
        "connections end for the side that was dialled, while the dialler goes on into the void; reset to heal"
    }

    fn needs(&self) -> Need {
        Need::Links
    }

    fn acts_on_packets(&self) -> bool {
        false
    }

    fn settings(&self) -> &'static [Setting] {
        &[TARGETS, DIRECTION]
    }

    fn draw(&self, _order: &Order, _rng: &mut StdRng) -> (Value, String) {
        (json!({}), "were half-open".into())
    }

    fn rule(&self, _parameters: &Value) -> Rule {
        Rule::HalfOpen
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        (counters.dropped.bytes > 0)
            .then(|| format!("{} said into the void", counters.dropped.amount()))
    }
}
