//! The one loop that owns core, state machine and waiters: inputs are stepped together, one ready is performed.

mod admin;
mod clock;
mod perform;
mod persister;
mod request;
mod status;
mod waiters;

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::sleep_until;

pub use request::{Failure, ReadMode, Request};
pub use status::{Follower, Status};

use self::persister::Report;
use self::waiters::{ReplyTo, Stage, Waiter, Waiters};
use crate::kv::Machine;
use crate::raft::{
    Core, Index, Input, LogId, Message, NodeId, Promise, RequestId, Role, Time, Write,
};
use crate::storage::Storage;
use crate::transport::{self, ForwardReply, Payload, Peers};

/// Most inputs of one kind that are stepped before their ready is performed.
const BATCH: usize = 512;
/// How soon a request that found no leader is tried again, if no news comes first.
const PARKED: Duration = Duration::from_millis(50);
/// How long a leader that stops waits for another one to take over.
const HANDOVER: Duration = Duration::from_millis(500);

/// What the driver is made of.
pub struct Parts {
    /// The protocol.
    pub core: Core,
    /// The clock that the core was made with: its [`Time`] counts from here.
    pub epoch: Instant,
    /// Where writes go.
    pub storage: Box<dyn Storage>,
    /// The state machine, at the snapshot that the core was made with.
    pub machine: Machine,
    /// How many entries are applied between two snapshots; 0: none is taken.
    pub snapshot_every: u64,
    /// How often this node has started.
    pub incarnation: u64,
    /// How long a request may wait for its answer.
    pub request_timeout: Duration,
    /// The sending side of the transport.
    pub peers: Peers,
    /// The receiving side.
    pub from_peers: mpsc::Receiver<transport::Event>,
    /// Clients' requests.
    pub from_clients: mpsc::Receiver<Request>,
    /// Asks the loop to hand over and end.
    pub stop: Arc<Notify>,
}

/// The loop's state.
pub struct Driver {
    id: NodeId,
    core: Core,
    machine: Machine,
    /// The last entry that the machine was given.
    applied: LogId,
    snapshot_every: u64,
    /// Each waits for a snapshot that covers this index.
    snapshots_asked: Vec<(Index, oneshot::Sender<Index>)>,
    waiters: Waiters,
    peers: Peers,
    writes: Sender<Write>,
    /// Sealed until their write is on disk; in the order of tickets.
    promises: VecDeque<Promise>,
    epoch: Instant,
    incarnation: u64,
    disk_full: bool,
    role: Role,
    leader: Option<NodeId>,
    /// Found no leader; tried again when there is news, or at `parked_until`.
    parked: Vec<RequestId>,
    parked_until: Option<Time>,
    /// The last forwarded request of each peer: their names grow, so a repeated frame is told by its name.
    last_forwarded: BTreeMap<NodeId, RequestId>,
    reports: mpsc::UnboundedReceiver<Report>,
    from_peers: mpsc::Receiver<transport::Event>,
    from_clients: mpsc::Receiver<Request>,
    stop: Arc<Notify>,
    clock: clock::Clock,
    revisions: watch::Sender<u64>,
}

