//! Carries out a [`Ready`]: disk, network, state machine, answers, log.

use std::sync::Arc;

use super::job::Held;
use super::waiters::{ReplyTo, Waiter};
use super::{Failure, Replica};
use crate::bugs::{self, Bug};
use crate::events::Event;
use crate::kv::{Command, Logged, Machine, Outcome, Written, holds};
use crate::raft::{Entry, Index, LogId, Message, NodeId, Ready, Refusal, RequestId, Role, Time};
use crate::transport::Outgoing;
use crate::transport::wire::{Forward, ForwardReply};

impl Replica {
    /// True if there is another leader than before.
    pub(super) fn perform(&mut self, now: Time, mut ready: Ready) -> bool {
        let held = Held::of(&mut ready);
        self.work.writes.extend(ready.write);
        for message in ready.messages {
            self.say(message);
        }
        self.promises.extend(ready.promises);
        let mut leader_changed = false;
        for transition in ready.transitions {
            let leader = transition
                .leader
                .map_or("none".to_owned(), |n| n.to_string());
            self.work.lines.push(format!(
                "{} {} -> {} term={} leader={leader}",
                self.id, transition.from, transition.to, transition.term
            ));
            self.role = transition.to;
            self.ahead.role_changes();
            self.forget_held_ahead();
            leader_changed |= transition.leader.is_some() && transition.leader != self.leader;
            self.leader = transition.leader;
        }
        if !ready.rolled_back.is_empty() {
            let entries: Vec<String> = ready.rolled_back.iter().map(LogId::to_string).collect();
            let line = format!("{} rolled back {}", self.id, entries.join(" "));
            self.work.lines.push(line);
            self.note_rolled_back(&ready.rolled_back);
            self.tell_rolled_back(&ready.rolled_back);
        }
        if let Some(configured) = ready.configured {
            let (by, now) = (configured.by, &configured.configuration);
            let line = format!("{} follows {by}: {now}", self.id);
            self.work.lines.push(line);
            self.work.configured = Some(configured);
        }
        for (id, entry) in ready.accepted {
            self.change_accepted(id, entry);
            self.waiters.accept(id, entry);
            if bugs::on(Bug::AckBeforeCommit) {
                self.answer_early(id, entry);
            }
        }
        for (id, refusal) in ready.refused {
            self.change_refused(id, refusal);
            self.on_refused(now, id, refusal);
        }
        for _ in 0..ready.late_lease_reads {
            self.tell(|| Event::LateLeaseRead);
        }
        if let Some(snapshot) = ready.restore.take() {
            self.restore(snapshot);
        }
        self.use_or_hold(now, held);
        leader_changed
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        self.applied = entry.id;
        self.applied_bytes += entry.weight();
        let written = self.machine.apply(entry);
        self.gather_applied(entry, &written);
        self.note_committed(entry, &written);
        self.note_applied(entry);
        for (accepted, waiter) in self.waiters.at(entry.id.index) {
            if accepted == entry.id || bugs::on(Bug::WaiterMatchedByIndexOnly) {
                self.finish(waiter, Ok(written.clone()));
            } else {
                // This index is decided, and not for that entry.
                self.fail(waiter, Failure::Superseded { entry: accepted });
            }
        }
    }

    fn on_refused(&mut self, now: Time, id: RequestId, refusal: Refusal) {
        let Some(Waiter::Write { forward, reply, .. }) = self.waiters.get(id) else {
            return;
        };
        // What a peer forwarded is never forwarded again: it would go in circles.
        let may_forward = *forward && matches!(reply, ReplyTo::Client(_));
        let failure = match refusal {
            Refusal::NotLeader { leader } if may_forward => {
                match leader.filter(|&node| node != self.id) {
                    Some(leader) => self.forward(id, leader),
                    None => self.park(now, id),
                }
                return;
            }
            Refusal::NotLeader { leader } => Failure::NotLeader { leader },
            Refusal::DiskFull => Failure::DiskFull,
            Refusal::Overloaded => Failure::Overloaded,
            // Of a change; what waits here are writes.
            Refusal::ReadAbandoned | Refusal::Change(_) => Failure::Unconfirmed,
        };
        if let Some(waiter) = self.waiters.remove(id) {
            self.fail(waiter, failure);
        }
    }

    fn forward(&mut self, id: RequestId, leader: NodeId) {
        let Some((name, command)) = self.waiters.forward(id) else {
            return;
        };
        let forward = Forward { id: name, command };
        let term = self.core.status().term;
        self.send(leader, Outgoing::Forward { term, forward });
    }

