//! Configurations in the log: effective once appended, gone once truncated; and a leader that changes them.

use std::sync::Arc;

use super::change::{Change, ChangeRefusal, Membership};
use super::core::{Core, State};
use super::leader::Leader;
use super::log::Log;
use super::progress::Progress;
use super::quorum::{Configuration, Configured};
use super::ready::Refusal;
use super::types::{Entry, Index, NodeId, Payload, RequestId, Time};
use crate::bugs::{self, Bug};

/// A learner that lacks at most so many committed entries may become a voter: they are one message away.
const CAUGHT_UP: u64 = 256;

/// The configurations that the log and the snapshot behind it tell, and so the one that counts: the last,
/// committed or not (Raft paper, 6).
#[derive(Debug)]
pub(super) struct History {
    /// As of the newest snapshot, or the command line's.
    base: Configured,
    /// The log's behind it, in order.
    changes: Vec<Configured>,
}

impl History {
    /// What entries of `log` behind the snapshot, whose configuration is `base`, make of it.
    pub(super) fn new(base: Configured, covered: Index, log: &Log) -> History {
        let mut history = History {
            base,
            changes: Vec::new(),
        };
        let forgets = bugs::on(Bug::RestartForgetsUncommittedConfig);
        for entry in log
            .range(covered.next(), log.last().index)
            .iter()
            .filter(|_| !forgets)
        {
            history.append(entry);
        }
        history
    }

    /// The one that counts.
    pub(super) fn latest(&self) -> &Configuration {
        &self.configured().configuration
    }

    /// The one that counts, with its entry.
    pub(super) fn configured(&self) -> &Configured {
        self.changes.last().unwrap_or(&self.base)
    }

    /// The one before the last, which is committed, as there is only one change at a time; `None` where the last is
    /// the snapshot's or the command line's.
    pub(super) fn before(&self) -> Option<&Configuration> {
        let last = self.changes.len().checked_sub(1)?;
        let before = last.checked_sub(1).map_or(&self.base, |i| &self.changes[i]);
        Some(&before.configuration)
    }

    /// The one that counted when entry `index`, which is no older than the snapshot, was the last.
    pub(super) fn at(&self, index: Index) -> &Configured {
        let behind = self.changes.partition_point(|c| c.by.index <= index);
        behind
            .checked_sub(1)
            .and_then(|i| self.changes.get(i))
            .unwrap_or(&self.base)
    }

    /// True where it is another one now.
    pub(super) fn append(&mut self, entry: &Entry) -> bool {
        let Payload::Configuration(configuration) = &entry.payload else {
            return false;
        };
        self.changes.push(Configured {
            by: entry.id,
            configuration: configuration.clone(),
        });
        true
    }

    /// Entries from `from` are gone. True where it is another one now.
    pub(super) fn truncate(&mut self, from: Index) -> bool {
        let before = self.changes.len();
        self.changes.retain(|c| c.by.index < from);
        self.changes.len() < before
    }

    /// A snapshot covers entries up to `upto`.
    pub(super) fn compact(&mut self, upto: Index) {
        self.base = self.at(upto).clone();
        self.changes.retain(|c| c.by.index > upto);
    }

    /// The log is gone; a snapshot says so.
    pub(super) fn reset(&mut self, base: Configured) {
        self.base = base;
        self.changes.clear();
    }
}

impl Core {
    /// The configuration is another one than before: whom a leader replicates to follows at once.
    pub(super) fn configuration_changed(&mut self) {
        self.ready.configured = Some(self.members.configured().clone());
        let last = self.log.last().index;
        if let State::Leader(leader) = &mut self.state {
            leader.follow_configuration(self.config.id, self.members.configured(), last, self.now);
        }
    }

    /// An operator's change, at a leader; in the log at once, or refused.
    pub(super) fn change(&mut self, id: RequestId, change: &Change) {
        match self.admit_change(change) {
            Err(refusal) => self.refuse(id, refusal),
            Ok(next) => {
                let entry = self.append_as_leader(Payload::Configuration(Arc::new(next)));
                self.ready.accepted.push((id, entry));
            }
        }
    }

    /// The configuration to append.
    fn admit_change(&self, change: &Change) -> Result<Configuration, Refusal> {
        let State::Leader(leader) = &self.state else {
            let leader = self.leader;
            return Err(Refusal::NotLeader { leader });
        };
        if leader.transfer.is_some() {
            return Err(Refusal::NotLeader { leader: None });
        }
        if self.disk_full {
            return Err(Refusal::DiskFull);
        }
        let now = self.members.latest();
        let in_flight = now.is_joint() || self.members.configured().by.index > self.commit;
        if in_flight && !bugs::on(Bug::OverlappingConfChanges) {
            return Err(Refusal::Change(ChangeRefusal::InFlight));
        }
        if !self.has_committed_in_term() && !bugs::on(Bug::SingleServerChangeWithoutNoop) {
            return Err(Refusal::Change(ChangeRefusal::TooEarly));
        }
        let next = change.apply(now).map_err(Refusal::Change)?;
        for node in next.voters() - now.voters() {
            self.has_caught_up(leader, node).map_err(Refusal::Change)?;
        }
        let moved = (next.voters() ^ now.voters()).len();
        match self.config.membership {
            _ if moved == 0 => Ok(next),
            Membership::Joint => Ok(next.joint_from(now)),
            Membership::Single if moved == 1 => Ok(next),
            Membership::Single => Err(Refusal::Change(ChangeRefusal::OneAtATime)),
        }
    }

