//! What must hold whatever happens, judged from messages, disks and results rather than by the core's word.

use std::collections::{BTreeMap, HashMap, HashSet};

use node::kv::{Digest, Machine};
use node::raft::{
    Appended, Body, Configuration, Entry, Index, LogId, Message, NodeId, Replication, RequestId,
    Role, Term, Write,
};

use super::membership::agrees;
use super::node::Node;

#[derive(Default)]
pub struct Oracle {
    leaders: BTreeMap<Term, NodeId>,
    votes: HashMap<(NodeId, Term), NodeId>,
    entries: HashMap<LogId, (LogId, Entry)>,
    /// Each with the term of the leader that committed it.
    committed: Vec<(LogId, Term)>,
    chains: Vec<Digest>,
    /// What was on whose disk at any time.
    kept: HashSet<(NodeId, LogId)>,
    /// The highest index that any node has applied, and so may have acknowledged.
    acknowledged: Index,
    /// Where each read must not answer below.
    pub reads: HashMap<RequestId, (NodeId, Index)>,
}

impl Oracle {
    /// Log matching: a name stands for one entry and for all before it (V04).
    pub fn issued(&mut self, node: &Node, write: &Write) {
        let first = write.entries.first().map_or(0, |e| e.id.index.0);
        let mut before = match first {
            0 | 1 => LogId::default(),
            _ => node.log[first as usize - 2].id,
        };
        for entry in &write.entries {
            let known = self.entries.entry(entry.id);
            let (prev, payload) = known.or_insert_with(|| (before, entry.clone()));
            assert_eq!(
                (*prev, &*payload),
                (before, entry),
                "two entries called {}",
                entry.id
            );
            before = entry.id;
        }
    }

    /// One vote a term, across restarts (V02). A vote that never reached the disk nor left is none.
    pub fn on_disk(&mut self, node: &Node) {
        let hard_state = node.disk.recovered().hard_state;
        if let Some(vote) = hard_state.vote {
            self.vote(node.id(), hard_state.term, vote);
        }
    }

