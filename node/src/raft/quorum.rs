//! Who votes, who only listens, and what a majority has agreed to: the only place that counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::types::{LogId, NodeId};
use crate::bugs::{self, Bug};

/// The cluster's configuration. Every election, commit, read, lease and check-quorum asks here, so that a joint
/// configuration (Raft paper, 6) is "both halves agree" in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    voters: BTreeSet<NodeId>,
    /// The voters before, until all know the new ones; empty unless joint.
    outgoing: BTreeSet<NodeId>,
    learners: BTreeSet<NodeId>,
    /// Where members can be dialled, as far as somebody said so; opaque to Raft.
    addresses: BTreeMap<NodeId, String>,
}

/// A configuration and the entry that brought it; `0@0` where it is the command line's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    /// The entry.
    pub by: LogId,
    /// What it says.
    pub configuration: std::sync::Arc<Configuration>,
}

impl Configuration {
    /// Most members. Far more than anybody wants to wait for.
    pub const MOST: usize = 100;

    /// The configuration in which `voters` vote.
    pub fn new(voters: BTreeSet<NodeId>) -> Configuration {
        Configuration {
            voters,
            ..Configuration::default()
        }
    }

    /// As this one, with `learners` in place of its learners. Who votes is not one of them.
    #[must_use]
    pub fn with_learners(mut self, learners: BTreeSet<NodeId>) -> Configuration {
        self.learners = &learners - &self.voters;
        self.forget_strangers();
        self
    }

    /// As this one, with `node` at `address`, where it is a member.
    #[must_use]
    pub fn with_address(mut self, node: NodeId, address: String) -> Configuration {
        self.addresses.insert(node, address);
        self.forget_strangers();
        self
    }

    /// The joint configuration on the way from `old` to this one: both majorities are needed.
    #[must_use]
    pub fn joint_from(mut self, old: &Configuration) -> Configuration {
        self.outgoing = old.voters.clone();
        for (node, address) in &old.addresses {
            self.addresses
                .entry(*node)
                .or_insert_with(|| address.clone());
        }
        self.forget_strangers();
        self
    }

    /// What a joint configuration leads to.
    #[must_use]
    pub fn left(&self) -> Configuration {
        let mut left = self.clone();
        left.outgoing.clear();
        left.forget_strangers();
        left
    }

    fn forget_strangers(&mut self) {
        let mut addresses = std::mem::take(&mut self.addresses);
        addresses.retain(|node, _| self.is_member(*node));
        self.addresses = addresses;
    }

    /// Those that vote; of a joint configuration, those that will.
    pub fn voters(&self) -> &BTreeSet<NodeId> {
        &self.voters
    }

    /// Those that voted before; empty unless joint.
    pub fn outgoing(&self) -> &BTreeSet<NodeId> {
        &self.outgoing
    }

    /// Those that get the log and are not counted. In a joint configuration some may still be outgoing voters.
    pub fn learners(&self) -> &BTreeSet<NodeId> {
        &self.learners
    }

    /// Where members can be dialled, as far as somebody said so.
    pub fn addresses(&self) -> &BTreeMap<NodeId, String> {
        &self.addresses
    }

    /// Whether a change of voters is half done.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Of a node that has yet to hear who its cluster is.
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    /// Whether `id` votes, in either half.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Whether `id` gets the log.
    pub fn is_member(&self, id: NodeId) -> bool {
        self.is_voter(id) || self.learners.contains(&id)
    }

    /// Every member, in order.
    pub fn members(&self) -> BTreeSet<NodeId> {
        &(&self.voters | &self.outgoing) | &self.learners
    }

    /// Every voter of either half but `id`, in order.
    pub fn other_voters(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let voters = &self.voters | &self.outgoing;
        voters.into_iter().filter(move |n| *n != id)
    }

    /// Whether those that `has` accepts are a quorum. O(n).
    pub fn is_quorum(&self, has: impl Fn(NodeId) -> bool) -> bool {
        self.agreed(has)
    }

    /// The greatest value that a quorum has reached, where `value` tells how far each has come: a majority, and
    /// of a joint configuration a majority of each half (Raft paper, 6).
    ///
    /// O(n log n), sorted anew each time: an incremental order is a known source of bugs (openraft #1802).
    pub fn agreed<T: Ord + Default>(&self, value: impl Fn(NodeId) -> T) -> T {
        let new = match bugs::on(Bug::LearnerCountedInQuorum) {
            true => majority(&(&self.voters | &self.learners), &value),
            false => majority(&self.voters, &value),
        };
        match self.is_joint() && !bugs::on(Bug::JointUsesOnlyNewMajority) {
            true => new.min(majority(&self.outgoing, &value)),
            false => new,
        }
    }

