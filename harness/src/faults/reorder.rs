//! Links let later messages overtake earlier ones.

use super::of_messages::{OfMessages, settings};
use crate::links::Shape;

/// The row in the table of faults.
pub const REORDER: OfMessages = OfMessages {
    name: "reorder",
    about: "links of one, some or all nodes let messages be overtaken by those of the next 40 ms",
    packets: true,
    settings: &settings("5-50%"),
    words: |share| format!("let {share:.0} % of messages be overtaken"),
    shape: |reorder| Shape {
        reorder,
        ..Shape::default()
    },
    befell: |counters| (counters.reordered, "overtaken"),
};
