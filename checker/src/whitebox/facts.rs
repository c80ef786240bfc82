//! What the evidence has shown so far: of each node, and of all together. Rules read it; only events change it.

use std::collections::{BTreeMap, VecDeque};

use super::names::{Names, Table};
use super::{Event, File, Id, Members, Message, Node, Place, Record, Replication, Role};

/// Term and vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hard {
    pub(super) term: u64,
    pub(super) vote: Option<Node>,
}

/// Something written to the log that no sync has covered yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    write: u64,
    file: File,
    pub(super) what: Written,
    synced: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Written {
    Record(Record),
    Anew { first: u64 },
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeFacts {
    /// It takes part: its last boot has not ended, as far as is known.
    pub(super) booted: bool,
    /// Term and vote as last written, and as on disk.
    pub(super) hard_written: Hard,
    pub(super) hard: Hard,
    unsynced_hard: Vec<(u64, Hard)>,
    /// Every vote that was ever on its disk.
    pub(super) votes: BTreeMap<u64, (Node, Place)>,
    /// The log as written, and as on disk.
    pub(super) written: Names,
    pub(super) durable: Names,
    pub(super) pending: VecDeque<Pending>,
    /// What an earlier life of the process had written and not synced.
    pub(super) lost: Vec<Pending>,
    /// The last entry that the snapshot on disk covers.
    pub(super) snapshot: Id,
    pub(super) commit: Id,
    pub(super) applied: u64,
    pub(super) role: Role,
    pub(super) term: u64,
    pub(super) members: Members,
    pub(super) config: Id,
    /// Its configuration before; nobody in it: unknown.
    pub(super) former: Members,
    pub(super) replication: Replication,
    pub(super) lease_reads: bool,
    /// When a sync failed in this life of the process.
    pub(super) sync_failed: Option<Place>,
    /// Index of the first record in the segment that is written to.
    pub(super) segment_first: Option<(File, u64)>,
}

/// The log of a term's leader, as far as its messages tell.
#[derive(Clone, Debug, Default)]
struct LeaderLog {
    /// From here on all its entries are of its own term.
    own_from: Option<u64>,
    /// Others that were named.
    older: BTreeMap<u64, u64>,
}

/// What is known of all.
#[derive(Debug, Default)]
pub(super) struct Facts {
    nodes: Vec<(Node, NodeFacts)>,
    /// Which entry is committed at an index, and where that was first seen.
    pub(super) committed: Table<(u64, Place)>,
    /// The last entry that any leader committed.
    pub(super) highest: Option<(Id, Place)>,
    /// Who led which term.
    pub(super) leaders: BTreeMap<u64, (Node, Place)>,
    logs: BTreeMap<u64, LeaderLog>,
    /// How many events there were.
    pub(super) steps: u64,
}

impl NodeFacts {
    /// Whether entry `id` is, or was, on its disk, as a record or under a snapshot.
    pub(super) fn had(&self, id: Id) -> bool {
        self.snapshot.index >= id.index || self.durable.ever_had(id)
    }

    /// Whether entry `id` is on its disk now.
    pub(super) fn holds(&self, id: Id) -> bool {
        self.snapshot.index >= id.index || self.durable.has(id)
    }

    fn settle(&mut self) {
        while self.pending.front().is_some_and(|pending| pending.synced) {
            let Some(pending) = self.pending.pop_front() else {
                break;
            };
            pending.what.onto(&mut self.durable);
        }
    }

    fn rewrite(&mut self) {
        self.written = self.durable.clone();
        for pending in &self.pending {
            pending.what.onto(&mut self.written);
        }
    }
}

impl Written {
    fn onto(self, names: &mut Names) {
        match self {
            Written::Record(record) => {
                names.put(record.id);
            }
            Written::Anew { first } => names.begin(first),
        }
    }
}

impl LeaderLog {
    fn learn(&mut self, term: u64, id: Id) {
        if id.term == term {
            self.own_from = Some(self.own_from.map_or(id.index, |from| from.min(id.index)));
        } else if id.index > 0 {
            self.older.insert(id.index, id.term);
        }
    }
}

impl Facts {
    /// What is known of `node`, if it ever left evidence.
    pub(super) fn node(&self, node: Node) -> Option<&NodeFacts> {
        let found = self.nodes.iter().find(|(id, _)| *id == node);
        found.map(|(_, facts)| facts)
    }

    /// Everybody.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (Node, &NodeFacts)> {
        self.nodes.iter().map(|(id, facts)| (*id, facts))
    }

    /// Makes room for a node that speaks for the first time.
    pub(super) fn introduce(&mut self, node: Node) {
        if self.node(node).is_none() {
            self.nodes.push((node, NodeFacts::default()));
            self.nodes.sort_by_key(|(id, _)| *id);
        }
    }

    /// The term of the entry at `index` in the log of the leader of `term`, if its messages told.
    pub(super) fn term_in_leaders_log(&self, term: u64, index: u64) -> Option<u64> {
        let log = self.logs.get(&term)?;
        match log.own_from {
            Some(from) if index >= from => Some(term),
            _ => log.older.get(&index).copied(),
        }
    }

    /// Whether `id` is certainly committed; `None`: nothing is known about it, although later entries are committed.
    pub(super) fn is_committed(&self, id: Id) -> Option<bool> {
        match self.committed.get(id.index) {
            Some((term, _)) => Some(*term == id.term),
            None if self.highest.is_some_and(|(last, _)| last.index >= id.index) => None,
            None => Some(false),
        }
    }

    /// Takes an event in, after the rules have seen it.
    pub(super) fn take(&mut self, node: Node, place: Place, event: &Event) {
        self.steps += 1;
        match event {
            Event::Commit { last } => self.take_commit(node, place, *last),
            Event::Apply { entries } => {
                for entry in entries {
                    self.note_committed(entry.id, place);
                }
            }
            Event::Role {
                role: Role::Leader,
                term,
                ..
            } => {
                self.leaders.entry(*term).or_insert((node, place));
            }
            Event::Send {
                to: _,
                term,
                message,
            }
            | Event::Recv {
                from: _,
                term,
                message,
            } => {
                if let Message::Append { prev, last, .. } = message {
                    let log = self.logs.entry(*term).or_default();
                    log.learn(*term, *prev);
                    log.learn(*term, *last);
                }
            }
            _ => {}
        }
        if let Some((_, me)) = self.nodes.iter_mut().find(|(id, _)| *id == node) {
            me.take(place, event);
        }
    }

    fn take_commit(&mut self, node: Node, place: Place, last: Id) {
        let from = self.highest.map_or(1, |(highest, _)| highest.index + 1);
        let Some(me) = self.node(node) else {
            return;
        };
        let known: Vec<Id> = (from.max(me.written.first())..last.index)
            .filter_map(|index| me.written.term(index).map(|term| Id { index, term }))
            .collect();
        for id in known {
            self.note_committed(id, place);
        }
        self.note_committed(last, place);
        if self
            .highest
            .is_none_or(|(highest, _)| last.index > highest.index)
        {
            self.highest = Some((last, place));
        }
    }

    fn note_committed(&mut self, id: Id, place: Place) {
        if self.committed.get(id.index).is_none() {
            self.committed.set(id.index, (id.term, place));
        }
    }
}

