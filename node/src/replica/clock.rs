//! The leader's clock entries, by which leases end: written when a lease needs one, and only then.

use std::time::Duration;

use super::Replica;
use super::waiters::ReplyTo;
use crate::kv::Command;
use crate::raft::{Role, Term, Time};

/// Least time between clock entries, so that many keep-alives share one.
const GAP: Duration = Duration::from_millis(20);
/// When a clock entry of which nothing was heard is written again.
const AGAIN: Duration = Duration::from_millis(500);

/// How log time follows the monotonic clock while this node leads.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// A term that it leads, and what log time and its own clock were when it began to count in it.
    since: Option<(Term, u64, Time)>,
    /// Log time and own time of the last entry that it wrote.
    written: Option<(u64, Time)>,
}

impl Replica {
    /// When the next clock entry is due: perhaps in the past, and never unless this node leads.
    pub(super) fn clock_due(&mut self, now: Time) -> Option<Time> {
        if self.role != Role::Leader || self.machine.leases() == 0 {
            return None;
        }
        let term = self.core.status().term;
        // None until its own first entry is applied: what earlier leaders wrote is applied then, too.
        let due_ms = self.machine.clock_due_ms(term)?;
        let log_ms = self.machine.clock_ms();
        if self.clock.since.is_none_or(|(in_term, ..)| in_term != term) {
            self.clock = Clock {
                since: Some((term, log_ms, now)),
                written: None,
            };
        }
        let (_, base_ms, since) = self.clock.since?;
        let due = since + Duration::from_millis(due_ms.saturating_sub(base_ms));
        Some(match self.clock.written {
            Some((ms, at)) if ms > log_ms => at + AGAIN,
            Some((_, at)) => due.max(at + GAP),
            None => due,
        })
    }

    pub(super) fn write_clock(&mut self, now: Time) {
        let Some((_, base_ms, since)) = self.clock.since else {
            return;
        };
        let now_ms = base_ms + (now - since).as_millis() as u64;
        self.clock.written = Some((now_ms, now));
        // Nobody waits for it. It is never passed on: who does not lead does not tell the time (etcd #15247).
        let command = Command::Clock { now_ms }.encode().into();
        self.propose(now, command, false, ReplyTo::Nobody);
    }
}