    /// A voter that lacks much would hold up every commit that needs it (Raft dissertation, 4.2.1).
    fn has_caught_up(&self, leader: &Leader, node: NodeId) -> Result<(), ChangeRefusal> {
        let lags = |behind| Err(ChangeRefusal::Lags { node, behind });
        let Some(progress) = leader.followers.get(&node) else {
            return lags(None);
        };
        let behind = self.commit.0.saturating_sub(progress.matched.0);
        // Who has not heard of a cluster will not vote, and the others may need its vote at once.
        let told = progress.matched >= self.members.configured().by.index;
        if behind > CAUGHT_UP || !told {
            return lags(Some(behind));
        }
        match self.now - progress.active <= self.config.election_timeout.1 {
            true => Ok(()),
            false => lags(None),
        }
    }

    /// A node that is no member asks for votes: it has not heard that it was removed, so a leader tells it.
    pub(super) fn tell_removed(&mut self, node: NodeId) {
        let (last, now) = (self.log.last().index, self.now);
        let members = self.members.configured();
        if let State::Leader(leader) = &mut self.state
            && !members.configuration.is_member(node)
            && !leader.leaving.contains_key(&node)
        {
            leader.leaving.insert(node, members.by.index);
            leader.followers.insert(node, Progress::new(last, now));
        }
    }

    /// Something was committed at a leader. A joint configuration that is committed is left; a leader that is no
    /// voter of a committed one hands over and steps down (Raft dissertation, 4.2.2).
    pub(super) fn go_on_with_change(&mut self) {
        if !matches!(self.state, State::Leader(_))
            || self.members.configured().by.index > self.commit
        {
            return;
        }
        if self.members.latest().is_joint() {
            let left = self.members.latest().left();
            self.append_as_leader(Payload::Configuration(Arc::new(left)));
        } else if self.is_retiring() {
            self.retire();
        }
    }

    /// Leads although the committed configuration does not let it vote.
    pub(super) fn is_retiring(&self) -> bool {
        !self.members.latest().is_voter(self.config.id)
            && self.members.configured().by.index <= self.commit
            && !bugs::on(Bug::RemovedLeaderCountsItself)
    }
}

impl Leader {
    /// Members are replicated to. Who is one no more goes on being told until it knows, or does not answer.
    fn follow_configuration(&mut self, own: NodeId, now: &Configured, last: Index, at: Time) {
        let members = now.configuration.members();
        for node in members.iter().filter(|node| **node != own) {
            // Of one that left and comes back nothing is known: it may have lost its disk meanwhile.
            let left = self.leaving.remove(node).is_some();
            if left || !self.followers.contains_key(node) {
                let progress = Progress::new(last.previous(), at);
                self.followers.insert(*node, progress);
            }
        }
        for node in self.followers.keys().filter(|n| !members.contains(n)) {
            self.leaving.entry(*node).or_insert(now.by.index);
        }
        self.transfer
            .take_if(|transfer| !now.configuration.voters().contains(&transfer.to()));
    }

    /// Lets go of those that left and know it, or have not answered for `patience`.
    pub(super) fn part(&mut self, now: Time, patience: std::time::Duration) {
        let followers = &mut self.followers;
        self.leaving.retain(|node, removed| {
            let stays = followers
                .get(node)
                .is_some_and(|f| f.commit_known < *removed && now - f.active <= patience);
            if !stays {
                followers.remove(node);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::LogId;

    fn voters(upto: u16) -> Arc<Configuration> {
        Arc::new(Configuration::new((1..=upto).map(NodeId).collect()))
    }

    fn history() -> History {
        let mut history = History::new(
            Configured {
                by: LogId::default(),
                configuration: voters(1),
            },
            Index(0),
            &Log::default(),
        );
        for (index, count) in [(3, 2), (5, 3), (9, 4)] {
            let id = LogId::new(index, 1);
            let payload = Payload::Configuration(voters(count));
            assert!(history.append(&Entry { id, payload }));
        }
        history
    }

    #[test]
    fn the_last_one_counts_until_it_is_truncated() {
        let mut history = history();
        assert_eq!(history.latest(), &*voters(4));
        assert!(!history.truncate(Index(10)));
        assert!(history.truncate(Index(5)));
        assert_eq!(history.configured().by, LogId::new(3, 1));
        assert!(history.truncate(Index(1)));
        assert_eq!(history.latest(), &*voters(1));
    }

    #[test]
    fn a_snapshot_has_the_one_of_its_index() {
        let mut history = history();
        assert_eq!(history.at(Index(2)).configuration, voters(1));
        assert_eq!(history.at(Index(5)).configuration, voters(3));
        assert_eq!(history.at(Index(8)).configuration, voters(3));
        history.compact(Index(6));
        assert_eq!(history.at(Index(6)).by, LogId::new(5, 1));
        assert_eq!(history.latest(), &*voters(4));
        history.truncate(Index(9));
        assert_eq!(history.latest(), &*voters(3));
    }
}
