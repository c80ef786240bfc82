//! The simulator: events in the order of virtual time, and a driver's duties for every node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use node::kv::Command;
use node::raft::{
    Config, Configuration, Input, Membership, Message, NodeId, Replication, RequestId, Term, Time,
};

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
    /// Members come or go.
    Change,
    Heal,
    Restart(NodeId),
}

pub struct Cluster {
    pub now: Time,
    pub rng: Rng,
    pub config: Config,
    pub snapshot_every: u64,
    pub nodes: BTreeMap<NodeId, Node>,
    pub cut: BTreeSet<(NodeId, NodeId)>,
    pub loss_percent: u64,
    pub delayed_percent: u64,
    /// Links deliver in order, as TCP does; else in any order, and some things twice.
    pub in_order: bool,
    pub links: BTreeMap<(NodeId, NodeId), Time>,
    pub oracle: Oracle,
    pub covered: Coverage,
    events: BTreeMap<(Time, u64), Event>,
    sequence: u64,
    clients: bool,
    pub faults: bool,
    pub members_change: bool,
    pub requests: u64,
}

impl Cluster {
    /// Size and switches are drawn too: correct features hide each other's bugs.
    pub fn new(seed: u64) -> Cluster {
        let mut rng = Rng(seed);
        let size = rng.one_of(&[1, 2, 3, 3, 3, 4, 5, 5]);
        let members_change = rng.chance(50);
        let spares = if members_change {
            rng.one_of(&[0, 1, 2, 2])
        } else {
            0
        };
        let voters = (1..=size).map(NodeId).collect();
        let ids: Vec<NodeId> = (1..=size + spares).map(NodeId).collect();
        let (check_quorum, stickiness) = (rng.chance(80), rng.chance(70));
        let leases = check_quorum && stickiness && rng.chance(50);
        let config = Config {
            membership: rng.one_of(&[Membership::Joint, Membership::Joint, Membership::Single]),
            pre_vote: rng.chance(60),
            check_quorum,
            stickiness,
            lease_drift_percent: leases.then(|| rng.one_of(&[0, 0, 20])),
            max_batch_entries: rng.one_of(&[1, 1, 16]),
            max_batch_bytes: rng.one_of(&[64, 1000]),
            max_inflight: rng.one_of(&[1, 4, 64]),
            keep_entries: rng.one_of(&[0, 3, 50]),
            snapshot_chunk_bytes: rng.one_of(&[7, 64, 4096]),
            max_uncommitted_bytes: rng.one_of(&[500, 1 << 20]),
            replication: rng.one_of(&Replication::ALL),
            seed: rng.next(),
            ..Config::new(NodeId(1), voters)
        };
        let mut cluster = Cluster {
            now: Time::default(),
            nodes: BTreeMap::new(),
            cut: BTreeSet::new(),
            loss_percent: 0,
            delayed_percent: 0,
            snapshot_every: rng.one_of(&[0, 1, 5, 20, 100]),
            in_order: rng.chance(60),
            links: BTreeMap::new(),
            oracle: Oracle::default(),
            covered: Coverage::default(),
            events: BTreeMap::new(),
            sequence: 0,
            clients: true,
            faults: true,
            requests: 0,
            members_change,
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
        let mut config = Config {
            id,
            seed: self.config.seed ^ u64::from(id.0),
            ..self.config.clone()
        };
        if !config.voters.contains(&id) {
            config.voters.clear();
        }
        config
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
        self.after(Duration::from_millis(300), Event::Change);
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
        // A transfer that was asked for before is a cause of a new term: at most an election timeout long.
        self.run_until(self.now + Duration::from_millis(400));
        while !self.is_converged() {
            assert!(self.now < end, "not converged: {:#?}", self.statuses());
            self.run_until(self.now + Duration::from_millis(10));
        }
    }

    /// # Panics
    /// Where leadership changes although nothing is wrong (V28).
    pub fn stay_calm(&mut self, time: Duration) {
        let before = self.members_terms();
        self.run_until(self.now + time);
        let after = self.members_terms();
        assert_eq!(before, after, "a new term without a cause");
        assert!(self.is_converged(), "{:#?}", self.statuses());
    }

    /// Who was removed and does not know it may count on, alone.
    fn members_terms(&self) -> Vec<Term> {
        let leader = self.nodes.values().find(|n| n.leads());
        let members = leader.map(|n| n.status.configured.configuration.members());
        let members = members.unwrap_or_default().into_iter();
        members.map(|id| self.nodes[&id].status.term).collect()
    }

    fn is_converged(&self) -> bool {
        let Some(leader) = self.nodes.values().find(|n| n.leads()) else {
            return false;
        };
        let members = &leader.status.configured.configuration;
        let is_member = |n: &&Node| members.is_member(n.id());
        self.oracle.reads.is_empty()
            && !members.is_joint()
            && self.nodes.values().filter(is_member).all(|n| {
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
            Event::Change => self.change_members(),
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

    pub fn judge_commit(&mut self, id: NodeId) {
        let members = self.commits_by(id);
        let new = self.oracle.commit(&self.nodes, id, &members);
        self.covered.committed += new.len() as u64;
        let term = self.nodes[&id].status.term;
        let old = new.iter().filter(|entry| entry.term < term);
        self.covered.committed_of_earlier_terms += old.count() as u64;
    }

    /// The configuration that a leader has to count by: its log's last, unless that is what a joint one led to that
    /// is only now found to be committed.
    fn commits_by(&self, id: NodeId) -> Configuration {
        let log = &self.nodes[&id].log;
        let last = self.configured(id, log);
        if last.configuration.is_joint() && self.oracle.has_committed(last.by) {
            // It has left it, and nobody has taken that entry yet.
            return last.configuration.left();
        }
        let before = (last.by.index.0 as usize).saturating_sub(1);
        let before = self.configured(id, &log[..before.min(log.len())]);
        match before.configuration.is_joint() && !self.oracle.has_committed(before.by) {
            true => (*before.configuration).clone(),
            false => (*last.configuration).clone(),
        }
    }

    pub fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a member")
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
        let lease = self.nodes[&node].core.as_ref();
        let lease = lease.and_then(|core| core.status().lease_until);
        self.covered.reads_on_a_lease += u64::from(lease > Some(self.now));
        self.step(node, Input::Read { id });
    }

    pub fn crash(&mut self, id: NodeId) {
        let queued = self.nodes[&id].queue.len();
        let survive = self.rng.below(queued + 1);
        let survivors = self.nodes[&id].queue.iter().take(survive);
        self.oracle.kept(id, survivors);
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
            let prefix = self.oracle.prefix(self.nodes[&id].covered());
            self.covered.starts_from_a_snapshot += u64::from(!prefix.is_empty());
            self.node(id).restart(&config, now, prefix);
        }
    }
}
