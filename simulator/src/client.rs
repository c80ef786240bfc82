//! Clients: closed loops that ask one node or any, wait, repeat in sessions, and write down what they saw.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checker::{Event as Line, Kind, Process as Who};
use node::kv::{Answer, Token, Written};
use node::raft::NodeId;
use node::replica::{Failure, ReadMode};
use serde_json::Value;
use smol_str::SmolStr;

use crate::injury::MILLISECOND;
use crate::network::MAX_NODES;
use crate::oracle::Judged;
use crate::rng::Rng;
use crate::scenario::Scenario;
use crate::swarm::{Swarm, Workload};
use crate::workload::{self, Came, Op};
use crate::world::{Event, World};

/// How often a client in a session repeats a command before it calls the outcome unknown.
const TRIES: u32 = 6;

/// A node's answer to one attempt.
#[derive(Debug)]
enum Answered {
    Write(Result<Written, Failure>),
    Read(Result<Answer, Failure>),
}

/// Where replicas put their answers: client, attempt, answer.
type Answers = Arc<Mutex<Vec<(usize, u64, Answered)>>>;

/// All clients, and what they wrote down.
pub struct Clients {
    list: Vec<Client>,
    /// Of nodes, by number.
    names: Vec<SmolStr>,
    answers: Answers,
    /// What was recorded.
    pub history: Vec<Line>,
    /// They begin new operations.
    pub working: bool,
    next_process: u64,
    next_value: i64,
    last_value: Option<i64>,
    /// How many lists were deleted, because nobody used them any more: else a state would grow for ever, and all
    /// that is done with whole states with it.
    forgotten: u64,
}

struct Client {
    rng: Rng,
    /// The node that it asks; `None`: any.
    pinned: Option<NodeId>,
    process: u64,
    attempts: u64,
    open: Option<Open>,
    heard: Option<(u64, Came)>,
    session: Option<u64>,
    sequence: u64,
    /// Its lease, its time to live in milliseconds, and when the last success began.
    lease: Option<(u64, u64, u64)>,
    is_final: bool,
}

struct Open {
    /// In nanoseconds of the run.
    since: u64,
    op: Op,
    node: NodeId,
    tries: u32,
    /// An attempt had an unknown outcome.
    doubt: bool,
    /// What clients knew of when it began.
    floor: u64,
}

impl Clients {
    /// The clients of a scenario.
    pub fn new(scenario: &Scenario) -> Clients {
        let ids = scenario.swarm.voters();
        let client = |number: usize| Client {
            rng: Rng::new(scenario.seed, 100 + number as u64),
            // Three of four ask one node for ever.
            pinned: (number % 4 != 3).then(|| ids[number % ids.len()]),
            process: number as u64,
            attempts: 0,
            open: None,
            heard: None,
            session: None,
            sequence: 0,
            lease: None,
            is_final: false,
        };
        Clients {
            list: (0..scenario.clients).map(client).collect(),
            names: (0..MAX_NODES as u16)
                .map(|n| NodeId(n).to_string().into())
                .collect(),
            answers: Answers::default(),
            history: Vec::new(),
            working: true,
            next_process: scenario.clients as u64,
            next_value: 0,
            last_value: None,
            forgotten: 0,
        }
    }

    /// A process has ended: what it was about to answer nobody hears.
    pub fn drop_answers(&mut self, _: NodeId) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// A list that no client has begun to use for a whole generation, and that none still waits for.
    fn outdated(&self, swarm: &Swarm) -> Option<String> {
        let (keys, forgotten) = (swarm.keys, self.forgotten);
        let current = workload::generation(keys, self.next_value);
        if swarm.workload != Workload::Append || forgotten / keys + 2 > current {
            return None;
        }
        let list = workload::list(forgotten % keys, forgotten / keys);
        let mut open = self.list.iter().filter_map(|client| client.open.as_ref());
        open.all(|open| open.op.key() != list).then_some(list)
    }

    /// Nothing is under way.
    pub fn are_idle(&self) -> bool {
        self.list.iter().all(|client| client.open.is_none())
    }
}

