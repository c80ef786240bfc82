//! What must hold whatever happens, judged from writes, messages, disks and states rather than by a node's word.

use std::collections::BTreeSet;
use std::sync::Arc;

use node::kv::{Digest, Machine};
use node::raft::{Appended, Body, Configuration, Cut, LogId, Message, NodeId, Role, Status, Write};
use node::storage::Recovered;

use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::log::{Log, hash, hash_bytes};
use crate::swarm::Swarm;

/// Which check speaks, and why.
pub type Judged = Result<(), (&'static str, String)>;

/// What is known of one node.
#[derive(Debug, Default)]
struct View {
    /// By its writes: on disk and queued.
    issued: Log,
    /// What it attested.
    durable: Log,
    /// Term and vote that it attested.
    hard_state: (u64, u16),
    /// Issued and not attested.
    pending: Vec<Write>,
    /// The highest index that it has applied in this boot.
    applied: u64,
    /// The highest index that it knew to be committed in this boot.
    commit: u64,
}

/// Everything that is known.
#[derive(Debug)]
pub struct Oracle {
    /// The configuration of the beginning.
    first: Arc<Configuration>,
    views: Vec<View>,
    /// Who led in which term.
    leaders: Vec<u16>,
    /// By voter, by term: whom it voted for.
    votes: Vec<Vec<u16>>,
    /// By index: term, term of the entry before, hash.
    entries: Vec<Vec<(u64, u64, u64)>>,
    /// Term and hash of each, and the term in which it was committed.
    committed: Vec<(u64, u64)>,
    committed_in: Vec<u64>,
    /// By index: what the states of all nodes that stood there looked like.
    states: Vec<Option<(Digest, Digest)>>,
    snapshots: Vec<(u64, u64)>,
    /// Index and term of what clients were told of.
    told: BTreeSet<(u64, u64)>,
    /// The highest index that a client was told of, or has read from.
    pub acknowledged: u64,
}

fn slot(votes: &mut Vec<u16>, term: u64) -> &mut u16 {
    let term = term as usize;
    if votes.len() <= term {
        votes.resize(term + 64, 0);
    }
    &mut votes[term]
}

impl Oracle {
    /// Of a cluster of so many nodes.
    pub fn new(nodes: usize, swarm: &Swarm) -> Oracle {
        Oracle {
            first: Arc::new(Configuration::new(swarm.config.voters.clone())),
            views: (0..nodes).map(|_| View::default()).collect(),
            leaders: Vec::new(),
            votes: vec![Vec::new(); nodes],
            entries: Vec::new(),
            committed: Vec::new(),
            committed_in: Vec::new(),
            states: Vec::new(),
            snapshots: Vec::new(),
            told: BTreeSet::new(),
            acknowledged: 0,
        }
    }

    fn view(&mut self, id: NodeId) -> &mut View {
        &mut self.views[usize::from(id.0) - 1]
    }

    /// A process has ended.
    pub fn ended(&mut self, id: NodeId) {
        let view = self.view(id);
        view.applied = 0;
        view.commit = 0;
    }

    /// What a node holds is what it attested, and perhaps some of what it wrote since (V03, V30).
    ///
    /// # Errors
    /// Where something is missing, or something is there that it never wrote.
    pub fn holds(&mut self, id: NodeId, found: &Recovered) -> Judged {
        let committed = self.committed.clone();
        let view = self.view(id);
        let (term, vote) = view.hard_state;
        let hard_state = found.hard_state;
        let found_vote = hard_state.vote.map_or(0, |n| n.0);
        let went_on = view.pending.iter().filter_map(|write| write.hard_state);
        let known = (hard_state.term.0, found_vote) == (term, vote)
            || went_on.clone().any(|state| state == hard_state);
        if !known {
            return Err((
                "V03",
                format!(
                    "{id} finds term {} and vote for n{found_vote}; it attested term {term} and vote for n{vote}",
                    hard_state.term
                ),
            ));
        }
        let covered = found.snapshot.as_ref().map_or(LogId::default(), |s| s.last);
        let last = found.entries.last().map_or(covered, |entry| entry.id);
        let mut log = view.durable.clone();
        let fits = |log: &Log| {
            log.last_id() == last
                && found
                    .entries
                    .iter()
                    .all(|entry| log.get(entry.id.index.0) == Some((entry.id.term.0, hash(entry))))
        };
        if fits(&log) {
            return Ok(());
        }
        for write in &view.pending {
            if let Some(save) = &write.snapshot
                && save.cut == Cut::Everything
            {
                let snapshot = &save.snapshot;
                log.restart(
                    snapshot.last,
                    &snapshot.configured,
                    committed.iter().copied(),
                );
                if fits(&log) {
                    return Ok(());
                }
            }
            for entry in &write.entries {
                if !log.put(entry) || fits(&log) {
                    return Ok(());
                }
            }
        }
        let attested = view.durable.last_id();
        let what = format!(
            "{id} finds a log that ends in {last}; it attested one that ends in {attested}"
        );
        Err(("V03", what))
    }

    /// A node starts from what it holds.
    ///
    /// # Errors
    /// As [`Oracle::holds`], or where it holds a vote that is its second in that term.
    pub fn recovered(&mut self, id: NodeId, found: &Recovered) -> Judged {
        self.holds(id, found)?;
        if let Some(snapshot) = &found.snapshot {
            self.snapshot(snapshot.last, &snapshot.data)?;
        }
        let committed = std::mem::take(&mut self.committed);
        let view = self.view(id);
        let covered = found.snapshot.as_ref().map_or(LogId::default(), |s| s.last);
        let mut log = Log::default();
        if let Some(snapshot) = &found.snapshot {
            log.restart(covered, &snapshot.configured, committed.iter().copied());
        }
        for entry in &found.entries {
            if log.get(entry.id.index.0) != Some((entry.id.term.0, hash(entry))) {
                log.put(entry);
            }
        }
        log.covered = covered;
        view.issued = log.clone();
        view.durable = log;
        view.pending.clear();
        view.applied = covered.index.0;
        view.commit = covered.index.0;
        let vote = found.hard_state.vote.map_or(0, |node| node.0);
        view.hard_state = (found.hard_state.term.0, vote);
        self.committed = committed;
        self.vote(id, found.hard_state.term.0, vote)
    }

    /// One vote a term, across restarts (V02). A vote that never reached the disk nor left is none.
    fn vote(&mut self, voter: NodeId, term: u64, candidate: u16) -> Judged {
        if candidate == 0 {
            return Ok(());
        }
        let vote = slot(&mut self.votes[usize::from(voter.0) - 1], term);
        if *vote != 0 && *vote != candidate {
            let what = format!("{voter} voted for n{vote} and n{candidate} in term {term}");
            return Err(("V02", what));
        }
        *vote = candidate;
        Ok(())
    }

    /// A node asks for writes: a name stands for one entry and for all before it (V04), a leader only appends (V06).
    ///
    /// # Errors
    /// Where it is otherwise.
    pub fn issued(&mut self, id: NodeId, writes: &[Write], coverage: &mut Coverage) -> Judged {
        for write in writes {
            let committed = std::mem::take(&mut self.committed);
            let view = self.view(id);
            let last = view.issued.last();
            if let Some(first) = write.entries.first()
                && first.id.index.0 <= last
                && write.snapshot.is_none()
            {
                let dropped = last + 1 - first.id.index.0;
                coverage.rolled_back += dropped;
                let on_disk = view.durable.last().min(last) + 1;
                coverage.rolled_back_from_disk += on_disk.saturating_sub(first.id.index.0);
            }
            let fits = view.issued.write(write, &committed);
            view.pending.push(write.clone());
            self.committed = committed;
            if !fits {
                return Err(("V06", format!("{id} leaves a gap in its log")));
            }
            self.named(id, write)?;
        }
        Ok(())
    }

    /// Snapshots among a node's writes, after what was committed in the same turn is known.
    ///
    /// # Errors
    /// V07, V16, V17.
    pub fn kept(&mut self, id: NodeId, writes: &[Write], coverage: &mut Coverage) -> Judged {
        for save in writes.iter().filter_map(|write| write.snapshot.as_ref()) {
            let (last, says) = (save.snapshot.last, &save.snapshot.configured);
            let known = self.views[usize::from(id.0) - 1]
                .issued
                .configuration_at(last.index.0);
            let known = known.map_or((0, &self.first), |(index, members)| (*index, members));
            // Of the beginning a snapshot says nothing but that.
            let same =
                known.0 == says.by.index.0 && (known.0 == 0 || *known.1 == says.configuration);
            if !same {
                let what = format!(
                    "a snapshot of {last} says {} by {}",
                    says.configuration, says.by
                );
                return Err(("V17", what));
            }
            self.snapshot(save.snapshot.last, &save.snapshot.data)?;
            match save.cut {
                Cut::Prefix(_) => coverage.snapshots_taken += 1,
                Cut::Everything => coverage.snapshots_installed += 1,
            }
        }
        Ok(())
    }

    fn named(&mut self, id: NodeId, write: &Write) -> Judged {
        let first = write.entries.first().map_or(0, |entry| entry.id.index.0);
        let before = self.view(id).issued.get(first.saturating_sub(1));
        let mut before = before.map_or(0, |(term, _)| term);
        for entry in &write.entries {
            let (index, term) = (entry.id.index.0 as usize, entry.id.term.0);
            if self.entries.len() <= index {
                self.entries.resize(index + 64, Vec::new());
            }
            let named = &mut self.entries[index];
            let this = (term, before, hash(entry));
            match named.iter().find(|known| known.0 == term) {
                None => named.push(this),
                Some(known) if *known == this => {}
                Some(_) => return Err(("V04", format!("{id} has another entry {}", entry.id))),
            }
            before = term;
        }
        Ok(())
    }

    /// A snapshot is of what is committed, and all of one entry are equal (V07, V16, V20).
    fn snapshot(&mut self, last: LogId, data: &[u8]) -> Judged {
        let index = last.index.0;
        let term = self.committed.get(index as usize - 1).map(|entry| entry.0);
        if term != Some(last.term.0) {
            return Err((
                "V07",
                format!("a snapshot of {last}, which is not committed"),
            ));
        }
        let hash = hash_bytes(data);
        match self.snapshots.binary_search_by_key(&index, |known| known.0) {
            Ok(at) if self.snapshots[at].1 == hash => Ok(()),
            Ok(_) => Err(("V16", format!("two snapshots of {last} differ"))),
            Err(at) => {
                self.snapshots.insert(at, (index, hash));
                Ok(())
            }
        }
    }

    /// A node attests writes: nothing that it wrote may be unsynced (V14), and no sync may have failed (V31).
    ///
    /// # Errors
    /// Where it is otherwise.
    pub fn attested(&mut self, id: NodeId, writes: &[Write], disk: &Disk) -> Judged {
        let committed = std::mem::take(&mut self.committed);
        let view = self.view(id);
        view.pending.drain(..writes.len());
        let mut voted = None;
        for write in writes {
            view.durable.write(write, &committed);
            if let Some(state) = write.hard_state {
                let vote = state.vote.map_or(0, |node| node.0);
                if state.term.0 < view.hard_state.0 {
                    return Err(("V03", format!("{id} goes back to term {}", state.term)));
                }
                view.hard_state = (state.term.0, vote);
                voted = Some(view.hard_state);
            }
        }
        self.committed = committed;
        if let Some((term, vote)) = voted {
            self.vote(id, term, vote)?;
        }
        if disk.is_dirty() {
            return Err(("V14", format!("{id} attests what is not synced")));
        }
        if disk.toll().errors > 0 {
            return Err(("V31", format!("{id} goes on after a failed write or sync")));
        }
        Ok(())
    }

    /// What leaves rests on what is on disk (V14, V15).
    ///
    /// # Errors
    /// Where it does not.
    pub fn leaves(&mut self, message: &Message) -> Judged {
        let (from, term) = (message.from, message.term.0);
        let view = &self.views[usize::from(from.0) - 1];
        let (durable_term, vote) = view.hard_state;
        let asks = matches!(
            message.body,
            Body::PreVote { .. } | Body::PreVoteReply { granted: true }
        );
        if !asks && term > durable_term {
            return Err((
                "V15",
                format!("{message}: the term on disk is {durable_term}"),
            ));
        }
        let to = message.to;
        match &message.body {
            // Asked again it says again what may have been lost, until that candidate leads (V24).
            Body::VoteReply { granted: false }
                if *slot(&mut self.votes[usize::from(from.0) - 1], term) == to.0
                    && *slot(&mut self.leaders, term) == 0 =>
            {
                Err((
                    "V24",
                    format!("{message}: it has voted for {to} in that term"),
                ))
            }
            Body::VoteReply { granted: true } => {
                if vote != message.to.0 && durable_term <= term {
                    return Err(("V15", format!("{message}: the vote is not on disk")));
                }
                self.vote(from, term, message.to.0)
            }
            Body::Vote { .. } => self.vote(from, term, from.0),
            Body::AppendReply {
                result: Appended::Match { index },
                ..
            } => {
                let (held, last) = (view.durable.get(index.0), view.durable.last());
                // The leader's own log says what was meant, as long as it is in that term and nobody of a later one has
                // replaced the entry.
                let leader = &self.views[usize::from(to.0) - 1];
                let meant = leader.issued.get(index.0);
                let same = leader.hard_state.0 != term
                    || meant.is_none_or(|m| held == Some(m) || m.0 > term);
                match last >= index.0 && same || durable_term > term {
                    true => Ok(()),
                    false => Err(("V14", format!("{message}: the entry is not on disk"))),
                }
            }
            Body::SnapshotReply {
                last,
                installed: true,
                ..
            } => {
                let held = view.durable.get(last.index.0).map(|entry| entry.0);
                match held == Some(last.term.0) {
                    true => Ok(()),
                    false => Err(("V14", format!("{message}: it is not on disk"))),
                }
            }
            _ => Ok(()),
        }
    }

    /// Where a node stands after a turn: leaders, commits and states.
    ///
    /// # Errors
    /// V01, V05, V07 to V13.
    pub fn stands(
        &mut self,
        status: &Status,
        before: &Status,
        machine: &Machine,
        restoring: bool,
        coverage: &mut Coverage,
    ) -> Judged {
        let id = status.id;
        let leads = status.role == Role::Leader;
        let led = before.role == Role::Leader;
        if leads && (!led || before.term != status.term) {
            coverage.leaders += 1;
            self.elected(status)?;
        }
        if led && !leads && before.term == status.term {
            coverage.check_quorum_step_downs += 1;
        }
        self.commits(status, before, coverage)?;
        self.configured(status, coverage)?;
        let applied = machine.applied().0;
        let view = self.view(id);
        let (was_applied, was_commit) = (view.applied, view.commit);
        view.applied = applied;
        view.commit = status.commit.0;
        if applied < was_applied || status.commit.0 < was_commit {
            return Err((
                "V10",
                format!("{id} goes back from {was_applied} to {applied}"),
            ));
        }
        let order = [
            status.first.0.saturating_sub(1),
            status.snapshot.index.0,
            applied,
            status.commit.0,
            status.last.index.0,
        ];
        // While a leader's snapshot is on its way to the disk or from there to the state, the log behind it has begun
        // already.
        let arrives =
            |write: &Write| matches!(&write.snapshot, Some(save) if save.cut == Cut::Everything);
        let installs = self.view(id).pending.iter().any(arrives);
        if !installs && !restoring && !order.is_sorted() || applied > status.commit.0 {
            return Err(("V11", format!("{id}: {status:?}")));
        }
        if applied > was_applied {
            self.state(id, applied, machine)?;
        }
        Ok(())
    }

    /// Election safety (V01) and leader completeness (V05). Late votes may elect a leader of a term that is over
    /// already: it owes nothing to later ones.
    fn elected(&mut self, status: &Status) -> Judged {
        let (id, term) = (status.id, status.term.0);
        let leader = slot(&mut self.leaders, term);
        if *leader != 0 && *leader != id.0 {
            return Err(("V01", format!("n{leader} and {id} lead in term {term}")));
        }
        *leader = id.0;
        let log = &self.views[usize::from(id.0) - 1].issued;
        let owed = self.committed_in.partition_point(|by| *by < term);
        // Equal names stand for equal logs before them (V04): the last one speaks for all.
        if owed > 0 && log.get(owed as u64) != Some(self.committed[owed - 1]) {
            let lacks = LogId::new(owed as u64, self.committed[owed - 1].0);
            return Err(("V05", format!("leader {id} of term {term} lacks {lacks}")));
        }
        Ok(())
    }

    /// Committed entries never change (V07), lie on a majority's disks, and a leader counts only entries of its own
    /// term (V08, figure 8 of the Raft paper).
    fn commits(&mut self, status: &Status, before: &Status, coverage: &mut Coverage) -> Judged {
        // Who led when the turn began may have committed before it stepped down.
        let leads = status.role == Role::Leader;
        let led = before.role == Role::Leader;
        let led_in = if leads { status.term } else { before.term };
        let (id, commit) = (status.id, status.commit.0);
        let known = self.committed.len() as u64;
        let log = &self.views[usize::from(id.0) - 1].issued;
        let shared = known.min(commit);
        if shared > 0 && log.get(shared) != Some(self.committed[shared as usize - 1]) {
            let expected = LogId::new(shared, self.committed[shared as usize - 1].0);
            return Err(("V07", format!("{id} commits another entry than {expected}")));
        }
        if commit <= known {
            return Ok(());
        }
        let Some((term, _)) = log.get(commit) else {
            return Err((
                "V09",
                format!("{id} commits {commit}, which it does not have"),
            ));
        };
        let last = LogId::new(commit, term);
        if !leads && !led {
            return Err((
                "V09",
                format!("{id} is the first to commit {last} and does not lead"),
            ));
        }
        if term != led_in.0 {
            return Err((
                "V08",
                format!("{id} commits {last} by counting in term {}", status.term),
            ));
        }
        let holders = self.views.iter().zip(1..).filter(|(view, _)| {
            let held = view.durable.get(commit);
            held.is_some() && held == log.get(commit)
        });
        let holders: BTreeSet<NodeId> = holders.map(|(_, number)| NodeId(number)).collect();
        let members = log
            .configuration()
            .map_or(&self.first, |(_, members)| members);
        let majority = |voters: &BTreeSet<NodeId>| {
            voters.is_empty() || (voters & &holders).len() > voters.len() / 2
        };
        let quorum = |of: &Configuration| majority(of.voters()) && majority(of.outgoing());
        // It may have counted by the former configuration before it appended another one in the same turn.
        let former = &before.configured.configuration;
        if !quorum(members) && (former.is_empty() || !quorum(former)) {
            return Err((
                "V08",
                format!("{id} commits {last}, which is on the disks of {holders:?} of {members}"),
            ));
        }
        for index in known + 1..=commit {
            if let Some(entry) = log.get(index) {
                coverage.committed += 1;
                coverage.committed_of_earlier_terms += u64::from(entry.0 < term);
                self.committed.push(entry);
                self.committed_in.push(term);
            }
        }
        Ok(())
    }

    /// The configuration in effect is the last one in the log (V17). All before it are committed, and so is an entry of
    /// the term of the leader that appended it: else quorums of two leaders need not meet (V29).
    fn configured(&self, status: &Status, coverage: &mut Coverage) -> Judged {
        let (id, now) = (status.id, &status.configured);
        let log = &self.views[usize::from(id.0) - 1].issued;
        let Some((index, configuration)) = log.configuration() else {
            return Ok(());
        };
        if now.by.index.0 != *index || now.configuration != *configuration {
            let what = format!(
                "{id} goes by {} of {}, and {index} says {configuration}",
                now.configuration, now.by
            );
            return Err(("V17", what));
        }
        let early = log.configuration_before() > self.committed.len() as u64;
        let (term, _) = log.get(*index).unwrap_or_default();
        let leads = status.role == Role::Leader && status.term.0 == term;
        if early || leads && self.committed.binary_search_by_key(&term, |c| c.0).is_err() {
            let what = format!("{id} appends {configuration} too early, as {index}@{term}");
            return Err(("V29", what));
        }
        coverage.turns_in_a_joint_configuration += u64::from(configuration.is_joint());
        coverage.turns_of_learners += u64::from(configuration.learners().contains(&id));
        Ok(())
    }

    /// State machine safety (V12, V13): equal states at equal index, and only what is committed.
    fn state(&mut self, id: NodeId, applied: u64, machine: &Machine) -> Judged {
        if applied > self.committed.len() as u64 {
            return Err((
                "V12",
                format!("{id} applies {applied}, which is not committed"),
            ));
        }
        let position = applied as usize;
        if self.states.len() <= position {
            self.states.resize(position + 64, None);
        }
        let state = (machine.chain(), machine.content());
        let known = *self.states[position].get_or_insert(state);
        if known.0 != state.0 {
            return Err((
                "V13",
                format!("{id} has applied other entries up to {applied}"),
            ));
        }
        if known.1 != state.1 {
            return Err(("V12", format!("{id} has another state at {applied}")));
        }
        Ok(())
    }

    /// A client is told that `entry` was applied (V14, V25).
    ///
    /// # Errors
    /// Where it is not committed, and was not to be answered ahead of that.
    pub fn told(&mut self, entry: LogId, ahead: bool) -> Judged {
        self.told.insert((entry.index.0, entry.term.0));
        let held = self.committed.get((entry.index.0 as usize).wrapping_sub(1));
        if held.map(|held| held.0) != Some(entry.term.0) {
            if ahead {
                return Ok(());
            }
            return Err((
                "V14",
                format!("a client is told of {entry}, which is not committed"),
            ));
        }
        self.acknowledged = self.acknowledged.max(entry.index.0);
        Ok(())
    }

    /// A read is answered from the state at `applied`, although it began when clients knew of `floor` (V18). What
    /// is not `committed` there may be lost: later reads need not know of it.
    ///
    /// # Errors
    /// Where the state is older.
    pub fn answered(&mut self, applied: u64, committed: u64, floor: u64) -> Judged {
        if applied < floor {
            let what =
                format!("a read is answered from {applied}; clients knew of {floor} when it began");
            return Err(("V18", what));
        }
        self.acknowledged = self.acknowledged.max(applied.min(committed));
        Ok(())
    }

    /// Looks up at the end what clients were told of (V25); gives how much of it was lost.
    ///
    /// # Errors
    /// Where something was, and may not have been: without a leader of a later term, or at all.
    pub fn lost(&self, may_lose: bool) -> Result<u64, (&'static str, String)> {
        let mut lost = 0;
        let last = self.committed.last().map_or(0, |last| last.0);
        for &(index, term) in &self.told {
            let now = self.committed.get((index as usize).wrapping_sub(1));
            if now.is_some_and(|now| now.0 == term) {
                continue;
            }
            lost += 1;
            // What stands there now may be older: a later leader may bring back what an earlier one left.
            if !may_lose || last <= term {
                return Err((
                    "V25",
                    format!("a client was told of {index}@{term}, which is lost"),
                ));
            }
        }
        Ok(lost)
    }

    /// Entries of more than one term are committed: leadership has changed.
    pub fn leadership_changed(&self) -> bool {
        self.committed.first().map(|first| first.0) != self.committed.last().map(|last| last.0)
    }

    /// How many entries are committed.
    pub fn committed(&self) -> u64 {
        self.committed.len() as u64
    }
}
