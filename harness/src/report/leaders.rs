//! Who led when: roles, terms and processes of nodes, as far as the harness saw them.

use std::collections::{BTreeMap, BTreeSet};

use crate::observation::Observation;

/// What a node was, as an interval of its strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It led, or believed so.
    Leader,
    /// It asked for votes.
    Candidate,
    /// Its process did not run.
    Down,
}

/// A node in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reign {
    /// The node.
    pub node: String,
    /// Its role.
    pub role: Role,
    /// Its term at the beginning (0 while down).
    pub term: u64,
    /// From when.
    pub from_ns: u64,
    /// Until when; the end of the run at the latest.
    pub to_ns: u64,
}

/// All that is known of roles.
#[derive(Debug, Default)]
pub struct Leaders {
    /// Intervals of all nodes, by beginning. Followers are the space between.
    pub reigns: Vec<Reign>,
    /// Terms with a leader, and who it was.
    pub by_term: BTreeMap<u64, BTreeSet<String>>,
    /// The highest term that anyone reported.
    pub highest_term: u64,
}

impl Leaders {
    /// Folds the observations (in order of time). O(observations · log nodes).
    pub fn new(observations: &[Observation], end_ns: u64) -> Leaders {
        let mut leaders = Leaders::default();
        let mut current: BTreeMap<&str, Reign> = BTreeMap::new();
        let mut close = |current: &mut BTreeMap<&str, Reign>, node: &str, at_ns: u64| {
            if let Some(mut reign) = current.remove(node) {
                reign.to_ns = at_ns.clamp(reign.from_ns, end_ns.max(reign.from_ns));
                leaders.reigns.push(reign);
            }
        };
        let mut highest_term = 0;
        let mut by_term: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for observation in observations {
            let (time_ns, node, role, term) = match observation {
                Observation::Transition {
                    time_ns,
                    node,
                    role,
                    term,
                    ..
                } => (*time_ns, node.as_str(), role_of(role), *term),
                Observation::Status {
                    time_ns,
                    node,
                    status: Some(status),
                } => (*time_ns, node.as_str(), role_of(&status.role), status.term),
                Observation::Process {
                    time_ns,
                    node,
                    event,
                    ..
                } => {
                    let down = matches!(event.as_str(), "killed" | "exited");
                    (*time_ns, node.as_str(), down.then_some(Role::Down), 0)
                }
                _ => continue,
            };
            highest_term = highest_term.max(term);
            if role == Some(Role::Leader) {
                by_term.entry(term).or_default().insert(node.to_string());
            }
            let same = match (current.get(node), role) {
                (Some(reign), Some(role)) => reign.role == role && reign.term == term,
                (None, None) => true,
                _ => false,
            };
            if same {
                continue;
            }
            close(&mut current, node, time_ns);
            if let Some(role) = role {
                current.insert(
                    node,
                    Reign {
                        node: node.to_string(),
                        role,
                        term,
                        from_ns: time_ns,
                        to_ns: time_ns,
                    },
                );
            }
        }
        let open: Vec<&str> = current.keys().copied().collect();
        for node in open {
            close(&mut current, node, end_ns);
        }
        leaders.reigns.sort_by_key(|reign| reign.from_ns);
        leaders.by_term = by_term;
        leaders.highest_term = highest_term;
        leaders
    }

    /// One reign a leader and term, by beginning: a moment in between in which it told something else does not split it.
    pub fn in_terms(&self) -> Vec<Reign> {
        let mut joined: Vec<Reign> = Vec::new();
        for reign in self.reigns.iter().filter(|r| r.role == Role::Leader) {
            let same = |one: &&mut Reign| one.node == reign.node && one.term == reign.term;
            match joined.iter_mut().find(same) {
                Some(one) => one.to_ns = one.to_ns.max(reign.to_ns),
                None => joined.push(reign.clone()),
            }
        }
        joined
    }

    /// How many terms had a leader.
    pub fn elections(&self) -> u64 {
        self.by_term.len() as u64
    }

    /// How often the leader of a term was another node than that of the term with a leader before.
    pub fn changes(&self) -> u64 {
        let leaders: Vec<&BTreeSet<String>> = self.by_term.values().collect();
        leaders.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64
    }

    /// Terms in which more than one node led: Raft promises that there are none.
    pub fn split_terms(&self) -> Vec<u64> {
        (self.by_term.iter())
            .filter(|(_, nodes)| nodes.len() > 1)
            .map(|(term, _)| *term)
            .collect()
    }
}

fn role_of(role: &str) -> Option<Role> {
    match role {
        "leader" => Some(Role::Leader),
        "candidate" | "pre-candidate" => Some(Role::Candidate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn becomes(time_ns: u64, node: &str, role: &str, term: u64) -> Observation {
        Observation::Transition {
            time_ns,
            node: node.into(),
            role: role.into(),
            term,
            leader: None,
        }
    }

    fn process(time_ns: u64, node: &str, event: &str) -> Observation {
        Observation::Process {
            time_ns,
            node: node.into(),
            event: event.into(),
            detail: None,
        }
    }

    #[test]
    fn a_leader_reigns_until_it_steps_down_or_dies() {
        let leaders = Leaders::new(
            &[
                becomes(10, "n1", "leader", 1),
                process(20, "n1", "killed"),
                becomes(25, "n2", "candidate", 2),
                becomes(30, "n2", "leader", 2),
                process(40, "n1", "started"),
            ],
            100,
        );
        let seen: Vec<_> = (leaders.reigns.iter())
            .map(|r| (r.node.as_str(), r.role, r.from_ns, r.to_ns))
            .collect();
        assert_eq!(
            seen,
            [
                ("n1", Role::Leader, 10, 20),
                ("n1", Role::Down, 20, 40),
                ("n2", Role::Candidate, 25, 30),
                ("n2", Role::Leader, 30, 100),
            ]
        );
        assert_eq!(leaders.changes(), 1);
        assert_eq!(leaders.elections(), 2);
    }

    #[test]
    fn a_leader_that_wins_again_is_an_election_but_no_change() {
        let leaders = Leaders::new(
            &[
                becomes(10, "n1", "leader", 1),
                becomes(20, "n1", "follower", 1),
                becomes(30, "n1", "leader", 2),
            ],
            50,
        );
        assert_eq!((leaders.elections(), leaders.changes()), (2, 0));
        assert_eq!(leaders.in_terms(), leaders.reigns);
        assert!(leaders.split_terms().is_empty());
    }

    #[test]
    fn a_leader_is_told_once_a_term() {
        let leaders = Leaders::new(
            &[
                becomes(10, "n1", "leader", 3),
                becomes(15, "n1", "follower", 3),
                becomes(16, "n1", "leader", 3),
            ],
            50,
        );
        assert_eq!(leaders.reigns.len(), 2);
        let joined = leaders.in_terms();
        assert_eq!(joined.len(), 1);
        assert_eq!((joined[0].from_ns, joined[0].to_ns), (10, 50));
    }

    #[test]
    fn two_leaders_of_one_term_are_noticed() {
        let leaders = Leaders::new(
            &[
                becomes(10, "n1", "leader", 3),
                becomes(11, "n2", "leader", 3),
            ],
            50,
        );
        assert_eq!(leaders.split_terms(), [3]);
    }
}
