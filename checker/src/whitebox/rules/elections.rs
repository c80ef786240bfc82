//! V01, V02, V26, V29: who leads, who voted for whom, and whether those votes were a quorum's.

use std::collections::BTreeMap;

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Invariant, Message, Node, Place, Role};

/// Of each node, the votes it has given by words and the votes it has got.
#[derive(Default)]
pub(super) struct Elections {
    /// By words: for whom, where.
    given: BTreeMap<(Node, u64), (Node, Place)>,
    /// In its latest candidacy: term, from whom.
    got: BTreeMap<Node, (u64, Vec<Node>)>,
}

impl Rule for Elections {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.event {
            Event::Role {
                role: Role::Leader,
                term,
                ..
            } => {
                only_leader(seen, *term, findings);
                self.won(seen, *term, findings);
            }
            Event::Send { to, term, message } => match message {
                Message::Append { .. } | Message::Heartbeat { .. } | Message::Snapshot { .. } => {
                    only_leader(seen, *term, findings);
                }
                Message::Vote { .. } => self.votes(seen, *term, seen.node, findings),
                Message::VoteReply { granted: true } => self.votes(seen, *term, *to, findings),
                _ => {}
            },
            Event::Recv {
                from,
                term,
                message: Message::VoteReply { granted: true },
            } => {
                let votes = self.got.entry(seen.node).or_default();
                if votes.0 < *term {
                    *votes = (*term, Vec::new());
                }
                if votes.0 == *term && !votes.1.contains(from) {
                    votes.1.push(*from);
                }
                if let Some(voter) = seen.facts.node(*from) {
                    let vote = voter.votes.get(term);
                    let holds = match vote {
                        Some((vote, _)) => *vote == seen.node,
                        None => voter.hard.term > *term,
                    };
                    findings.check(Invariant::V26, holds, seen, || {
                        let what = format!(
                            "{} got the vote of {from} in term {term}, but no such vote is on the disk of {from}",
                            seen.node
                        );
                        (what, vote.iter().map(|(_, place)| *place).collect())
                    });
                }
            }
            Event::HardState {
                term,
                vote: Some(vote),
                ..
            } => {
                let written = seen.me.hard_written;
                let before = match seen.me.votes.get(term) {
                    Some((vote, place)) => Some((*vote, Some(*place))),
                    None => (written.term == *term)
                        .then(|| written.vote.map(|vote| (vote, None)))
                        .flatten(),
                };
                let holds = before.is_none_or(|(before, _)| before == *vote);
                findings.check(Invariant::V02, holds, seen, || {
                    let other = before.map_or(*vote, |(vote, _)| vote);
                    let what = format!(
                        "{} writes a vote for {vote} in term {term}, where it voted for {other}",
                        seen.node
                    );
                    (
                        what,
                        before.and_then(|(_, place)| place).into_iter().collect(),
                    )
                });
            }
            _ => {}
        }
    }
}

/// V01: whoever acts as leader of a term is the only one who ever does.
fn only_leader(seen: &Seen<'_>, term: u64, findings: &mut Findings) {
    let known = seen.facts.leaders.get(&term);
    let holds = known.is_none_or(|(leader, _)| *leader == seen.node);
    findings.check(Invariant::V01, holds, seen, || {
        let (other, place) = known.map_or((seen.node, seen.place), |known| *known);
        let what = format!("{} and {other} both lead term {term}", seen.node);
        (what, vec![place])
    });
}

impl Elections {
    /// V02, by words: whatever the disk says, nobody may be told of a second vote.
    fn votes(&mut self, seen: &Seen<'_>, term: u64, vote: Node, findings: &mut Findings) {
        let (before, place) = *self
            .given
            .entry((seen.node, term))
            .or_insert((vote, seen.place));
        findings.check(Invariant::V02, before == vote, seen, || {
            let what = format!(
                "{} votes for {vote} in term {term}, and voted for {before} in it before",
                seen.node
            );
            (what, vec![place])
        });
    }

    /// V29 and V26: the winner votes in its configuration, and a quorum of every half of it has voted for the winner.
    fn won(&mut self, seen: &Seen<'_>, term: u64, findings: &mut Findings) {
        let members = &seen.me.members;
        if members.voters.is_empty() {
            return;
        }
        let own = seen
            .me
            .votes
            .get(&term)
            .is_some_and(|(vote, _)| *vote == seen.node);
        let got = self
            .got
            .get(&seen.node)
            .filter(|(in_term, _)| *in_term == term);
        let has = |node: Node| match node == seen.node {
            true => own,
            false => got.is_some_and(|(_, from)| from.contains(&node)),
        };
        let holds = members.is_quorum(has);
        findings.check(Invariant::V29, holds, seen, || {
            let votes: Vec<String> = members
                .voters
                .iter()
                .chain(&members.old)
                .filter(|node| has(**node))
                .map(Node::to_string)
                .collect();
            let what = format!(
                "{} leads term {term} with the votes of {:?}, which are no quorum of {members:?}",
                seen.node, votes
            );
            (what, Vec::new())
        });
        // Who voted before its last configuration goes on as a candidate until it knows that to be committed: others may
        // lack it (Raft dissertation, 4.2.2).
        let former = &seen.me.former;
        let may_not_count = seen.me.config.index > seen.me.commit.index
            && (former.voters.is_empty() || former.is_voter(seen.node));
        let votes = members.is_voter(seen.node) || may_not_count;
        findings.check(Invariant::V29, votes, seen, || {
            let what = format!("{} leads term {term} without being a voter", seen.node);
            (what, Vec::new())
        });
    }
}
