//! Linearizable reads without a log entry: ReadIndex (Raft dissertation, 6.4), batched by rounds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::core::{Core, State};
use super::leader::Leader;
use super::message::{Body, Round};
use super::ready::Refusal;
use super::types::{Index, NodeId, RequestId, Time};
use crate::bugs::{self, Bug};

/// Reads that wait on this node, whatever its role.
#[derive(Debug)]
pub(super) struct Reads {
    /// Asked here since the last flush, to be sent to the leader under one name.
    unsent: Vec<Waiting>,
    /// At the leader for confirmation. Names are drawn, not counted from 1, so that an answer meant for an
    /// earlier boot of this node meets none of them.
    forwarded: BTreeMap<RequestId, Vec<Waiting>>,
    next_name: u64,
    /// Confirmed; served once the index is handed out.
    confirmed: Vec<(Index, Waiting)>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: RequestId,
    arrived: Time,
}

/// Reads that wait for a leader's confirmation.
#[derive(Debug, Default)]
pub(super) struct LeaderReads {
    /// Until an entry of the term is committed the commit index may lag behind what was acknowledged.
    before_commit: Vec<Asked>,
    /// Each with a round that began, or will begin, after it arrived; in order of rounds.
    confirming: VecDeque<(Round, Index, Asked)>,
    /// Confirmed, of followers, which see an entry only once it is committed.
    ahead_of_commit: Vec<(Index, Asked)>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    by: Option<NodeId>,
    waiting: Waiting,
}

impl LeaderReads {
    fn len(&self) -> usize {
        self.before_commit.len() + self.confirming.len() + self.ahead_of_commit.len()
    }
}

impl Reads {
    pub(super) fn new(first_name: u64) -> Reads {
        Reads {
            unsent: Vec::new(),
            forwarded: BTreeMap::new(),
            next_name: first_name,
            confirmed: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.unsent.len()
            + self.confirmed.len()
            + self.forwarded.values().map(Vec::len).sum::<usize>()
    }
}

impl Core {
    pub(super) fn read(&mut self, id: RequestId) {
        let waiting = Waiting {
            id,
            arrived: self.now,
        };
        if self.reads.len() >= self.config.max_pending_reads {
            return self.abandon(waiting);
        }
        match (&self.state, self.leader) {
            (State::Leader(_), _) if bugs::on(Bug::LeaderLocalRead) => {
                self.reads.confirmed.push((self.handed_out, waiting));
            }
            (State::Leader(_), _) => self.ask_leader(Asked { by: None, waiting }),
            (_, Some(_)) if bugs::on(Bug::FollowerLocalRead) => {
                self.reads.confirmed.push((self.handed_out, waiting));
            }
            (_, Some(_)) => self.reads.unsent.push(waiting),
            (_, None) => {
                let refusal = Refusal::NotLeader { leader: None };
                self.ready.reads.push((id, Err(refusal)));
            }
        }
    }

    /// A follower asks. It has bounded what it sends; this bounds what all of them do.
    pub(super) fn on_read_index(&mut self, from: NodeId, id: RequestId) {
        let waiting = Waiting {
            id,
            arrived: self.now,
        };
        let by = Some(from);
        if matches!(self.state, State::Leader(_)) {
            self.ask_leader(Asked { by, waiting });
        } else {
            self.send(from, Body::ReadIndexReply { id, index: None });
        }
    }

