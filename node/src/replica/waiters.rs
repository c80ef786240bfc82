//! Requests that wait for an answer: each is answered once, by its deadline at the latest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, Reply};
use crate::bugs::{self, Bug};
use crate::kv::{Answer, Query, Written};
use crate::raft::{Index, LogId, NodeId, RequestId, Term, Time};

/// A request that waits.
pub(super) enum Waiter {
    Write {
        command: Arc<[u8]>,
        /// May be passed to the leader.
        forward: bool,
        stage: Stage,
        reply: ReplyTo,
    },
    Read {
        query: Query,
        /// May be confirmed by another node that leads.
        forward: bool,
        reply: Reply<Result<Answer, Failure>>,
    },
}

/// How far a write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody else has it: failing it now is certain.
    Here,
    /// In this node's log; applied or not, that entry decides.
    Accepted(LogId),
    /// Committed and applied as that entry, and not yet on every voter's disk.
    Held(Index),
    /// On its way to the leader under this name.
    Forwarded(RequestId),
}

/// Who asked.
pub(super) enum ReplyTo {
    Client(Reply<Result<Written, Failure>>),
    Peer {
        node: NodeId,
        id: RequestId,
    },
    /// This node itself, which does not wait.
    Nobody,
}

/// All of them.
pub(super) struct Waiters {
    timeout: Duration,
    /// Names are handed out in order, so later boots never repeat one.
    next: u64,
    waiting: BTreeMap<RequestId, Waiter>,
    /// One timeout for all, so deadlines come in the order of arrival.
    deadlines: VecDeque<(Time, RequestId)>,
    accepted: BTreeMap<(Index, Term), RequestId>,
    /// Each with what it did.
    held: BTreeMap<Index, (RequestId, Written)>,
    forwarded: BTreeMap<RequestId, RequestId>,
}

impl Waiters {
    /// `incarnation` makes names of different boots differ.
    pub(super) fn new(timeout: Duration, incarnation: u64) -> Waiters {
        Waiters {
            timeout,
            next: incarnation << 40,
            waiting: BTreeMap::new(),
            deadlines: VecDeque::new(),
            accepted: BTreeMap::new(),
            held: BTreeMap::new(),
            forwarded: BTreeMap::new(),
        }
    }

    /// How long a request may wait.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A name that no boot of this node has used.
    pub(super) fn name(&mut self) -> RequestId {
        self.next += 1;
        RequestId(self.next)
    }

    pub(super) fn insert(&mut self, now: Time, waiter: Waiter) -> RequestId {
        let id = self.name();
        self.waiting.insert(id, waiter);
        self.deadlines.push_back((now + self.timeout, id));
        id
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&Waiter> {
        self.waiting.get(&id)
    }

    /// When the next deadline is.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.front().map(|&(due, _)| due)
    }

