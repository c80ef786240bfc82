//! Harm to messages of some kinds only, such as votes' answers: the rest passes as if nothing were.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::latency::late;
use super::links::{DIRECTION, Disturbance};
use super::order::kinds;
use super::{Kind, Need, Order, Setting, TARGETS, millis, time};
use crate::links::{Counters, Rule, Shape, Share};

/// The row in the table of faults.
pub struct Messages;

/// Kinds that are drawn from where none is chosen.
const KINDS: [&str; 9] = [
    "vote",
    "vote-reply",
    "append",
    "append-reply",
    "heartbeat",
    "heartbeat-reply",
    "read-index+read-index-reply",
    "snapshot",
    "timeout-now",
];

impl Disturbance for Messages {
    fn name(&self) -> &'static str {
        "messages"
    }

    fn about(&self) -> &'static str {
        "drop, delay or double messages of some kinds only, such as votes' answers, appends or a snapshot's last piece"
    }

    fn needs(&self) -> Need {
        Need::Frames
    }

    fn acts_on_packets(&self) -> bool {
        false
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            TARGETS,
            DIRECTION,
            Setting {
                name: "kinds",
                kind: Kind::Frames,
                default: "",
                about: "which kinds, joined by +",
            },
            Setting {
                name: "what",
                kind: Kind::Words(&["drop", "delay", "double"]),
                default: "",
                about: "what happens to them",
            },
            Setting {
                name: "share",
                kind: Kind::Percent,
                default: "30-100%",
                about: "of those messages, where dropped or doubled",
            },
            Setting {
                name: "delay",
                kind: Kind::Time,
                default: "20-400ms",
                about: "how late they come, where delayed",
            },
            Setting {
                name: "piece",
                kind: Kind::Words(&["any", "last"]),
                default: "any",
                about: "of snapshots: every piece or the last one only",
            },
        ]
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let drawn_kinds = *KINDS.choose(rng).unwrap_or(&"append");
        let drawn_what = *["drop", "delay", "double"].choose(rng).unwrap_or(&"drop");
        let share = order.share("share", rng);
        let delay = millis(order.time("delay", rng).unwrap_or_default());
        let or = |name: &str, drawn: &'static str| match order.text(name) {
            "" => drawn.to_string(),
            chosen => chosen.to_string(),
        };
        let (kinds, what) = (or("kinds", drawn_kinds), or("what", drawn_what));
        let last = order.text("piece") == "last";
        let which = if last {
            format!("last {kinds} pieces")
        } else {
            format!("{kinds} messages")
        };
        let words = match what.as_str() {
            "delay" => format!("delayed {which} by {delay:.0} ms"),
            "double" => format!("doubled {:.0} % of {which}", share * 100.0),
            _ => format!("dropped {:.0} % of {which}", share * 100.0),
        };
        let parameters = json!({
            "kinds": kinds, "what": what, "share": share, "delay_ms": delay, "last_piece_only": last,
        });
        (parameters, words)
    }

    fn rule(&self, parameters: &Value) -> Rule {
        let of = |name: &str| parameters[name].as_str().unwrap_or_default();
        let share = Share::of(parameters["share"].as_f64().unwrap_or_default());
        let mut shape = Shape {
            kinds: Some(kinds(of("kinds")).unwrap_or_default()),
            last_chunk_only: parameters["last_piece_only"] == json!(true),
            ..Shape::default()
        };
        match of("what") {
            "delay" => shape.delay = time(parameters, "delay_ms"),
            "double" => shape.duplicate = share,
            _ => shape.loss = share,
        }
        Rule::shape(shape)
    }

    fn effect(&self, parameters: &Value, counters: &Counters) -> Option<String> {
        let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} messages {what}"));
        match parameters["what"].as_str() {
            Some("delay") => late(counters),
            Some("double") => some(counters.duplicated, "came twice"),
            _ => some(counters.dropped.frames, "dropped"),
        }
    }
}
