//! The log in memory: what this node holds behind its base, on disk or on the way there.

use super::types::{Entry, Index, LogId, Payload, Term};
use crate::bugs::{self, Bug};

/// Entries behind `base`, contiguous, terms never decreasing. All up to the base is committed and in a snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    base: LogId,
    entries: Vec<Entry>,
}

/// What an entry weighs against the limits on batches and uncommitted commands, in bytes.
pub(super) fn weight(entry: &Entry) -> usize {
    const HEADER: usize = 24;
    HEADER
        + match &entry.payload {
            Payload::Noop => 0,
            Payload::Command(bytes) => bytes.len(),
            Payload::Configuration(configuration) => configuration.weight(),
        }
}

impl Entry {
    /// What it weighs in memory, about, in bytes.
    pub fn weight(&self) -> usize {
        weight(self)
    }
}

impl Log {
    /// The log of `entries`, which follow the snapshot that ends in `snapshot`, or begin before its end.
    ///
    /// # Panics
    /// Where `entries` are not contiguous, or leave a gap behind the snapshot: storage promised it.
    pub(super) fn new(snapshot: LogId, entries: Vec<Entry>) -> Log {
        let mut entries = entries.into_iter().peekable();
        let base = match entries.peek() {
            // Of what was before the first entry nothing is known, not even the term.
            Some(first) if first.id.index.0 > 1 && first.id.index <= snapshot.index => {
                entries.next().map_or(snapshot, |first| first.id)
            }
            Some(first) if first.id.index.0 == 1 => LogId::default(),
            _ => snapshot,
        };
        let mut log = Log {
            base,
            entries: Vec::with_capacity(entries.size_hint().0),
        };
        for entry in entries {
            log.push(entry);
        }
        log
    }

    /// The last entry that is not here any more; `0@0` where all are.
    pub(super) fn base(&self) -> LogId {
        self.base
    }

    pub(super) fn last(&self) -> LogId {
        self.entries.last().map_or(self.base, |e| e.id)
    }

    pub(super) fn get(&self, index: Index) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }

    /// `None` after the last entry and before the base.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        match index == self.base.index {
            true => Some(self.base.term),
            false => self.get(index).map(|e| e.id.term),
        }
    }

    pub(super) fn contains(&self, id: LogId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// Forgets entries up to `upto`, which a snapshot covers. O(entries kept).
    pub(super) fn compact(&mut self, upto: Index) {
        let count = self.position(upto.next()).unwrap_or(0);
        if let Some(last) = count.checked_sub(1).and_then(|i| self.entries.get(i)) {
            self.base = last.id;
            self.entries.drain(..count);
        }
    }

    /// Begins anew behind `base`; gives the names of what was here, in order.
    pub(super) fn reset(&mut self, base: LogId) -> Vec<LogId> {
        self.base = base;
        self.entries.drain(..).map(|e| e.id).collect()
    }

    fn position(&self, index: Index) -> Option<usize> {
        let behind = index.0.checked_sub(self.base.index.0)?.checked_sub(1)?;
        usize::try_from(behind).ok()
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
        let keep = self.position(from).unwrap_or(0).min(self.entries.len());
        self.entries.drain(keep..).map(|e| e.id).collect()
    }

    /// Entries `from..=to`, as many as there are.
    pub(super) fn range(&self, from: Index, to: Index) -> &[Entry] {
        let start = self.position(from).unwrap_or(0).min(self.entries.len());
        let count = to.0.saturating_sub(self.base.index.0);
        let end = usize::try_from(count).unwrap_or(usize::MAX);
        let end = end.clamp(start, self.entries.len());
        &self.entries[start..end]
    }

    /// Where to cut so that behind it, up to `last`, stand at most `bytes`: at or above `upto`, and below `last`.
    /// O(entries behind).
    pub(super) fn tail(&self, upto: Index, last: Index, bytes: usize) -> Index {
        let mut left = bytes;
        let kept = self.range(upto.next(), last).iter().rev();
        let beyond = kept.skip_while(|entry| {
            let weight = weight(entry);
            let fits = weight <= left;
            left = left.saturating_sub(weight);
            fits
        });
        let cut = beyond.map(|entry| entry.id.index).next().unwrap_or(upto);
        cut.max(upto)
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
                *i == 0 || bytes <= max_bytes || bugs::on(Bug::AeBatchHoleOnOversize)
            })
            .filter(|(i, entry)| {
                *i == 0 || weight(entry) <= max_bytes || !bugs::on(Bug::AeBatchHoleOnOversize)
            })
            .map(|(_, entry)| entry.clone())
            .collect()
    }

    /// The last entry at or below `bound` whose term is at most `term`: nothing above it can match a log
    /// that has `term` at `bound` (Raft paper, 5.3, the optimisation; etcd's findConflictByTerm). `0@0` where
    /// that would be before the base. O(log n).
    pub(super) fn last_not_after(&self, bound: Index, term: Term) -> LogId {
        let base = match self.base.index <= bound && self.base.term <= term {
            true => self.base,
            false => LogId::default(),
        };
        self.range(self.base.index.next(), bound)
            .partition_point(|e| e.id.term <= term)
            .checked_sub(1)
            .map_or(base, |i| self.entries[i].id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> Log {
        Log::new(LogId::default(), entries(terms))
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
    fn a_tail_has_as_many_entries_as_fit_and_no_more_than_asked() {
        let log = log(&[1, 1, 1, 1, 1]);
        let tail = |upto, bytes| log.tail(Index(upto), Index(4), bytes);
        assert_eq!(tail(1, 1000), Index(1));
        assert_eq!(tail(1, 200), Index(2));
        assert_eq!(tail(3, 200), Index(3));
        assert_eq!(tail(0, 99), Index(4));
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
        Log::new(LogId::default(), all);
    }

    #[test]
    fn behind_a_base_everything_keeps_its_place() {
        let mut log = log(&[1, 1, 2, 2, 3]);
        log.compact(Index(3));
        assert_eq!(
            (log.base(), log.last()),
            (LogId::new(3, 2), LogId::new(5, 3))
        );
        assert_eq!(log.term_at(Index(3)), Some(Term(2)));
        assert_eq!(log.term_at(Index(2)), None);
        assert_eq!(log.range(Index(1), Index(4)).len(), 1);
        assert_eq!(log.last_not_after(Index(5), Term(2)), LogId::new(4, 2));
        assert_eq!(log.last_not_after(Index(3), Term(2)), LogId::new(3, 2));
        assert_eq!(log.last_not_after(Index(2), Term(2)), LogId::default());
        assert_eq!(log.truncate(Index(5)), [LogId::new(5, 3)]);
        log.compact(Index(1));
        assert_eq!(log.base(), LogId::new(3, 2));
        assert_eq!(log.reset(LogId::new(9, 4)), [LogId::new(4, 2)]);
        assert_eq!(log.last(), LogId::new(9, 4));
    }

    #[test]
    fn a_recovered_log_begins_behind_the_snapshot_or_before_its_end() {
        let some = entries(&[1, 1, 2, 2]);
        let behind = Log::new(LogId::new(2, 1), some[2..].to_vec());
        assert_eq!((behind.base(), behind.entries.len()), (LogId::new(2, 1), 2));
        let before = Log::new(LogId::new(4, 2), some[1..].to_vec());
        assert_eq!((before.base(), before.entries.len()), (LogId::new(2, 1), 2));
        assert_eq!(Log::new(LogId::new(4, 2), some).base(), LogId::default());
        assert_eq!(Log::new(LogId::new(4, 2), vec![]).last(), LogId::new(4, 2));
    }
}
