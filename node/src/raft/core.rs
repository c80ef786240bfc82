//! The protocol's state on one node, and the door to it: inputs in, a [`Ready`] out.

use std::sync::Arc;

use super::change::Change;
use super::config::Config;
use super::durability::Durability;
use super::election::Ballot;
use super::leader::Leader;
use super::log::Log;
use super::membership::History;
use super::message::{Body, Message};
use super::quorum::{Configuration, Configured};
use super::reads::Reads;
use super::ready::{Promise, Ready, Refusal, Ticket, Transition};
use super::rng::Rng;
use super::snapshot::Snapshots;
use super::types::{HardState, Index, LogId, NodeId, RequestId, Role, Term, Time};
use crate::bugs::{self, Bug};
use crate::storage::{Durable, Recovered};

/// Something that happened around the core.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed; due when [`Core::deadline`] is reached. Early or late ticks do no harm.
    Tick,
    /// A peer said this.
    Message(Message),
    /// A client wants `command` in the log. Ends in [`Ready::accepted`] or [`Ready::refused`].
    Propose {
        /// The driver's name for it.
        id: RequestId,
        /// What the state machine will be given.
        command: Arc<[u8]>,
    },
    /// A client wants to read. Ends in [`Ready::reads`].
    Read {
        /// The driver's name for it.
        id: RequestId,
    },
    /// Storage attests that writes are on disk.
    Persisted(Durable),
    /// The disk has no space for writes, or (false) has again. The driver keeps retrying the writes.
    DiskFull(bool),
    /// The state machine's state after an entry that was handed out: keep it and cut the log. Ignored where
    /// a later one is known.
    Snapshot {
        /// The entry.
        last: LogId,
        /// The state after it; see [`Snapshot::data`](super::types::Snapshot::data).
        data: Arc<[u8]>,
    },
    /// An operator wants another configuration. Ends in [`Ready::accepted`] with the entry that begins the change,
    /// or [`Ready::refused`].
    Change {
        /// The driver's name for it.
        id: RequestId,
        /// What is to change.
        change: Change,
    },
    /// Hand leadership to `to`, or to the follower that has come furthest. Ignored by all but a leader.
    Transfer {
        /// The next leader, a voter.
        to: Option<NodeId>,
    },
}

/// One node's part in Raft (Ongaro and Ousterhout, 2014; Ongaro's dissertation for pre-vote, check-quorum,
/// transfer and ReadIndex). Deterministic in its configuration, what was recovered, and its inputs.
#[derive(Debug)]
pub struct Core {
    pub(super) config: Config,
    pub(super) members: History,
    pub(super) rng: Rng,
    pub(super) now: Time,
    pub(super) hard_state: HardState,
    pub(super) log: Log,
    pub(super) durability: Durability,
    pub(super) commit: Index,
    /// The last entry that was given out in [`Ready::committed`].
    pub(super) handed_out: Index,
    pub(super) state: State,
    pub(super) leader: Option<NodeId>,
    /// When the current leader was last heard.
    pub(super) heard: Option<Time>,
    /// When any leader was last heard, or this node started: what it promised then it may not remember.
    pub(super) bound_since: Option<Time>,
    pub(super) election_deadline: Time,
    /// Up to here the log equals the current leader's, by its appends in this term.
    pub(super) verified: Index,
    pub(super) snapshots: Snapshots,
    pub(super) reads: Reads,
    pub(super) disk_full: bool,
    pub(super) ready: Ready,
    noted: (Role, Term, Option<NodeId>),
}

/// What belongs to a role and dies with it.
#[derive(Debug)]
pub(super) enum State {
    Follower,
    PreCandidate(Ballot),
    Candidate(Ballot),
    Leader(Box<Leader>),
}

impl State {
    pub(super) fn role(&self) -> Role {
        match self {
            State::Follower => Role::Follower,
            State::PreCandidate(_) => Role::PreCandidate,
            State::Candidate(_) => Role::Candidate,
            State::Leader(_) => Role::Leader,
        }
    }
}

impl Core {
    /// A follower with what was found on disk; it knows of nothing that is committed but the snapshot, whose
    /// state the driver's state machine has already.
    ///
    /// # Panics
    /// Where the recovered entries are not contiguous or do not meet the snapshot: storage must not offer such.
    pub fn new(config: Config, recovered: Recovered, now: Time) -> Core {
        let configured = match &recovered.snapshot {
            Some(snapshot) => snapshot.configured.clone(),
            None => Configured {
                by: LogId::default(),
                configuration: Arc::new(Configuration::new(config.voters.clone())),
            },
        };
        let snapshots = Snapshots::new(recovered.snapshot.map(Arc::new));
        let covered = snapshots.last();
        let log = Log::new(covered, recovered.entries);
        let first_name = Rng::new(config.seed ^ now.0.as_nanos() as u64).next();
        let mut core = Core {
            members: History::new(configured, covered.index, &log),
            rng: Rng::new(config.seed),
            now,
            hard_state: recovered.hard_state,

            durability: Durability::new(log.last().index, now),
            commit: match bugs::on(Bug::ReplayAppliesUncommitted) {
                true => log.last().index,
                false => covered.index,
            },
            handed_out: covered.index,
            log,
            state: State::Follower,
            leader: None,
            heard: None,
            bound_since: Some(now),
            election_deadline: now,
            verified: Index(0),
            snapshots,
            reads: Reads::new(first_name),
            disk_full: false,
            ready: Ready::default(),
            noted: (Role::Follower, recovered.hard_state.term, None),
            config,
        };
        core.reset_election_timer();
        core
    }

