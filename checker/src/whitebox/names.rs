//! Which entry a log has at each index; dense where real logs are, sparse where only damage leads.

use std::collections::{BTreeMap, BTreeSet};

use super::Id;

/// How far beyond its end a dense table grows at once.
const REACH: u64 = 1 << 20;

/// A value for each index.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    near: Vec<Option<T>>,
    far: BTreeMap<u64, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table {
            near: Vec::new(),
            far: BTreeMap::new(),
        }
    }
}

impl<T> Table<T> {
    /// O(1), except far out.
    pub(super) fn get(&self, index: u64) -> Option<&T> {
        match self.near.get(index as usize) {
            Some(value) => value.as_ref(),
            None => self.far.get(&index),
        }
    }

    /// Amortized O(1), except far out.
    pub(super) fn set(&mut self, index: u64, value: T) {
        let length = self.near.len() as u64;
        if index >= length + REACH {
            self.far.insert(index, value);
            return;
        }
        if index >= length {
            self.near.resize_with(index as usize + 1, || None);
            let mut moved = self.far.split_off(&length);
            self.far = moved.split_off(&(index + 1));
            for (index, value) in moved {
                self.near[index as usize] = Some(value);
            }
        }
        self.near[index as usize] = Some(value);
    }
}

/// A log's names: what is at or above an index that is written again is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Index of the first.
    first: u64,
    terms: Vec<u64>,
    /// Names that were here and were replaced.
    replaced: BTreeSet<Id>,
}

impl Names {
    /// The term at `index`, if it has an entry there. O(1).
    pub(super) fn term(&self, index: u64) -> Option<u64> {
        let at = index.checked_sub(self.first)?;
        self.terms.get(at as usize).copied()
    }

    /// Whether it has this entry.
    pub(super) fn has(&self, id: Id) -> bool {
        self.term(id.index) == Some(id.term)
    }

    /// Whether it has, or ever had, this entry.
    pub(super) fn ever_had(&self, id: Id) -> bool {
        self.has(id) || self.replaced.contains(&id)
    }

    /// The last entry.
    pub(super) fn last(&self) -> Option<Id> {
        let term = *self.terms.last()?;
        let index = self.first + self.terms.len() as u64 - 1;
        Some(Id { index, term })
    }

    /// Index of the first entry, or of the next where there is none.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Puts an entry; it replaces what is at and behind its index. Gives how many those were. A gap starts it anew: the
    /// evidence of what lies before is missing.
    pub(super) fn put(&mut self, id: Id) -> u64 {
        let end = self.first + self.terms.len() as u64;
        if self.terms.is_empty() || id.index < self.first || id.index > end {
            let dropped = self.terms.len() as u64;
            self.begin(id.index);
            self.terms.push(id.term);
            return dropped;
        }
        let dropped = self.cut(id.index);
        self.terms.push(id.term);
        dropped
    }

    /// Drops everything at and behind `index`; gives how many entries those were.
    pub(super) fn cut(&mut self, index: u64) -> u64 {
        let keep = index
            .saturating_sub(self.first)
            .min(self.terms.len() as u64);
        for (at, term) in self.terms.iter().enumerate().skip(keep as usize) {
            self.replaced.insert(Id {
                index: self.first + at as u64,
                term: *term,
            });
        }
        let dropped = self.terms.len() as u64 - keep;
        self.terms.truncate(keep as usize);
        dropped
    }

    /// Begins anew with index `first`; what was here was here.
    pub(super) fn begin(&mut self, first: u64) {
        self.cut(self.first);
        self.first = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_replaces_all_behind_it_and_is_remembered() {
        let mut names = Names::default();
        for index in 1..=5 {
            names.put(Id::new(index, 1));
        }
        assert_eq!(names.put(Id::new(3, 2)), 3);
        assert_eq!(names.last(), Some(Id::new(3, 2)));
        assert!(names.ever_had(Id::new(5, 1)) && !names.has(Id::new(5, 1)));
        assert!(!names.ever_had(Id::new(6, 1)));
    }

    #[test]
    fn a_log_may_begin_anywhere_and_anew() {
        let mut names = Names::default();
        names.put(Id::new(100, 3));
        names.put(Id::new(101, 3));
        assert_eq!(names.term(99), None);
        names.begin(200);
        assert_eq!((names.last(), names.first()), (None, 200));
        assert!(names.ever_had(Id::new(101, 3)));
    }

    #[test]
    fn a_table_keeps_what_is_far_out_where_it_was() {
        let mut table = Table::default();
        table.set(1 << 61, 'z');
        table.set(REACH + 5, 'y');
        table.set(3, 'a');
        table.set(REACH + 1, 'x');
        table.set(REACH + 9, 'w');
        let found =
            [1 << 61, REACH + 5, 3, REACH + 1, REACH + 9, 4].map(|at| table.get(at).copied());
        assert_eq!(
            found,
            [Some('z'), Some('y'), Some('a'), Some('x'), Some('w'), None]
        );
    }
}
