//! What a run that is worth something has seen at least once: the rare situations in which mistakes hide.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::DiskOperation;
use super::facts::Facts;
use super::judge::Seen;
use super::{Event, File, Id, Message, Node, Role};

/// How often each situation was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coverage(BTreeMap<Sometimes, u64>);

/// A situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "`Sometimes::description` says each")]
pub enum Sometimes {
    SyncedEntryTruncated,
    TruncationAcrossSegments,
    AppendRejectedWithHint,
    DivergentTails,
    OldTermCommittedThroughNoop,
    PreVoteRejectedByStickiness,
    CheckQuorumStepDown,
    SplitVote,
    WonWithExactlyAQuorum,
    SnapshotInstalledWhileBehind,
    FollowerBelowCompactedPrefix,
    TornTailRepaired,
    DamageRefused,
    SyncFailed,
    DiskFull,
    JointDuringLeaderChange,
    ConfigurationTruncated,
    LearnerPromotedEarly,
    TransferAborted,
    RepeatAfterFailOver,
    RepeatAfterSnapshot,
    LateLeaseRead,
    ReadWaitedForApply,
    ReadRetried,
    ClockStepWhileLeading,
    UnsyncedLost,
}

impl Sometimes {
    /// All of them.
    pub const ALL: [Sometimes; 26] = [
        Sometimes::SyncedEntryTruncated,
        Sometimes::TruncationAcrossSegments,
        Sometimes::AppendRejectedWithHint,
        Sometimes::DivergentTails,
        Sometimes::OldTermCommittedThroughNoop,
        Sometimes::PreVoteRejectedByStickiness,
        Sometimes::CheckQuorumStepDown,
        Sometimes::SplitVote,
        Sometimes::WonWithExactlyAQuorum,
        Sometimes::SnapshotInstalledWhileBehind,
        Sometimes::FollowerBelowCompactedPrefix,
        Sometimes::TornTailRepaired,
        Sometimes::DamageRefused,
        Sometimes::SyncFailed,
        Sometimes::DiskFull,
        Sometimes::JointDuringLeaderChange,
        Sometimes::ConfigurationTruncated,
        Sometimes::LearnerPromotedEarly,
        Sometimes::TransferAborted,
        Sometimes::RepeatAfterFailOver,
        Sometimes::RepeatAfterSnapshot,
        Sometimes::LateLeaseRead,
        Sometimes::ReadWaitedForApply,
        Sometimes::ReadRetried,
        Sometimes::ClockStepWhileLeading,
        Sometimes::UnsyncedLost,
    ];

    /// In words.
    pub fn description(self) -> &'static str {
        match self {
            Sometimes::SyncedEntryTruncated => "an entry that was on disk was replaced",
            Sometimes::TruncationAcrossSegments => "a replacement reached into an earlier segment",
            Sometimes::AppendRejectedWithHint => "an append was rejected with a hint",
            Sometimes::DivergentTails => "two terms wrote different entries at one index",
            Sometimes::OldTermCommittedThroughNoop => {
                "a new leader's entry committed those of earlier terms"
            }
            Sometimes::PreVoteRejectedByStickiness => {
                "a pre-vote was rejected because a leader was heard"
            }
            Sometimes::CheckQuorumStepDown => "a leader that heard no quorum stepped down",
            Sometimes::SplitVote => "a term's votes were split and nobody won",
            Sometimes::WonWithExactlyAQuorum => "an election was won with exactly a quorum",
            Sometimes::SnapshotInstalledWhileBehind => {
                "a snapshot was installed while committed entries waited to be applied"
            }
            Sometimes::FollowerBelowCompactedPrefix => {
                "a follower needed entries that were compacted away"
            }
            Sometimes::TornTailRepaired => "a torn tail was cut at a start",
            Sometimes::DamageRefused => "a start was refused for damage",
            Sometimes::SyncFailed => "a sync failed",
            Sometimes::DiskFull => "a disk was full",
            Sometimes::JointDuringLeaderChange => "a leader was elected in a joint configuration",
            Sometimes::ConfigurationTruncated => "a configuration entry was rolled back",
            Sometimes::LearnerPromotedEarly => "a learner became a voter before it had caught up",
            Sometimes::TransferAborted => "a transfer of leadership was given up",
            Sometimes::RepeatAfterFailOver => "a repeated command was recognized in a later term",
            Sometimes::RepeatAfterSnapshot => "a repeated command was recognized from a snapshot",
            Sometimes::LateLeaseRead => "a lease served a read with a tenth of it left",
            Sometimes::ReadWaitedForApply => "a read waited for entries to be applied",
            Sometimes::ReadRetried => "a read could not be confirmed and was tried again",
            Sometimes::ClockStepWhileLeading => "the clock was set while the node led",
            Sometimes::UnsyncedLost => "a restart had lost what was not synced",
        }
    }
}

