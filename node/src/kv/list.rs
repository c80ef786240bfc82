//! A list of texts that only grows: a longer one shares most of what it holds with the shorter one that it was made of.

use std::fmt;
use std::sync::Arc;

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::hash::Digest;

/// Texts in a full block. An append copies pointers to half of them, and a pointer for each full block.
const BLOCK: usize = 32;

/// A list of texts. Cloning and appending copy O(items / 32) pointers; its length, bytes and digest are at hand.
#[derive(Clone)]
pub struct List {
    full: Vec<Arc<[Arc<str>; BLOCK]>>,
    last: Vec<Arc<str>>,
    bytes: usize,
    digest: Digest,
}

impl List {
    /// A list of nothing.
    pub fn new() -> List {
        List {
            full: Vec::new(),
            last: Vec::new(),
            bytes: 0,
            digest: Digest::default(),
        }
    }

    /// Adds `item` at the end. O(bytes of it).
    pub fn push(&mut self, item: Arc<str>) {
        self.bytes += item.len();
        self.digest = self.digest.field(item.as_bytes());
        self.last.push(item);
        if self.last.len() == BLOCK {
            let block = std::mem::take(&mut self.last).try_into();
            self.full.push(Arc::new(block.expect("it is full")));
        }
    }

    /// How many items there are. O(1).
    pub fn len(&self) -> usize {
        self.full.len() * BLOCK + self.last.len()
    }

    /// Whether there is none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all items. O(1).
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Of all items in order. O(1).
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        let full = self.full.iter().flat_map(|block| block.iter());
        full.chain(&self.last)
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl FromIterator<Arc<str>> for List {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(items: I) -> List {
        let mut list = List::new();
        items.into_iter().for_each(|item| list.push(item));
        list
    }
}

impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for List {}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// As a sequence of texts, in snapshots and in JSON.
impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut items = serializer.serialize_seq(Some(self.len()))?;
        for item in self.iter() {
            items.serialize_element(item)?;
        }
        items.end()
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List, D::Error> {
        let items: Vec<Arc<str>> = Deserialize::deserialize(deserializer)?;
        Ok(items.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: usize) -> List {
        (0..items).map(|item| item.to_string().into()).collect()
    }

    #[test]
    fn a_longer_list_leaves_the_shorter_one_as_it_was() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let short = list(length);
            let mut long = short.clone();
            long.push("x".into());
            assert_eq!((short.len(), long.len()), (length, length + 1));
            let items: Vec<_> = long.iter().map(|item| item.to_string()).collect();
            let mut expected: Vec<_> = (0..length).map(|item| item.to_string()).collect();
            assert!(short.iter().map(|item| &**item).eq(&expected));
            expected.push("x".to_owned());
            assert_eq!(items, expected);
            assert_eq!(long.bytes(), expected.concat().len());
        }
    }

    #[test]
    fn it_is_stored_as_the_texts_that_it_holds() {
        for length in [0, 5, 2 * BLOCK + 3] {
            let (list, texts) = (list(length), (0..length).map(|item| item.to_string()));
            let bytes = postcard::to_allocvec(&list).expect("it is encodable");
            let plain = postcard::to_allocvec(&texts.collect::<Vec<_>>()).expect("so are they");
            assert_eq!(bytes, plain);
            let back: List = postcard::from_bytes(&bytes).expect("it is what was written");
            assert_eq!((&back, back.digest()), (&list, list.digest()));
        }
    }

    #[test]
    fn its_digest_tells_order_and_boundaries() {
        let of = |items: &[&str]| {
            let items = items.iter().map(|item| Arc::from(*item));
            items.collect::<List>().digest()
        };
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&[]), of(&[""]));
    }
}
