//! One replica without I/O: core, state machine and who waits for what. Inputs carry the time, outputs are values.
//!
//! The driver runs it with sockets, a disk and a clock; a simulator runs the same code with none of them. Whoever
//! runs it steps any number of inputs, calls [`Replica::finish_turn`], and carries out what [`Replica::take_work`] gives:
//! writes first, since a message that must not overtake its write is kept back until [`Replica::on_persisted`].

mod admin;
mod ahead;
mod clock;
mod evidence;
mod failure;
mod job;
mod membership;
mod perform;
mod status;
mod waiters;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use failure::{Failure, ReadMode};
pub use job::{Finished, Job};
pub use membership::Members;
pub use status::{Follower, Status};

use self::waiters::{ReplyTo, Stage, Waiter, Waiters};
use crate::events::{Event, Events};
use crate::kv::{Answer, Command, Machine, Query, Token, Written};
use crate::raft::{
    Configured, Core, Index, Input, LogId, Message, NodeId, Promise, RequestId, Role, Time, Write,
};
use crate::storage::Durable;
use crate::transport::{self, ForwardReply, Outgoing, Payload};

/// How soon a request that found no leader is tried again, if no news comes first.
const PARKED: Duration = Duration::from_millis(50);

/// Where an answer goes. Dropped unasked, it was never given: the node stops.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// What a replica is made of.
pub struct Parts {
    /// The protocol.
    pub core: Core,
    /// The state machine, at the snapshot that the core was made with.
    pub machine: Machine,
    /// How many entries are applied between two snapshots; 0: none is taken.
    pub snapshot_every: u64,
    /// How often this node has started.
    pub incarnation: u64,
    /// How long a request may wait for its answer.
    pub request_timeout: Duration,
    /// Told what the replica does.
    pub events: Events,
}

/// What is to be done outside, in this order.
#[derive(Debug, Default)]
pub struct Work {
    /// For the disk, in the order of tickets.
    pub writes: Vec<Write>,
    /// For peers, in order.
    pub messages: Vec<(NodeId, Outgoing)>,
    /// For another thread; what comes of each goes to [`Replica::on_finished`], at any time.
    pub jobs: Vec<Job>,
    /// For the log of the node.
    pub lines: Vec<String>,
    /// Who is to be dialled and listened to from now on, where that has changed.
    pub configured: Option<Configured>,
}

/// The replica's state.
pub struct Replica {
    id: NodeId,
    core: Core,
    machine: Machine,
    /// The last entry that the machine was given.
    applied: LogId,
    snapshot_every: u64,
    /// Each waits for a snapshot that covers this index.
    snapshots_asked: Vec<(Index, Reply<Index>)>,
    /// Bytes of entries applied since the last snapshot was begun.
    applied_bytes: usize,
    /// A snapshot is being made of an earlier state.
    freezing: bool,
    restoring: Option<job::Restoring>,
    waiters: Waiters,
    /// Sealed until their write is on disk; in the order of tickets.
    promises: VecDeque<Promise>,
    incarnation: u64,
    disk_full: bool,
    role: Role,
    leader: Option<NodeId>,
    /// Found no leader; tried again when there is news, or at `parked_until`.
    parked: Vec<RequestId>,
    parked_until: Option<Time>,
    /// The last forwarded request of each peer: their names grow, so a repeated frame is told by its name.
    last_forwarded: BTreeMap<NodeId, RequestId>,
    clock: clock::Clock,
    ahead: ahead::Ahead,
    evidence: evidence::Evidence,
    changing: Vec<membership::Changing>,
    work: Work,
}

