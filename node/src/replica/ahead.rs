//! Answers that do not come with the commit: ahead of it from a speculative state, or after it, once all have it.

use super::Replica;
use crate::kv::{Machine, Speculative, Written};
use crate::raft::{Entry, Index, LogId, Replication};

/// What the replication modes other than `majority` need.
#[derive(Debug)]
pub(super) struct Ahead {
    mode: Replication,
    /// Only on a leader that answers ahead of commits, from its first such answer on.
    speculative: Option<Speculative>,
    /// Answered ahead to clients and neither committed nor dropped here, as far as known; in the order of the log.
    doubtful: Vec<LogId>,
    /// In `sync`: every voter has entries up to here on its disk.
    on_all: Index,
}

impl Ahead {
    pub(super) fn new(mode: Replication) -> Ahead {
        Ahead {
            mode,
            speculative: None,
            doubtful: Vec::new(),
            on_all: Index(0),
        }
    }

    /// Whether a write that is committed and applied as `index` has still to wait for its answer.
    fn waits_for_all(&self, index: Index) -> bool {
        self.mode == Replication::Sync && index > self.on_all
    }

    /// The state to answer a leader's reads from, where that is not the committed one.
    pub(super) fn state(&self) -> Option<&Machine> {
        self.speculative.as_ref().map(Speculative::machine)
    }

    /// A leadership begins or ends: the tail may be dropped now, and the state that had it with it.
    pub(super) fn role_changes(&mut self) {
        self.speculative = None;
    }
}

impl Replica {
    /// The tail of this leader's log, as far as the mode's rule is met: applied to the speculative state, which
    /// begins at the committed one, and answered.
    pub(super) fn apply_ahead(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let speculative = self.ahead.speculative.take();
        let mut speculative = speculative.unwrap_or_else(|| Speculative::on(&self.machine));
        for entry in entries {
            let written = speculative.apply(entry);
            // Only who waits for this very entry: what another term had here is not decided yet.
            if let Some(waiter) = self.waiters.of(entry.id) {
                self.ahead.doubtful.push(entry.id);
                self.finish(waiter, Ok(written));
            }
        }
        self.ahead.speculative = Some(speculative);
    }

    /// `entry` is committed, and has just been applied to the committed state.
    pub(super) fn note_committed(&mut self, entry: &Entry, written: &Written) {
        if let Some(speculative) = &mut self.ahead.speculative {
            speculative.committed(&self.machine, entry);
        }
        let doubtful = &mut self.ahead.doubtful;
        let decided = doubtful.partition_point(|answered| answered.index <= entry.id.index);
        let lost = doubtful
            .drain(..decided)
            .filter(|answered| *answered != entry.id);
        let lost: Vec<LogId> = lost.collect();
        self.tell_lost(&lost);
        if self.ahead.waits_for_all(entry.id.index) {
            self.waiters.hold(entry.id, written.clone());
        }
    }

    /// Every voter has entries up to `upto`: those that are applied are answered.
    pub(super) fn note_on_all(&mut self, upto: Index) {
        self.ahead.on_all = self.ahead.on_all.max(upto);
        for (waiter, written) in self.waiters.release(upto) {
            self.finish(waiter, Ok(written));
        }
    }

    /// A leader's conflicting entries have taken the place of these.
    pub(super) fn note_rolled_back(&mut self, dropped: &[LogId]) {
        let doubtful = &mut self.ahead.doubtful;
        let lost: Vec<LogId> = doubtful.extract_if(.., |id| dropped.contains(id)).collect();
        self.tell_lost(&lost);
    }

    /// A leader's snapshot has taken the place of state and log.
    pub(super) fn note_restored(&mut self) {
        let machine = &self.machine;
        let doubtful = &mut self.ahead.doubtful;
        let decided = doubtful.extract_if(.., |id| machine.has_applied(*id).is_some());
        let lost: Vec<LogId> = decided
            .filter(|id| machine.has_applied(*id) == Some(false))
            .collect();
        self.tell_lost(&lost);
    }

    /// Whoever runs a database that answers ahead wants to know what that cost.
    fn tell_lost(&mut self, lost: &[LogId]) {
        if !lost.is_empty() {
            let entries: Vec<String> = lost.iter().map(LogId::to_string).collect();
            let line = format!(
                "{} had answered these writes ahead of their commit and has lost them: {}",
                self.id,
                entries.join(" ")
            );
            self.work.lines.push(line);
        }
    }
}
