//! Reads: each is answered from one state, so what it shows stood there together.

use super::history::Change;
use super::machine::Machine;
use super::value::Value;
use crate::raft::LogId;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// One key.
    Key(String),
    /// One lease.
    Lease(u64),
    /// Which terms' entries were applied.
    Terms,
    /// Changes of keys that begin with `prefix`.
    Changes {
        /// The beginning; empty for all keys.
        prefix: String,
        /// Only of this revision and later ones.
        from: u64,
    },
    /// Keys that begin with `prefix`, in order.
    Prefix {
        /// The beginning; empty for all keys.
        prefix: String,
        /// Only keys behind this one.
        after: Option<String>,
        /// At most so many.
        limit: usize,
    },
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the key holds.
    Key(Option<Value>),
    /// The lease's time to live in milliseconds and the keys that end with it, if it has not ended.
    Lease(Option<(u64, Vec<String>)>),
    /// The applied log, by its last entry and the first one of each term.
    Terms {
        /// The last entry.
        applied: LogId,
        /// The first entry of each term, in order; of the oldest terms perhaps none.
        begins: Vec<LogId>,
    },
    /// Changes in order; those of one command together.
    Changes {
        /// They.
        changes: Vec<Change>,
        /// The revision to go on from.
        next: u64,
    },
    /// Not all changes that were asked for are kept any more.
    Compacted {
        /// The oldest revision that can be asked for.
        oldest: u64,
    },
    /// What the keys hold.
    Prefix {
        /// They.
        items: Vec<(String, Value)>,
        /// There are more behind the last one.
        more: bool,
        /// The state's revision.
        revision: u64,
    },
}

/// Most bytes of keys and values in an [`Answer::Prefix`], but for its first one.
pub const MAX_LISTED: usize = 4 << 20;

/// Most changes in an [`Answer::Changes`], but for those of its last command.
const MAX_CHANGES: usize = 64;

impl Machine {
    /// Reads. O(log keys + what is read).
    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Key(key) => Answer::Key(self.get(key).cloned()),
            Query::Changes { prefix, from } => self.changes(prefix, *from),
            Query::Lease(id) => Answer::Lease(self.lease(*id)),
            Query::Terms => Answer::Terms {
                applied: self.last_applied(),
                begins: self.terms().collect(),
            },
            Query::Prefix {
                prefix,
                after,
                limit,
            } => self.list(prefix, after.as_deref(), *limit),
        }
    }

    fn changes(&self, prefix: &str, from: u64) -> Answer {
        let kept = match self.history().from(from) {
            Ok(kept) => kept,
            Err(oldest) => return Answer::Compacted { oldest },
        };
        let mut changes: Vec<Change> = Vec::new();
        for change in kept.filter(|change| change.key.starts_with(prefix)) {
            if let Some(last) = changes.last()
                && changes.len() >= MAX_CHANGES
                && last.revision != change.revision
            {
                let next = change.revision;
                return Answer::Changes { changes, next };
            }
            changes.push(change.clone());
        }
        let next = from.max(self.revision() + 1);
        Answer::Changes { changes, next }
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Answer {
        let start = after.map_or(prefix, |after| after.max(prefix));
        let mut rest = self
            .from(start)
            .skip_while(|(key, _)| after == Some(*key))
            .take_while(|(key, _)| key.starts_with(prefix))
            .peekable();
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some((key, value)) = rest.peek() {
            bytes += key.len() + value.data.bytes();
            if items.len() >= limit || (bytes > MAX_LISTED && !items.is_empty()) {
                break;
            }
            items.push(((*key).to_owned(), (*value).clone()));
            rest.next();
        }
        let more = rest.peek().is_some();
        let revision = self.revision();
        Answer::Prefix {
            items,
            more,
            revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arbitrary::{apply, put};
    use super::super::{Command, Operation};
    use super::*;

    fn keys(machine: &Machine, prefix: &str, after: Option<&str>, limit: usize) -> (String, bool) {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        let query = Query::Prefix {
            prefix,
            after,
            limit,
        };
        match machine.answer(&query) {
            Answer::Prefix { items, more, .. } => {
                let keys: Vec<String> = items.into_iter().map(|(key, _)| key).collect();
                (keys.join(" "), more)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn changes_come_command_by_command_and_none_is_left_out() {
        let mut machine = Machine::new();
        let both = Command::Transaction {
            compares: Vec::new(),
            success: ["a1", "b", "a2", "a1"]
                .map(|key| Operation::Add {
                    key: key.to_owned(),
                    by: 1,
                })
                .to_vec(),
            failure: Vec::new(),
        };
        for _ in 0..40 {
            apply(&mut machine, &both);
        }
        let (mut next, mut seen) = (1, Vec::new());
        while next <= machine.revision() {
            let prefix = "a".to_owned();
            match machine.answer(&Query::Changes { prefix, from: next }) {
                Answer::Changes { changes, next: n } => {
                    assert!(n > next && changes.len() <= MAX_CHANGES + 1);
                    next = n;
                    seen.extend(changes.into_iter().map(|c| (c.revision, c.key)));
                }
                other => panic!("{other:?}"),
            }
        }
        let both = |revision| ["a1", "a2"].map(|key| (revision, key.to_owned()));
        let expect: Vec<(u64, String)> = (1..=40).flat_map(both).collect();
        assert_eq!(seen, expect);
        let machine = Machine::restore(&machine.snapshot()).expect("whole");
        let query = |from| Query::Changes {
            prefix: String::new(),
            from,
        };
        let oldest = 41;
        assert_eq!(machine.answer(&query(40)), Answer::Compacted { oldest });
    }

    #[test]
    fn a_prefix_lists_its_keys_in_order_and_page_by_page() {
        let mut machine = Machine::new();
        for key in ["b", "a/2", "a/1", "a", "a/3", "a0"] {
            apply(&mut machine, &put(key, "v"));
        }
        let check = |prefix, after, limit, expect: (&str, bool)| {
            let (found, more) = keys(&machine, prefix, after, limit);
            assert_eq!((found.as_str(), more), expect);
        };
        check("a/", None, 9, ("a/1 a/2 a/3", false));
        check("a/", None, 2, ("a/1 a/2", true));
        check("a/", Some("a/2"), 2, ("a/3", false));
        check("a/", Some("a"), 1, ("a/1", true));
        check("a/", Some("b"), 9, ("", false));
        check("", None, 9, ("a a/1 a/2 a/3 a0 b", false));
    }
}