impl Replica {
    /// A replica that has just started.
    pub fn new(parts: Parts) -> Replica {
        let status = parts.core.status();
        let ahead = ahead::Ahead::new(parts.core.replication());
        Replica {
            ahead,
            evidence: evidence::Evidence::new(parts.events, parts.core.position()),
            id: status.id,
            role: status.role,
            leader: status.leader,
            core: parts.core,
            machine: parts.machine,
            applied: status.snapshot,
            snapshot_every: parts.snapshot_every,
            snapshots_asked: Vec::new(),
            applied_bytes: 0,
            freezing: false,
            restoring: None,
            waiters: Waiters::new(parts.request_timeout, parts.incarnation),
            promises: VecDeque::new(),
            incarnation: parts.incarnation,
            disk_full: false,
            parked: Vec::new(),
            parked_until: None,
            last_forwarded: BTreeMap::new(),
            clock: clock::Clock::default(),
            changing: Vec::new(),
            work: Work::default(),
        }
    }

    /// The protocol.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The state.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The state that reads are answered from: ahead of [`Replica::machine`] on a leader that answers ahead of commits.
    pub fn answering(&self) -> &Machine {
        self.ahead.state().unwrap_or(&self.machine)
    }

    /// Its role, as of the last [`Replica::finish_turn`].
    pub fn role(&self) -> Role {
        self.role
    }

    /// How many requests wait for an answer.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// Where it stands. `clock_ms` is the wall clock in milliseconds since 1970.
    pub fn status(&self, clock_ms: f64) -> Status {
        Status::new(
            self.core.status(),
            &self.machine,
            self.incarnation,
            self.waiters.len(),
            self.disk_full,
            clock_ms,
            self.ahead.state().map(Machine::applied),
        )
    }

    /// When [`Replica::finish_turn`] wants to be called if nothing comes first.
    pub fn wake(&mut self, now: Time) -> Time {
        let clock_due = self.clock_due(now);
        [
            self.waiters.next_deadline(),
            self.parked_until,
            clock_due,
            self.changes_due(),
        ]
        .into_iter()
        .flatten()
        .fold(self.core.deadline(), Time::min)
    }

    /// What the inputs so far have led to. Call it once after any number of them, and when it is due.
    pub fn finish_turn(&mut self, now: Time) {
        if now >= self.core.deadline() {
            self.step(now, Input::Tick);
        }
        if self.parked_until.is_some_and(|until| now >= until) {
            self.unpark(now);
        }
        if self.clock_due(now).is_some_and(|due| now >= due) {
            self.write_clock(now);
        }
        loop {
            let ready = self.core.take_ready();
            self.tell_position();
            let leader_changed = self.perform(now, ready);
            self.take_snapshot();
            if leader_changed && !self.parked.is_empty() {
                self.unpark(now);
            } else {
                break;
            }
        }
        self.give_up_changes(now);
        // Last: a write that was stepped in this turn is in the log by now, and its waiter knows it. Before, it
        // would be told that it was certainly not applied.
        for waiter in self.waiters.expired(now) {
            let failure = waiter.timeout();
            self.fail(waiter, failure);
        }
    }

    /// Takes what is to be done outside.
    pub fn take_work(&mut self) -> Work {
        std::mem::take(&mut self.work)
    }

    /// Writes are on disk: what rests on them may leave. What was meant for an earlier term is lost: another leader may
    /// have replaced in memory the entries that it speaks of, and then they never were on disk.
    pub fn on_persisted(&mut self, now: Time, proof: Durable) {
        while let Some(promise) = self.promises.pop_front() {
            match promise.release(&proof) {
                Ok(message) if message.term < self.core.term() => {}
                Ok(message) => self.say(message),
                Err(promise) => {
                    self.promises.push_front(promise);
                    break;
                }
            }
        }
        self.step(now, Input::Persisted(proof));
    }

    /// The disk has no space, or has space again.
    pub fn on_disk_full(&mut self, now: Time, full: bool) {
        self.disk_full = full;
        self.step(now, Input::DiskFull(full));
    }

