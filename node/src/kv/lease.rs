//! Leases: keys that end with the client that keeps them alive. Time counts in the log and nowhere else.
//!
//! A leader's monotonic clock enters the log by clock entries, and only applying one ends a lease. A lease that was
//! granted or kept alive gets its end from the *next* clock entry, which the leader reads after the keep-alive
//! was in its log: so it never ends before its time to live is over, and late by the gap between clock entries
//! at most. The first clock entry of a term gives every lease its whole time again, because nobody could keep any
//! alive while there was no leader (etcd #2660).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::hash::Digest;
use super::outcome::{Outcome, Refused};
use crate::bugs::{self, Bug};
use crate::raft::{LogId, Term};

/// Most leases at a time.
pub const MAX_LEASES: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    ttl_ms: u64,
    /// In log time; `None` until the next clock entry.
    ends_ms: Option<u64>,
}

/// All that have not ended, and log time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Leases {
    now_ms: u64,
    /// Of the last clock entry.
    term: Term,
    leases: BTreeMap<u64, Lease>,
    /// In the order in which they end, those without an end first; follows from `leases`.
    #[serde(skip)]
    ends: BTreeSet<(Option<u64>, u64)>,
    /// Sum of the weights of all; follows from `leases`.
    #[serde(skip)]
    content: u128,
}

impl Leases {
    /// With what was left out of the snapshot.
    pub(super) fn reindexed(mut self) -> Leases {
        for (id, lease) in std::mem::take(&mut self.leases) {
            self.keep(id, lease);
        }
        self
    }

    pub(super) fn content(&self) -> Digest {
        Digest::default()
            .number(self.now_ms)
            .number(self.term.0)
            .number(self.leases.len() as u64)
            .field(&self.content.to_le_bytes())
    }

    pub(super) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Time to live of a lease, if it has not ended.
    pub(super) fn ttl_ms(&self, id: u64) -> Option<u64> {
        self.leases.get(&id).map(|lease| lease.ttl_ms)
    }

    /// The log time at which a leader of `term` should write a clock entry: for a lease without an end, now.
    pub(super) fn clock_due_ms(&self, term: Term) -> Option<u64> {
        let &(first, _) = self.ends.first()?;
        match first {
            Some(ends_ms) if self.term == term => Some(ends_ms),
            _ => Some(self.now_ms),
        }
    }

    pub(super) fn grant(&mut self, entry: LogId, ttl_ms: u64, revision: u64) -> Outcome {
        if self.leases.len() >= MAX_LEASES {
            return Outcome::Refused {
                why: Refused::TooManyLeases,
                operation: 0,
                revision,
            };
        }
        let lease = entry.index.0;
        let ends_ms = None;
        self.keep(lease, Lease { ttl_ms, ends_ms });
        Outcome::Leased { lease, ttl_ms }
    }

    /// Gives a lease its whole time again.
    pub(super) fn keep_alive(&mut self, lease: u64) -> Outcome {
        let Some(Lease { ttl_ms, .. }) = self.end(lease) else {
            return Outcome::NoLease;
        };
        let ends_ms = None;
        self.keep(lease, Lease { ttl_ms, ends_ms });
        Outcome::Leased { lease, ttl_ms }
    }

    /// A clock entry of a leader of `term` is applied. Gives the leases that have ended.
    pub(super) fn tick(&mut self, term: Term, now_ms: u64) -> Vec<u64> {
        self.now_ms = self.now_ms.max(now_ms);
        if self.term != term && bugs::on(Bug::LeaseNotExtendedOnFailover) {
            self.term = term;
        }
        if self.term != term {
            self.term = term;
            let unset = |lease: Lease| Lease {
                ends_ms: None,
                ..lease
            };
            for (id, lease) in self.leases.clone() {
                self.end(id);
                self.keep(id, unset(lease));
            }
        }
        while let Some(&(None, id)) = self.ends.first()
            && let Some(mut lease) = self.end(id)
        {
            lease.ends_ms = Some(self.now_ms.saturating_add(lease.ttl_ms));
            self.keep(id, lease);
        }
        let mut ended = Vec::new();
        while let Some(&(Some(ends_ms), id)) = self.ends.first()
            && ends_ms <= self.now_ms
        {
            self.end(id);
            ended.push(id);
        }
        ended
    }

    /// True if there was one.
    pub(super) fn revoke(&mut self, id: u64) -> bool {
        self.end(id).is_some()
    }

    fn keep(&mut self, id: u64, lease: Lease) {
        self.ends.insert((lease.ends_ms, id));
        self.content = self.content.wrapping_add(weigh(id, lease));
        self.leases.insert(id, lease);
    }

    fn end(&mut self, id: u64) -> Option<Lease> {
        let lease = self.leases.remove(&id)?;
        self.ends.remove(&(lease.ends_ms, id));
        self.content = self.content.wrapping_sub(weigh(id, lease));
        Some(lease)
    }
}

fn weigh(id: u64, lease: Lease) -> u128 {
    Digest::default()
        .number(id)
        .number(lease.ttl_ms)
        .number(lease.ends_ms.map_or(0, |ends_ms| ends_ms.wrapping_add(1)))
        .value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(ttl_ms: u64) -> Leases {
        let mut leases = Leases::default();
        leases.grant(LogId::new(1, 1), ttl_ms, 0);
        leases
    }

    #[test]
    fn a_lease_lives_its_whole_time_from_the_clock_entry_after_its_grant() {
        let mut leases = granted(100);
        assert_eq!(leases.clock_due_ms(Term(1)), Some(0));
        assert!(leases.tick(Term(1), 50).is_empty());
        assert_eq!(leases.clock_due_ms(Term(1)), Some(150));
        assert!(leases.tick(Term(1), 149).is_empty());
        assert_eq!(leases.tick(Term(1), 150), [1]);
        assert_eq!(leases.len(), 0);
    }

    #[test]
    fn a_keep_alive_before_the_end_gives_the_whole_time_again() {
        let mut leases = granted(100);
        leases.tick(Term(1), 50);
        leases.keep_alive(1);
        // Late, but the keep-alive was in the log before the clock was read.
        assert!(leases.tick(Term(1), 160).is_empty());
        assert_eq!(leases.tick(Term(1), 260), [1]);
        assert_eq!(leases.keep_alive(1), Outcome::NoLease);
    }

    #[test]
    fn a_new_leader_ends_nothing_that_could_not_be_kept_alive() {
        let mut leases = granted(100);
        leases.tick(Term(1), 50);
        assert_eq!(leases.clock_due_ms(Term(2)), Some(50));
        assert!(leases.tick(Term(2), 500).is_empty());
        assert!(leases.tick(Term(2), 599).is_empty());
        assert_eq!(leases.tick(Term(2), 600), [1]);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_set_log_time_back() {
        let mut leases = granted(100);
        leases.tick(Term(1), 500);
        leases.tick(Term(1), 10);
        assert_eq!(leases.now_ms(), 500);
    }
}
