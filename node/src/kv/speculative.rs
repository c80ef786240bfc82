//! The state ahead of the commit: the committed one with a leader's tail on top, to answer from early.
//!
//! It is a second machine beside the committed one, because a tail can be dropped but an entry cannot be undone:
//! sessions, leases, revisions and compares all depend on what came before. Only a leader that answers ahead
//! has one. It costs the memory of the state again, one copy of it a leadership, and applying each entry twice.

use std::collections::VecDeque;

use super::hash::Digest;
use super::machine::Machine;
use super::outcome::Written;
use crate::raft::{Entry, LogId};

/// What this leader's log comes to if nothing of it is dropped. Never in a snapshot, never shown to watchers.
#[derive(Clone, Debug)]
pub struct Speculative {
    machine: Machine,
    /// Applied here and not yet committed, in order, each with the chain up to it.
    tail: VecDeque<(LogId, Digest)>,
}

impl Speculative {
    /// Begins at the committed state. O(bytes).
    pub fn on(committed: &Machine) -> Speculative {
        Speculative {
            machine: committed.fork(),
            tail: VecDeque::new(),
        }
    }

    /// Applies the next entry of the tail and gives what to answer: true unless the tail is dropped.
    ///
    /// # Panics
    /// Where `entry` is not the next one.
    pub fn apply(&mut self, entry: &Entry) -> Written {
        let written = self.machine.apply(entry);
        self.tail.push_back((entry.id, self.machine.chain()));
        written
    }

    /// The committed state has applied `entry`, which is then no part of the tail any more.
    ///
    /// # Panics
    /// Where that is not what was applied here: clients were answered from a state that never was.
    pub fn committed(&mut self, committed: &Machine, entry: &Entry) {
        match self.tail.pop_front() {
            Some((id, chain)) => assert!(
                id == entry.id && chain == committed.chain(),
                "{} is committed where {id} was answered ahead",
                entry.id
            ),
            None => {
                self.machine.apply(entry);
            }
        }
        if self.tail.is_empty() {
            assert!(
                self.machine.content() == committed.content(),
                "the state ahead of {} is not what its log makes",
                entry.id
            );
        }
    }

    /// The state to answer from.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What it has that is not committed, in order.
    pub fn tail(&self) -> impl Iterator<Item = LogId> {
        self.tail.iter().map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::{apply_in, logged, put};
    use super::super::{Command, Logged, Operation, Outcome, Token};
    use super::*;
    use crate::raft::Payload;

    fn entries(commands: &[Logged], first: u64, term: u64) -> Vec<Entry> {
        let entry = |(behind, logged): (usize, &Logged)| Entry {
            id: LogId::new(first + behind as u64, term),
            payload: Payload::Command(logged.command.encode_in(logged.token).into()),
        };
        commands.iter().enumerate().map(entry).collect()
    }

    fn replay(entries: &[Entry]) -> (Machine, Vec<Written>) {
        let mut machine = Machine::new();
        let written = entries.iter().map(|entry| machine.apply(entry)).collect();
        (machine, written)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However commits and the tail advance, what is answered ahead is what a replay answers; and after the
        /// tail is dropped, a new one on the committed state is again.
        #[test]
        fn it_equals_a_replay_of_the_committed_log_and_the_tail(
            commands in proptest::collection::vec(logged("[0-9]?"), 1..60),
            ahead in proptest::collection::vec(any::<bool>(), 120),
            start in 0..20_usize,
            other in proptest::collection::vec(logged("[0-9]?"), 0..20),
        ) {
            let log = entries(&commands, 1, 1);
            let start = start.min(log.len());
            let (mut committed, _) = replay(&log[..start]);
            let mut speculative = Speculative::on(&committed);
            let (_, answers) = replay(&log);
            let (mut applied, mut reached) = (start, start);
            for ahead in ahead {
                if ahead && reached < log.len() {
                    prop_assert_eq!(&speculative.apply(&log[reached]), &answers[reached]);
                    reached += 1;
                } else if applied < log.len() {
                    let written = committed.apply(&log[applied]);
                    speculative.committed(&committed, &log[applied]);
                    // Nobody is answered otherwise than before.
                    prop_assert_eq!(&written, &answers[applied]);
                    applied += 1;
                    reached = reached.max(applied);
                }
                let (whole, _) = replay(&log[..reached]);
                prop_assert_eq!(speculative.machine().content(), whole.content());
                prop_assert_eq!(speculative.machine().chain(), whole.chain());
                let tail: Vec<LogId> = log[applied..reached].iter().map(|e| e.id).collect();
                prop_assert_eq!(speculative.tail().collect::<Vec<_>>(), tail);
            }
            // Another leader's entries take the tail's place.
            let kept = log[..applied].to_vec();
            let mut log = kept;
            log.extend(entries(&other, applied as u64 + 1, 2));
            let mut speculative = Speculative::on(&committed);
            let (whole, answers) = replay(&log);
            for (entry, answer) in log.iter().zip(answers).skip(applied) {
                prop_assert_eq!(speculative.apply(entry), answer);
            }
            prop_assert_eq!(speculative.machine().content(), whole.content());
        }
    }

    #[test]
    fn a_write_of_a_session_that_was_dropped_with_the_tail_is_applied_anew() {
        let mut committed = Machine::new();
        apply_in(&mut committed, None, &Command::OpenSession { lifetime: 9 });
        let token = Some(Token {
            session: 1,
            sequence: 1,
        });
        let add = Logged {
            token,
            command: Command::Do(Operation::Add {
                key: "n".to_owned(),
                by: 1,
            }),
        };
        let twice = [add.clone(), add.clone()];
        let mut deposed = Speculative::on(&committed);
        let answers = entries(&twice, 2, 1)
            .iter()
            .map(|e| deposed.apply(e).repeated)
            .collect::<Vec<_>>();
        assert_eq!(answers, [false, true], "its leader knows the repeat");
        let mut next = Speculative::on(&committed);
        let again = next.apply(&entries(&twice, 2, 2)[0]);
        assert!(!again.repeated, "the next leader has never heard of it");
        let content = |machine: &Machine| machine.get("n").map(|value| value.data.clone());
        assert_eq!(content(next.machine()), content(deposed.machine()));
    }

    #[test]
    #[should_panic(expected = "2@2 is committed where 2@1 was answered ahead")]
    fn a_tail_that_is_not_what_was_committed_is_noticed() {
        let mut committed = Machine::new();
        apply_in(&mut committed, None, &put("x", "1"));
        let logged = Logged {
            token: None,
            command: put("x", "2"),
        };
        let mut speculative = Speculative::on(&committed);
        let written = speculative.apply(&entries(std::slice::from_ref(&logged), 2, 1)[0]);
        assert_eq!(written.outcome, Outcome::Written { revision: 2 });
        let other = &entries(&[logged], 2, 2)[0];
        committed.apply(other);
        speculative.committed(&committed, other);
    }
}
