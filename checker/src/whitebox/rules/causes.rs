//! V25, V28: an answer goes to who asked, and a term begins because somebody campaigned.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Invariant, Message, Node, Role};

/// Of each node, what it has heard in this life of its process.
#[derive(Default)]
pub(super) struct Causes {
    nodes: BTreeMap<Node, Heard>,
}

#[derive(Default)]
struct Heard {
    /// Writes that others forwarded to it and that it has not answered.
    forwarded: BTreeSet<(Node, u64)>,
    /// The latest term in which anybody spoke to it.
    term: u64,
}

impl Rule for Causes {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let heard = self.nodes.entry(seen.node).or_default();
        match seen.event {
            Event::Start { .. } => *heard = Heard::default(),
            Event::Recv {
                from,
                term,
                message,
            } => match message {
                // These name a term that nobody has yet.
                Message::PreVote { .. } | Message::PreVoteReply { granted: true } => {}
                _ => {
                    if let Message::Forward { id } = message {
                        heard.forwarded.insert((*from, *id));
                    }
                    heard.term = heard.term.max(*term);
                }
            },
            Event::Send {
                to,
                message: Message::ForwardReply { id, .. },
                ..
            } => {
                // Taken out: a second answer, to a frame that came twice, has nothing to rest on either.
                let asked = heard.forwarded.remove(&(*to, *id));
                findings.check(Invariant::V25, asked, seen, || {
                    let what = format!(
                        "{} answers the write {id} of {to}, which never asked for it, or has its answer",
                        seen.node
                    );
                    (what, Vec::new())
                });
            }
            Event::Role { role, term, .. } if *term > seen.me.term => {
                let own =
                    matches!(role, Role::Candidate | Role::Leader) && *term == seen.me.term + 1;
                findings.check(Invariant::V28, own || *term <= heard.term, seen, || {
                    let what = format!(
                        "{} goes from term {} to {term}, of which nobody has told it, without campaigning for it",
                        seen.node, seen.me.term
                    );
                    (what, Vec::new())
                });
            }
            _ => {}
        }
    }
}