    /// Whether a correct node could have made it.
    pub fn is_possible(&self) -> bool {
        let members = self.members();
        !self.voters.is_empty()
            && self.voters.is_disjoint(&self.learners)
            && members.len() <= Self::MOST
            && members.iter().all(|node| node.0 > 0)
            && self.addresses.keys().all(|node| members.contains(node))
    }

    /// About how many bytes it takes in a message.
    pub fn weight(&self) -> usize {
        let ids = self.voters.len() + self.outgoing.len() + self.learners.len();
        let addresses = self.addresses.values().map(|a| a.len() + 4);
        16 + 3 * ids + addresses.sum::<usize>()
    }
}

fn majority<T: Ord + Default>(voters: &BTreeSet<NodeId>, value: impl Fn(NodeId) -> T) -> T {
    let mut values: Vec<T> = voters.iter().map(|id| value(*id)).collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values.into_iter().nth(voters.len() / 2).unwrap_or_default()
}

/// `voters n1 n2 n3 learners n4`; joint: `voters n1 n2 n3 and n3 n4 n5`, the old ones first.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, nodes: &BTreeSet<NodeId>| {
            nodes.iter().try_for_each(|node| write!(f, " {node}"))
        };
        f.write_str("voters")?;
        if self.is_joint() {
            list(f, &self.outgoing)?;
            f.write_str(" and")?;
        }
        match self.is_empty() {
            true => f.write_str(" unknown")?,
            false => list(f, &self.voters)?,
        }
        if !self.learners.is_empty() {
            f.write_str(" learners")?;
            list(f, &self.learners)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(values: &[u64]) -> u64 {
        let ids = (1..=values.len() as u16).map(NodeId).collect();
        Configuration::new(ids).agreed(|id| values[usize::from(id.0) - 1])
    }

    fn nodes(ids: &[u16]) -> BTreeSet<NodeId> {
        ids.iter().map(|id| NodeId(*id)).collect()
    }

    #[test]
    fn a_majority_has_reached_what_it_agrees_on() {
        assert_eq!(agreed(&[7]), 7);
        assert_eq!(agreed(&[7, 3]), 3);
        assert_eq!(agreed(&[1, 9, 5]), 5);
        assert_eq!(agreed(&[9, 9, 2, 1, 3]), 3);
    }

    #[test]
    fn half_of_an_even_cluster_is_no_quorum() {
        assert_eq!(agreed(&[9, 9, 2, 1]), 2);
    }

    #[test]
    fn nobody_is_no_quorum() {
        assert!(!Configuration::new(BTreeSet::new()).is_quorum(|_| true));
    }

    #[test]
    fn only_voters_count() {
        let three =
            Configuration::new([1, 2, 3].map(NodeId).into()).with_learners(nodes(&[4, 5, 6]));
        assert!(!three.is_quorum(|id| id.0 == 1 || id.0 > 3));
        assert!(three.is_quorum(|id| id.0 >= 2 && id.0 < 4));
    }

    #[test]
    fn joint_means_both_majorities() {
        let old = Configuration::new(nodes(&[1, 2, 3]));
        let joint = Configuration::new(nodes(&[3, 4, 5])).joint_from(&old);
        assert!(!joint.is_quorum(|id| id.0 >= 3));
        assert!(!joint.is_quorum(|id| id.0 <= 3));
        assert!(joint.is_quorum(|id| id.0 != 1 && id.0 != 5));
        assert_eq!(joint.agreed(|id| 10 - u64::from(id.0)), 6);
        assert!(joint.is_voter(NodeId(1)) && !joint.left().is_member(NodeId(1)));
        assert_eq!(joint.to_string(), "voters n1 n2 n3 and n3 n4 n5");
        assert_eq!(joint.left().to_string(), "voters n3 n4 n5");
    }

    #[test]
    fn addresses_go_with_their_nodes() {
        let old = Configuration::new(nodes(&[1, 2])).with_address(NodeId(1), "a:1".into());
        let joint = Configuration::new(nodes(&[2])).joint_from(&old);
        assert_eq!(joint.addresses().len(), 1);
        assert!(joint.left().addresses().is_empty());
    }
}