    pub(super) fn on_read(&mut self, now: Time, id: RequestId, result: Result<Index, Refusal>) {
        let Some(Waiter::Read { forward, .. }) = self.waiters.get(id) else {
            return;
        };
        match result {
            Ok(_) => {
                // The core offers a read only with, or after, the entries that it needs.
                if let Some(Waiter::Read { query, reply, .. }) = self.waiters.remove(id) {
                    let state = self.answering();
                    let applied = state.applied().0;
                    self.tell(|| Event::Read { id: id.0, applied });
                    reply(Ok(state.answer(&query)));
                }
            }
            // Nothing has happened; there is time left until its deadline.
            Err(_) if *forward => {
                self.tell(|| Event::ReadRetried { id: id.0 });
                self.park(now, id);
            }
            Err(_) => {
                let leader = self.leader.filter(|_| self.role != Role::Leader);
                if let Some(waiter) = self.waiters.remove(id) {
                    self.fail(waiter, Failure::NotLeader { leader });
                }
            }
        }
    }

    pub(super) fn say(&mut self, message: Message) {
        self.send(message.to, Outgoing::Raft(message));
    }

    fn send(&mut self, to: NodeId, outgoing: Outgoing) {
        self.work.messages.push((to, outgoing));
    }

    pub(super) fn fail(&mut self, waiter: Waiter, failure: Failure) {
        match waiter {
            Waiter::Write { reply, .. } => self.answer(reply, Err(failure)),
            Waiter::Read { reply, .. } => reply(Err(failure)),
        }
    }

    pub(super) fn finish(&mut self, waiter: Waiter, result: Result<Written, Failure>) {
        if let Waiter::Write { reply, .. } = waiter {
            self.answer(reply, result);
        }
    }

    pub(super) fn answer(&mut self, reply: ReplyTo, result: Result<Written, Failure>) {
        match reply {
            ReplyTo::Nobody => {}
            ReplyTo::Client(reply) => {
                self.tell_reply(&result);
                reply(result);
            }
            ReplyTo::Peer { node, id } => {
                let term = self.core.status().term;
                let reply = ForwardReply { id, result };
                self.send(node, Outgoing::ForwardReply { term, reply });
            }
        }
    }

    /// `cas-evaluated-at-propose`: a compare-and-set becomes a blind write, or is answered at once. Otherwise,
    /// the command as it is.
    pub(super) fn decide(&mut self, id: RequestId, command: Arc<[u8]>) -> Option<Arc<[u8]>> {
        if !bugs::on(Bug::CasEvaluatedAtPropose) || self.role != Role::Leader {
            return Some(command);
        }
        let Ok(Logged {
            token: None,
            command: Command::Cas { key, expected, new },
        }) = Logged::decode(&command)
        else {
            return Some(command);
        };
        let current = self.machine.get(&key).cloned();
        if holds(current.as_ref(), expected.as_deref()) {
            let blind = match new {
                Some(value) => Command::Put { key, value },
                None => Command::Delete { key },
            };
            return Some(blind.encode().into());
        }
        let outcome = Outcome::Mismatch {
            current,
            revision: self.machine.revision(),
        };
        let entry = LogId::new(self.machine.applied().0, 0);
        if let Some(waiter) = self.waiters.remove(id) {
            self.finish(waiter, Ok(early(entry, outcome)));
        }
        None
    }

    /// `ack-before-commit`: blind writes are answered once they are in the leader's log.
    fn answer_early(&mut self, id: RequestId, entry: LogId) {
        let Some(Waiter::Write { command, .. }) = self.waiters.get(id) else {
            return;
        };
        let revision = self.machine.revision() + 1;
        let outcome = match Logged::decode(command).map(|logged| logged.command) {
            Ok(Command::Put { .. }) => Outcome::Written { revision },
            Ok(Command::Delete { key }) => Outcome::Deleted {
                existed: exists(&self.machine, &key),
                revision,
            },
            _ => return,
        };
        if let Some(waiter) = self.waiters.remove(id) {
            self.finish(waiter, Ok(early(entry, outcome)));
        }
    }
}

fn early(entry: LogId, outcome: Outcome) -> Written {
    Written {
        entry,
        repeated: false,
        outcome,
    }
}

fn exists(machine: &Machine, key: &str) -> bool {
    machine.get(key).is_some()
}
