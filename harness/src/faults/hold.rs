//! Links hold what is said, then release it gradually: in order on each link, interleaved anew between links.
//!
//! That is what drops never show: old messages that arrive, whole and in order, in a world that has gone on (etcd
//! issue 20418).

use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, Disturbance, LINKS};
use super::{Kind, Need, Order, Setting, TARGETS, millis, time};
use crate::links::{Counters, Rule};

/// The row in the table of faults.
pub struct Hold;

impl Disturbance for Hold {
    fn name(&self) -> &'static str {
        "hold"
    }

    fn about(&self) -> &'static str {
        "links hold what is said and lose nothing; at the heal it comes gradually, in order on each link, mixed between links"
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
                name: "gap",
                kind: Kind::Time,
                default: "1-5ms",
                about: "mean pause between messages that are released",
            },
        ]
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let gap = order.time("gap", rng).unwrap_or(Duration::from_millis(3));
        (json!({ "gap_ms": millis(gap) }), "held all messages".into())
    }

    fn rule(&self, parameters: &Value) -> Rule {
        Rule::Hold(time(parameters, "gap_ms"))
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        (counters.held > 0).then(|| format!("{} bytes held and then released", counters.held))
    }
}