    /// Writes are on a disk.
    pub fn kept<'a>(&mut self, node: NodeId, writes: impl Iterator<Item = &'a Write>) {
        let entries = writes.flat_map(|write| &write.entries);
        self.kept.extend(entries.map(|entry| (node, entry.id)));
    }

    /// Of the voters that `leader` counts, and itself, how many have, or had, an entry on disk, as itself or in a
    /// snapshot; and how many there are.
    fn copies(&self, nodes: &BTreeMap<NodeId, Node>, leader: &Node, id: LogId) -> (usize, usize) {
        let members = &leader.status.configured.configuration;
        let voters = nodes
            .values()
            .filter(|n| n.id() == leader.id() || members.is_voter(n.id()));
        let has =
            |node: &&Node| self.kept.contains(&(node.id(), id)) || node.covered().index >= id.index;
        (voters.clone().filter(has).count(), voters.count())
    }

    /// What a leader answers ahead of the commit is on as many disks as its mode promises, its own among them.
    pub fn answered_ahead(&self, nodes: &BTreeMap<NodeId, Node>, id: NodeId, entry: &Entry) {
        let node = &nodes[&id];
        let mode = node.status.replication;
        assert!(node.leads() && mode.answers_ahead(), "{id} in {mode}");
        let held = node.entry_on_disk(entry.id.index);
        assert_eq!(held, Some(entry), "{id} has it in memory only");
        let (copies, voters) = self.copies(nodes, node, entry.id);
        let promised = if mode == Replication::Async { 1 } else { 2 };
        assert!(
            copies >= promised.min(voters),
            "{} in {mode}: {copies} copies",
            entry.id
        );
    }

    /// What a leader says to be on all disks is.
    pub fn on_all(&self, nodes: &BTreeMap<NodeId, Node>, id: NodeId, upto: Index) {
        let last = nodes[&id].log[upto.0 as usize - 1].id;
        let (copies, voters) = self.copies(nodes, &nodes[&id], last);
        assert_eq!(copies, voters, "{last} is not on all disks");
    }

    fn vote(&mut self, voter: NodeId, term: Term, candidate: NodeId) {
        let first = *self.votes.entry((voter, term)).or_insert(candidate);
        assert_eq!(first, candidate, "{voter} voted twice in term {term}");
    }

    /// Election safety (V01) and leader completeness (V05). Late votes may elect a leader of a term that is
    /// over already: it owes nothing to later ones.
    /// Candidates are voters, of the configuration before their last one at least (V29).
    pub fn elected(&mut self, node: &Node, term: Term, before: &Configuration) {
        let latest = &node.status.configured.configuration;
        let votes = latest.is_voter(node.id()) || before.is_voter(node.id());
        assert!(votes, "{} leads {latest}", node.id());
        let first = *self.leaders.entry(term).or_insert(node.id());
        assert_eq!(first, node.id(), "two leaders in term {term}");
        for (id, _) in self.committed.iter().filter(|(_, by)| *by < term) {
            let held = node.log.get(id.index.0 as usize - 1).map(|e| e.id);
            assert_eq!(held, Some(*id), "leader {} lacks {id}", node.id());
        }
    }

    /// What leaves rests on what is on disk (V14, V15).
    pub fn leaves(&mut self, node: &Node, message: &Message) {
        let disk = node.disk.recovered();
        let asks = matches!(message.body, Body::PreVote { .. });
        let grants = matches!(message.body, Body::PreVoteReply { granted: true });
        let term = disk.hard_state.term;
        assert!(
            asks || grants || message.term <= term,
            "{message}: term on disk is {term}"
        );
        match &message.body {
            Body::VoteReply { granted: true } => {
                self.vote(message.from, message.term, message.to);
                let kept = disk.hard_state.vote == Some(message.to) || term > message.term;
                assert!(kept, "{message}: the vote is not on disk");
            }
            Body::Vote { .. } => self.vote(message.from, message.term, message.from),
            Body::AppendReply {
                result: Appended::Match { index },
                ..
            } => {
                let kept =
                    node.entry_on_disk(*index).is_some() || index.0 == 0 || term > message.term;
                assert!(kept, "{message}: the entry is not on disk");
            }
            Body::SnapshotReply {
                last,
                installed: true,
                ..
            } => {
                let kept = node.entry_on_disk(last.index).map(|e| e.id) == Some(*last);
                assert!(kept, "{message}: it is not on disk");
            }
            _ => {}
        }
    }

    pub fn has_committed(&self, id: LogId) -> bool {
        let position = (id.index.0 as usize).checked_sub(1);
        position.is_none_or(|at| {
            self.committed
                .get(at)
                .is_some_and(|(known, _)| *known == id)
        })
    }

    /// Committed entries never change (V07), lie on the disks of a majority of `members`, and a leader counts only entries of
    /// its own term (V08, figure 8). Call whenever a node's status may have changed.
    pub fn commit(
        &mut self,
        nodes: &BTreeMap<NodeId, Node>,
        id: NodeId,
        members: &Configuration,
    ) -> Vec<LogId> {
        let node = &nodes[&id];
        let commit = node.status.commit.0 as usize;
        let known = self.committed.len().min(commit);
        if let Some(last) = known.checked_sub(1) {
            assert_eq!(
                node.log[last].id, self.committed[last].0,
                "{id}'s commit {commit}"
            );
        }
        if commit <= self.committed.len() {
            return Vec::new();
        }
        let last = node.log[commit - 1].id;
        assert_eq!(node.status.role, Role::Leader, "{id} commits {last} first");
        assert_eq!(
            last.term, node.status.term,
            "{id} commits {last} by counting"
        );
        let holds = |id: NodeId| {
            let held = nodes[&id].entry_on_disk(last.index).map(|e| e.id);
            held == Some(last)
        };
        assert!(
            agrees(members, holds),
            "{last} is committed without a majority of {members}"
        );
        let new: Vec<LogId> = node.log[known..commit].iter().map(|e| e.id).collect();
        self.committed
            .extend(new.iter().map(|id| (*id, node.status.term)));
        new
    }

    /// All committed entries up to `last`, which must be one: what a snapshot may stand in for (V07, V16).
    pub fn prefix(&self, last: LogId) -> Vec<Entry> {
        let count = last.index.0 as usize;
        let committed = count.checked_sub(1).map(|i| self.committed[i].0);
        assert_eq!(
            committed.unwrap_or_default(),
            last,
            "a snapshot of what is not committed"
        );
        let entry = |(id, _): &(LogId, Term)| self.entries[id].1.clone();
        self.committed[..count].iter().map(entry).collect()
    }

    /// A snapshot's state is the one that its last entry made everywhere (V16), and it is on the own disk.
    pub fn restored(&self, node: &Node) {
        let last = node.applied;
        let chain = self.chains[last.index.0 as usize - 1];
        assert_eq!(chain, node.machine.chain(), "the snapshot {last} differs");
        assert!(node.covered().index >= last.index, "{last} is not on disk");
    }

    /// State machine safety (V12, V13): equal states at equal index, and only what is on the own disk.
    pub fn applied(&mut self, node: &Node, machine: &Machine, entry: &Entry) {
        let index = entry.id.index.0 as usize;
        assert_eq!(
            self.committed.get(index - 1).map(|c| &c.0),
            Some(&entry.id),
            "applied early"
        );
        // With a full disk what is committed is on the disks of others (a quorum), and reads go on.
        if !node.told_full {
            assert_eq!(node.entry_on_disk(entry.id.index), Some(entry));
        }
        match self.chains.get(index - 1) {
            None => self.chains.push(machine.chain()),
            Some(chain) => assert_eq!(*chain, machine.chain(), "states differ at {index}"),
        }
        self.acknowledged = self.acknowledged.max(entry.id.index);
    }

    pub fn asked(&mut self, id: RequestId, node: NodeId) {
        self.reads.insert(id, (node, self.acknowledged));
    }

    /// Linearizable reads (V18): nothing that was acknowledged before the read began is missing.
    pub fn answered(&mut self, id: RequestId, index: Index, machine: &Machine) {
        let (node, floor) = self.reads.remove(&id).expect("answered once");
        assert!(
            index >= floor,
            "{node} reads at {index}, {floor} was acknowledged"
        );
        assert!(
            machine.applied() >= index,
            "{node} reads {index} before it is applied"
        );
    }
}
