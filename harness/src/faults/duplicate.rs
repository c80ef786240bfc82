//! Links deliver single messages twice.

use super::of_messages::{OfMessages, settings};
use crate::links::Shape;

/// The row in the table of faults.
pub const DUPLICATE: OfMessages = OfMessages {
    name: "duplicate",
    about: "links of one, some or all nodes deliver single messages twice",
    packets: true,
    settings: &settings("5-80%"),
    words: |share| format!("doubled {share:.0} % of messages"),
    shape: |duplicate| Shape {
        duplicate,
        ..Shape::default()
    },
    befell: |counters| (counters.duplicated, "came twice"),
};
