//! Who is a member, as operators see it and change it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Failure, Replica, Reply};
use crate::raft::{
    Change, Configured, Entry, Index, Input, LogId, NodeId, Payload, Refusal, RequestId, Role, Time,
};

/// The configuration that counts on a node. Nodes are written `n1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Members {
    /// Those that vote; of a joint configuration, those that will.
    pub voters: Vec<String>,
    /// Those that get the log and are not counted.
    pub learners: Vec<String>,
    /// Those that voted before and are still counted; empty unless joint.
    pub outgoing: Vec<String>,
    /// A change of voters is half done.
    pub joint: bool,
    /// Index of the entry that brought it; 0 where it is the command line's.
    pub index: u64,
    /// That entry.
    pub entry: String,
    /// As far as this node knows.
    pub committed: bool,
    /// Where members can be dialled, as far as somebody said so.
    pub addresses: BTreeMap<String, String>,
}

impl Members {
    /// What `configured` says, given what is committed.
    pub(super) fn new(configured: &Configured, commit: Index) -> Members {
        let now = &configured.configuration;
        let names = |nodes: &std::collections::BTreeSet<NodeId>| {
            nodes.iter().map(NodeId::to_string).collect::<Vec<_>>()
        };
        let addresses = now.addresses().iter();
        Members {
            voters: names(now.voters()),
            learners: names(now.learners()),
            outgoing: names(now.outgoing()),
            joint: now.is_joint(),
            index: configured.by.index.0,
            entry: configured.by.to_string(),
            committed: configured.by.index <= commit,
            addresses: addresses.map(|(n, a)| (n.to_string(), a.clone())).collect(),
        }
    }
}

/// A change that somebody waits for.
pub(super) struct Changing {
    id: RequestId,
    /// The entry that begins it, once it is in the log.
    begun: Option<LogId>,
    due: Time,
    reply: Reply<Result<Members, Failure>>,
}

impl Replica {
    /// Who is a member, as far as this node knows.
    pub fn members(&self) -> Members {
        let status = self.core.status();
        Members::new(&status.configured, status.commit)
    }

    /// Changes who is a member, at the leader. Answered once the last configuration of the change is committed and
    /// applied here.
    pub fn change(&mut self, now: Time, change: Change, reply: Reply<Result<Members, Failure>>) {
        if self.role != Role::Leader {
            let leader = self.leader;
            return reply(Err(Failure::NotLeader { leader }));
        }
        let id = self.waiters.name();
        let due = now + self.waiters.timeout();
        self.changing.push(Changing {
            id,
            begun: None,
            due,
            reply,
        });
        self.step(now, Input::Change { id, change });
    }

    pub(super) fn change_accepted(&mut self, id: RequestId, entry: LogId) {
        for changing in self.changing.iter_mut().filter(|c| c.id == id) {
            changing.begun = Some(entry);
        }
    }

    pub(super) fn change_refused(&mut self, id: RequestId, refusal: Refusal) {
        let failure = match refusal {
            Refusal::NotLeader { leader } => Failure::NotLeader { leader },
            Refusal::Change(why) => Failure::Change(why),
            Refusal::DiskFull => Failure::DiskFull,
            Refusal::Overloaded | Refusal::ReadAbandoned => Failure::Overloaded,
        };
        for changing in self.changing.extract_if(.., |c| c.id == id) {
            (changing.reply)(Err(failure));
        }
    }

    /// An entry was applied: it may be the one that begins a change, or another in its place, or the one that ends it.
    pub(super) fn note_applied(&mut self, entry: &Entry) {
        if self.changing.is_empty() {
            return;
        }
        let ends = match &entry.payload {
            Payload::Configuration(now) => !now.is_joint(),
            _ => false,
        };
        let at = entry.id;
        let lost = |begun: LogId| begun.index == at.index && begun != at;
        let over = |c: &mut Changing| {
            c.begun
                .is_some_and(|begun| lost(begun) || (ends && begun.index <= at.index))
        };
        let over: Vec<Changing> = self.changing.extract_if(.., over).collect();
        for changing in over {
            let answer = match changing.begun.filter(|begun| lost(*begun)) {
                Some(entry) => Err(Failure::Superseded { entry }),
                None => Ok(self.members()),
            };
            (changing.reply)(answer);
        }
    }

    /// When the next change is given up.
    pub(super) fn changes_due(&self) -> Option<Time> {
        self.changing.iter().map(|c| c.due).min()
    }

    /// Answers those that have waited long enough: what is in a log may yet come about.
    pub(super) fn give_up_changes(&mut self, now: Time) {
        for changing in self.changing.extract_if(.., |c| c.due <= now) {
            (changing.reply)(Err(Failure::TimedOut));
        }
    }
}