    fn ask_leader(&mut self, asked: Asked) {
        let guarded = self.has_committed_in_term() || bugs::on(Bug::ReadindexWithoutNoopGuard);
        let index = self.read_index();
        let limit = self.config.max_pending_reads;
        if guarded && let Some(left) = self.lease_left() {
            self.ready.late_lease_reads += u64::from(self.is_late(left));
            return self.confirm(asked, index);
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if leader.reads.len() >= limit {
            self.abandon_asked(asked);
        } else if guarded {
            let next = Round(leader.round.0 + 1);
            leader.reads.confirming.push_back((next, index, asked));
        } else {
            leader.reads.before_commit.push(asked);
        }
    }

    /// The term's first commit: reads that waited for it go on.
    pub(super) fn admit_reads(&mut self) {
        if let State::Leader(leader) = &mut self.state {
            for asked in std::mem::take(&mut leader.reads.before_commit) {
                self.ask_leader(asked);
            }
        }
    }

    /// Reads wait for a round and none is under way for others: those that arrive meanwhile share the next.
    pub(super) fn wants_round(&self) -> bool {
        let State::Leader(leader) = &self.state else {
            return false;
        };
        let confirming = &leader.reads.confirming;
        match (confirming.front(), confirming.back()) {
            (Some((first, ..)), Some((last, ..))) => *first > leader.round && *last > leader.round,
            _ => false,
        }
    }

    /// Confirms the reads whose round a quorum has echoed.
    pub(super) fn confirm_reads(&mut self) {
        let echoed = match &self.state {
            State::Leader(leader) => self.echoed_by_quorum(leader),
            _ => return,
        };
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        leader.lease.echoed(echoed, self.now);
        let confirming = &mut leader.reads.confirming;
        let count = confirming.partition_point(|(round, ..)| *round <= echoed);
        let confirmed: Vec<_> = confirming.drain(..count).collect();
        for (_, index, asked) in confirmed {
            self.confirm(asked, index);
        }
    }

    fn confirm(&mut self, asked: Asked, index: Index) {
        match asked.by {
            None => self.reads.confirmed.push((index, asked.waiting)),
            Some(_) if index > self.commit => {
                if let State::Leader(leader) = &mut self.state {
                    leader.reads.ahead_of_commit.push((index, asked));
                }
            }
            Some(follower) => self.answer_read(follower, asked.waiting.id, index),
        }
    }

    /// The commit index has grown: followers that asked for what was answered ahead of it can see that now.
    pub(super) fn answer_committed_reads(&mut self) {
        let commit = self.commit;
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let waiting = &mut leader.reads.ahead_of_commit;
        let reached: Vec<_> = waiting.extract_if(.., |(i, _)| *i <= commit).collect();
        for (index, asked) in reached {
            self.confirm(asked, index);
        }
    }

    fn answer_read(&mut self, to: NodeId, id: RequestId, index: Index) {
        // Else it would wait for the next heartbeat to learn that it may serve.
        if let State::Leader(leader) = &self.state
            && let Some(follower) = leader.followers.get(&to)
            && follower.commit_told < index.min(follower.matched)
        {
            self.send_heartbeat(to);
        }
        let index = Some(index);
        self.send(to, Body::ReadIndexReply { id, index });
    }

    /// All reads asked here since the last time go to the leader as one.
    pub(super) fn flush_forwarded_reads(&mut self) {
        let Some(leader) = self.leader.filter(|_| !self.reads.unsent.is_empty()) else {
            return;
        };
        let id = RequestId(self.reads.next_name);
        self.reads.next_name = self.reads.next_name.wrapping_add(1);
        let reads = std::mem::take(&mut self.reads.unsent);
        self.reads.forwarded.insert(id, reads);
        self.send(leader, Body::ReadIndex { id });
    }

    pub(super) fn on_read_index_reply(
        &mut self,
        from: NodeId,
        id: RequestId,
        index: Option<Index>,
    ) {
        if self.leader != Some(from) {
            return;
        }
        for waiting in self.reads.forwarded.remove(&id).unwrap_or_default() {
            match index {
                Some(index) => self.reads.confirmed.push((index, waiting)),
                None => self.abandon(waiting),
            }
        }
    }

    /// Serves what is confirmed and whose index was handed out, as committed or ahead of that.
    pub(super) fn serve_reads(&mut self) {
        let visible = self.handed_out.max(self.answered_ahead());
        let ready = &mut self.ready.reads;
        self.reads.confirmed.retain(|(index, waiting)| {
            let serve = *index <= visible || bugs::on(Bug::ReadindexNoApplyWait);
            if serve {
                ready.push((waiting.id, Ok(visible)));
            }
            !serve
        });
    }

    /// The leader that was to confirm them leads no more, or not this node.
    pub(super) fn abandon_forwarded_reads(&mut self) {
        let unsent = std::mem::take(&mut self.reads.unsent);
        let forwarded = std::mem::take(&mut self.reads.forwarded);
        for waiting in forwarded.into_values().flatten().chain(unsent) {
            self.abandon(waiting);
        }
    }

    pub(super) fn abandon_leader_reads(&mut self, leader: Leader) {
        let reads = leader.reads;
        let confirming = reads.confirming.into_iter().map(|(.., asked)| asked);
        let ahead = reads.ahead_of_commit.into_iter().map(|(_, asked)| asked);
        for asked in reads
            .before_commit
            .into_iter()
            .chain(confirming)
            .chain(ahead)
        {
            self.abandon_asked(asked);
        }
    }

    fn abandon_asked(&mut self, asked: Asked) {
        let id = asked.waiting.id;
        match asked.by {
            None => self.abandon(asked.waiting),
            Some(follower) => self.send(follower, Body::ReadIndexReply { id, index: None }),
        }
    }

    fn abandon(&mut self, waiting: Waiting) {
        let refusal = Refusal::ReadAbandoned;
        self.ready.reads.push((waiting.id, Err(refusal)));
    }

    /// Gives up reads that nothing has confirmed or made servable in time, so that none waits for ever.
    pub(super) fn expire_reads(&mut self) {
        let (now, patience) = (self.now, self.read_patience());
        let expired = |waiting: &Waiting| now - waiting.arrived >= patience;
        let mut given_up = Vec::new();
        self.reads
            .confirmed
            .extract_if(.., |(_, waiting)| expired(waiting))
            .for_each(|(_, waiting)| given_up.push(waiting));
        self.reads.forwarded.retain(|_, reads| {
            let keep = !reads.first().is_some_and(expired);
            if !keep {
                given_up.append(reads);
            }
            keep
        });
        for waiting in given_up {
            self.abandon(waiting);
        }
        let mut asked = Vec::new();
        if let State::Leader(leader) = &mut self.state {
            let reads = &mut leader.reads;
            asked.extend(reads.before_commit.extract_if(.., |a| expired(&a.waiting)));
            let count = reads
                .confirming
                .partition_point(|(.., a)| expired(&a.waiting));
            asked.extend(reads.confirming.drain(..count).map(|(.., a)| a));
            let ahead = &mut reads.ahead_of_commit;
            let late = ahead.extract_if(.., |(_, a)| expired(&a.waiting));
            asked.extend(late.map(|(_, a)| a));
        }
        for asked in asked {
            self.abandon_asked(asked);
        }
    }

    /// When [`Core::expire_reads`] has something to do; a leader looks at every heartbeat anyway.
    pub(super) fn reads_deadline(&self) -> Option<Time> {
        let confirmed = self.reads.confirmed.iter().map(|(_, w)| w.arrived);
        // Those under one name arrived in order.
        let forwarded = self.reads.forwarded.values().flat_map(|w| w.first());
        let oldest = confirmed.chain(forwarded.map(|w| w.arrived)).min()?;
        Some(oldest + self.read_patience())
    }

    fn read_patience(&self) -> Duration {
        self.config.election_timeout.1 * 2
    }
}
