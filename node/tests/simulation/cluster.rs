//! The simulator: events in the order of virtual time, and a driver's duties for every node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use node::kv::Command;
use node::raft::{
    Appended, Body, Config, Input, Message, NodeId, Ready, Refusal, RequestId, Role, Time,
};
use node::storage::Storage;

use super::coverage::Coverage;
use super::node::Node;
use super::oracle::Oracle;
use super::rng::Rng;

pub enum Event {
    Deliver(Message),
    /// A sync ends, in that boot.
    Synced(NodeId, u64),
    /// The driver gets round to taking what accumulated.
    Take(NodeId),
    Client,
    /// One read, at that node.
    Read(NodeId),
    Injure,
    Heal,
    Restart(NodeId),
}

pub struct Cluster {
    pub now: Time,
    pub rng: Rng,
    pub config: Config,
    pub nodes: BTreeMap<NodeId, Node>,
    pub cut: BTreeSet<(NodeId, NodeId)>,
    pub loss_percent: u64,
    pub delayed_percent: u64,
    /// Links deliver in order, as TCP does; else in any order, and some things twice.
    in_order: bool,
    links: BTreeMap<(NodeId, NodeId), Time>,
    pub oracle: Oracle,
    pub covered: Coverage,
    events: BTreeMap<(Time, u64), Event>,
    sequence: u64,
    clients: bool,
    pub faults: bool,
    requests: u64,
}

impl Cluster {
    /// Size and switches are drawn too: correct features hide each other's bugs.
    pub fn new(seed: u64) -> Cluster {
        let mut rng = Rng(seed);
        let size = rng.one_of(&[1, 2, 3, 3, 3, 4, 5, 5]);
        let ids: Vec<NodeId> = (1..=size).map(NodeId).collect();
        let config = Config {
            pre_vote: rng.chance(60),
            check_quorum: rng.chance(80),
            stickiness: rng.chance(70),
            max_batch_entries: rng.one_of(&[1, 1, 16]),
            max_batch_bytes: rng.one_of(&[64, 1000]),
            max_inflight: rng.one_of(&[1, 4, 64]),
            max_uncommitted_bytes: rng.one_of(&[500, 1 << 20]),
            seed: rng.next(),
            ..Config::new(NodeId(1), ids.iter().copied().collect())
        };
        let mut cluster = Cluster {
            now: Time::default(),
            nodes: BTreeMap::new(),
            cut: BTreeSet::new(),
            loss_percent: 0,
            delayed_percent: 0,
            in_order: rng.chance(60),
            links: BTreeMap::new(),
            oracle: Oracle::default(),
            covered: Coverage::default(),
            events: BTreeMap::new(),
            sequence: 0,
            clients: true,
            faults: true,
            requests: 0,
            rng,
            config,
        };
        for id in ids {
            let node = Node::new(&cluster.config_of(id));
            cluster.nodes.insert(id, node);
        }
        cluster
    }

    pub fn config_of(&self, id: NodeId) -> Config {
        Config {
            id,
            seed: self.config.seed ^ u64::from(id.0),
            ..self.config.clone()
        }
    }

    pub fn coverage(self) -> Coverage {
        self.covered
    }

    pub fn after(&mut self, delay: Duration, event: Event) {
        self.sequence += 1;
        let when = (self.now + delay, self.sequence);
        self.events.insert(when, event);
    }

    /// Clients at work and faults at random.
    pub fn suffer(&mut self, time: Duration) {
        self.after(Duration::from_millis(1), Event::Client);
        self.after(Duration::from_millis(400), Event::Injure);
        self.run_until(self.now + time);
    }

    /// Ends all faults; clients stop, so that nothing but the protocol itself makes replicas equal.
    pub fn heal(&mut self) {
        self.clients = false;
        self.faults = false;
        self.heal_faults();
        let down: Vec<NodeId> = self.ids(|n| !n.is_up());
        for id in down {
            self.restart(id);
        }
    }

