//! An ordered map of keys and values whose clone is cheap: both share what neither has changed since.
//!
//! Pages of at most [`PAGE`] keys, shared by reference counts and copied before they are changed while shared
//! (copy on write). A clone costs one step for each page, not for each key, and the first change to a page afterwards
//! costs a copy of its references. So a snapshot of a large state can be written while commands go on.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::value::Value;

/// Most keys in a page.
const PAGE: usize = 128;

/// Keys in order, each with its value.
type Page = Vec<(Arc<str>, Arc<Value>)>;

/// An ordered map from texts to values.
#[derive(Clone)]
pub(super) struct Map {
    /// By a lower bound of their keys that is above all keys of the page before. The first one's is the empty text,
    /// and it is always there; all others have a key.
    pages: BTreeMap<Arc<str>, Arc<Page>>,
    len: usize,
}

impl Default for Map {
    fn default() -> Map {
        Map {
            pages: BTreeMap::from([("".into(), Arc::default())]),
            len: 0,
        }
    }
}

impl Map {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// O(log keys).
    pub(super) fn get(&self, key: &str) -> Option<&Arc<Value>> {
        let (_, page) = self.page(key)?;
        let at = find(page, key).ok()?;
        page.get(at).map(|(_, value)| value)
    }

    /// Gives what was there before. O(log keys + page).
    pub(super) fn insert(&mut self, key: &str, value: impl Into<Arc<Value>>) -> Option<Arc<Value>> {
        let bound = self.page(key)?.0.clone();
        let page = Arc::make_mut(self.pages.get_mut(&bound)?);
        let value = value.into();
        match find(page, key) {
            Ok(at) => Some(std::mem::replace(&mut page.get_mut(at)?.1, value)),
            Err(at) => {
                page.insert(at, (key.into(), value));
                self.len += 1;
                if page.len() > PAGE {
                    let upper = page.split_off(PAGE / 2);
                    if let Some((first, _)) = upper.first() {
                        self.pages.insert(first.clone(), Arc::new(upper));
                    }
                }
                None
            }
        }
    }

    /// Gives what was there. O(log keys + page).
    pub(super) fn remove(&mut self, key: &str) -> Option<Arc<Value>> {
        let (bound, page) = self.page(key)?;
        let (at, bound) = (find(page, key).ok()?, bound.clone());
        let page = Arc::make_mut(self.pages.get_mut(&bound)?);
        let (_, value) = page.remove(at);
        self.len -= 1;
        if page.is_empty() && !bound.is_empty() {
            self.pages.remove(&bound);
        }
        Some(value)
    }

    /// All of it, in the order of keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.from("")
    }

    /// Keys from `start` on, in order. O(log keys), then O(1) each.
    pub(super) fn from(&self, start: &str) -> impl Iterator<Item = (&str, &Value)> {
        let bound = self.page(start).map_or("", |(bound, _)| bound);
        let pages = self
            .pages
            .range::<str, _>((Bound::Included(bound), Bound::Unbounded));
        pages.enumerate().flat_map(move |(number, (_, page))| {
            // Only the first page may begin before it.
            let first = match number {
                0 => find(page, start).unwrap_or_else(|at| at),
                _ => 0,
            };
            let rest = page.get(first..).unwrap_or_default();
            rest.iter().map(|(key, value)| (&**key, &**value))
        })
    }

    /// The page that `key` belongs to.
    fn page(&self, key: &str) -> Option<(&Arc<str>, &Page)> {
        let upto = (Bound::Unbounded, Bound::Included(key));
        let (bound, page) = self.pages.range::<str, _>(upto).next_back()?;
        Some((bound, page))
    }
}

/// Where `key` is, or where it would be.
fn find(page: &Page, key: &str) -> Result<usize, usize> {
    page.binary_search_by(|(known, _)| (**known).cmp(key))
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Pages may differ: they follow from the order of changes.
impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Map, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Map;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
        let mut map = Map::default();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            map.insert(&key, value);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kv::value::Data;

    fn value(number: u64) -> Value {
        Value {
            data: Data::Text(number.to_string()),
            revision: number,
            lease: None,
        }
    }

    fn pairs(map: &Map) -> Vec<(String, u64)> {
        let pair = |(key, value): (&str, &Value)| (key.to_owned(), value.revision);
        map.iter().map(pair).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u16),
        Remove(u16),
        RemoveBelow(u16),
        Clone,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..2000u16).prop_map(Step::Put),
            4 => (0..2000u16).prop_map(Step::Remove),
            1 => (0..2000u16).prop_map(Step::RemoveBelow),
            1 => Just(Step::Clone),
        ]
    }

    fn key(number: u16) -> String {
        format!("{number:05}")
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

        /// Against the map of the standard library, and no clone sees what came after it.
        #[test]
        fn it_is_a_map_and_its_clones_stay_as_they_were(steps in prop::collection::vec(step(), 1..1500)) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            let mut clones = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                let now = number as u64;
                match step {
                    Step::Put(k) => {
                        let before = map.insert(&key(k), value(now)).map(|v| v.revision);
                        prop_assert_eq!(before, model.insert(key(k), now));
                    }
                    Step::Remove(k) => {
                        let before = map.remove(&key(k)).map(|v| v.revision);
                        prop_assert_eq!(before, model.remove(&key(k)));
                    }
                    Step::RemoveBelow(k) => {
                        for k in 0..k {
                            prop_assert_eq!(map.remove(&key(k)).is_some(), model.remove(&key(k)).is_some());
                        }
                    }
                    Step::Clone => clones.push((map.clone(), model.clone())),
                }
            }
            clones.push((map, model));
            for (map, model) in clones {
                let expected: Vec<_> = model.clone().into_iter().collect();
                prop_assert_eq!(pairs(&map), expected.clone());
                prop_assert_eq!(map.len(), model.len());
                for from in [0, 1, 77, 1000, 1999] {
                    let from = key(from);
                    let first = map.from(&from).next().map(|(key, _)| key);
                    prop_assert_eq!(first, model.range(from..).next().map(|(key, _)| key.as_str()));
                }
                let bytes = postcard::to_stdvec(&map).unwrap();
                let plain: BTreeMap<String, Value> = map.iter().map(|(k, v)| (k.to_owned(), v.clone())).collect();
                prop_assert_eq!(&bytes, &postcard::to_stdvec(&plain).unwrap());
                prop_assert_eq!(postcard::from_bytes::<Map>(&bytes).unwrap(), map);
            }
        }
    }

    #[test]
    fn a_clone_shares_every_page_that_was_not_changed_since() {
        let mut map = Map::default();
        for number in 0..10_000 {
            map.insert(&key(number), value(1));
        }
        let clone = map.clone();
        map.insert(&key(5_000), value(2));
        let shared =
            |(bound, page): (&Arc<str>, &Arc<Page>)| Arc::ptr_eq(page, &clone.pages[bound]);
        assert_eq!(map.pages.iter().filter(|&page| !shared(page)).count(), 1);
        assert_eq!(clone.get(&key(5_000)).map(|v| v.revision), Some(1));
    }
}
