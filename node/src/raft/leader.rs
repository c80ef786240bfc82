//! What a leader keeps: followers' progress, rounds of heartbeats, proposals, and what is committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, State};
use super::lease::Lease;
use super::log::weight;
use super::message::{Appended, Body, Round};
use super::progress::Progress;
use super::reads::LeaderReads;
use super::ready::Refusal;
use super::transfer::Transfer;
use super::types::{Entry, Index, LogId, NodeId, Payload, RequestId, Term, Time};
use crate::bugs::{self, Bug};

/// State of one leadership.
#[derive(Debug)]
pub(super) struct Leader {
    /// Members, and those in `leaving`.
    pub(super) followers: BTreeMap<NodeId, Progress>,
    /// No members any more, each with the entry that says so: they are told before they are left alone.
    pub(super) leaving: BTreeMap<NodeId, Index>,
    /// The latest round that was begun.
    pub(super) round: Round,
    pub(super) heartbeat_due: Time,
    pub(super) reads: LeaderReads,
    pub(super) lease: Lease,
    pub(super) transfer: Option<Transfer>,
    pub(super) uncommitted_bytes: usize,
    /// Writes up to here were handed out as answerable by the mode's rule, where that is not the commit.
    pub(super) answerable: Index,
}

impl Leader {
    pub(super) fn new(
        followers: impl Iterator<Item = NodeId>,
        last: Index,
        now: Time,
        heartbeat: Duration,
    ) -> Leader {
        Leader {
            followers: followers.map(|id| (id, Progress::new(last, now))).collect(),
            leaving: BTreeMap::new(),
            round: Round(0),
            heartbeat_due: now + heartbeat,
            reads: LeaderReads::default(),
            lease: Lease::new(now),
            transfer: None,
            uncommitted_bytes: 0,
            answerable: Index(0),
        }
    }
}

impl Core {
    /// A new leader's first entry commits what earlier terms left (Raft paper, 8).
    pub(super) fn begin_term(&mut self) {
        self.append_as_leader(Payload::Noop);
    }

    pub(super) fn append_as_leader(&mut self, payload: Payload) -> LogId {
        let id = LogId {
            index: self.log.last().index.next(),
            term: self.hard_state.term,
        };
        let entry = Entry { id, payload };
        if let State::Leader(leader) = &mut self.state {
            leader.uncommitted_bytes += weight(&entry);
        }
        let configured = self.members.append(&entry);
        self.log.push(entry);
        self.durability.appended(id.index, true);
        if configured {
            self.configuration_changed();
        }
        id
    }

    pub(super) fn propose(&mut self, id: RequestId, command: Arc<[u8]>) {
        let State::Leader(leader) = &self.state else {
            let leader = self.leader;
            return self.refuse(id, Refusal::NotLeader { leader });
        };
        let uncommitted = leader.uncommitted_bytes;
        let room = self
            .config
            .max_uncommitted_bytes
            .saturating_sub(uncommitted);
        if self.disk_full {
            self.refuse(id, Refusal::DiskFull);
        } else if leader.transfer.is_some() {
            // An entry appended now would keep the next leader from catching up.
            self.refuse(id, Refusal::NotLeader { leader: None });
        } else if uncommitted > 0 && command.len() > room {
            self.refuse(id, Refusal::Overloaded);
        } else {
            let entry = self.append_as_leader(Payload::Command(command));
            self.ready.accepted.push((id, entry));
        }
    }

    pub(super) fn tick_leader(&mut self) {
        if let State::Leader(leader) = &self.state
            && self.config.check_quorum
            && !self.hears_quorum(leader)
        {
            return self.become_follower(self.hard_state.term, None);
        }
        self.tick_transfer();
        if let State::Leader(leader) = &self.state
            && self.now >= leader.heartbeat_due
        {
            self.begin_round();
        }
    }

    /// Whether a quorum has said something within an election timeout (Raft dissertation, 6.2).
    pub(super) fn hears_quorum(&self, leader: &Leader) -> bool {
        let patience = self.config.election_timeout.1;
        self.members.latest().is_quorum(|id| {
            id == self.config.id
                || leader
                    .followers
                    .get(&id)
                    .is_some_and(|f| self.now - f.active <= patience)
        })
    }

