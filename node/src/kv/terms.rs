//! Which leaders' entries the applied log is made of: where each term begins.
//!
//! A name such as `5@3` stands for one entry for ever, and terms never decrease along a log. So these few
//! numbers tell of every entry whether it is part of the applied log, also where the log itself was cut.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::raft::{Index, LogId, Term};

/// Most terms that are remembered; of older ones nothing is known any more.
pub const MAX_TERMS: usize = 10_000;

/// The terms of the applied entries, each with its first one; in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    begins: VecDeque<LogId>,
}

impl Terms {
    /// `entry` is the next one that is applied.
    pub(super) fn note(&mut self, entry: LogId) {
        if self
            .begins
            .back()
            .is_none_or(|last| last.term != entry.term)
        {
            self.begins.push_back(entry);
            if self.begins.len() > MAX_TERMS {
                self.begins.pop_front();
            }
        }
    }

    /// The first entry of each term.
    pub(super) fn iter(&self) -> impl Iterator<Item = LogId> {
        self.begins.iter().copied()
    }

    /// The term of entry `index`, given that it was applied; `None` where that is not remembered. O(log terms).
    pub(super) fn at(&self, index: Index) -> Option<Term> {
        let behind = self.begins.partition_point(|first| first.index <= index);
        let first = self.begins.get(behind.checked_sub(1)?)?;
        Some(first.term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_of_each_term_tells_the_term_of_all() {
        let mut terms = Terms::default();
        let log = [1, 1, 2, 4, 4, 4];
        for (behind, term) in log.iter().enumerate() {
            terms.note(LogId::new(behind as u64 + 1, *term));
        }
        assert_eq!(terms.iter().count(), 3);
        for (behind, term) in log.iter().enumerate() {
            assert_eq!(terms.at(Index(behind as u64 + 1)), Some(Term(*term)));
        }
        assert_eq!(terms.at(Index(0)), None);
    }

    #[test]
    fn it_is_bounded_and_says_nothing_of_what_it_has_forgotten() {
        let mut terms = Terms::default();
        for term in 1..=MAX_TERMS as u64 + 1 {
            terms.note(LogId::new(term, term));
        }
        assert_eq!(terms.iter().count(), MAX_TERMS);
        assert_eq!(
            (terms.at(Index(1)), terms.at(Index(2))),
            (None, Some(Term(2)))
        );
    }
}
