//! Changes of the configuration that can be asked for, and what each makes of the one that is.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::quorum::Configuration;
use super::types::NodeId;

/// How voters are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// Any set to any other, through a joint configuration (Raft paper, 6).
    #[default]
    Joint,
    /// One voter at a time, at once (Raft dissertation, 4.1).
    Single,
}

/// A change that an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node gets the log from now on, and is not counted.
    AddLearner {
        /// The node.
        node: NodeId,
        /// Where to dial it.
        address: Option<String>,
    },
    /// A learner that has caught up becomes a voter.
    Promote(NodeId),
    /// A voter becomes a learner.
    Demote(NodeId),
    /// A voter or learner leaves.
    Remove(NodeId),
    /// These are the voters; other voters leave.
    Replace(BTreeSet<NodeId>),
}

/// Why the configuration will not be changed. Nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeRefusal {
    /// The change before this one is not committed, or still joint.
    InFlight,
    /// The leader is new and has yet to commit an entry of its term: without that, changes one at a time could
    /// make quorums that do not meet (Ongaro, raft-dev, 2015-07-10).
    TooEarly,
    /// It would become a voter, and is so many entries behind or does not answer (`None`).
    Lags {
        /// The node.
        node: NodeId,
        /// Entries that it lacks of those that are committed.
        behind: Option<u64>,
    },
    /// It is a member already.
    IsMember(NodeId),
    /// It is no member.
    NoMember(NodeId),
    /// It is no learner.
    NoLearner(NodeId),
    /// It is no voter.
    NoVoter(NodeId),
    /// Nobody would vote.
    NobodyLeft,
    /// More members than a cluster may have.
    TooMany,
    /// It changes more than one voter, and this cluster changes them one at a time.
    OneAtATime,
    /// All is as it should be already.
    Nothing,
}

impl Change {
    /// The configuration that `now` is to become: the last one, not the joint one on the way.
    ///
    /// # Errors
    /// Where the change makes no sense, given who is a member now.
    pub fn apply(&self, now: &Configuration) -> Result<Configuration, ChangeRefusal> {
        let (mut voters, mut learners) = (now.voters().clone(), now.learners().clone());
        let mut new_address = None;
        match self {
            Change::AddLearner { node, address } => {
                if now.is_member(*node) {
                    return Err(ChangeRefusal::IsMember(*node));
                }
                learners.insert(*node);
                new_address = address.clone().map(|address| (*node, address));
            }
            Change::Promote(node) => {
                if !learners.remove(node) {
                    return Err(ChangeRefusal::NoLearner(*node));
                }
                voters.insert(*node);
            }
            Change::Demote(node) => {
                if !voters.remove(node) {
                    return Err(ChangeRefusal::NoVoter(*node));
                }
                learners.insert(*node);
            }
            Change::Remove(node) => {
                if !voters.remove(node) && !learners.remove(node) {
                    return Err(ChangeRefusal::NoMember(*node));
                }
            }
            Change::Replace(new) => {
                if *new == voters {
                    return Err(ChangeRefusal::Nothing);
                }
                if let Some(node) = new.iter().find(|node| !now.is_member(**node)) {
                    return Err(ChangeRefusal::NoMember(*node));
                }
                learners = &learners - new;
                voters = new.clone();
            }
        }
        if voters.is_empty() {
            return Err(ChangeRefusal::NobodyLeft);
        }
        let mut next = Configuration::new(voters).with_learners(learners);
        let known = now.addresses().clone().into_iter().chain(new_address);
        for (node, address) in known {
            next = next.with_address(node, address);
        }
        if next.members().len() > Configuration::MOST {
            return Err(ChangeRefusal::TooMany);
        }
        Ok(next)
    }
}

