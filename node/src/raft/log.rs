//! The log in memory: what this node holds, on disk or on the way there.

use super::types::{Entry, Index, LogId, Payload, Term};

/// Entries from index 1, contiguous, terms never decreasing.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
}

/// What an entry weighs against the limits on batches and uncommitted commands, in bytes.
pub(super) fn weight(entry: &Entry) -> usize {
    const HEADER: usize = 24;
    HEADER
        + match &entry.payload {
            Payload::Noop => 0,
            Payload::Command(bytes) => bytes.len(),
        }
}

impl Log {
    /// # Panics
    /// Where `entries` are not contiguous from 1: storage promised it.
    pub(super) fn new(entries: Vec<Entry>) -> Log {
        let mut log = Log::default();
        log.entries.reserve(entries.len());
        for entry in entries {
            log.push(entry);
        }
        log
    }

    pub(super) fn last(&self) -> LogId {
        self.entries.last().map(|e| e.id).unwrap_or_default()
    }

    pub(super) fn get(&self, index: Index) -> Option<&Entry> {
        self.entries.get(position(index)?)
    }

    /// 0 before the first entry, `None` after the last.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        match index {
            Index(0) => Some(Term(0)),
            _ => self.get(index).map(|e| e.id.term),
        }
    }

    pub(super) fn contains(&self, id: LogId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// # Panics
    /// Where `entry` does not continue the log.
    pub(super) fn push(&mut self, entry: Entry) {
        let last = self.last();
        assert!(
            entry.id.index == last.index.next() && entry.id.term >= last.term,
            "entry {} cannot follow {last}",
            entry.id
        );
        self.entries.push(entry);
    }

    /// Drops everything at or above `from`; gives its names in order.
    pub(super) fn truncate(&mut self, from: Index) -> Vec<LogId> {
        let keep = position(from).unwrap_or(0).min(self.entries.len());
        self.entries.drain(keep..).map(|e| e.id).collect()
    }

    /// Entries `from..=to`, as many as there are.
    pub(super) fn range(&self, from: Index, to: Index) -> &[Entry] {
        let start = position(from).unwrap_or(0).min(self.entries.len());
        let end = usize::try_from(to.0)
            .unwrap_or(usize::MAX)
            .clamp(start, self.entries.len());
        &self.entries[start..end]
    }

    /// The entries from `from` that fit into one append: it stops at the first that does not fit (skipping
    /// one would tear a hole, LogCabin #160), but always takes one.
    pub(super) fn batch(&self, from: Index, max_entries: usize, max_bytes: usize) -> Vec<Entry> {
        let mut bytes = 0;
        self.range(from, self.last().index)
            .iter()
            .take(max_entries.max(1))
            .enumerate()
            .take_while(|(i, entry)| {
                bytes += weight(entry);
                *i == 0 || bytes <= max_bytes
            })
            .map(|(_, entry)| entry.clone())
            .collect()
    }

    /// The last entry at or below `bound` whose term is at most `term`: nothing above it can match a log
    /// that has `term` at `bound` (Raft paper, 5.3, the optimisation; etcd's findConflictByTerm). O(log n).
    pub(super) fn last_not_after(&self, bound: Index, term: Term) -> LogId {
        self.range(Index(1), bound)
            .partition_point(|e| e.id.term <= term)
            .checked_sub(1)
            .map(|i| self.entries[i].id)
            .unwrap_or_default()
    }
}

fn position(index: Index) -> Option<usize> {
    usize::try_from(index.0).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> Log {
        Log::new(entries(terms))
    }

    fn entries(terms: &[u64]) -> Vec<Entry> {
        let entry = |(i, term): (usize, &u64)| Entry {
            id: LogId::new(i as u64 + 1, *term),
            payload: Payload::Command(vec![0; 76].into()),
        };
        terms.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn truncation_names_what_it_drops() {
        let mut log = log(&[1, 1, 2]);
        let dropped = log.truncate(Index(2));
        assert_eq!(dropped, [LogId::new(2, 1), LogId::new(3, 2)]);
        assert_eq!(log.last(), LogId::new(1, 1));
        assert!(log.truncate(Index(9)).is_empty());
    }

    #[test]
    fn a_batch_stops_at_the_first_entry_that_does_not_fit_but_takes_one() {
        let log = log(&[1, 1, 1, 1]);
        assert_eq!(log.batch(Index(1), 16, 250).len(), 2);
        assert_eq!(log.batch(Index(2), 16, 1).len(), 1);
        assert_eq!(log.batch(Index(2), 2, 9999).len(), 2);
        assert!(log.batch(Index(5), 16, 9999).is_empty());
    }

    #[test]
    fn the_hint_skips_terms_that_cannot_match() {
        let log = log(&[1, 1, 4, 4, 4]);
        assert_eq!(log.last_not_after(Index(5), Term(3)), LogId::new(2, 1));
        assert_eq!(log.last_not_after(Index(4), Term(4)), LogId::new(4, 4));
        assert_eq!(log.last_not_after(Index(9), Term(9)), LogId::new(5, 4));
        assert_eq!(log.last_not_after(Index(5), Term(0)), LogId::new(0, 0));
    }

    #[test]
    #[should_panic(expected = "entry 3@1 cannot follow 1@1")]
    fn a_gap_is_refused() {
        let mut all = entries(&[1, 1, 1]);
        all.remove(1);
        Log::new(all);
    }
}
