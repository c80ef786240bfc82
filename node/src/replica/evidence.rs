//! What a replica tells of itself, for a judge: where it stands after each input, what it applies, whom it answers.

use super::{Failure, Replica};
use crate::events::{Applied, Event, Events, hash_of};
use crate::kv::{Machine, Written};
use crate::raft::{Entry, Input, LogId, Position, Role, Time};

/// Where events go, and what they have told so far.
pub(super) struct Evidence {
    events: Events,
    told: Position,
    /// Applied, to be told together.
    applied: Vec<Applied>,
}

impl Evidence {
    /// Of a replica that begins at this position.
    pub(super) fn new(events: Events, begins: Position) -> Evidence {
        Evidence {
            events,
            // What the log or a snapshot says of members is still to be told.
            told: Position {
                configured_by: LogId::default(),
                ..begins
            },
            applied: Vec::new(),
        }
    }
}

impl Replica {
    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        self.evidence.events.tell(event);
    }

    /// Steps the core and tells where it stands then.
    pub(super) fn step(&mut self, now: Time, input: Input) {
        self.core.step(now, input);
        self.tell_position();
    }

    pub(super) fn tell_position(&mut self) {
        if !self.evidence.events.on() {
            return;
        }
        let now = self.core.position();
        let told = std::mem::replace(&mut self.evidence.told, now);
        if now.configured_by != told.configured_by {
            self.tell(|| Event::Config {
                entry: now.configured_by.into(),
                members: self.core.configuration().into(),
            });
        }
        if (now.role, now.term, now.leader) != (told.role, told.term, told.leader) {
            self.tell(|| Event::Role {
                role: now.role,
                term: now.term,
                leader: now.leader,
            });
        }
        if now.commit.index > told.commit.index {
            self.tell(|| Event::Commit {
                last: now.commit.into(),
            });
        }
        if told.transfer.is_some() && now.transfer.is_none() && now.role == Role::Leader {
            self.tell(|| Event::TransferAborted);
        }
    }

    pub(super) fn gather_applied(&mut self, entry: &Entry, written: &Written) {
        if !self.evidence.events.on() {
            return;
        }
        self.evidence.applied.push(Applied(
            entry.id.index.0,
            entry.id.term.0,
            hash_of(entry),
            state(&self.machine),
        ));
        if written.repeated {
            self.tell(|| Event::Repeated {
                entry: entry.id.into(),
                first: written.entry.into(),
            });
        }
    }

    pub(super) fn tell_applied(&mut self) {
        if !self.evidence.applied.is_empty() {
            let entries = std::mem::take(&mut self.evidence.applied);
            self.tell(|| Event::Apply { entries });
        }
    }

    pub(super) fn tell_restored(&self) {
        self.tell(|| Event::Restore {
            last: self.applied.into(),
            state: state(&self.machine),
        });
    }

    pub(super) fn tell_rolled_back(&self, entries: &[LogId]) {
        self.tell(|| Event::RolledBack {
            entries: entries.iter().map(|id| (*id).into()).collect(),
        });
    }

    pub(super) fn tell_reply(&self, result: &Result<Written, Failure>) {
        if let Ok(written) = result {
            self.tell(|| Event::Reply {
                entry: written.entry.into(),
            });
        }
    }
}

/// 64 bits of the content's digest: data, sessions, leases, log time.
fn state(machine: &Machine) -> u64 {
    let content = machine.content().value();
    (content >> 64) as u64 ^ content as u64
}