impl NodeFacts {
    fn take(&mut self, place: Place, event: &Event) {
        match event {
            Event::Start { .. } => self.start(),
            Event::Boot(boot) => {
                self.booted = true;
                self.hard = Hard {
                    term: boot.term,
                    vote: boot.vote,
                };
                self.hard_written = self.hard;
                self.unsynced_hard.clear();
                self.note_vote(place);
                self.snapshot = boot.snapshot;
                self.pending.clear();
                let mut end = boot.snapshot.index + 1;
                for run in &boot.log {
                    for index in run.first..=run.last {
                        let term = run.term;
                        let id = Id { index, term };
                        if !self.durable.has(id) {
                            self.durable.put(id);
                        }
                    }
                    end = run.last + 1;
                }
                self.durable.cut(end);
                self.rewrite();
                self.lost.clear();
                self.commit = boot.snapshot;
                self.applied = boot.snapshot.index;
                self.term = boot.term;
                self.role = Role::Follower;
                self.members = boot.members.clone();
                self.replication = boot.replication;
                self.lease_reads = boot.lease_reads;
            }
            Event::Refused | Event::Stop => self.booted = false,
            Event::HardState { write, term, vote } => {
                self.hard_written = Hard {
                    term: *term,
                    vote: *vote,
                };
                self.unsynced_hard.push((*write, self.hard_written));
            }
            Event::Append {
                write,
                file,
                entries,
            } => {
                for record in entries {
                    if self
                        .segment_first
                        .is_none_or(|(current, _)| current != *file)
                    {
                        self.segment_first = Some((*file, record.id.index));
                    }
                    self.written.put(record.id);
                    self.pending.push_back(Pending {
                        write: *write,
                        file: *file,
                        what: Written::Record(*record),
                        synced: false,
                    });
                }
            }
            Event::Anew { write, file, first } => {
                self.written.begin(*first);
                self.pending.push_back(Pending {
                    write: *write,
                    file: *file,
                    what: Written::Anew { first: *first },
                    synced: false,
                });
            }
            Event::Synced { file, write } => self.synced(*file, *write, place),
            Event::Erased { file, write } => {
                self.pending
                    .retain(|p| p.synced || p.file != *file || p.write < *write);
                self.rewrite();
            }
            Event::Removed { file } => {
                let before = self.pending.len();
                self.pending.retain(|p| p.file != *file);
                if self.pending.len() < before {
                    self.settle();
                    self.rewrite();
                }
            }
            Event::Snapshot { last, .. } => self.snapshot = *last,
            Event::DiskError {
                file: File::HardState | File::Wal(_),
                operation: super::event::DiskOperation::Sync,
                full: false,
            } => self.sync_failed = Some(place),
            Event::Role { role, term, .. } => {
                self.role = *role;
                self.term = *term;
            }
            Event::Commit { last } => self.commit = *last,
            Event::Apply { entries } => {
                if let Some(last) = entries.last() {
                    self.applied = last.id.index;
                }
            }
            Event::Restore { last, .. } => self.applied = last.index,
            Event::Config { entry, members } => {
                self.config = *entry;
                self.former = std::mem::replace(&mut self.members, members.clone());
            }
            _ => {}
        }
    }

    fn start(&mut self) {
        self.booted = false;
        self.lost = std::mem::take(&mut self.pending).into();
        self.written = self.durable.clone();
        self.hard_written = self.hard;
        self.unsynced_hard.clear();
        self.sync_failed = None;
        self.segment_first = None;
        self.role = Role::Follower;
    }

    fn synced(&mut self, file: File, write: u64, place: Place) {
        if file == File::HardState {
            let done = self.unsynced_hard.iter().rposition(|(w, _)| *w <= write);
            if let Some(at) = done {
                self.hard = self.unsynced_hard[at].1;
                self.unsynced_hard.drain(..=at);
                self.note_vote(place);
            }
            return;
        }
        for pending in &mut self.pending {
            pending.synced |= pending.file == file && pending.write <= write;
        }
        self.settle();
    }

    fn note_vote(&mut self, place: Place) {
        if let Some(vote) = self.hard.vote {
            self.votes.entry(self.hard.term).or_insert((vote, place));
        }
    }
}
