//! V18, V19: a linearizable read is confirmed after it began and shows all that was committed before it.
//!
//! Confirmed is what a quorum has echoed: a round of heartbeats, or of appends, whose first message left the leader
//! after the read began, so that every echo of it was sent while the sender still followed this leader.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Id, Invariant, Members, Message, Node, Place};

/// How many rounds, and questions of followers, are remembered.
const KEPT: usize = 4096;

#[derive(Default)]
pub(super) struct Reads {
    nodes: BTreeMap<Node, Reader>,
}

#[derive(Clone, Copy, Default)]
struct Began {
    step: u64,
    /// The last entry that any leader had committed then.
    floor: Option<(Id, Place)>,
}

/// What one node has asked and been told.
#[derive(Default)]
struct Reader {
    /// Its clients' reads.
    reads: HashMap<u64, Began>,
    /// The term in which it last sent a round, its rounds with the step at which each first left, and the latest that
    /// each follower has echoed.
    term: u64,
    rounds: VecDeque<(u64, u64)>,
    echoes: BTreeMap<Node, u64>,
    /// Followers' questions to it.
    questions: HashMap<(Node, u64), Began>,
    /// Its own questions to leaders: name and step; and the answers: step of the question, index.
    asked: VecDeque<(u64, u64)>,
    answers: VecDeque<(u64, u64)>,
    /// Its configuration, and the one before with the step at which that ended.
    members: Option<Members>,
    former: Option<(u64, Members)>,
}

impl Reader {
    fn sent_round(&mut self, term: u64, round: u64, step: u64) {
        if term > self.term {
            self.term = term;
            self.rounds.clear();
            self.echoes.clear();
        }
        if term == self.term && self.rounds.back().is_none_or(|(last, _)| round > *last) {
            keep(&mut self.rounds, (round, step));
        }
    }

    fn echo(&mut self, from: Node, term: u64, round: u64) {
        if term == self.term {
            let latest = self.echoes.entry(from).or_default();
            *latest = round.max(*latest);
        }
    }

    /// Whether `node` has followed after `step`, as far as its echoes tell.
    fn followed_after(&self, node: Node, step: u64) -> bool {
        self.echoes.get(&node).is_some_and(|round| {
            let at = self.rounds.partition_point(|(known, _)| known < round);
            let left = self.rounds.get(at).filter(|(known, _)| known == round);
            left.is_some_and(|(_, left)| *left >= step)
        })
    }
}

fn keep<T>(queue: &mut VecDeque<T>, value: T) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(value);
}

impl Rule for Reads {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let step = seen.facts.steps;
        match seen.event {
            Event::Start { .. } => {
                self.nodes.remove(&seen.node);
            }
            Event::Boot(boot) => {
                let reader = self.nodes.entry(seen.node).or_default();
                reader.members = Some(boot.members.clone());
            }
            Event::Config { members, .. } => {
                let reader = self.nodes.entry(seen.node).or_default();
                let before = reader.members.replace(members.clone());
                reader.former = before.map(|members| (step, members));
            }
            Event::ReadBegin { id } => {
                let floor = seen.facts.highest;
                let reader = self.nodes.entry(seen.node).or_default();
                reader.reads.insert(*id, Began { step, floor });
            }
            Event::Read { id, applied } => {
                let reader = self.nodes.entry(seen.node).or_default();
                if let Some(began) = reader.reads.remove(id) {
                    served(seen, reader, began, *applied, findings);
                }
            }
            Event::Send { to, term, message } => {
                let reader = self.nodes.entry(seen.node).or_default();
                match message {
                    Message::Append { round, .. }
                    | Message::Heartbeat { round, .. }
                    | Message::Snapshot { round, .. } => reader.sent_round(*term, *round, step),
                    Message::ReadIndex { id } => keep(&mut reader.asked, (*id, step)),
                    Message::ReadIndexReply { id, index } => {
                        let began = reader.questions.remove(&(*to, *id));
                        if let (Some(began), Some(index)) = (began, index) {
                            told(seen, reader, began, *to, *index, findings);
                        }
                    }
                    _ => {}
                }
            }
            Event::Recv {
                from,
                term,
                message,
            } => {
                let floor = seen.facts.highest;
                let reader = self.nodes.entry(seen.node).or_default();
                match message {
                    Message::Matched { round, .. }
                    | Message::Conflict { round, .. }
                    | Message::HeartbeatReply { round }
                    | Message::SnapshotReply { round, .. } => reader.echo(*from, *term, *round),
                    Message::ReadIndex { id } => {
                        let began = Began { step, floor };
                        // A question that arrives again is the same one: what confirms the first confirms it.
                        reader.questions.entry((*from, *id)).or_insert(began);
                    }
                    Message::ReadIndexReply {
                        id,
                        index: Some(index),
                    } => {
                        let asked = reader.asked.iter().find(|(name, _)| name == id);
                        if let Some((_, step)) = asked.copied() {
                            keep(&mut reader.answers, (step, *index));
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn confirmed(seen: &Seen<'_>, reader: &Reader, step: u64) -> bool {
    let members = &seen.me.members;
    let follows = |node: Node| node == seen.node || reader.followed_after(node, step);
    // A node answers what its former configuration confirmed after it has appended, and told of, another: it takes
    // several messages, then says what they led to.
    let formerly = reader
        .former
        .as_ref()
        .is_some_and(|(ended, members)| *ended >= step && members.is_quorum(follows));
    seen.me.lease_reads || members.voters.is_empty() || members.is_quorum(follows) || formerly
}

/// V18 and V19, where a client gets its answer.
fn served(seen: &Seen<'_>, reader: &Reader, began: Began, applied: u64, findings: &mut Findings) {
    sees_all(seen, began, applied, findings);
    let answered = reader
        .answers
        .iter()
        .any(|(asked, index)| *asked >= began.step && *index <= applied);
    let holds = answered || confirmed(seen, reader, began.step);
    findings.check(Invariant::V18, holds, seen, || {
        let what = format!(
            "{} answers a read at index {applied} that no quorum has confirmed since it began",
            seen.node
        );
        (what, Vec::new())
    });
}

/// V18 and V19, where a leader tells a follower what to wait for.
fn told(
    seen: &Seen<'_>,
    reader: &Reader,
    began: Began,
    to: Node,
    index: u64,
    findings: &mut Findings,
) {
    sees_all(seen, began, index, findings);
    let holds = confirmed(seen, reader, began.step);
    findings.check(Invariant::V18, holds, seen, || {
        let what = format!(
            "{} gives {to} the read index {index}, which no quorum has confirmed since it was asked for",
            seen.node
        );
        (what, Vec::new())
    });
}

fn sees_all(seen: &Seen<'_>, began: Began, index: u64, findings: &mut Findings) {
    let invariant = match seen.me.lease_reads {
        true => Invariant::V19,
        false => Invariant::V18,
    };
    let floor = began.floor.map_or(Id::default(), |(floor, _)| floor);
    findings.check(invariant, index >= floor.index, seen, || {
        let what = format!(
            "{} serves a read at index {index}, although {floor} was committed before it began",
            seen.node
        );
        (what, began.floor.iter().map(|(_, place)| *place).collect())
    });
}