impl World {
    /// A client begins something, if it has work.
    pub fn begin(&mut self, number: usize) {
        let World {
            clients,
            oracle,
            scenario,
            ..
        } = self;
        let swarm = &scenario.swarm;
        let outdated = clients.outdated(swarm);
        let client = &mut clients.list[number];
        if client.open.is_some() || !clients.working {
            return;
        }
        let op = if swarm.workload == Workload::Lease && number % 2 == 1 {
            match client.lease {
                None => Op::Grant(client.rng.one_of(&[200, 500, 1000])),
                Some((lease, ..)) => Op::KeepAlive(lease),
            }
        } else if swarm.sessions && client.session.is_none() {
            Op::Open(swarm.session_lifetime)
        } else if let Some(list) = outdated {
            clients.forgotten += 1;
            Op::Forget(list)
        } else {
            let next = clients.next_value + 1;
            let op = Op::draw(&mut client.rng, swarm, clients.last_value, next);
            if op.writes() {
                clients.next_value = next;
            }
            op
        };
        let floor = oracle.acknowledged;
        self.open(number, op, floor);
    }

    /// Reads a key at every node, after everything (each as a client of its own).
    pub fn read_finally(&mut self) {
        let mut keys: Vec<SmolStr> = self
            .clients
            .history
            .iter()
            .filter_map(|l| l.key.clone())
            .collect();
        keys.sort();
        keys.dedup();
        let (many, clients) = (self.scenario.swarm.keys, &self.clients);
        for number in 0..clients.forgotten {
            let list = workload::list(number % many, number / many);
            keys.retain(|key| *key != list);
        }
        let floor = self.oracle.acknowledged;
        for id in self.scenario.swarm.voters() {
            for key in &keys {
                let number = self.clients.list.len();
                let process = self.clients.next_process;
                self.clients.next_process += 1;
                self.clients.list.push(Client {
                    rng: Rng::new(self.scenario.seed, 100 + number as u64),
                    pinned: Some(id),
                    process,
                    attempts: 0,
                    open: None,
                    heard: None,
                    session: None,
                    sequence: 0,
                    lease: None,
                    is_final: true,
                });
                self.open(number, Op::Read(key.to_string()), floor);
            }
        }
    }

    fn open(&mut self, number: usize, op: Op, floor: u64) {
        let client = &mut self.clients.list[number];
        if op.writes() && client.session.is_some() {
            client.sequence += 1;
        }
        client.open = Some(Open {
            since: self.now,
            op,
            node: NodeId(1),
            tries: 0,
            doubt: false,
            floor,
        });
        self.attempt(number, true);
    }

    /// Sends it, to the same node or to another one.
    fn attempt(&mut self, number: usize, first: bool) {
        let ids = self.scenario.swarm.voters();
        let leader = self.leader();
        let timeout = self.scenario.swarm.client_timeout.as_nanos() as u64;
        let client = &mut self.clients.list[number];
        let Some(open) = &mut client.open else { return };
        open.node = match client.pinned {
            Some(node) if first => node,
            // Who follows hints finds the leader, mostly.
            _ => match leader.filter(|_| client.rng.chance(70)) {
                Some(leader) => leader,
                None => client.rng.one_of(&ids),
            },
        };
        open.tries += 1;
        client.attempts += 1;
        let attempt = client.attempts;
        let delay = client.rng.between(100, 2000) * 1000;
        if first {
            self.record(number, Kind::Invoke, None, None, None);
        }
        self.after(delay, Event::Ask(number, attempt));
        self.after(timeout, Event::GiveUp(number, attempt));
    }

    /// A request arrives at a node.
    pub fn ask(&mut self, number: usize, attempt: u64) {
        let now = self.now;
        let client = &self.clients.list[number];
        let Some(open) = client.open.as_ref().filter(|_| client.attempts == attempt) else {
            return;
        };
        let (node, op) = (open.node, open.op.clone());
        let token = match (&op, client.session) {
            (_, None) => None,
            (op, _) if !op.is_recorded() || !op.writes() => None,
            (_, Some(session)) => Some(Token {
                session,
                sequence: client.sequence,
            }),
        };
        let answers = self.clients.answers.clone();
        let keep = move |answer| {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push((number, attempt, answer));
        };
        let process = self.process_mut(node);
        if process.paused_until > now {
            let until = process.paused_until;
            return self.at(until, Event::Ask(number, attempt));
        }
        let time = process.clock.at(now);
        let Some(running) = &mut process.running else {
            // Nobody listens.
            self.clients.list[number].heard = Some((attempt, Came::Not(None)));
            return self.after(MILLISECOND, Event::Hear(number, attempt));
        };
        match op.command() {
            Some(command) => {
                let reply = Box::new(move |result| keep(Answered::Write(result)));
                running.replica.write(time, &command, token, true, reply);
            }
            None => {
                let reply = Box::new(move |result| keep(Answered::Read(result)));
                let mode = ReadMode::Linearizable;
                running.replica.read(time, op.query(), mode, reply);
            }
        }
        self.turn_soon(node);
    }