    /// A peer has spoken, or could not be spoken to.
    pub fn on_peer(&mut self, now: Time, event: transport::Event) {
        match event {
            transport::Event::Received {
                from,
                term,
                payload,
            } => match payload {
                Payload::Raft(body) => {
                    let to = self.id;
                    let message = Message {
                        from,
                        to,
                        term,
                        body,
                    };
                    self.step(now, Input::Message(message));
                }
                Payload::Forward(forward) => {
                    let last = self.last_forwarded.entry(from).or_insert(RequestId(0));
                    if forward.id <= *last {
                        return;
                    }
                    *last = forward.id;
                    let node = from;
                    let id = forward.id;
                    self.propose(now, forward.command, false, ReplyTo::Peer { node, id });
                }
                Payload::ForwardReply(reply) => self.on_forward_reply(now, reply),
                // Greetings are the transport's business.
                Payload::Hello(_) => {}
            },
            transport::Event::NotSent(name) => {
                if let Some(id) = self.waiters.forwarded(name) {
                    self.park(now, id);
                }
            }
        }
    }

    fn on_forward_reply(&mut self, now: Time, reply: ForwardReply) {
        // None: its deadline has passed, or another boot of this node asked.
        let Some(id) = self.waiters.forwarded(reply.id) else {
            return;
        };
        match reply.result {
            // It led no more when the request came, and has done nothing.
            Err(Failure::NotLeader { .. }) => self.park(now, id),
            result => {
                if let Some(Waiter::Write { reply, .. }) = self.waiters.remove(id) {
                    self.answer(reply, result);
                }
            }
        }
    }

    /// Puts a client's command into the log. A repeat of it is known by `token`; it is passed to the leader only if
    /// it may be forwarded.
    pub fn write(
        &mut self,
        now: Time,
        command: &Command,
        token: Option<Token>,
        forward: bool,
        reply: Reply<Result<Written, Failure>>,
    ) {
        let command = command.encode_in(token).into();
        self.propose(now, command, forward, ReplyTo::Client(reply));
    }

    /// Reads for a client.
    pub fn read(
        &mut self,
        now: Time,
        query: Query,
        mode: ReadMode,
        reply: Reply<Result<Answer, Failure>>,
    ) {
        match mode {
            ReadMode::Stale => reply(Ok(self.machine.answer(&query))),
            ReadMode::LeaderOnly if self.role != Role::Leader => {
                let leader = self.leader;
                reply(Err(Failure::NotLeader { leader }));
            }
            ReadMode::Linearizable | ReadMode::LeaderOnly => {
                let forward = mode == ReadMode::Linearizable;
                let waiter = Waiter::Read {
                    query,
                    forward,
                    reply,
                };
                let id = self.waiters.insert(now, waiter);
                self.tell(|| Event::ReadBegin { id: id.0 });
                self.step(now, Input::Read { id });
            }
        }
    }

    fn propose(&mut self, now: Time, command: Arc<[u8]>, forward: bool, reply: ReplyTo) {
        let waiter = Waiter::Write {
            command,
            forward,
            stage: Stage::Here,
            reply,
        };
        let id = self.waiters.insert(now, waiter);
        self.submit(now, id);
    }

    /// Tries a request, or tries it again.
    fn submit(&mut self, now: Time, id: RequestId) {
        match self.waiters.get(id) {
            Some(Waiter::Write { command, .. }) => {
                let command = command.clone();
                if let Some(command) = self.decide(id, command) {
                    self.step(now, Input::Propose { id, command });
                }
            }
            Some(Waiter::Read { .. }) => self.step(now, Input::Read { id }),
            None => {}
        }
    }

    /// Keeps a request until there is a leader to try.
    fn park(&mut self, now: Time, id: RequestId) {
        self.parked.push(id);
        if self.parked_until.is_none() {
            self.parked_until = Some(now + PARKED);
        }
    }

    fn unpark(&mut self, now: Time) {
        self.parked_until = None;
        for id in std::mem::take(&mut self.parked) {
            self.submit(now, id);
        }
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("applied", &self.applied)
            .finish_non_exhaustive()
    }
}
