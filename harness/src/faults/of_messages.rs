//! Disturbances that befall a share of a link's messages: rows that differ in what happens to them.

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::links::{DIRECTION, Disturbance};
use super::{Kind, Need, Order, Setting, TARGETS};
use crate::links::{Counters, Rule, Shape, Share};

/// A disturbance of single messages.
pub struct OfMessages {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Whether it befalls packets as it does messages.
    pub(super) packets: bool,
    pub(super) settings: &'static [Setting],
    /// What happened to "the links of n1", given how many percent of messages.
    pub(super) words: fn(f64) -> String,
    /// What a link is to do to that share.
    pub(super) shape: fn(Share) -> Shape,
    /// How many messages it befell, and what they then were.
    pub(super) befell: fn(&Counters) -> (u64, &'static str),
}

/// The settings of such a disturbance, which befalls `default` of all messages.
pub(super) const fn settings(default: &'static str) -> [Setting; 3] {
    let share = Setting {
        name: "share",
        kind: Kind::Percent,
        default,
        about: "of all messages",
    };
    [TARGETS, DIRECTION, share]
}

impl Disturbance for OfMessages {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn needs(&self) -> Need {
        Need::Frames
    }

    fn acts_on_packets(&self) -> bool {
        self.packets
    }

    fn settings(&self) -> &'static [Setting] {
        self.settings
    }

    fn draw(&self, order: &Order, rng: &mut StdRng) -> (Value, String) {
        let share = order.share("share", rng);
        (json!({ "share": share }), (self.words)(share * 100.0))
    }

    fn rule(&self, parameters: &Value) -> Rule {
        let share = Share::of(parameters["share"].as_f64().unwrap_or_default());
        Rule::shape((self.shape)(share))
    }

    fn effect(&self, _parameters: &Value, counters: &Counters) -> Option<String> {
        let (count, what) = (self.befell)(counters);
        (count > 0).then(|| format!("{count} messages {what}"))
    }
}
