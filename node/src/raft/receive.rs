//! Messages: which are heard at all, what their term means, and who deals with them.

use super::core::Core;
use super::message::{Appended, Body, Message, Round};
use super::types::{LogId, NodeId, Payload};
use crate::bugs::{self, Bug};

/// Far beyond any real term or index, and far enough below the end of u64 to count on from.
const LIMIT: u64 = 1 << 62;

impl Core {
    /// Messages for others, of strangers that cannot matter, or that no correct node could send are ignored.
    pub(super) fn receive(&mut self, message: Message) {
        let misled = message.from == self.config.id || message.to != self.config.id;
        if misled || !is_well_formed(&message) {
            return;
        }
        if matches!(message.body, Body::PreVote { .. } | Body::Vote { .. }) {
            self.tell_removed(message.from);
        }
        if self.may_ignore(&message) {
            return;
        }
        let Message {
            from, term, body, ..
        } = message;
        match body {
            Body::PreVote { last } => return self.on_pre_vote(from, term, last),
            Body::PreVoteReply { granted: false } if bugs::on(Bug::PrevoteStaleTermDeadlock) => {
                return;
            }
            Body::PreVoteReply { granted: true } => return self.on_pre_vote_granted(from, term),
            // A leader may be serving reads in the certainty that this node elects nobody now.
            Body::Vote {
                transfer: false, ..
            } if self.is_bound() => return,
            // Not even the term is taken: a node that lost touch must not depose a leader that others hear.
            Body::Vote { transfer, .. }
                if term > self.hard_state.term && !transfer && self.is_loyal() =>
            {
                return;
            }
            Body::AppendReply { .. } | Body::HeartbeatReply { .. }
                if term > self.hard_state.term && bugs::on(Bug::LeaderIgnoresHigherTerm) =>
            {
                return;
            }
            Body::VoteReply { granted: true }
                if term < self.hard_state.term && bugs::on(Bug::StaleVoteResponseCounted) =>
            {
                return self.on_vote_reply(from, true);
            }
            _ => {}
        }
        if term > self.hard_state.term {
            self.become_follower(term, None);
        }
        if term < self.hard_state.term {
            return self.answer_late(from, body);
        }
        match body {
            Body::Vote { last, .. } => self.on_vote(from, last),
            Body::VoteReply { granted } => self.on_vote_reply(from, granted),
            Body::Append {
                prev,
                entries,
                commit,
                round,
            } => self.on_append(from, prev, entries, commit, round),
            Body::AppendReply { result, round } => self.on_append_reply(from, result, round),
            Body::Heartbeat { commit, round } => self.on_heartbeat(from, commit, round),
            Body::HeartbeatReply { round } => self.on_heartbeat_reply(from, round),
            Body::ReadIndex { id } => self.on_read_index(from, id),
            Body::ReadIndexReply { id, index } => self.on_read_index_reply(from, id, index),
            Body::Snapshot { chunk, round } => self.on_snapshot(from, chunk, round),
            Body::SnapshotReply {
                last,
                received,
                installed,
                round,
            } => self.on_snapshot_reply(from, last, received, installed, round),
            Body::TimeoutNow => self.on_timeout_now(from),
            Body::PreVote { .. } | Body::PreVoteReply { .. } => {}
        }
    }

    /// Of nodes outside the configuration only leaders are heard, and candidates that this node could vote for: they
    /// may know a later configuration than this node does (Raft dissertation, 4.1). Anybody else, a node that was
    /// removed and has not heard of it above all, must not disturb with its term.
    fn may_ignore(&self, message: &Message) -> bool {
        if self.members.latest().is_member(message.from) {
            return false;
        }
        match &message.body {
            Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot { .. } => false,
            Body::TimeoutNow | Body::PreVote { .. } => false,
            Body::Vote { last, .. } => {
                message.term > self.hard_state.term && !self.is_up_to_date(*last)
            }
            _ => message.term > self.hard_state.term,
        }
    }

    /// Tells a speaker of an earlier term that it is over, where it waits for an answer. Its round is not echoed: the
    /// speaker may lead again by now, in our term, and count rounds of the same numbers there.
    fn answer_late(&mut self, from: NodeId, body: Body) {
        let round = Round::default();
        let answer = match body {
            // By now the candidate may ask for our term, and would take a refusal for an answer to that.
            Body::Vote { .. } => Body::PreVoteReply { granted: false },
            Body::Append { prev, .. } => Body::AppendReply {
                result: Appended::Conflict {
                    prev,
                    hint: LogId::default(),
                },
                round,
            },
            Body::Heartbeat { .. } => Body::HeartbeatReply { round },
            Body::Snapshot { chunk, .. } => Body::SnapshotReply {
                last: chunk.last,
                received: 0,
                installed: false,
                round,
            },
            Body::ReadIndex { id } => Body::ReadIndexReply { id, index: None },
            _ => return,
        };
        self.send(from, answer);
    }
}

/// Whether a correct node could have said it: counters far from overflow, entries contiguous, terms in order.
fn is_well_formed(message: &Message) -> bool {
    let possible = |id: LogId| (id.index.0 == 0) == (id.term.0 == 0) && id.index.0 < LIMIT;
    if message.term.0 >= LIMIT {
        return false;
    }
    match &message.body {
        Body::PreVote { last } => possible(*last) && last.term < message.term,
        Body::Vote { last, .. } => possible(*last) && last.term < message.term,
        Body::Append { prev, entries, .. } => {
            let mut before = *prev;
            possible(*prev)
                && entries.iter().all(|entry| {
                    let follows = entry.id.index == before.index.next()
                        && entry.id.term >= before.term
                        && entry.id.term.0 > 0
                        && is_possible(&entry.payload);
                    before = entry.id;
                    follows
                })
                && before.term <= message.term
        }
        Body::Snapshot { chunk, .. } => {
            let end = chunk.offset.checked_add(chunk.bytes.len() as u64);
            possible(chunk.last)
                && chunk.last.index.0 > 0
                && chunk.last.term <= message.term
                && chunk.configured.by.index <= chunk.last.index
                && possible(chunk.configured.by)
                && chunk.configured.configuration.is_possible()
                && end.is_some_and(|end| end <= chunk.size)
        }
        _ => true,
    }
}

fn is_possible(payload: &Payload) -> bool {
    match payload {
        Payload::Configuration(configuration) => configuration.is_possible(),
        Payload::Noop | Payload::Command(_) => true,
    }
}
