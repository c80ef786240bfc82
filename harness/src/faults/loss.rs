//! Links lose single messages; connections live on.

use super::of_messages::{OfMessages, settings};
use crate::links::Shape;

/// The row in the table of faults.
pub const LOSS: OfMessages = OfMessages {
    name: "loss",
    about: "links of one, some or all nodes lose single messages while connections live on",
    packets: true,
    settings: &settings("5-50%"),
    words: |share| format!("lost {share:.0} % of messages"),
    shape: |loss| Shape {
        loss,
        ..Shape::default()
    },
    befell: |counters| (counters.dropped.frames, "lost"),
};
