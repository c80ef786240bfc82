//! Who votes, and what a majority of them has agreed to: the only place that counts.

use std::collections::BTreeSet;

use super::types::NodeId;

/// The cluster's configuration. Every election, commit, read and check-quorum asks here, so that a joint
/// configuration (Raft paper, 6) can be added as "both halves agree" in these three functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    voters: BTreeSet<NodeId>,
}

impl Configuration {
    /// The configuration in which `voters` vote.
    pub fn new(voters: BTreeSet<NodeId>) -> Configuration {
        Configuration { voters }
    }

    /// Whether `id` votes.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id)
    }

    /// Everybody but `id`, in order.
    pub fn others(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.iter().copied().filter(move |n| *n != id)
    }

    /// Whether those that `has` accepts are a quorum. O(n).
    pub fn is_quorum(&self, has: impl Fn(NodeId) -> bool) -> bool {
        self.agreed(has)
    }

    /// The greatest value that a quorum has reached, where `value` tells how far each has come.
    /// O(n log n), sorted anew each time: an incremental order is a known source of bugs (openraft #1802).
    pub fn agreed<T: Ord + Default>(&self, value: impl Fn(NodeId) -> T) -> T {
        let mut values: Vec<T> = self.voters.iter().map(|id| value(*id)).collect();
        values.sort_unstable_by(|a, b| b.cmp(a));
        values
            .into_iter()
            .nth(self.voters.len() / 2)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(values: &[u64]) -> u64 {
        let ids = (1..=values.len() as u16).map(NodeId).collect();
        Configuration::new(ids).agreed(|id| values[usize::from(id.0) - 1])
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
        let three = Configuration::new([1, 2, 3].map(NodeId).into());
        assert!(!three.is_quorum(|id| id.0 == 1 || id.0 > 3));
        assert!(three.is_quorum(|id| id.0 >= 2));
    }
}
