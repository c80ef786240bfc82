//! Who votes; quorums are counted here again, from the configuration alone.

use serde::{Deserialize, Serialize};

use super::Node;

/// A configuration: simple, or joint while `old` is there (Raft paper, 6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// Who votes.
    pub voters: Vec<Node>,
    /// Who voted before and still does, apart, while the configuration is joint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old: Vec<Node>,
    /// Who only listens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<Node>,
}

impl Members {
    /// A simple configuration without learners.
    pub fn simple(voters: impl IntoIterator<Item = u16>) -> Members {
        Members {
            voters: voters.into_iter().map(Node).collect(),
            ..Members::default()
        }
    }

    /// Whether `node` votes, in either half.
    pub fn is_voter(&self, node: Node) -> bool {
        self.voters.contains(&node) || self.old.contains(&node)
    }

    /// Whether it is joint.
    pub fn is_joint(&self) -> bool {
        !self.old.is_empty()
    }

    /// Whether those that `has` accepts are a majority of each half.
    pub fn is_quorum(&self, has: impl Fn(Node) -> bool) -> bool {
        let majority = |nodes: &[Node]| {
            let count = nodes.iter().filter(|node| has(**node)).count();
            2 * count > nodes.len()
        };
        majority(&self.voters) && (self.old.is_empty() || majority(&self.old))
    }

    /// Whether they are a quorum that would be none without any one of them.
    pub fn is_least_quorum(&self, has: impl Fn(Node) -> bool) -> bool {
        let everybody = self.voters.iter().chain(&self.old);
        self.is_quorum(&has)
            && everybody
                .filter(|node| has(**node))
                .all(|left| !self.is_quorum(|node| node != *left && has(node)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(has: &'static [u16]) -> impl Fn(Node) -> bool {
        move |node| has.contains(&node.0)
    }

    #[test]
    fn half_is_no_quorum_and_nobody_is_none() {
        assert!(!Members::simple([1, 2, 3, 4]).is_quorum(of(&[1, 2])));
        assert!(Members::simple([1, 2, 3]).is_quorum(of(&[1, 3, 9])));
        assert!(!Members::default().is_quorum(|_| true));
    }

    #[test]
    fn a_joint_configuration_needs_both_halves() {
        let joint = Members {
            old: vec![Node(1), Node(2), Node(3)],
            ..Members::simple([3, 4, 5])
        };
        assert!(!joint.is_quorum(of(&[3, 4, 5])));
        assert!(!joint.is_quorum(of(&[1, 2, 3])));
        assert!(joint.is_quorum(of(&[2, 3, 4])));
    }

    #[test]
    fn a_least_quorum_has_nobody_to_spare() {
        let five = Members::simple([1, 2, 3, 4, 5]);
        assert!(five.is_least_quorum(of(&[1, 2, 3])));
        assert!(!five.is_least_quorum(of(&[1, 2, 3, 4])));
    }
}
