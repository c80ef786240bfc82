//! The simulated world: one queue of events in the order of their time, and everything that they happen to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use node::raft::NodeId;
use node::transport;

use crate::client::Clients;
use crate::coverage::Coverage;
use crate::evidence::Evidence;
use crate::injury::{Kind, MILLISECOND};
use crate::network::{Link, Network};
use crate::oracle::Oracle;
use crate::process::Process;
use crate::rng::{Rng, mix};
use crate::scenario::Scenario;

/// A check that spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which: `V01` to `V31`, or `linearizable`.
    pub check: &'static str,
    /// What was seen.
    pub what: String,
    /// When, in nanoseconds of the run.
    pub at: u64,
}

/// Something that happens at a time.
pub enum Event {
    /// A message arrives, at that boot of the receiver if it comes on a stream.
    Deliver(Link, Option<u64>, Box<transport::Event>),
    /// A sync ends, in that boot.
    Synced(NodeId, u64),
    /// The storage thread does work that waited.
    Idle(NodeId, u64),
    /// A node gets round to what accumulated, or is woken.
    Turn(NodeId, u64),
    /// Work on a whole state is done.
    Done(NodeId, u64),
    /// A client begins something.
    Begin(usize),
    /// A client's request arrives.
    Ask(usize, u64),
    /// A client hears, or gives up.
    Hear(usize, u64),
    /// A client gives up on this attempt.
    GiveUp(usize, u64),
    /// An injury, by its place in the list.
    Injure(usize),
    /// It goes on with its second half.
    Halfway(usize),
    /// It ends.
    Heal(usize),
    /// A node that is down starts.
    Restart(NodeId),
    /// A process is killed, if it is that boot.
    Kill(NodeId, u64),
}

struct Item {
    at: u64,
    sequence: u64,
    event: Event,
}

impl PartialEq for Item {
    fn eq(&self, other: &Item) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Item) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// Everything.
pub struct World {
    /// Nanoseconds since the run began.
    pub now: u64,
    /// What is run.
    pub scenario: Scenario,
    /// Nodes, by number less one.
    pub processes: Vec<Process>,
    /// Between them.
    pub network: Network,
    /// Who uses them.
    pub clients: Clients,
    /// Who watches.
    pub oracle: Oracle,
    /// What nodes tell of themselves.
    pub evidence: Evidence,
    /// What happened.
    pub coverage: Coverage,
    /// Dice of everything that is not an injury's or a client's.
    pub rng: Rng,
    /// The first check that spoke.
    pub violation: Option<Violation>,
    /// Injuries happen.
    pub faults: bool,
    /// A message of these kinds costs its sender power, on behalf of injuries.
    pub armed: Vec<(usize, u32)>,
    /// The next leader is cut off for so long, on behalf of injuries.
    pub armed_for_leader: Vec<(usize, u64)>,
    /// The leader is cut off for so long when that node next asks for votes, on behalf of injuries.
    pub armed_for_vote: Vec<(usize, NodeId, u64)>,
    /// When nodes began to lead while no other did.
    pub elections: Vec<u64>,
    /// Nodes that have left for good.
    pub retired: Vec<NodeId>,
    /// Held back: injury, link, message.
    pub held: Vec<(Link, Option<u64>, Box<transport::Event>)>,
    queue: BinaryHeap<Reverse<Item>>,
    sequence: u64,
    /// Of everything that happened, in order.
    hash: u64,
    /// What is said, if anybody wants to read it.
    trace: Option<Vec<String>>,
}

impl World {
    /// The world of a scenario, before anything has happened.
    pub fn new(scenario: Scenario, trace: bool) -> World {
        let mut rng = Rng::new(scenario.seed, 4);
        let drift = scenario.swarm.clock_drift_ppm;
        let processes: Vec<Process> = scenario
            .swarm
            .ids()
            .into_iter()
            .map(|id| Process::new(id, 1_000_000 - drift + rng.below(2 * drift + 1)))
            .collect();
        let mut world = World {
            now: 0,
            oracle: Oracle::new(processes.len(), &scenario.swarm),
            clients: Clients::new(&scenario),
            processes,
            network: Network::default(),
            evidence: Evidence::new(),
            coverage: Coverage::default(),
            rng,
            violation: None,
            faults: true,
            armed: Vec::new(),
            armed_for_leader: Vec::new(),
            armed_for_vote: Vec::new(),
            elections: Vec::new(),
            retired: Vec::new(),
            held: Vec::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            hash: 0,
            trace: trace.then(Vec::new),
            scenario,
        };
        for id in world.scenario.swarm.ids() {
            let at = world.rng.below(20 * MILLISECOND);
            world.at(at, Event::Restart(id));
        }
        for client in 0..world.scenario.clients {
            let at = world.rng.below(100 * MILLISECOND);
            world.at(at, Event::Begin(client));
        }
        for number in 0..world.scenario.injuries.len() {
            world.at(world.scenario.injuries[number].at, Event::Injure(number));
        }
        world
    }