    /// Passes on what a replica has answered in this turn.
    pub fn tell_clients(&mut self, id: NodeId) {
        let answers = {
            let answers = &self.clients.answers;
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *answers)
        };
        for (number, attempt, answered) in answers {
            let judged = self.check_answer(id, number, attempt, &answered);
            self.judge(judged);
            let workload = self.scenario.swarm.workload;
            let client = &mut self.clients.list[number];
            let Some(open) = client.open.as_ref().filter(|_| client.attempts == attempt) else {
                continue;
            };
            let came = match answered {
                Answered::Write(Ok(written)) => open.op.wrote(&written.outcome),
                Answered::Read(Ok(answer)) => open.op.read(workload, &answer),
                Answered::Write(Err(failure)) if failure.is_unknown() => Came::Unknown,
                Answered::Write(Err(_)) | Answered::Read(Err(_)) => Came::Not(None),
            };
            // Answers get lost, too.
            if client.rng.chance(1) && !client.is_final {
                continue;
            }
            client.heard = Some((attempt, came));
            let delay = client.rng.between(100, 2000) * 1000;
            self.after(delay, Event::Hear(number, attempt));
        }
    }

    fn check_answer(
        &mut self,
        id: NodeId,
        number: usize,
        attempt: u64,
        answered: &Answered,
    ) -> Judged {
        let now = self.now;
        let process = &self.processes[usize::from(id.0) - 1];
        let Some(running) = &process.running else {
            return Ok(());
        };
        let client = &self.clients.list[number];
        match answered {
            Answered::Write(Ok(written)) => {
                self.coverage.writes_acknowledged += 1;
                if written.repeated {
                    self.coverage.repeats_recognised += 1;
                    let other = written.entry.term < running.status.term;
                    self.coverage.repeats_recognised_by_another_leader += u64::from(other);
                }
                let mode = self.scenario.swarm.config.replication;
                self.oracle.told(written.entry, mode.answers_ahead())
            }
            Answered::Read(Ok(_)) => {
                let coverage = &mut self.coverage;
                coverage.reads_answered += 1;
                coverage.reads_at_followers += u64::from(!process.leads());
                let lease = running.status.lease_until;
                let held = lease.is_some_and(|until| until > process.clock.at(now));
                coverage.reads_on_a_lease += u64::from(held);
                let floor = client.open.as_ref().filter(|_| client.attempts == attempt);
                let applied = running.replica.answering().applied().0;
                let committed = running.replica.machine().applied().0;
                let floor = floor.map_or(0, |open| open.floor);
                self.oracle.answered(applied, committed, floor)
            }
            _ => Ok(()),
        }
    }

    /// A client hears.
    pub fn hear(&mut self, number: usize, attempt: u64) {
        let heard = self.clients.list[number].heard.take();
        if let Some((heard_of, came)) = heard
            && heard_of == attempt
        {
            self.came(number, attempt, came);
        }
    }

    /// A client has waited long enough.
    pub fn give_up(&mut self, number: usize, attempt: u64) {
        self.came(number, attempt, Came::Unknown);
    }

    fn came(&mut self, number: usize, attempt: u64, came: Came) {
        let in_session = self.scenario.swarm.sessions;
        let client = &mut self.clients.list[number];
        let Some(open) = client.open.as_mut().filter(|_| client.attempts == attempt) else {
            return;
        };
        let writes = open.op.writes();
        open.doubt |= came == Came::Unknown;
        let again = matches!(came, Came::Unknown | Came::Not(None)) && open.tries < TRIES;
        if again && (in_session && client.session.is_some() && writes || client.is_final) {
            return self.attempt(number, false);
        }
        let (doubt, since) = (open.doubt, open.since);
        match came {
            Came::Leased(lease) => {
                let ttl_ms = match (&open.op, client.lease) {
                    (Op::Grant(ttl_ms), _) => *ttl_ms,
                    (_, known) => known.map_or(0, |(_, ttl_ms, _)| ttl_ms),
                };
                client.lease = Some((lease, ttl_ms, since));
                self.coverage.leases_kept_alive += 1;
                self.record(number, Kind::Ok, None, None, None);
            }
            Came::NoLease => {
                let held = client.lease.take();
                self.record(number, Kind::Fail, None, None, None);
                self.lease_ended(number, held);
            }
            Came::Opened(session) => {
                client.session = Some(session);
                client.sequence = 0;
                self.record(number, Kind::Ok, None, None, None);
            }
            Came::Done(value) => {
                if let Some(seen) = value.as_i64() {
                    self.clients.last_value = Some(seen);
                }
                self.record(number, Kind::Ok, Some(value), None, None);
            }
            Came::Not(Some(current)) => {
                self.record(number, Kind::Fail, None, Some(current), None);
            }
            Came::NoSession => {
                client.session = None;
                let kind = if doubt { Kind::Info } else { Kind::Fail };
                self.record(number, kind, None, None, Some("no-session"));
            }
            Came::Not(None) if !doubt || !writes => {
                self.record(number, Kind::Fail, None, None, Some("refused"));
            }
            Came::Unknown if !writes => self.record(number, Kind::Fail, None, None, Some("late")),
            Came::Not(None) | Came::Unknown => {
                self.record(number, Kind::Info, None, None, Some("unknown"));
            }
        }
        let client = &mut self.clients.list[number];
        client.open = None;
        if !client.is_final {
            let think = self.scenario.swarm.think.as_nanos() as u64;
            let pause = client.rng.between(100_000, think.max(200_000));
            self.after(pause, Event::Begin(number));
        }
    }

    /// A lease is over although its client has kept it alive: no earlier than its time to live by the fastest clock
    /// after that, nor after the beginning of a leader that it has come to see (V21).
    fn lease_ended(&mut self, number: usize, held: Option<(u64, u64, u64)>) {
        let Some((lease, ttl_ms, since)) = held else {
            return;
        };
        self.coverage.leases_ended += 1;
        // What may be lost may be a lease.
        if self.scenario.swarm.may_lose() {
            return;
        }
        let fastest = 1_000_000 + self.scenario.swarm.clock_drift_ppm;
        let until = |now: u64, since: u64| (now - since) / 1000 * fastest / 1_000_000;
        let given = self.elections.iter().filter(|at| **at > since);
        let since = given.fold(since, |since, at| match until(*at, since) < ttl_ms * 1000 {
            true => *at,
            false => since,
        });
        let passed = until(self.now, since);
        if passed < ttl_ms * 1000 {
            let what = format!(
                "client {number}'s lease {lease} of {ttl_ms} ms has ended {passed} us after it was given its whole time"
            );
            self.object("V21", what);
        }
    }

    fn record(
        &mut self,
        number: usize,
        kind: Kind,
        value: Option<Value>,
        current: Option<Value>,
        error: Option<&str>,
    ) {
        let now = self.now;
        let clients = &mut self.clients;
        let client = &mut clients.list[number];
        let Some(open) = &client.open else { return };
        let node = open.node;
        self.coverage.unknown_outcomes += u64::from(kind == Kind::Info);
        if self.is_traced() {
            let client = &self.clients.list[number];
            let Some(Open { op, .. }) = &client.open else {
                return;
            };
            let value = value.clone().unwrap_or(op.argument());
            let (process, verb, key) = (client.process, op.verb(), op.key().to_owned());
            self.say(format_args!(
                "client {process} at {node}: {verb} {key} {value} {kind:?}"
            ));
        }
        self.note(6, (number as u64) << 8 | kind as u64);
        let clients = &mut self.clients;
        let client = &mut clients.list[number];
        let process = client.process;
        if kind == Kind::Info {
            client.process = clients.next_process;
            clients.next_process += 1;
        }
        let Some(op) = client.open.as_ref().map(|open| &open.op) else {
            return;
        };
        if !op.is_recorded() {
            return;
        }
        clients.history.push(Line {
            index: clients.history.len() as u64,
            time: Duration::from_nanos(now),
            process: Who::Client(process),
            kind,
            f: SmolStr::new_static(op.verb()),
            key: Some(op.key().into()),
            value: value.unwrap_or_else(|| op.argument()),
            error: error.map(SmolStr::new),
            node: clients.names.get(usize::from(node.0)).cloned(),
            current,
            entry: None,
            is_final: client.is_final,
        });
    }
}
