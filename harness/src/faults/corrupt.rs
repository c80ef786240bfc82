//! Links flip single bits; the frames' checksums have to catch it.

use super::of_messages::{OfMessages, settings};
use crate::links::Shape;

/// The row in the table of faults.
pub const CORRUPT: OfMessages = OfMessages {
    name: "corrupt",
    about: "links of one, some or all nodes flip one bit of single messages, which their checksum has to catch",
    packets: false,
    settings: &settings("1-20%"),
    words: |share| format!("damaged {share:.1} % of messages"),
    shape: |corrupt| Shape {
        corrupt,
        ..Shape::default()
    },
    befell: |counters| (counters.corrupted, "damaged"),
};