    /// Keeps followers, tells them the commit index, and lets them prove that they still follow.
    pub(super) fn begin_round(&mut self) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        leader.round = Round(leader.round.0 + 1);
        leader.heartbeat_due = self.now + self.config.heartbeat;
        leader.lease.begins(leader.round, self.now);
        let followers: Vec<NodeId> = leader.followers.keys().copied().collect();
        for to in followers {
            self.send_heartbeat(to);
        }
        self.confirm_reads();
    }

    /// Begins or repeats the current round with one follower.
    pub(super) fn send_heartbeat(&mut self, to: NodeId) {
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let round = leader.round;
        let Some(follower) = leader.followers.get_mut(&to) else {
            return;
        };
        // Beyond `matched` the follower's log may differ from ours.
        let commit = match bugs::on(Bug::HeartbeatCommitUnclamped) {
            true => self.commit,
            false => follower.matched.min(self.commit),
        };
        follower.told_commit(round, commit);
        self.send(to, Body::Heartbeat { commit, round });
    }

    /// Notes that `from` followed after `round` began; `None` where this node does not lead or the round is
    /// not one of its own.
    pub(super) fn hear(&mut self, from: NodeId, round: Round) -> Option<&mut Progress> {
        let State::Leader(leader) = &mut self.state else {
            return None;
        };
        if round > leader.round {
            return None;
        }
        let follower = leader.followers.get_mut(&from)?;
        follower.echoes(round, self.now);
        Some(follower)
    }

    pub(super) fn on_heartbeat_reply(&mut self, from: NodeId, round: Round) {
        if self.hear(from, round).is_some() {
            self.confirm_reads();
        }
    }

    pub(super) fn on_append_reply(&mut self, from: NodeId, result: Appended, round: Round) {
        let now = self.now;
        let last = self.log.last();
        let candidate = match result {
            Appended::Match { .. } => Index(0),
            Appended::Conflict { hint, .. } => self.log.last_not_after(hint.index, hint.term).index,
        };
        let Some(follower) = self.hear(from, round) else {
            return;
        };
        match result {
            Appended::Match { index } if index <= last.index => follower.matches(index, now),
            Appended::Match { .. } => {}
            Appended::Conflict { hint, .. } if bugs::on(Bug::NackHintBecomesMatch) => {
                follower.matches(hint.index.min(last.index), now);
            }
            Appended::Conflict { prev, .. } => follower.conflicts(prev, candidate),
        }
        self.advance_leader_commit();
        self.confirm_reads();
    }

    /// Commits what a quorum has on disk, up to an entry of the own term: entries of earlier terms are
    /// committed by it, never by counting (Raft paper, 5.4.2 and figure 8).
    pub(super) fn advance_leader_commit(&mut self) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        let agreed = self.members.latest().agreed(|id| {
            if id == self.config.id {
                self.durability.durable()
            } else {
                leader.followers.get(&id).map_or(Index(0), |f| f.matched)
            }
        });
        let own = self.log.term_at(agreed) == Some(self.hard_state.term)
            || bugs::on(Bug::CommitOldTermByCount);
        if agreed <= self.commit || !own {
            return;
        }
        let committed = self.log.range(self.commit.next(), agreed);
        let bytes = committed.iter().map(weight).sum();
        self.commit_to(agreed);
        if let State::Leader(leader) = &mut self.state {
            leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_sub(bytes);
        }
        self.admit_reads();
        self.go_on_with_change();
        self.answer_committed_reads();
    }

    /// Whether an entry of the own term is committed, so that the commit index covers all that earlier
    /// leaders committed.
    pub(super) fn has_committed_in_term(&self) -> bool {
        self.hard_state.term > Term(0)
            && self.log.term_at(self.commit) == Some(self.hard_state.term)
    }

    /// Begins a round where reads want one and sends appends as far as the windows allow.
    pub(super) fn flush_leader(&mut self) {
        if self.wants_round() {
            self.begin_round();
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        leader.part(self.now, self.config.election_timeout.1 * 2);
        let followers: Vec<NodeId> = leader.followers.keys().copied().collect();
        for to in followers {
            self.replicate(to);
        }
        self.hand_over_if_caught_up();
    }

    fn replicate(&mut self, to: NodeId) {
        let last = self.log.last().index;
        loop {
            let State::Leader(leader) = &mut self.state else {
                return;
            };
            let round = leader.round;
            let Some(follower) = leader.followers.get_mut(&to) else {
                return;
            };
            follower.give_up_waiting(self.now, self.config.election_timeout.0);
            if follower.sending().is_some() {
                return self.send_chunks(to);
            }
            if !follower.may_send(last, self.config.max_inflight) {
                return;
            }
            let prev = follower.next.previous();
            let Some(term) = self.log.term_at(prev) else {
                return self.send_snapshot(to);
            };
            let entries = self.log.batch(
                follower.next,
                self.config.max_batch_entries,
                self.config.max_batch_bytes,
            );
            follower.sent(Index(prev.0 + entries.len() as u64), self.now);
            follower.told_commit(round, follower.matched.min(self.commit));
            let body = Body::Append {
                prev: LogId { index: prev, term },
                entries,
                commit: self.commit,
                round,
            };
            self.send(to, body);
        }
    }
}
