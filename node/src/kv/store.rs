//! Keys and values, their revision and the hash of them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hash::Digest;
use super::history::{Change, History};
use super::map::Map;
use super::value::{Data, Value, weigh};
use crate::bugs::{self, Bug};

/// An ordered map that changes only in [batches](Batch).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Store {
    map: Map,
    revision: u64,
    /// Sum of the weights of all keys (Bellare and Micciancio's AdHash), so that a change costs its key only.
    /// Follows from the map.
    #[serde(skip)]
    content: u128,
    /// Keys by their lease; follows from the map.
    #[serde(skip)]
    leased: BTreeMap<u64, BTreeSet<String>>,
    /// No part of the state: nothing that is applied depends on it.
    #[serde(skip)]
    history: History,
}

/// Changes that get one revision and happen together: dropped before [`Batch::commit`], it leaves no trace.
pub(super) struct Batch<'a> {
    store: &'a mut Store,
    /// What was there before, in the order of the changes.
    undo: Vec<(String, Option<Arc<Value>>)>,
}

impl Store {
    /// With what was left out of the snapshot. O(bytes).
    pub(super) fn reindexed(mut self) -> Store {
        let weights = self.map.iter().map(|(key, value)| weigh(key, value));
        self.content = weights.fold(0, u128::wrapping_add);
        if bugs::on(Bug::RevisionFromSurvivingKeys) {
            let revisions = self.map.iter().map(|(_, value)| value.revision);
            self.revision = revisions.max().unwrap_or(0);
        }
        self.history = History::behind(self.revision);
        for (key, value) in self.map.iter() {
            if let Some(lease) = value.lease {
                let keys = self.leased.entry(lease).or_default();
                keys.insert(key.to_owned());
            }
        }
        self
    }

    /// A copy whose history begins here. O(bytes).
    pub(super) fn fork(&self) -> Store {
        Store {
            map: self.map.clone(),
            revision: self.revision,
            content: self.content,
            leased: self.leased.clone(),
            history: History::behind(self.revision),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).map(|value| &**value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter()
    }

    /// Keys from `start` on, in order. O(log keys), then O(1) each.
    pub(super) fn from(&self, start: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.map.from(start)
    }

    /// What is serialized, to be kept as it is. O(keys / 128).
    pub(super) fn frozen(&self) -> Store {
        Store {
            map: self.map.clone(),
            revision: self.revision,
            ..Store::default()
        }
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// Keys that end with `lease`.
    pub(super) fn leased(&self, lease: u64) -> Vec<String> {
        let keys = self.leased.get(&lease);
        keys.into_iter().flatten().cloned().collect()
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn content(&self) -> Digest {
        Digest::default()
            .number(self.revision)
            .number(self.map.len() as u64)
            .field(&self.content.to_le_bytes())
    }

    pub(super) fn batch(&mut self) -> Batch<'_> {
        Batch {
            store: self,
            undo: Vec::new(),
        }
    }

    /// Gives what was there before.
    fn replace(&mut self, key: &str, value: Option<Arc<Value>>) -> Option<Arc<Value>> {
        let lease = value.as_ref().and_then(|value| value.lease);
        if let Some(value) = &value {
            self.content = self.content.wrapping_add(weigh(key, value));
        }
        let old = match value {
            Some(value) => self.map.insert(key, value),
            None => self.map.remove(key),
        };
        if let Some(old) = &old {
            self.content = self.content.wrapping_sub(weigh(key, old));
            self.detach(key, old.lease);
        }
        if let Some(lease) = lease {
            let keys = self.leased.entry(lease).or_default();
            keys.insert(key.to_owned());
        }
        old
    }

    fn detach(&mut self, key: &str, lease: Option<u64>) {
        if let Some(lease) = lease
            && let Some(keys) = self.leased.get_mut(&lease)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.leased.remove(&lease);
            }
        }
    }
}

impl Batch<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.store.get(key)
    }

    pub(super) fn put(&mut self, key: String, data: Data, lease: Option<u64>) {
        let revision = self.store.revision + 1;
        let value = Value {
            data,
            revision,
            lease,
        };
        let old = self.store.replace(&key, Some(Arc::new(value)));
        self.undo.push((key, old));
    }

    /// True if it was there.
    pub(super) fn delete(&mut self, key: String) -> bool {
        let Some(old) = self.store.replace(&key, None) else {
            return false;
        };
        self.undo.push((key, Some(old)));
        true
    }

    /// Keeps the changes; gives the state's revision, which grows if there are any.
    pub(super) fn commit(mut self) -> u64 {
        let changes = std::mem::take(&mut self.undo);
        self.store.revision += u64::from(!changes.is_empty());
        let revision = self.store.revision;
        let mut told = BTreeSet::new();
        for (key, before) in changes {
            let value = self.store.map.get(&key).cloned();
            // A key that a transaction changed twice was changed once; one that came and went, never.
            if told.insert(key.clone()) && (before.is_some() || value.is_some()) {
                let change = Change {
                    revision,
                    key,
                    value,
                };
                self.store.history.push(change);
            }
        }
        revision
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        while let Some((key, old)) = self.undo.pop() {
            self.store.replace(&key, old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Data {
        Data::Text(text.to_owned())
    }

    #[test]
    fn a_batch_that_is_dropped_leaves_no_trace() {
        let mut store = Store::default();
        let mut batch = store.batch();
        batch.put("x".to_owned(), text("1"), None);
        assert_eq!(batch.commit(), 1);
        let before = store.clone();
        let mut batch = store.batch();
        batch.put("y".to_owned(), text("2"), Some(9));
        batch.delete("x".to_owned());
        batch.put("x".to_owned(), text("3"), Some(9));
        drop(batch);
        assert_eq!(store.map, before.map);
        assert_eq!(store.content(), before.content());
        assert_eq!(store.leased, before.leased);
        assert_eq!(store.revision(), 1);
    }

    #[test]
    fn a_batch_has_one_revision_and_only_if_it_changes_something() {
        let mut store = Store::default();
        let mut batch = store.batch();
        batch.put("x".to_owned(), text("1"), None);
        batch.put("y".to_owned(), text("2"), Some(9));
        assert_eq!(batch.commit(), 1);
        assert!(store.iter().all(|(_, value)| value.revision == 1));
        let mut batch = store.batch();
        assert!(!batch.delete("z".to_owned()));
        assert_eq!(batch.commit(), 1);
    }
}