    /// Takes one input. What has to be done about it accumulates until [`Core::take_ready`], so that
    /// inputs stepped together share a write, an append and a round of heartbeats.
    ///
    /// # Panics
    /// Where an invariant of the protocol is broken (a committed entry would be truncated, commit would
    /// go back): going on could lose acknowledged writes.
    pub fn step(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => self.tick(),
            Input::Message(message) => self.receive(message),
            Input::Propose { id, command } => self.propose(id, command),
            Input::Read { id } => self.read(id),
            Input::Persisted(proof) => self.persisted(proof),
            Input::DiskFull(full) => self.disk_is_full(full),
            Input::Snapshot { last, data } => self.keep_snapshot(last, data),
            Input::Change { id, change } => self.change(id, &change),
            Input::Transfer { to } => self.transfer(to),
        }
        self.note_transition();
    }

    /// Everything that the inputs since the last call ask for.
    pub fn take_ready(&mut self) -> Ready {
        self.flush_leader();
        self.flush_forwarded_reads();
        self.ready.write = self.durability.take(self.now, self.hard_state, &self.log);
        self.hand_out_committed();
        self.hand_out_answerable();
        self.serve_reads();
        std::mem::take(&mut self.ready)
    }

    /// When the next [`Input::Tick`] is due. May be in the past.
    pub fn deadline(&self) -> Time {
        let role = match &self.state {
            State::Follower => self.election_deadline,
            State::PreCandidate(ballot) | State::Candidate(ballot) => {
                self.election_deadline.min(ballot.ask_again)
            }
            State::Leader(leader) => leader.heartbeat_due,
        };
        self.reads_deadline().map_or(role, |due| role.min(due))
    }

    fn tick(&mut self) {
        self.expire_reads();
        if let State::Leader(_) = self.state {
            self.tick_leader();
        } else if self.now >= self.election_deadline {
            self.election_timed_out();
        } else {
            self.ask_again();
        }
    }

    fn persisted(&mut self, proof: Durable) {
        self.durability.complete(proof.ticket(), self.now);
        self.cut_log(proof.ticket());
        self.count_own_vote();
        self.advance_leader_commit();
    }

    /// Entries that are committed and on disk here, each once. With a full disk also those that are only committed: a
    /// majority has them on disk, and reads go on. A restart may then know less than this node has applied, as it
    /// always may: what is committed is not on disk.
    fn hand_out_committed(&mut self) {
        if !self.hand_out_snapshot() {
            return;
        }
        let upto = match self.disk_full {
            true => self.commit,
            false => self.commit.min(self.durability.durable()),
        };
        if upto > self.handed_out {
            let entries = self.log.range(self.handed_out.next(), upto);
            self.ready.committed.extend_from_slice(entries);
            self.handed_out = upto;
        }
    }

    /// Says `body`, once the term and vote that it rests on are on disk.
    pub(super) fn send(&mut self, to: NodeId, body: Body) {
        self.send_in_term(to, self.hard_state.term, body);
    }

    /// As [`Core::send`], with the term that is asked about instead of the own one.
    pub(super) fn send_in_term(&mut self, to: NodeId, term: Term, body: Body) {
        let early = matches!(body, Body::Vote { .. }) && bugs::on(Bug::CampaignBeforePersist);
        let after = self.durability.hard_state_ticket().filter(|_| !early);
        self.send_after(after, to, term, body);
    }

    /// Says `body`, once entry `index`, term and vote are on disk.
    pub(super) fn send_after_entry(&mut self, index: Index, to: NodeId, body: Body) {
        let entry = self.durability.entry_ticket(index);
        let after = self.durability.hard_state_ticket().max(entry);
        self.send_after(after, to, self.hard_state.term, body);
    }

    fn send_after(&mut self, after: Option<Ticket>, to: NodeId, term: Term, body: Body) {
        let message = Message {
            from: self.config.id,
            to,
            term,
            body,
        };
        match after {
            None => self.ready.messages.push(message),
            Some(ticket) => self.ready.promises.push(Promise::new(ticket, message)),
        }
    }

    /// # Panics
    /// Where `index` is not in the log.
    pub(super) fn commit_to(&mut self, index: Index) {
        if index > self.commit {
            let last = self.log.last();
            assert!(index <= last.index, "commit {index} is past the end {last}");
            self.commit = index;
        }
    }

    /// The only voter: nobody to wait for, nobody to hand over to.
    pub(super) fn is_alone(&self) -> bool {
        let members = self.members.latest();
        members.is_voter(self.config.id) && members.other_voters(self.config.id).next().is_none()
    }

    /// No write has completed for an election timeout although some wait.
    pub(super) fn disk_stalls(&self) -> bool {
        let patience = self.config.election_timeout.1;
        self.durability
            .waiting_since()
            .is_some_and(|since| self.now - since > patience)
    }

    /// Puts a change of role, term or leader on record; called wherever one may end.
    pub(super) fn note_transition(&mut self) {
        let (from, ..) = self.noted;
        let now = (self.state.role(), self.hard_state.term, self.leader);
        if now == self.noted {
            return;
        }
        self.noted = now;
        let (to, term, leader) = now;
        self.ready.transitions.push(Transition {
            from,
            to,
            term,
            leader,
        });
    }

    pub(super) fn refuse(&mut self, id: RequestId, why: Refusal) {
        self.ready.refused.push((id, why));
    }
}