impl Coverage {
    /// How often a situation was seen.
    pub fn count(&self, what: Sometimes) -> u64 {
        self.0.get(&what).copied().unwrap_or(0)
    }

    /// The situations that were never seen.
    pub fn never(&self) -> impl Iterator<Item = Sometimes> + '_ {
        let unseen = |what: &Sometimes| self.count(*what) == 0;
        Sometimes::ALL.into_iter().filter(unseen)
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Coverage) {
        for (what, count) in &other.0 {
            *self.0.entry(*what).or_default() += count;
        }
    }
}

/// Counts while evidence comes in.
#[derive(Default)]
pub(super) struct Observer {
    coverage: Coverage,
    /// Who got votes in a term.
    nominees: BTreeMap<u64, BTreeSet<Node>>,
    votes: BTreeMap<(Node, u64), BTreeSet<Node>>,
    /// The last pre-vote that a node got, by asker: term and last entry.
    asked: BTreeMap<(Node, Node), (u64, Id)>,
    /// What the state of a node began with, in this life.
    restored: BTreeMap<Node, u64>,
}

impl Observer {
    fn saw(&mut self, what: Sometimes) {
        *self.coverage.0.entry(what).or_default() += 1;
    }

    pub(super) fn observe(&mut self, seen: &Seen<'_>) {
        let me = seen.me;
        match seen.event {
            Event::Boot(boot) => {
                self.restored.insert(seen.node, boot.snapshot.index);
                if boot.torn > 0 {
                    self.saw(Sometimes::TornTailRepaired);
                }
                let end = boot.log.last().map_or(boot.snapshot.index, |run| run.last);
                let lost = me.lost.iter().any(|lost| match lost.what {
                    super::facts::Written::Record(record) => record.id.index > end,
                    super::facts::Written::Anew { .. } => false,
                });
                if lost {
                    self.saw(Sometimes::UnsyncedLost);
                }
            }
            Event::Refused => self.saw(Sometimes::DamageRefused),
            Event::DiskError { full: true, .. } => self.saw(Sometimes::DiskFull),
            Event::DiskError {
                operation: DiskOperation::Sync,
                ..
            } => self.saw(Sometimes::SyncFailed),
            Event::Append { file, entries, .. } => {
                self.append(seen, *file, entries[..].first().map(|r| r.id))
            }
            Event::HardState {
                term,
                vote: Some(vote),
                ..
            } => {
                self.nominees.entry(*term).or_default().insert(*vote);
            }
            Event::Role { role, term, leader } => self.role(seen, *role, *term, *leader),
            Event::Commit { last } => {
                let next = me.written.term(me.commit.index + 1);
                if me.role == Role::Leader && next.is_some_and(|term| term < last.term) {
                    self.saw(Sometimes::OldTermCommittedThroughNoop);
                }
            }
            Event::Restore { last, .. } => {
                self.restored.insert(seen.node, last.index);
                if me.commit.index > me.applied && me.commit.index > 0 {
                    self.saw(Sometimes::SnapshotInstalledWhileBehind);
                }
            }
            Event::Repeated { entry, first } => {
                if first.term < entry.term {
                    self.saw(Sometimes::RepeatAfterFailOver);
                }
                if self
                    .restored
                    .get(&seen.node)
                    .is_some_and(|upto| first.index <= *upto)
                {
                    self.saw(Sometimes::RepeatAfterSnapshot);
                }
            }
            Event::Config { entry, members } => {
                if entry.index < me.config.index {
                    self.saw(Sometimes::ConfigurationTruncated);
                }
                let behind = |node: &Node| {
                    let last = seen
                        .facts
                        .node(*node)
                        .and_then(|facts| facts.durable.last());
                    last.is_none_or(|last| last.index < me.commit.index)
                };
                let promoted = members
                    .voters
                    .iter()
                    .any(|node| me.members.learners.contains(node) && behind(node));
                if me.role == Role::Leader && promoted {
                    self.saw(Sometimes::LearnerPromotedEarly);
                }
            }
            Event::Send { to, term, message } => self.send(seen, *to, *term, message),
            Event::Recv {
                from,
                term,
                message,
            } => self.recv(seen, *from, *term, message),
            Event::TransferAborted => self.saw(Sometimes::TransferAborted),
            Event::LateLeaseRead => self.saw(Sometimes::LateLeaseRead),
            Event::ReadRetried { .. } => self.saw(Sometimes::ReadRetried),
            Event::ClockStep { .. } if me.role == Role::Leader => {
                self.saw(Sometimes::ClockStepWhileLeading);
            }
            _ => {}
        }
    }