    /// Something will happen after so many nanoseconds.
    pub fn after(&mut self, delay: u64, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Something will happen at that time.
    pub fn at(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.queue.push(Reverse(Item {
            at,
            sequence,
            event,
        }));
    }

    /// Runs until `end`, or until a check speaks.
    pub fn run_until(&mut self, end: u64) {
        while self.violation.is_none()
            && let Some(Reverse(item)) = self.queue.peek()
            && item.at <= end
        {
            let Some(Reverse(item)) = self.queue.pop() else {
                break;
            };
            self.now = self.now.max(item.at);
            self.coverage.events += 1;
            self.handle(item.event);
            self.weigh();
        }
        self.now = self.now.max(end);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver(link, boot, message) => self.deliver(link, boot, message),
            Event::Synced(id, boot) => self.synced(id, boot),
            Event::Idle(id, boot) => self.idle(id, boot),
            Event::Turn(id, boot) => self.woken(id, boot),
            Event::Done(id, boot) => self.done(id, boot),
            Event::Begin(client) => self.begin(client),
            Event::Ask(client, attempt) => self.ask(client, attempt),
            Event::Hear(client, attempt) => self.hear(client, attempt),
            Event::GiveUp(client, attempt) => self.give_up(client, attempt),
            Event::Injure(number) => self.injure(number),
            Event::Halfway(number) => self.halfway(number),
            Event::Heal(number) => self.heal(number),
            Event::Restart(id) => self.restart(id),
            Event::Kill(id, boot) if self.faults && self.process(id).boot == boot => self.kill(id),
            Event::Kill(..) => {}
        }
    }

    /// A node.
    pub fn process(&self, id: NodeId) -> &Process {
        &self.processes[usize::from(id.0) - 1]
    }

    /// A node.
    pub fn process_mut(&mut self, id: NodeId) -> &mut Process {
        &mut self.processes[usize::from(id.0) - 1]
    }

    /// All nodes of which something holds.
    pub fn ids(&self, is: impl Fn(&Process) -> bool) -> Vec<NodeId> {
        let some = self.processes.iter().filter(|process| is(process));
        some.map(|process| process.id).collect()
    }

    /// Who leads in the highest term.
    pub fn leader(&self) -> Option<NodeId> {
        let leaders = self.processes.iter().filter(|process| process.leads());
        leaders.max_by_key(|p| p.term()).map(|process| process.id)
    }

    /// A check speaks. The first one counts.
    pub fn object(&mut self, check: &'static str, what: String) {
        if self.violation.is_none() {
            self.say(format_args!("{check}: {what}"));
            self.violation = Some(Violation {
                check,
                what,
                at: self.now,
            });
        }
    }

    /// Takes what a check says.
    pub fn judge(&mut self, result: Result<(), (&'static str, String)>) {
        if let Err((check, what)) = result {
            self.object(check, what);
        }
    }

    /// Something happened that makes this run this run.
    pub fn note(&mut self, what: u64, more: u64) {
        self.hash = mix(self.hash ^ mix(self.now ^ what.rotate_left(32)) ^ more);
    }

    /// A line for readers.
    pub fn say(&mut self, line: std::fmt::Arguments<'_>) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            let (s, us) = (now / 1_000_000_000, now / 1000 % 1_000_000);
            trace.push(format!("{s:>3}.{us:06} {line}"));
        }
    }

    /// Somebody reads.
    pub fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// What was said.
    pub fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Of everything that happened so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether something of this kind was injured in this scenario.
    pub fn suffers(&self, kind: Kind) -> bool {
        self.scenario.injuries.iter().any(|i| i.kind == kind)
    }
}
