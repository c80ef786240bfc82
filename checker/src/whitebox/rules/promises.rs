//! V14, V15: a word that rests on a disk leaves after the disk has it, and clients hear of what is decided.

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Id, Invariant, Members, Message, Node, Replication};

pub(super) struct Promises;

impl Rule for Promises {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.event {
            Event::Send { to, term, message } => {
                term_is_on_disk(seen, *term, message, findings);
                match message {
                    Message::Vote { .. } => vote_is_on_disk(seen, *term, seen.node, findings),
                    Message::VoteReply { granted: true } => {
                        vote_is_on_disk(seen, *term, *to, findings);
                    }
                    Message::Matched { index, .. } => {
                        let known = seen.facts.term_in_leaders_log(*term, *index);
                        if let Some(of) = known {
                            acknowledged(seen, Id::new(*index, of), *to, findings);
                        }
                    }
                    Message::SnapshotReply {
                        last,
                        installed: true,
                        ..
                    } => acknowledged(seen, *last, *to, findings),
                    Message::ForwardReply {
                        entry: Some(entry), ..
                    } => answered(seen, *entry, findings),
                    _ => {}
                }
            }
            Event::Reply { entry } => answered(seen, *entry, findings),
            _ => {}
        }
    }
}

/// V15: whatever a node says in a term, it says once that term is on its disk. A pre-vote and its grant speak of a term that
/// nobody has yet; what is forwarded for clients rests on no term.
fn term_is_on_disk(seen: &Seen<'_>, term: u64, message: &Message, findings: &mut Findings) {
    if matches!(
        message,
        Message::PreVote { .. }
            | Message::PreVoteReply { granted: true }
            | Message::Forward { .. }
            | Message::ForwardReply { .. }
    ) {
        return;
    }
    let on_disk = seen.me.hard.term;
    findings.check(Invariant::V15, on_disk >= term, seen, || {
        let what = format!(
            "{} speaks in term {term} while its disk has term {on_disk}",
            seen.node
        );
        (what, Vec::new())
    });
}

/// V15, votes. Once a later term is on disk an earlier one's vote need not be: nobody will ever vote in that again.
fn vote_is_on_disk(seen: &Seen<'_>, term: u64, vote: Node, findings: &mut Findings) {
    let known = seen.me.votes.get(&term);
    let holds = match known {
        Some((known, _)) => *known == vote,
        None => seen.me.hard.term > term,
    };
    findings.check(Invariant::V15, holds, seen, || {
        let what = format!(
            "{} tells of its vote for {vote} in term {term}, which is not on its disk",
            seen.node
        );
        (what, known.iter().map(|(_, place)| *place).collect())
    });
}

/// V14, towards a leader.
fn acknowledged(seen: &Seen<'_>, id: Id, to: Node, findings: &mut Findings) {
    let holds = id.index == 0 || seen.me.had(id);
    findings.check(Invariant::V14, holds, seen, || {
        let end = seen.me.durable.last().unwrap_or(seen.me.snapshot);
        let what = format!(
            "{} acknowledges entry {id} to {to}, but its disk has the log up to {end} only",
            seen.node
        );
        (what, Vec::new())
    });
}

/// V14, towards a client; what must hold depends on when clients are answered.
fn answered(seen: &Seen<'_>, id: Id, findings: &mut Findings) {
    let on_disk = || {
        let has = |(_, node): &(Node, &crate::whitebox::facts::NodeFacts)| node.had(id);
        seen.facts.nodes().filter(has).count()
    };
    // The rule was that of the leader's configuration; who relays its answer may not know that one.
    let by_any = |rule: &dyn Fn(&Members) -> bool| {
        let mut known = seen.facts.nodes().map(|(_, node)| &node.members);
        rule(&seen.me.members) || known.any(|members| !members.voters.is_empty() && rule(members))
    };
    let (holds, needs) = match seen.me.replication {
        Replication::Majority => (seen.facts.is_committed(id) != Some(false), "not committed"),
        Replication::Sync => {
            let has = |node: &Node| seen.facts.node(*node).is_some_and(|facts| facts.had(id));
            let everywhere = by_any(&|members| members.voters.iter().all(has));
            (everywhere, "not on the disk of every replica")
        }
        // Where nobody else votes there is no other.
        Replication::SemiSync => {
            let enough = by_any(&|members| on_disk() >= members.voters.len().min(2));
            (enough, "not on two disks")
        }
        Replication::Async => (on_disk() >= 1, "on no disk"),
    };
    findings.check(Invariant::V14, holds, seen, || {
        let known = seen.facts.committed.get(id.index);
        let what = match known {
            Some((term, _)) if *term != id.term => format!(
                "{} tells a client that {id} is done, where {} is committed",
                seen.node,
                Id::new(id.index, *term)
            ),
            _ => format!(
                "{} tells a client that {id} is done, which is {needs}",
                seen.node
            ),
        };
        (what, known.iter().map(|(_, place)| *place).collect())
    });
}
