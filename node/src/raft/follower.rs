//! What a follower makes of its leader's appends and heartbeats.

use super::core::{Core, State};
use super::message::{Appended, Body, Round};
use super::types::{Entry, Index, LogId, NodeId};
use crate::bugs::{self, Bug};

impl Core {
    /// Takes `from` for the leader of the current term; false where that is somebody else already.
    pub(super) fn follow(&mut self, from: NodeId) -> bool {
        if matches!(self.state, State::Leader(_)) || self.leader.is_some_and(|l| l != from) {
            return false;
        }
        if self.leader.is_none() {
            self.become_follower(self.hard_state.term, Some(from));
        }
        self.heard = Some(self.now);
        self.bound_since = Some(self.now);
        self.reset_election_timer();
        true
    }

    /// Raft paper, 5.3. The answer covers what the leader sent and no more: what lies behind it in this log
    /// may conflict.
    pub(super) fn on_append(
        &mut self,
        from: NodeId,
        prev: LogId,
        entries: Vec<Entry>,
        commit: Index,
        round: Round,
    ) {
        if !self.follow(from) {
            return;
        }
        let (prev, entries) = self.skip_compacted(prev, entries);
        let compacted = prev.index < self.log.base().index;
        let unchecked = bugs::on(Bug::PrevlogOffByOne) && prev.index <= self.log.last().index;
        if !compacted && !self.log.contains(prev) && !unchecked {
            let hint = self.log.last_not_after(prev.index, prev.term);
            let result = Appended::Conflict { prev, hint };
            return self.send(from, Body::AppendReply { result, round });
        }
        let index = Index(prev.index.0 + entries.len() as u64);
        if bugs::on(Bug::AeTruncatesMatchingSuffix) && self.log.last().index > prev.index {
            self.roll_back(LogId {
                index: prev.index.next(),
                ..prev
            });
        }
        self.append_as_follower(entries);
        self.verified = self.verified.max(index);
        self.commit_to(commit.min(index));
        let result = Appended::Match { index };
        self.send_after_entry(index, from, Body::AppendReply { result, round });
    }

    /// Drops what lies up to the log's base: it is committed, so this node and the leader agree on it.
    fn skip_compacted(&self, prev: LogId, mut entries: Vec<Entry>) -> (LogId, Vec<Entry>) {
        let base = self.log.base();
        if prev.index >= base.index {
            return (prev, entries);
        }
        let known = (base.index.0 - prev.index.0).min(entries.len() as u64);
        let end = entries
            .drain(..known as usize)
            .next_back()
            .map_or(prev, |e| e.id);
        if end.index == base.index {
            assert!(
                end == base,
                "{end} conflicts with a committed entry (base {base})"
            );
        }
        // All of it lies below: whatever of this log is behind it, the answer covers none of that.
        (end, entries)
    }

    /// Keeps what it has already: an append that arrives late or twice must not cut off what came after it
    /// (willemt/raft #118).
    ///
    /// # Panics
    /// Where a committed entry conflicts.
    fn append_as_follower(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match self.log.term_at(entry.id.index) {
                Some(term) if term == entry.id.term => continue,
                Some(_) => self.roll_back(entry.id),
                None => {}
            }
            self.durability.appended(entry.id.index, false);
            let configured = self.members.append(&entry);
            self.log.push(entry);
            if configured {
                self.configuration_changed();
            }
        }
    }

    fn roll_back(&mut self, conflict: LogId) {
        let from = conflict.index;
        assert!(
            from > self.commit,
            "{conflict} conflicts with a committed entry (commit {})",
            self.commit
        );
        self.durability.truncated(from);
        let dropped = self.log.truncate(from);
        self.ready.rolled_back.extend(dropped);
        if self.members.truncate(from) {
            self.configuration_changed();
        }
    }

    pub(super) fn on_heartbeat(&mut self, from: NodeId, commit: Index, round: Round) {
        if !self.follow(from) {
            return;
        }
        let known = match bugs::on(Bug::HeartbeatCommitUnclamped) {
            true => self.log.last().index,
            false => self.verified_prefix(),
        };
        self.commit_to(commit.min(known));
        self.send(from, Body::HeartbeatReply { round });
    }

    /// How far this log certainly equals the leader's. A log that ends in the current term came from this
    /// leader as a whole (log matching); that survives a restart, what its appends proved does not.
    fn verified_prefix(&self) -> Index {
        let last = self.log.last();
        if last.term == self.hard_state.term {
            last.index
        } else {
            self.verified
        }
    }
}