    /// # Panics
    /// Where replicas still differ, or a read still waits, after `time`.
    pub fn converge(&mut self, time: Duration) {
        let end = self.now + time;
        while !self.is_converged() {
            assert!(self.now < end, "not converged: {:#?}", self.statuses());
            self.run_until(self.now + Duration::from_millis(10));
        }
    }

    /// # Panics
    /// Where leadership changes although nothing is wrong (V28).
    pub fn stay_calm(&mut self, time: Duration) {
        let before: Vec<_> = self.nodes.values().map(|n| n.status.term).collect();
        self.run_until(self.now + time);
        let after: Vec<_> = self.nodes.values().map(|n| n.status.term).collect();
        assert_eq!(before, after, "a new term without a cause");
        assert!(self.is_converged(), "{:#?}", self.statuses());
    }

    fn is_converged(&self) -> bool {
        let Some(leader) = self.nodes.values().find(|n| n.leads()) else {
            return false;
        };
        self.oracle.reads.is_empty()
            && self.nodes.values().all(|n| {
                n.status.last == leader.status.last
                    && n.status.term == leader.status.term
                    && n.status.leader == Some(leader.id())
                    && n.machine.applied() == leader.status.last.index
                    && n.machine.content() == leader.machine.content()
            })
    }

    fn statuses(&self) -> Vec<&node::raft::Status> {
        self.nodes.values().map(|n| &n.status).collect()
    }

    pub fn ids(&self, is: impl Fn(&Node) -> bool) -> Vec<NodeId> {
        let nodes = self.nodes.iter().filter(|(_, node)| is(node));
        nodes.map(|(id, _)| *id).collect()
    }

