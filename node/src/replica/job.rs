//! Work on a whole state: it takes long and needs nothing of the replica, so that it can be done on another thread.

use std::fmt;
use std::sync::Arc;

use super::Replica;
use crate::kv::{Frozen, Machine};
use crate::raft::{
    Configured, Entry, Index, Input, LogId, Ready, Refusal, RequestId, Snapshot, Time,
};

/// Something to be done elsewhere, whose [`Finished`] comes back as an input.
#[derive(Debug)]
pub enum Job {
    /// Make bytes of the state as it was, under that configuration: a snapshot to keep.
    Freeze(Box<Frozen>, Configured),
    /// Make a state of a leader's snapshot.
    Restore(Arc<Snapshot>),
}

/// What came of a [`Job`].
pub enum Finished {
    /// Of [`Job::Freeze`].
    Frozen(Snapshot),
    /// Of [`Job::Restore`]: the last entry that the snapshot covers, and the state after it.
    Restored(LogId, Box<Machine>),
}

/// A state is on its way that takes the place of this one.
#[derive(Debug)]
pub(super) struct Restoring {
    last: LogId,
    /// What rests on the new state, in order.
    held: Vec<Held>,
}

/// The part of a [`Ready`] that the state machine has to do with.
#[derive(Debug)]
pub(super) struct Held {
    committed: Vec<Entry>,
    ahead: Vec<Entry>,
    on_all: Option<Index>,
    reads: Vec<(RequestId, Result<Index, Refusal>)>,
}

impl Job {
    /// Does it. O(bytes of the state).
    ///
    /// # Panics
    /// Where a leader's snapshot is none: its checksum held on the way here, so this is what the leader had.
    pub fn run(self) -> Finished {
        match self {
            Job::Freeze(frozen, configured) => Finished::Frozen(Snapshot {
                last: frozen.last(),
                configured,
                data: frozen.bytes().into(),
            }),
            Job::Restore(snapshot) => {
                let last = snapshot.last;
                match Machine::restore(&snapshot.data) {
                    Ok(machine) if machine.applied() == last.index => {
                        Finished::Restored(last, Box::new(machine))
                    }
                    Ok(machine) => {
                        panic!("the leader's snapshot {last} is of {}", machine.applied())
                    }
                    Err(why) => panic!("the leader's snapshot {last} cannot be used: {why}"),
                }
            }
        }
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finished::Frozen(snapshot) => write!(f, "Frozen({})", snapshot.last),
            Finished::Restored(last, _) => write!(f, "Restored({last})"),
        }
    }
}

impl Held {
    /// Takes it out of `ready`.
    pub(super) fn of(ready: &mut Ready) -> Held {
        Held {
            committed: std::mem::take(&mut ready.committed),
            ahead: std::mem::take(&mut ready.ahead),
            on_all: ready.on_all.take(),
            reads: std::mem::take(&mut ready.reads),
        }
    }
}

impl Replica {
    /// Whether a leader's snapshot, which is on disk already, is still being made into the state.
    pub fn is_restoring(&self) -> bool {
        self.restoring.is_some()
    }

    /// A job is done.
    pub fn on_finished(&mut self, now: Time, finished: Finished) {
        match finished {
            Finished::Frozen(Snapshot { last, data, .. }) => {
                self.freezing = false;
                self.step(now, Input::Snapshot { last, data });
            }
            Finished::Restored(last, machine) => {
                // Another one may be on its way by now.
                if let Some(restoring) = self.restoring.take_if(|r| r.last == last) {
                    self.machine = *machine;
                    self.applied = last;
                    self.tell_restored();
                    self.note_restored();
                    let line = format!("{} installed snapshot {last}", self.id);
                    self.work.lines.push(line);
                    for held in restoring.held {
                        self.use_state(now, held);
                    }
                }
            }
        }
    }

    /// Replaces the state by a leader's, once that is made. Requests whose entries it may cover end at their
    /// deadline: unknown.
    pub(super) fn restore(&mut self, snapshot: Arc<Snapshot>) {
        self.restoring = Some(Restoring {
            last: snapshot.last,
            held: Vec::new(),
        });
        self.work.jobs.push(Job::Restore(snapshot));
    }

    /// Applies and answers what is decided, now or once the state for it is there.
    pub(super) fn use_or_hold(&mut self, now: Time, held: Held) {
        match &mut self.restoring {
            Some(restoring) => restoring.held.push(held),
            None => self.use_state(now, held),
        }
    }

    fn use_state(&mut self, now: Time, held: Held) {
        for entry in &held.committed {
            self.apply(entry);
        }
        self.tell_applied();
        self.apply_ahead(&held.ahead);
        if let Some(upto) = held.on_all {
            self.note_on_all(upto);
        }
        for (id, result) in held.reads {
            self.on_read(now, id, result);
        }
    }

    /// A leadership has begun or ended: what was to be answered ahead in the last one is not, then.
    pub(super) fn forget_held_ahead(&mut self) {
        for held in self.restoring.iter_mut().flat_map(|r| &mut r.held) {
            held.ahead.clear();
        }
    }
}
