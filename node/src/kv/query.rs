//! Reads: each is answered from one state, so what it shows stood there together.

use super::machine::Machine;
use super::value::Value;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// One key.
    Key(String),
    /// One lease.
    Lease(u64),
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

impl Machine {
    /// Reads. O(log keys + what is read).
    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Key(key) => Answer::Key(self.get(key).cloned()),
            Query::Lease(id) => Answer::Lease(self.lease(*id)),
            Query::Prefix {
                prefix,
                after,
                limit,
            } => self.list(prefix, after.as_deref(), *limit),
        }
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Answer {
        let start = after.map_or(prefix, |after| after.max(prefix));
        let mut rest = self
            .from(start)
            .skip_while(|(key, _)| after == Some(key.as_str()))
            .take_while(|(key, _)| key.starts_with(prefix))
            .peekable();
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some((key, value)) = rest.peek() {
            bytes += key.len() + value.data.bytes();
            if items.len() >= limit || (bytes > MAX_LISTED && !items.is_empty()) {
                break;
            }
            items.push(((*key).clone(), (*value).clone()));
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