    fn run_until(&mut self, end: Time) {
        loop {
            let event = self.events.first_key_value().map(|(key, _)| key.0);
            let tick = self.next_tick();
            match (event, tick) {
                (Some(at), _) if at <= end && tick.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    if let Some((_, event)) = self.events.pop_first() {
                        self.handle(event);
                    }
                }
                (_, Some((due, id))) if due <= end => {
                    self.now = self.now.max(due);
                    self.step(id, Input::Tick);
                    self.take(id);
                    let core = self.nodes[&id].core.as_ref().expect("it ticked");
                    assert!(core.deadline() > self.now, "{id} would tick for ever");
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn next_tick(&self) -> Option<(Time, NodeId)> {
        let due = |(id, n): (&NodeId, &Node)| {
            let due = n.core.as_ref()?.deadline().max(n.paused_until);
            Some((due, *id))
        };
        self.nodes.iter().filter_map(due).min()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver(message) => self.deliver(message),
            Event::Synced(id, boot) if self.nodes[&id].boot == boot => self.synced(id),
            Event::Synced(..) => {}
            Event::Take(id) => self.take(id),
            Event::Client if self.clients => self.client(),
            Event::Client => {}
            Event::Read(id) if self.clients && self.nodes[&id].is_up() => {
                self.read(id);
                self.take(id);
            }
            Event::Read(_) => {}
            Event::Injure => self.injure(),
            Event::Heal => self.heal_faults(),
            Event::Restart(id) => self.restart(id),
        }
    }

    fn deliver(&mut self, message: Message) {
        let to = message.to;
        let node = &self.nodes[&to];
        if self.cut.contains(&(message.from, to)) || !node.is_up() {
            return;
        }
        if node.paused_until > self.now {
            // It waits in the socket.
            let wait = node.paused_until - self.now;
            return self.after(wait, Event::Deliver(message));
        }
        self.step(to, Input::Message(message));
        // Sometimes the driver batches what comes next.
        if self.rng.chance(20) {
            let delay = self.rng.micros(50, 1000);
            self.after(delay, Event::Take(to));
        } else {
            self.take(to);
        }
    }

    pub fn step(&mut self, id: NodeId, input: Input) {
        let now = self.now;
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(core) = &mut node.core else { return };
        core.step(now, input);
        // Before a next input can end the leadership that committed.
        node.status = core.status();
        if node.leads() {
            self.judge_commit(id);
        }
    }

    fn judge_commit(&mut self, id: NodeId) {
        let new = self.oracle.commit(&self.nodes, id);
        self.covered.committed += new.len() as u64;
        let term = self.nodes[&id].status.term;
        let old = new.iter().filter(|entry| entry.term < term);
        self.covered.committed_of_earlier_terms += old.count() as u64;
    }

    /// A driver's duties, in the order that [`Ready`] asks for.
    pub fn take(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(core) = &mut node.core else { return };
        let Ready {
            write,
            messages,
            promises,
            committed,
            reads,
            accepted: _,
            refused,
            rolled_back,
            transitions,
        } = core.take_ready();
        node.status = core.status();
        for rolled_back in &rolled_back {
            self.covered.rolled_back += 1;
            let on_disk = node.entry_on_disk(rolled_back.index).map(|e| e.id);
            self.covered.rolled_back_from_disk += u64::from(on_disk == Some(*rolled_back));
        }
        if let Some(write) = write {
            self.oracle.issued(node, &write);
            node.append(&write);
            node.queue.push_back(write);
        }
        node.promises.extend(promises);
        for transition in &transitions {
            if transition.to == Role::Leader {
                self.covered.leaders += 1;
                self.oracle.elected(&self.nodes[&id], transition.term);
                self.injure_new_leader(id);
            }
            let deposed = transition.from == Role::Leader && transition.leader.is_none();
            self.covered.leaders_without_quorum_deposed += u64::from(deposed);
        }
        self.judge_commit(id);
        for entry in &committed {
            let mut machine = std::mem::take(&mut self.node(id).machine);
            machine.apply(entry);
            self.oracle.applied(&self.nodes[&id], &machine, entry);
            self.node(id).machine = machine;
        }
        for (read, result) in reads {
            match result {
                Ok(index) => {
                    let node = &self.nodes[&id];
                    self.covered.reads_at_leaders += u64::from(node.leads());
                    self.covered.reads_at_followers += u64::from(!node.leads());
                    self.oracle.answered(read, index, &node.machine);
                }
                Err(_) => {
                    self.covered.reads_abandoned += 1;
                    self.oracle.reads.remove(&read).expect("refused once");
                }
            }
        }
        let full = refused.iter().filter(|(_, r)| *r == Refusal::DiskFull);
        self.covered.refused_for_a_full_disk += full.count() as u64;
        for message in messages {
            self.transmit(message);
        }
        self.sync(id);
    }

    pub fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a member")
    }

    fn transmit(&mut self, message: Message) {
        self.oracle.leaves(&self.nodes[&message.from], &message);
        match &message.body {
            Body::PreVoteReply { granted: false } => self.covered.pre_votes_refused += 1,
            Body::TimeoutNow => self.covered.transfers += 1,
            Body::AppendReply {
                result: Appended::Conflict { prev, hint },
                ..
            } if hint.term < prev.term && hint.index.0 > 0 => {
                self.covered.conflicts_skipping_a_term += 1;
            }
            Body::Append { entries, .. }
                if self.config.max_batch_entries > 1
                    && (1..16).contains(&entries.len())
                    && entries.last().map(|e| e.id.index)
                        < self.nodes[&message.from].log.last().map(|e| e.id.index) =>
            {
                self.covered.batches_cut_by_size += 1;
            }
            _ => {}
        }
        if self.cut.contains(&(message.from, message.to)) || self.rng.chance(self.loss_percent) {
            return;
        }
        let slowest = match self.rng.chance(self.delayed_percent) {
            true => 300_000,
            false => 2_000,
        };
        let link = (message.from, message.to);
        let mut delay = self.rng.micros(200, slowest);
        if self.in_order {
            // A stream: what is late holds up what follows.
            let last = self.links.get(&link).copied().unwrap_or_default();
            delay = delay.max(last - self.now);
            self.links.insert(link, self.now + delay);
        } else if self.rng.chance(3) {
            let again = self.rng.micros(200, 100_000);
            self.after(again, Event::Deliver(message.clone()));
        }
        self.after(delay, Event::Deliver(message));
    }

    /// Begins a sync of all that is queued, unless one is under way.
    fn sync(&mut self, id: NodeId) {
        let slow = self.nodes[&id].disk_slow;
        let delay = match slow {
            true => self.rng.micros(20_000, 700_000),
            false => self.rng.micros(100, 3_000),
        };
        let node = self.node(id);
        if node.syncing == 0 && !node.queue.is_empty() {
            node.syncing = node.queue.len();
            let boot = node.boot;
            self.after(delay, Event::Synced(id, boot));
        }
    }

    fn synced(&mut self, id: NodeId) {
        let node = self.node(id);
        let count = std::mem::take(&mut node.syncing);
        node.disk.set_full(node.disk_full);
        let writes = node.queue.make_contiguous();
        let Ok(proof) = node.disk.persist(&writes[..count]) else {
            node.syncing = count;
            let boot = node.boot;
            if !std::mem::replace(&mut node.told_full, true) {
                self.step(id, Input::DiskFull(true));
            }
            self.after(Duration::from_millis(10), Event::Synced(id, boot));
            return self.take(id);
        };
        node.queue.drain(..count);
        self.oracle.on_disk(&self.nodes[&id]);
        let node = self.node(id);
        let mut released = Vec::new();
        for promise in std::mem::take(&mut node.promises) {
            match promise.release(&proof) {
                Ok(message) => released.push(message),
                Err(promise) => node.promises.push(promise),
            }
        }
        if std::mem::take(&mut node.told_full) {
            self.step(id, Input::DiskFull(false));
        }
        self.covered.promises_released += released.len() as u64;
        for message in released {
            self.transmit(message);
        }
        self.step(id, Input::Persisted(proof));
        self.take(id);
    }

    /// A few requests to one node, most of them to one that leads.
    fn client(&mut self) {
        let leaders = self.ids(|n| n.leads() && n.paused_until <= self.now);
        let all = self.ids(|n| n.is_up() && n.paused_until <= self.now);
        let some = if self.rng.chance(70) && !leaders.is_empty() {
            &leaders
        } else {
            &all
        };
        if !some.is_empty() {
            let id = self.rng.one_of(some);
            for _ in 0..=self.rng.below(4) {
                if self.rng.chance(50) {
                    self.read(id);
                } else {
                    self.requests += 1;
                    let request = RequestId(self.requests);
                    let key = format!("k{}", self.rng.below(5));
                    let value = "v".repeat(self.rng.one_of(&[1, 1, 40, 200]));
                    let command = Command::Put { key, value }.encode().into();
                    let proposal = Input::Propose {
                        id: request,
                        command,
                    };
                    self.step(id, proposal);
                }
            }
            self.take(id);
        }
        let delay = self.rng.micros(500, 8_000);
        self.after(delay, Event::Client);
    }

    fn read(&mut self, node: NodeId) {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.oracle.asked(id, node);
        self.step(node, Input::Read { id });
    }

    pub fn crash(&mut self, id: NodeId) {
        let queued = self.nodes[&id].queue.len();
        let survive = self.rng.below(queued + 1);
        let lost = self.node(id).crash(survive);
        self.oracle.on_disk(&self.nodes[&id]);
        self.covered.crashes += 1;
        self.covered.writes_lost_in_a_crash += lost as u64;
        // Its clients will never know.
        self.oracle.reads.retain(|_, (node, _)| *node != id);
    }

    pub fn restart(&mut self, id: NodeId) {
        if !self.nodes[&id].is_up() {
            let (config, now) = (self.config_of(id), self.now);
            self.node(id).restart(&config, now);
        }
    }
}