    fn append(&mut self, seen: &Seen<'_>, file: File, first: Option<Id>) {
        let Some(first) = first else {
            return;
        };
        let me = seen.me;
        let replaces =
            |log: &super::names::Names| log.term(first.index).is_some_and(|t| t != first.term);
        if replaces(&me.written) {
            self.saw(Sometimes::DivergentTails);
            let within = me.segment_first;
            if within.is_some_and(|(current, began)| current != file || first.index < began) {
                self.saw(Sometimes::TruncationAcrossSegments);
            }
        }
        if replaces(&me.durable) {
            self.saw(Sometimes::SyncedEntryTruncated);
        }
    }

    fn role(&mut self, seen: &Seen<'_>, role: Role, term: u64, leader: Option<Node>) {
        let me = seen.me;
        if me.role == Role::Leader && role == Role::Follower && term == me.term && leader.is_none()
        {
            self.saw(Sometimes::CheckQuorumStepDown);
        }
        if role != Role::Leader || me.role == Role::Leader {
            return;
        }
        if me.members.is_joint() {
            self.saw(Sometimes::JointDuringLeaderChange);
        }
        let got = self.votes.get(&(seen.node, term));
        let has = |node: Node| node == seen.node || got.is_some_and(|got| got.contains(&node));
        if me.members.is_least_quorum(has) {
            self.saw(Sometimes::WonWithExactlyAQuorum);
        }
    }

    fn send(&mut self, seen: &Seen<'_>, to: Node, _term: u64, message: &Message) {
        match message {
            Message::PreVoteReply { granted: false } => {
                let asked = self.asked.get(&(seen.node, to));
                let own = seen.me.written.last().unwrap_or(seen.me.snapshot);
                let enough = |last: Id| (last.term, last.index) >= (own.term, own.index);
                if asked.is_some_and(|(term, last)| *term > seen.me.term && enough(*last)) {
                    self.saw(Sometimes::PreVoteRejectedByStickiness);
                }
            }
            Message::Snapshot { offset: 0, .. } => {
                self.saw(Sometimes::FollowerBelowCompactedPrefix)
            }
            _ => {}
        }
    }

    fn recv(&mut self, seen: &Seen<'_>, from: Node, term: u64, message: &Message) {
        match message {
            Message::Conflict { hint, .. } if hint.index > 0 => {
                self.saw(Sometimes::AppendRejectedWithHint);
            }
            Message::PreVote { last } => {
                self.asked.insert((seen.node, from), (term, *last));
            }
            Message::VoteReply { granted: true } => {
                self.votes
                    .entry((seen.node, term))
                    .or_default()
                    .insert(from);
            }
            Message::ReadIndexReply {
                index: Some(index), ..
            } if *index > seen.me.applied => self.saw(Sometimes::ReadWaitedForApply),
            _ => {}
        }
    }

    pub(super) fn finish(mut self, facts: &Facts) -> Coverage {
        let nominees = std::mem::take(&mut self.nominees);
        for (term, nominees) in nominees {
            if nominees.len() > 1 && !facts.leaders.contains_key(&term) {
                self.saw(Sometimes::SplitVote);
            }
        }
        self.coverage
    }
}