impl Driver {
    /// Starts the storage thread and makes the loop.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn new(parts: Parts) -> io::Result<Driver> {
        let (reporter, reports) = mpsc::unbounded_channel();
        let status = parts.core.status();
        Ok(Driver {
            id: status.id,
            role: status.role,
            leader: status.leader,
            writes: persister::start(status.id, parts.storage, reporter)?,
            core: parts.core,
            machine: parts.machine,
            applied: status.snapshot,
            snapshot_every: parts.snapshot_every,
            snapshots_asked: Vec::new(),
            waiters: Waiters::new(parts.request_timeout, parts.incarnation),
            peers: parts.peers,
            promises: VecDeque::new(),
            epoch: parts.epoch,
            incarnation: parts.incarnation,
            disk_full: false,
            parked: Vec::new(),
            parked_until: None,
            last_forwarded: BTreeMap::new(),
            reports,
            from_peers: parts.from_peers,
            from_clients: parts.from_clients,
            stop: parts.stop,
            clock: clock::Clock::default(),
            revisions: watch::Sender::new(0),
        })
    }

    /// Runs until asked to stop.
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        let mut stop_at: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = stop.notified(), if stop_at.is_none() => {
                    stop_at = Some(Instant::now() + HANDOVER);
                    self.step(Input::Transfer { to: None });
                }
                () = self.turn() => {}
            }
            self.finish_turn();
            self.tell_revision();
            if stop_at.is_some_and(|at| self.role != Role::Leader || Instant::now() >= at) {
                return;
            }
        }
    }

    /// Waits until there is something to do, and steps it, with what else has come meanwhile.
    async fn turn(&mut self) {
        let clock_due = self.clock_due();
        let wake = [self.waiters.next_deadline(), self.parked_until, clock_due]
            .into_iter()
            .flatten()
            .fold(self.core.deadline(), Time::min);
        let wake = tokio::time::Instant::from_std(self.epoch + wake.0);
        let mut news = News::default();
        // Nothing is lost when another branch wins: each takes only once it is ready.
        tokio::select! {
            biased;
            report = self.reports.recv() => match report {
                Some(report) => self.on_report(report),
                // The storage thread only ends with the process.
                None => pending().await,
            },
            event = self.from_peers.recv() => news.events.extend(event),
            request = self.from_clients.recv() => news.requests.extend(request),
            () = sleep_until(wake) => {}
        }
        while let Ok(report) = self.reports.try_recv() {
            self.on_report(report);
        }
        while news.events.len() < BATCH
            && let Ok(event) = self.from_peers.try_recv()
        {
            news.events.push(event);
        }
        while news.requests.len() < BATCH
            && let Ok(request) = self.from_clients.try_recv()
        {
            news.requests.push(request);
        }
        for event in news.events {
            self.on_peer(event);
        }
        for request in news.requests {
            self.on_request(request);
        }
    }

    /// Performs what the inputs have led to, until nothing is left to do.
    fn finish_turn(&mut self) {
        let now = self.now();
        if now >= self.core.deadline() {
            self.step(Input::Tick);
        }
        if self.parked_until.is_some_and(|until| now >= until) {
            self.unpark();
        }
        if self.clock_due().is_some_and(|due| now >= due) {
            self.write_clock();
        }
        loop {
            let ready = self.core.take_ready();
            let leader_changed = self.perform(ready);
            let snapshot = self.take_snapshot();
            if leader_changed && !self.parked.is_empty() {
                self.unpark();
            } else if !snapshot {
                break;
            }
        }
        // Last: a write that was stepped in this turn is in the log by now, and its waiter knows it. Before, it
        // would be told that it was certainly not applied.
        for waiter in self.waiters.expired(now) {
            let failure = waiter.timeout();
            self.fail(waiter, failure);
        }
    }

    fn tell_revision(&self) {
        let now = self.machine.revision();
        self.revisions
            .send_if_modified(|told| std::mem::replace(told, now) != now);
    }

    fn now(&self) -> Time {
        Time(self.epoch.elapsed())
    }

    fn step(&mut self, input: Input) {
        let now = self.now();
        self.core.step(now, input);
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Persisted(proof) => {
                while let Some(promise) = self.promises.pop_front() {
                    match promise.release(&proof) {
                        Ok(message) => self.say(message),
                        Err(promise) => {
                            self.promises.push_front(promise);
                            break;
                        }
                    }
                }
                self.step(Input::Persisted(proof));
            }
            Report::Full(full) => {
                self.disk_full = full;
                self.step(Input::DiskFull(full));
            }
        }
    }

    fn on_peer(&mut self, event: transport::Event) {
        match event {
            transport::Event::Received {
                from,
                term,
                payload,
            } => match payload {
                Payload::Raft(body) => {
                    let to = self.id;
                    self.step(Input::Message(Message {
                        from,
                        to,
                        term,
                        body,
                    }));
                }
                Payload::Forward(forward) => {
                    let last = self.last_forwarded.entry(from).or_insert(RequestId(0));
                    if forward.id <= *last {
                        return;
                    }
                    *last = forward.id;
                    let node = from;
                    let id = forward.id;
                    self.write(forward.command, false, ReplyTo::Peer { node, id });
                }
                Payload::ForwardReply(reply) => self.on_forward_reply(reply),
                // Greetings are the transport's business.
                Payload::Hello(_) => {}
            },
            transport::Event::NotSent(name) => {
                if let Some(id) = self.waiters.forwarded(name) {
                    self.park(id);
                }
            }
        }
    }

    fn on_forward_reply(&mut self, reply: ForwardReply) {
        // None: its deadline has passed, or another boot of this node asked.
        let Some(id) = self.waiters.forwarded(reply.id) else {
            return;
        };
        match reply.result {
            // It led no more when the request came, and has done nothing.
            Err(Failure::NotLeader { .. }) => self.park(id),
            result => {
                if let Some(Waiter::Write { reply, .. }) = self.waiters.remove(id) {
                    self.answer(reply, result);
                }
            }
        }
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Write {
                command,
                token,
                forward,
                reply,
            } => {
                let command = command.encode_in(token).into();
                self.write(command, forward, ReplyTo::Client(reply));
            }
            Request::Read { query, mode, reply } => match mode {
                ReadMode::Stale => {
                    let _ = reply.send(Ok(self.machine.answer(&query)));
                }
                ReadMode::LeaderOnly if self.role != Role::Leader => {
                    let leader = self.leader;
                    let _ = reply.send(Err(Failure::NotLeader { leader }));
                }
                ReadMode::Linearizable | ReadMode::LeaderOnly => {
                    let forward = mode == ReadMode::Linearizable;
                    let waiter = Waiter::Read {
                        query,
                        forward,
                        reply,
                    };
                    let id = self.waiters.insert(self.now(), waiter);
                    self.step(Input::Read { id });
                }
            },
            Request::Subscribe { reply } => {
                let _ = reply.send(self.revisions.subscribe());
            }
            Request::Transfer { to, reply } => self.hand_over(to, reply),
            Request::Snapshot { reply } => self.snapshots_asked.push((self.applied.index, reply)),
            Request::Status { reply } => {
                let _ = reply.send(Status::new(
                    self.core.status(),
                    &self.machine,
                    self.incarnation,
                    self.waiters.len(),
                    self.disk_full,
                ));
            }
        }
    }

    fn write(&mut self, command: Arc<[u8]>, forward: bool, reply: ReplyTo) {
        let waiter = Waiter::Write {
            command,
            forward,
            stage: Stage::Here,
            reply,
        };
        let id = self.waiters.insert(self.now(), waiter);
        self.submit(id);
    }

    /// Tries a request, or tries it again.
    fn submit(&mut self, id: RequestId) {
        match self.waiters.get(id) {
            Some(Waiter::Write { command, .. }) => {
                let command = command.clone();
                if let Some(command) = self.decide(id, command) {
                    self.step(Input::Propose { id, command });
                }
            }
            Some(Waiter::Read { .. }) => self.step(Input::Read { id }),
            None => {}
        }
    }

    /// Keeps a request until there is a leader to try.
    fn park(&mut self, id: RequestId) {
        self.parked.push(id);
        if self.parked_until.is_none() {
            self.parked_until = Some(self.now() + PARKED);
        }
    }

    fn unpark(&mut self) {
        self.parked_until = None;
        for id in std::mem::take(&mut self.parked) {
            self.submit(id);
        }
    }
}

#[derive(Default)]
struct News {
    events: Vec<transport::Event>,
    requests: Vec<Request>,
}
