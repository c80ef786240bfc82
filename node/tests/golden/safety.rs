//! What must hold on any stage: one leader a term, one history, no read of the past, no word ahead of the disk.

use std::collections::BTreeMap;

use node::raft::{
    Appended, Body, Entry, Index, LogId, Message, NodeId, Ready, RequestId, Role, Term, Write,
};

/// What has been seen.
#[derive(Default)]
pub struct Safety {
    leaders: BTreeMap<Term, NodeId>,
    committed: BTreeMap<Index, LogId>,
    /// What was committed when each read began.
    reads: BTreeMap<(NodeId, RequestId), Index>,
    violation: Option<(&'static str, String)>,
}

impl Safety {
    /// The first promise that was broken: which, and how.
    pub fn violation(&self) -> Option<&(&'static str, String)> {
        self.violation.as_ref()
    }

    /// A promise is broken. The first one counts.
    pub fn object(&mut self, check: &'static str, what: String) {
        self.violation.get_or_insert((check, what));
    }

    /// Who has begun to lead in the highest term.
    pub fn last_leader(&self) -> Option<(Term, NodeId)> {
        self.leaders
            .iter()
            .next_back()
            .map(|(term, id)| (*term, *id))
    }

    fn highest(&self) -> Index {
        self.committed
            .keys()
            .next_back()
            .copied()
            .unwrap_or_default()
    }

    /// A client asks a node.
    pub fn asked(&mut self, id: NodeId, read: RequestId) {
        self.reads.insert((id, read), self.highest());
    }

    /// What a core gives out (V01, V07, V18).
    pub fn saw(&mut self, id: NodeId, ready: &Ready) {
        for led in ready.transitions.iter().filter(|t| t.to == Role::Leader) {
            let leader = *self.leaders.entry(led.term).or_insert(id);
            if leader != id {
                self.object(
                    "V01",
                    format!("{leader} and {id} lead in term {}", led.term),
                );
            }
        }
        for entry in &ready.committed {
            let known = *self.committed.entry(entry.id.index).or_insert(entry.id);
            if known != entry.id {
                self.object("V07", format!("{id} commits {}, not {known}", entry.id));
            }
        }
        for (read, result) in &ready.reads {
            let floor = self.reads.remove(&(id, *read)).unwrap_or_default();
            if let Ok(index) = result
                && *index < floor
            {
                let what = format!("{id} reads at {index}; {floor} was committed before");
                self.object("V18", what);
            }
        }
    }

    /// What leaves rests on the disk (V14): nothing that it speaks for is `unwritten`.
    pub fn leaves<'a>(&mut self, message: &Message, unwritten: impl Iterator<Item = &'a Write>) {
        let Body::AppendReply {
            result: Appended::Match { index },
            ..
        } = &message.body
        else {
            return;
        };
        // What a later term has put in its place is another matter.
        let meant = |entry: &Entry| entry.id.index <= *index && entry.id.term <= message.term;
        if unwritten.flat_map(|write| &write.entries).any(meant) {
            self.object("V14", format!("{message}: the entry is not on disk"));
        }
    }
}
