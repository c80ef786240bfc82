//! How many nodes faults may have down at a time: killed, stopped, or ended by what was done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::lock::lock;
use crate::site::NodeId;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Most {
    /// Never more than so many, by one fault or by several.
    Nodes(u16),
    /// A fault alone as many as it hits; several together fewer than half.
    Minority,
    /// As many as are hit.
    #[default]
    All,
}

/// Who is down, or will be at once, by which injury.
#[derive(Debug)]
pub struct Budget {
    most: Most,
    /// Of so many nodes.
    size: usize,
    held: Mutex<BTreeMap<u64, Held>>,
}

/// What one injury takes.
#[derive(Debug)]
struct Held {
    nodes: BTreeSet<NodeId>,
    /// So many of them at a time.
    at_once: usize,
}

impl Budget {
    /// Nobody is down yet.
    pub fn new(most: Most, size: usize) -> Budget {
        Budget {
            most,
            size,
            held: Mutex::default(),
        }
    }

    /// An injury wants these down, all of them or fewer at a time. Answers with those that it may have, which are its own
    /// until [`Budget::release`]; the first ones go first. Nobody: it has to do without.
    pub fn take(&self, injury: u64, wanted: &[NodeId], at_once: usize) -> Vec<NodeId> {
        let mut held = lock(&self.held);
        let most = match self.most {
            Most::All => usize::MAX,
            Most::Nodes(most) => usize::from(most),
            Most::Minority if held.is_empty() => usize::MAX,
            Most::Minority => (self.size.saturating_sub(1) / 2).max(1),
        };
        let (mut down, mut others) = (BTreeSet::new(), 0);
        for one in held.values() {
            if one.at_once < one.nodes.len() {
                others += one.at_once;
            } else {
                down.extend(one.nodes.iter().copied());
            }
        }
        let room = most.saturating_sub(down.len() + others);
        let given: Vec<NodeId> = if at_once < wanted.len() {
            // Whoever they are, no more than so many of them are down with the others.
            wanted.iter().copied().filter(|_| at_once <= room).collect()
        } else {
            let mut left = room;
            let mut fits = |node: &NodeId| {
                down.contains(node) || left.checked_sub(1).map(|less| left = less).is_some()
            };
            wanted.iter().copied().filter(|node| fits(node)).collect()
        };
        // Who is down already is nothing to do.
        if given.iter().all(|node| down.contains(node)) {
            return Vec::new();
        }
        let at_once = at_once.min(given.len());
        let nodes = given.iter().copied().collect();
        held.insert(injury, Held { nodes, at_once });
        given
    }

    /// The injury is healed.
    pub fn release(&self, injury: u64) {
        let mut held = lock(&self.held);
        held.remove(&injury);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom as _;
    use rand::{RngExt as _, SeedableRng as _};

    fn nodes(numbers: &[u16]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_limit_cuts_down_what_comes_second_and_is_free_again_after_the_heal() {
        let budget = Budget::new(Most::Nodes(2), 5);
        assert_eq!(budget.take(0, &nodes(&[3, 1, 2]), 3), nodes(&[3, 1]));
        assert_eq!(budget.take(1, &nodes(&[4]), 1), []);
        assert_eq!(budget.take(2, &nodes(&[1]), 1), [], "it is down already");
        budget.release(0);
        assert_eq!(budget.take(3, &nodes(&[4]), 1), nodes(&[4]));
        // A rolling restart has one of all down at a time.
        assert_eq!(budget.take(4, &nodes(&[1, 2, 3]), 1), nodes(&[1, 2, 3]));
        assert_eq!(budget.take(5, &nodes(&[5]), 1), []);
    }

    #[test]
    fn by_default_one_fault_may_have_all_and_several_a_minority() {
        let budget = Budget::new(Most::Minority, 5);
        assert_eq!(budget.take(0, &nodes(&[1, 2, 3, 4, 5]), 5).len(), 5);
        assert_eq!(budget.take(1, &nodes(&[1]), 1), []);
        budget.release(0);
        assert_eq!(budget.take(2, &nodes(&[1]), 1).len(), 1);
        assert_eq!(budget.take(3, &nodes(&[1, 2, 3, 4, 5]), 5), nodes(&[1, 2]));
    }

    #[test]
    fn however_injuries_follow_each_other_no_more_are_down_than_asked() {
        for seed in 0..300 {
            let mut rng = StdRng::seed_from_u64(seed);
            let most = rng.random_range(1..=4);
            let budget = Budget::new(Most::Nodes(most), 5);
            let mut down: BTreeMap<u64, (Vec<NodeId>, usize)> = BTreeMap::new();
            for injury in 0..200 {
                if rng.random_bool(0.4)
                    && let Some((healed, _)) = down.pop_first()
                {
                    budget.release(healed);
                }
                let mut wanted = nodes(&[1, 2, 3, 4, 5]);
                wanted.shuffle(&mut rng);
                wanted.truncate(rng.random_range(1..=5));
                let at_once = if rng.random_bool(0.2) {
                    1
                } else {
                    wanted.len()
                };
                let given = budget.take(injury, &wanted, at_once);
                if !given.is_empty() {
                    down.insert(injury, (given, at_once));
                }
                let mut all: BTreeSet<NodeId> = BTreeSet::new();
                let mut one_each = 0;
                for (given, at_once) in down.values() {
                    if *at_once < given.len() {
                        one_each += at_once;
                    } else {
                        all.extend(given);
                    }
                }
                assert!(
                    all.len() + one_each <= usize::from(most),
                    "seed {seed}: {down:?}"
                );
            }
        }
    }
}
