//! What a key holds: a text or a list of texts, and the revision that wrote it.

use serde::{Deserialize, Serialize};

use super::hash::Digest;
use super::list::List;

/// A value and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// The value.
    pub data: Data,
    /// The revision of the state that it came with.
    pub revision: u64,
    /// The lease with which it ends.
    pub lease: Option<u64>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Data {
    /// What put and compare-and-set write, and in decimal what add writes.
    Text(String),
    /// What append writes.
    List(List),
}

impl Data {
    /// Most bytes of a list's items: no more than one text may have.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Bytes of its texts. O(1).
    pub fn bytes(&self) -> usize {
        match self {
            Data::Text(text) => text.len(),
            Data::List(items) => items.bytes(),
        }
    }
}

/// Whether a key that holds `current` holds the text `expected`; `None` is absence.
pub fn holds(current: Option<&Value>, expected: Option<&str>) -> bool {
    match (current.map(|value| &value.data), expected) {
        (Some(Data::Text(text)), Some(expected)) => text == expected,
        (None, None) => true,
        _ => false,
    }
}

/// What `key` with `value` adds to the hash of the content.
pub(super) fn weigh(key: &str, value: &Value) -> u128 {
    let digest = Digest::default().field(key.as_bytes());
    let digest = match &value.data {
        Data::Text(text) => digest.field(text.as_bytes()),
        // Two fields: no text, which is one, can be taken for a list.
        Data::List(items) => digest
            .number(items.len() as u64)
            .field(&items.digest().value().to_le_bytes()),
    };
    digest
        .number(value.revision)
        .number(value.lease.unwrap_or(0))
        .value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_neither_a_text_nor_absent() {
        let list = Value {
            data: Data::List(List::from_iter(["1".into()])),
            revision: 1,
            lease: None,
        };
        assert!(!holds(Some(&list), Some("1")));
        assert!(!holds(Some(&list), None));
        assert!(holds(None, None));
        let text = Value {
            data: Data::Text("1".to_owned()),
            revision: 1,
            lease: None,
        };
        assert!(holds(Some(&text), Some("1")));
        assert_ne!(weigh("k", &list), weigh("k", &text));
    }
}
