//! The latest changes, for those who watch: bounded, in memory only, empty again after a restart.

use std::collections::VecDeque;
use std::sync::Arc;

use super::value::Value;

/// Most changes that are kept.
pub const MAX_CHANGES: usize = 10_000;
/// Most bytes of keys and values that are kept.
pub const MAX_BYTES: usize = 16 << 20;

/// What one command made of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision that came with it; changes of one command share it.
    pub revision: u64,
    /// Where.
    pub key: String,
    /// What it holds now; `None` if it was deleted.
    pub value: Option<Arc<Value>>,
}

/// Changes in the order of revisions, without a gap behind `forgotten`.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    changes: VecDeque<Change>,
    bytes: usize,
    /// Changes up to this revision are not here any more.
    forgotten: u64,
}

impl History {
    /// Knows nothing up to `revision`.
    pub(super) fn behind(revision: u64) -> History {
        History {
            forgotten: revision,
            ..History::default()
        }
    }

    pub(super) fn push(&mut self, change: Change) {
        self.bytes += weight(&change);
        self.changes.push_back(change);
        while (self.changes.len() > MAX_CHANGES || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.changes.pop_front()
        {
            self.bytes -= weight(&oldest);
            // Of a command that changed several keys, what is left is not told without the rest.
            self.forgotten = oldest.revision;
        }
    }

    /// Changes from revision `from` on. O(log changes), then O(1) each.
    ///
    /// # Errors
    /// The oldest revision that can be asked for, if `from` is older.
    pub(super) fn from(&self, from: u64) -> Result<impl Iterator<Item = &Change>, u64> {
        if from <= self.forgotten {
            return Err(self.forgotten + 1);
        }
        let start = self.changes.partition_point(|c| c.revision < from);
        Ok(self.changes.range(start..))
    }
}

fn weight(change: &Change) -> usize {
    let value = change.value.as_ref();
    change.key.len() + value.map_or(0, |value| value.data.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64, key: &str) -> Change {
        Change {
            revision,
            key: key.to_owned(),
            value: None,
        }
    }

    fn keys(history: &History, from: u64) -> Result<String, u64> {
        let changes = history.from(from)?;
        Ok(changes.map(|c| c.key.as_str()).collect())
    }

    #[test]
    fn it_tells_what_it_has_and_says_what_it_has_forgotten() {
        let mut history = History::behind(3);
        for (revision, key) in [(4, "a"), (5, "b"), (5, "c"), (6, "d")] {
            history.push(change(revision, key));
        }
        assert_eq!(keys(&history, 3), Err(4));
        assert_eq!(keys(&history, 4), Ok("abcd".to_owned()));
        assert_eq!(keys(&history, 5), Ok("bcd".to_owned()));
        assert_eq!(keys(&history, 9), Ok(String::new()));
    }

    #[test]
    fn it_is_bounded_and_forgets_the_whole_of_a_command() {
        let mut history = History::behind(0);
        for key in ["a", "b"] {
            history.push(change(1, key));
        }
        for revision in 2..MAX_CHANGES as u64 + 1 {
            history.push(change(revision, "x"));
        }
        assert_eq!(history.changes.len(), MAX_CHANGES);
        assert_eq!(keys(&history, 1), Err(2));
        history.push(Change {
            value: Some(Arc::new(Value {
                data: super::super::Data::Text("v".repeat(MAX_BYTES)),
                revision: 0,
                lease: None,
            })),
            ..change(20_000, "big")
        });
        assert_eq!((history.changes.len(), history.bytes), (0, 0));
    }
}