impl ChangeRefusal {
    /// A name for programs.
    pub fn code(self) -> &'static str {
        match self {
            ChangeRefusal::InFlight => "change-in-flight",
            ChangeRefusal::TooEarly => "too-early",
            ChangeRefusal::Lags { .. } => "lagging",
            ChangeRefusal::IsMember(_) => "is-member",
            ChangeRefusal::NoMember(_) => "no-member",
            ChangeRefusal::NoLearner(_) => "no-learner",
            ChangeRefusal::NoVoter(_) => "no-voter",
            ChangeRefusal::NobodyLeft => "nobody-left",
            ChangeRefusal::TooMany => "too-many-members",
            ChangeRefusal::OneAtATime => "one-at-a-time",
            ChangeRefusal::Nothing => "nothing-to-change",
        }
    }
}

impl fmt::Display for ChangeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeRefusal::InFlight => f.write_str("another change is under way"),
            ChangeRefusal::TooEarly => {
                f.write_str("the leader is new and has not committed an entry of its term yet")
            }
            ChangeRefusal::Lags { node, behind } => match behind {
                Some(behind) => write!(
                    f,
                    "{node} is {behind} committed entries behind: let it catch up first"
                ),
                None => write!(f, "{node} does not answer: let it catch up first"),
            },
            ChangeRefusal::IsMember(node) => write!(f, "{node} is a member already"),
            ChangeRefusal::NoMember(node) => {
                write!(f, "{node} is no member: add it as a learner first")
            }
            ChangeRefusal::NoLearner(node) => {
                write!(f, "{node} is no learner: add it as one first")
            }
            ChangeRefusal::NoVoter(node) => write!(f, "{node} is no voter"),
            ChangeRefusal::NobodyLeft => f.write_str("nobody would be left to vote"),
            ChangeRefusal::TooMany => {
                write!(f, "more than {} members", Configuration::MOST)
            }
            ChangeRefusal::OneAtATime => f.write_str(
                "it changes more than one voter, and this node runs with --membership single",
            ),
            ChangeRefusal::Nothing => f.write_str("these are the voters already"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(id: u16) -> NodeId {
        NodeId(id)
    }

    fn now() -> Configuration {
        let voters = [1, 2, 3].map(NodeId).into();
        Configuration::new(voters).with_learners([4, 5].map(NodeId).into())
    }

    fn after(change: Change) -> String {
        match change.apply(&now()) {
            Ok(next) => next.to_string(),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn each_change_moves_whom_it_names() {
        let address = None;
        let add = Change::AddLearner {
            node: n(6),
            address,
        };
        assert_eq!(after(add), "voters n1 n2 n3 learners n4 n5 n6");
        assert_eq!(
            after(Change::Promote(n(4))),
            "voters n1 n2 n3 n4 learners n5"
        );
        assert_eq!(
            after(Change::Demote(n(1))),
            "voters n2 n3 learners n1 n4 n5"
        );
        assert_eq!(after(Change::Remove(n(2))), "voters n1 n3 learners n4 n5");
        assert_eq!(after(Change::Remove(n(4))), "voters n1 n2 n3 learners n5");
        let replace = Change::Replace([3, 4].map(NodeId).into());
        assert_eq!(after(replace), "voters n3 n4 learners n5");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: Change| change.apply(&now()).unwrap_err();
        let address = None;
        let add = Change::AddLearner {
            node: n(4),
            address,
        };
        assert_eq!(refused(add), ChangeRefusal::IsMember(n(4)));
        assert_eq!(
            refused(Change::Promote(n(1))),
            ChangeRefusal::NoLearner(n(1))
        );
        assert_eq!(refused(Change::Demote(n(4))), ChangeRefusal::NoVoter(n(4)));
        assert_eq!(refused(Change::Remove(n(9))), ChangeRefusal::NoMember(n(9)));
        let strange = Change::Replace([1, 9].map(NodeId).into());
        assert_eq!(refused(strange), ChangeRefusal::NoMember(n(9)));
        let same = Change::Replace([1, 2, 3].map(NodeId).into());
        assert_eq!(refused(same), ChangeRefusal::Nothing);
        let nobody = Change::Replace(BTreeSet::new());
        assert_eq!(refused(nobody), ChangeRefusal::NobodyLeft);
    }
}
