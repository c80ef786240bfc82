//! When a leader may answer a write: with its commit, after it, or ahead of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::core::{Core, State};
use super::types::Index;

/// Where an entry must be durable before its client is answered. What is committed, and who may lead, is a
/// matter of majorities in every mode: a mode only moves the answer.
///
/// The names are those of MySQL and PostgreSQL (`synchronous_commit`, semi-synchronous replication). All nodes
/// of a cluster should run in the same mode; a write is answered by the rule of the leader that took it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// On a majority: when the entry is committed and applied. Never lost while a majority keeps its disks.
    #[default]
    Majority,
    /// On every voter, and committed: outlives all disks but one. One voter that is down stalls all writes.
    Sync,
    /// On the leader and one other voter, ahead of the commit where a majority is more than that.
    SemiSync,
    /// On the leader alone, ahead of the commit. Lost if the next leader does not have it.
    Async,
}

impl Replication {
    /// All of them, the one that waits longest first.
    pub const ALL: [Replication; 4] = [
        Replication::Sync,
        Replication::Majority,
        Replication::SemiSync,
        Replication::Async,
    ];

    /// Whether writes may be answered before they are committed, from a state that may yet be undone.
    pub fn answers_ahead(self) -> bool {
        matches!(self, Replication::SemiSync | Replication::Async)
    }

    fn name(self) -> &'static str {
        match self {
            Replication::Majority => "majority",
            Replication::Sync => "sync",
            Replication::SemiSync => "semi-sync",
            Replication::Async => "async",
        }
    }
}

impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Replication {
    type Err = String;

    fn from_str(text: &str) -> Result<Replication, String> {
        let known = Replication::ALL
            .into_iter()
            .find(|mode| mode.name() == text);
        known.ok_or_else(|| "write majority, sync, semi-sync or async".to_owned())
    }
}

impl Core {
    /// The mode it was configured with.
    pub fn replication(&self) -> Replication {
        self.config.replication
    }

    /// Up to which entry the mode's rule is met. `None` where the commit is the rule, and until an entry of the
    /// own term meets it: before, what earlier leaders left may yet be replaced behind this node's back.
    ///
    /// The own disk counts as a follower's does: once the write is done. O(voters).
    fn rule_is_met(&self) -> Option<Index> {
        let State::Leader(leader) = &self.state else {
            return None;
        };
        let own = self.durability.durable();
        let others = leader
            .followers
            .iter()
            .filter(|(id, _)| self.members.latest().is_voter(**id))
            .map(|(_, follower)| follower.matched);
        let index = match self.config.replication {
            Replication::Majority => return None,
            Replication::Sync => others.min().map_or(own, |least| own.min(least)),
            // The only voter has nobody to wait for.
            Replication::SemiSync => others.max().map_or(own, |most| own.min(most)),
            Replication::Async => own,
        };
        (self.log.term_at(index) == Some(self.hard_state.term)).then_some(index)
    }

    /// Puts into the ready what may be answered now: in the modes that answer ahead, with the entries to answer
    /// from. Comes after the committed entries, so that none is handed out ahead of a commit that is known.
    pub(super) fn hand_out_answerable(&mut self) {
        let Some(upto) = self.rule_is_met() else {
            return;
        };
        let handed_out = self.handed_out;
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let before = leader.answerable.max(handed_out);
        if upto <= leader.answerable {
            return;
        }
        leader.answerable = upto;
        if self.config.replication.answers_ahead() {
            let entries = self.log.range(before.next(), upto);
            self.ready.ahead.extend_from_slice(entries);
        } else {
            self.ready.on_all = Some(upto);
        }
    }

    /// What reads must see: all that is committed, and all that this leader has answered ahead of that.
    pub(super) fn read_index(&self) -> Index {
        self.commit.max(self.answered_ahead())
    }

    /// How far this leader has answered, or may have, ahead of commits; 0 where it has not.
    pub(super) fn answered_ahead(&self) -> Index {
        match &self.state {
            State::Leader(leader) if self.config.replication.answers_ahead() => leader.answerable,
            _ => Index(0),
        }
    }
}