    /// Takes those whose deadline has come.
    pub(super) fn expired(&mut self, now: Time) -> Vec<Waiter> {
        let mut expired = Vec::new();
        while let Some(&(due, id)) = self.deadlines.front()
            && (due <= now || !self.waiting.contains_key(&id))
        {
            self.deadlines.pop_front();
            expired.extend(self.remove(id));
        }
        expired
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Waiter> {
        let waiter = self.waiting.remove(&id)?;
        if let Waiter::Write { stage, .. } = &waiter {
            match stage {
                Stage::Here => {}
                Stage::Accepted(entry) => {
                    self.accepted.remove(&(entry.index, entry.term));
                }
                Stage::Held(index) => {
                    self.held.remove(index);
                }
                Stage::Forwarded(name) => {
                    self.forwarded.remove(name);
                }
            }
        }
        Some(waiter)
    }

    /// The write is in this node's log as `entry`.
    pub(super) fn accept(&mut self, id: RequestId, entry: LogId) {
        if let Some(Waiter::Write { stage, .. }) = self.waiting.get_mut(&id) {
            *stage = Stage::Accepted(entry);
            self.accepted.insert((entry.index, entry.term), id);
        }
    }

    /// The write goes to the leader. Every attempt has a name of its own, in growing order, so that the
    /// receiver can tell a repeated frame from a new request.
    pub(super) fn forward(&mut self, id: RequestId) -> Option<(RequestId, Arc<[u8]>)> {
        let name = self.name();
        let Some(Waiter::Write { stage, command, .. }) = self.waiting.get_mut(&id) else {
            return None;
        };
        *stage = Stage::Forwarded(name);
        self.forwarded.insert(name, id);
        Some((name, command.clone()))
    }

    /// The leader, or this node's own queue, has said what became of a forwarded write: it is here again.
    pub(super) fn forwarded(&mut self, name: RequestId) -> Option<RequestId> {
        let name = match bugs::on(Bug::CrossedWiresProxy) {
            true => *self.forwarded.keys().min()?,
            false => name,
        };
        let id = self.forwarded.remove(&name)?;
        if let Some(Waiter::Write { stage, .. }) = self.waiting.get_mut(&id) {
            *stage = Stage::Here;
        }
        Some(id)
    }

    /// Takes the write that waited for this very entry.
    pub(super) fn of(&mut self, entry: LogId) -> Option<Waiter> {
        let id = *self.accepted.get(&(entry.index, entry.term))?;
        self.remove(id)
    }

    /// The write that waits for this very entry has done `written`, but waits on, for [`Waiters::release`].
    pub(super) fn hold(&mut self, entry: LogId, written: Written) {
        if let Some(id) = self.accepted.remove(&(entry.index, entry.term))
            && let Some(Waiter::Write { stage, .. }) = self.waiting.get_mut(&id)
        {
            *stage = Stage::Held(entry.index);
            self.held.insert(entry.index, (id, written));
        }
    }

    /// Takes the held writes up to `upto`, in the order of the log, each with what it did.
    pub(super) fn release(&mut self, upto: Index) -> Vec<(Waiter, Written)> {
        let later = self.held.split_off(&upto.next());
        let released = std::mem::replace(&mut self.held, later).into_values();
        released
            .filter_map(|(id, written)| Some((self.remove(id)?, written)))
            .collect()
    }

    /// Takes the writes that waited for `index`, each with the entry that it was accepted as. At most one is
    /// the entry that was applied there; the others will never be.
    pub(super) fn at(&mut self, index: Index) -> Vec<(LogId, Waiter)> {
        let range = (index, Term(0))..=(index, Term(u64::MAX));
        let ids: Vec<RequestId> = self.accepted.range(range).map(|(_, &id)| id).collect();
        ids.into_iter()
            .filter_map(|id| match self.remove(id)? {
                Waiter::Write {
                    command,
                    forward,
                    stage: Stage::Accepted(entry),
                    reply,
                } => Some((
                    entry,
                    Waiter::Write {
                        command,
                        forward,
                        stage: Stage::Here,
                        reply,
                    },
                )),
                _ => None,
            })
            .collect()
    }
}

impl Waiter {
    /// What to say at the deadline.
    pub(super) fn timeout(&self) -> Failure {
        match self {
            Waiter::Write {
                stage: Stage::Here, ..
            } => Failure::NoLeader,
            Waiter::Write { .. } => Failure::TimedOut,
            Waiter::Read { .. } => Failure::Unconfirmed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(waiters: &mut Waiters, at_ms: u64) -> RequestId {
        let now = Time(Duration::from_millis(at_ms));
        let waiter = Waiter::Write {
            command: Arc::from([]),
            forward: true,
            stage: Stage::Here,
            reply: ReplyTo::Nobody,
        };
        waiters.insert(now, waiter)
    }

    fn waiters() -> Waiters {
        Waiters::new(Duration::from_secs(1), 3)
    }

    fn expired(waiters: &mut Waiters, at_ms: u64) -> Vec<Failure> {
        let now = Time(Duration::from_millis(at_ms));
        waiters.expired(now).iter().map(Waiter::timeout).collect()
    }

    #[test]
    fn what_nobody_else_has_certainly_did_not_happen_and_the_rest_is_unknown() {
        let mut waiters = waiters();
        let here = write(&mut waiters, 0);
        let accepted = write(&mut waiters, 1);
        let forwarded = write(&mut waiters, 2);
        assert!(here < accepted);
        waiters.accept(accepted, LogId::new(5, 2));
        waiters.forward(forwarded).unwrap();
        assert_eq!(expired(&mut waiters, 999), []);
        let late = [Failure::NoLeader, Failure::TimedOut, Failure::TimedOut];
        assert_eq!(expired(&mut waiters, 2000), late);
        assert_eq!(waiters.len(), 0);
        assert!(waiters.accepted.is_empty() && waiters.forwarded.is_empty());
    }

    #[test]
    fn two_terms_at_one_index_are_two_waiters() {
        let mut waiters = waiters();
        for term in [2, 4] {
            let id = write(&mut waiters, 0);
            waiters.accept(id, LogId::new(5, term));
        }
        let other = write(&mut waiters, 0);
        waiters.accept(other, LogId::new(6, 4));
        let at: Vec<LogId> = waiters
            .at(Index(5))
            .iter()
            .map(|(entry, _)| *entry)
            .collect();
        assert_eq!(at, [LogId::new(5, 2), LogId::new(5, 4)]);
        assert_eq!(waiters.len(), 1);
    }

    #[test]
    fn a_write_that_comes_back_is_forwarded_under_another_and_greater_name() {
        let mut waiters = waiters();
        let id = write(&mut waiters, 0);
        let (first, _) = waiters.forward(id).unwrap();
        assert_eq!(waiters.forwarded(first), Some(id));
        let (second, _) = waiters.forward(id).unwrap();
        assert!(second > first);
        assert_eq!(waiters.forwarded(first), None);
    }
}
