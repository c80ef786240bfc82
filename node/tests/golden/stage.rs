//! A stage for cores: scripts of commands, each followed by all that it made the cores say and do.
//!
//! Nothing happens by itself. Commands:
//! `nodes 3 [joining=2] [pre-vote=off] [stickiness=off] [membership=single] [batch=1] [keep=2] [chunk=8] [lease=10]`; `n1 tick` (time goes on to its deadline); `wait 100` (ms);
//! `n1 propose x=1`; `n1 read 7`; `n1 transfer n2`;
//! `n1 add n4` (as a learner), `n1 promote n4`, `n1 demote n4`, `n1 remove n4`, `n1 voters n1 n4 n5`;
//! `n1 snapshot` (of all that it committed); `n1 disk full|ok`; `n1 persist [one]` (all that it has issued, or the oldest write);
//! `n1 -> n2` (deliver what is on that link, or `drop n1 -> n2`); `cut n1 -> n2`, `isolate n1`, `heal`;
//! `n1 crash` (it loses what was not persisted, and starts again); `settle [quietly]` (persist and deliver all);
//! `run 1000` (time goes on, timers end and disks and messages take a millisecond each, until somebody new leads).
//!
//! What is said is watched: [`Safety`] objects where it breaks a promise.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use node::raft::{
    Change, Config, Core, Cut, Entry, Input, LogId, Membership, Message, NodeId, Payload, Promise,
    RequestId, Time, Write,
};
use node::storage::Storage;
use node::storage::memory::Memory;

use super::safety::Safety;

struct Node {
    core: Core,
    disk: Memory,
    queue: Vec<Write>,
    promises: Vec<Promise>,
    applied: LogId,
}

/// Cores, and what is between them.
#[derive(Default)]
pub struct Stage {
    /// Watches.
    pub safety: Safety,
    now: Time,
    config: Option<Config>,
    nodes: BTreeMap<NodeId, Node>,
    links: BTreeMap<(NodeId, NodeId), VecDeque<Message>>,
    cut: BTreeSet<(NodeId, NodeId)>,
    proposals: u64,
    said: String,
}

impl Stage {
    fn run(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["nodes", count, ref options @ ..] => self.set(count, options),
            ["wait", ms] => self.now = self.now + Duration::from_millis(number(ms)),
            ["heal"] => self.cut.clear(),
            ["isolate", node] => {
                let node = id(node);
                for other in self.ids().filter(|n| *n != node).collect::<Vec<_>>() {
                    self.cut.extend([(node, other), (other, node)]);
                }
            }
            ["cut", from, "->", to] => self.cut.extend([(id(from), id(to))]),
            ["drop", from, "->", to] => self.links.entry((id(from), id(to))).or_default().clear(),
            ["settle"] => self.settle(),
            ["settle", "quietly"] => {
                let said = std::mem::take(&mut self.said);
                self.settle();
                self.said = said;
            }
            [from, "->", to] => self.deliver((id(from), id(to))),
            [node, "persist"] => self.persist(id(node), usize::MAX),
            [node, "persist", "one"] => self.persist(id(node), 1),
            ["run", ms] => self.run_on(number(ms)),
            [node, "crash"] => self.crash(id(node)),
            [node, ref what @ ..] => self.input(id(node), what),
            [] => panic!("an empty command"),
        }
    }

    fn set(&mut self, count: &str, options: &[&str]) {
        let count = number(count) as u16;
        let voters: BTreeSet<NodeId> = (1..=count).map(NodeId).collect();
        let mut joining = 0;
        let mut config = Config::new(NodeId(0), voters);
        for option in options {
            match option.split_once('=') {
                Some(("pre-vote", "off")) => config.pre_vote = false,
                Some(("joining", more)) => joining = number(more) as u16,
                Some(("membership", "single")) => config.membership = Membership::Single,
                Some(("stickiness", "off")) => config.stickiness = false,
                Some(("lease", drift)) => config.lease_drift_percent = Some(number(drift) as u32),
                Some(("keep", count)) => config.keep_entries = number(count),
                Some(("chunk", bytes)) => config.snapshot_chunk_bytes = number(bytes) as usize,
                Some(("batch", size)) => config.max_batch_entries = number(size) as usize,
                _ => panic!("no option {option}"),
            }
        }
        self.config = Some(config);
        for node in (1..=count + joining).map(NodeId) {
            self.start(node, Memory::default());
        }
    }

    fn start(&mut self, id: NodeId, disk: Memory) {
        let config = self.config.clone().expect("nodes come first");
        let seed = u64::from(id.0);
        let mut config = Config { id, seed, ..config };
        if !config.voters.contains(&id) {
            config.voters.clear();
        }
        let snapshot = &disk.recovered().snapshot;
        let applied = snapshot.as_ref().map_or(LogId::default(), |s| s.last);
        let core = Core::new(config, disk.recovered().clone(), self.now);
        let node = Node {
            core,
            disk,
            queue: Vec::new(),
            promises: Vec::new(),
            applied,
        };
        self.nodes.insert(id, node);
    }

    fn crash(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).expect("a node");
        let found = node.disk.recovered();
        let covered = found.snapshot.as_ref().map(|s| s.last);
        let last = found.entries.last().map(|e| e.id).or(covered);
        let (last, hard_state) = (last.unwrap_or_default(), found.hard_state);
        let snapshot = covered.map_or(String::new(), |last| format!(" snapshot={last}"));
        self.start(id, node.disk);
        let configured = self.nodes[&id].core.status().configured;
        let members = match configured.by == LogId::default() {
            true => String::new(),
            false => format!(", follows {}: {}", configured.by, configured.configuration),
        };
        self.say(format!(
            "{id} finds {last} term={}{snapshot}{members}",
            hard_state.term
        ));
    }

    fn input(&mut self, id: NodeId, what: &[&str]) {
        let input = match what {
            ["tick"] => {
                self.now = self.now.max(self.nodes[&id].core.deadline());
                Input::Tick
            }
            ["propose", command] => {
                self.proposals += 1;
                Input::Propose {
                    id: RequestId(self.proposals),
                    command: command.as_bytes().into(),
                }
            }
            ["read", name] => Input::Read {
                id: RequestId(number(name)),
            },
            ["transfer", to] => Input::Transfer {
                to: Some(self::id(to)),
            },
            ["snapshot"] => {
                let last = self.nodes[&id].applied;
                let data = format!("all up to {last}").into_bytes().into();
                Input::Snapshot { last, data }
            }
            ["add", node] => self.change(Change::AddLearner {
                node: self::id(node),
                address: None,
            }),
            ["promote", node] => self.change(Change::Promote(self::id(node))),
            ["demote", node] => self.change(Change::Demote(self::id(node))),
            ["remove", node] => self.change(Change::Remove(self::id(node))),
            ["voters", nodes @ ..] => {
                let voters = nodes.iter().map(|node| self::id(node)).collect();
                self.change(Change::Replace(voters))
            }
            ["disk", "full"] => Input::DiskFull(true),
            ["disk", "ok"] => Input::DiskFull(false),
            _ => panic!("no command {what:?}"),
        };
        self.step(id, [input]);
    }

    fn change(&mut self, change: Change) -> Input {
        self.proposals += 1;
        let id = RequestId(self.proposals);
        Input::Change { id, change }
    }

    fn step(&mut self, id: NodeId, inputs: impl IntoIterator<Item = Input>) {
        let now = self.now;
        let node = self.nodes.get_mut(&id).expect("a node");
        for input in inputs {
            if let Input::Read { id: read } = &input {
                self.safety.asked(id, *read);
            }
            node.core.step(now, input);
        }
        let ready = node.core.take_ready();
        self.safety.saw(id, &ready);
        let mut said = Vec::new();
        said.extend(ready.transitions.iter().map(|t| format!("{id} {t}")));
        said.extend(
            ready
                .rolled_back
                .iter()
                .map(|e| format!("{id} rolls back {e}")),
        );
        said.extend(
            ready
                .accepted
                .iter()
                .map(|(_, e)| format!("{id} accepts {e}")),
        );
        said.extend(
            ready
                .refused
                .iter()
                .map(|(_, why)| format!("{id} refuses: {why:?}")),
        );
        said.extend(
            ready
                .write
                .iter()
                .map(|w| format!("{id} issues{}", content(w))),
        );
        if let Some(configured) = &ready.configured {
            let now = &configured.configuration;
            said.push(format!("{id} follows {}: {now}", configured.by));
        }
        if let Some(snapshot) = &ready.restore {
            let data = String::from_utf8_lossy(&snapshot.data);
            said.push(format!("{id} restores {}: {data}", snapshot.last));
            node.applied = snapshot.last;
        }
        if let Some(entry) = ready.committed.last() {
            node.applied = entry.id;
        }
        said.extend(
            ready
                .committed
                .iter()
                .map(|e| format!("{id} commits {}", entry(e))),
        );
        for (read, result) in ready.reads {
            said.push(match result {
                Ok(index) => format!("{id} reads {} at {index}", read.0),
                Err(why) => format!("{id} refuses read {}: {why:?}", read.0),
            });
        }
        node.queue.extend(ready.write);
        node.promises.extend(ready.promises);
        said.into_iter().for_each(|line| self.say(line));
        ready.messages.into_iter().for_each(|m| self.transmit(m));
    }

    fn transmit(&mut self, message: Message) {
        let link = (message.from, message.to);
        let unwritten = self.nodes[&link.0].queue.iter();
        self.safety.leaves(&message, unwritten);
        let lost = self.cut.contains(&link);
        self.say(format!("{message}{}", if lost { " (lost)" } else { "" }));
        if !lost {
            self.links.entry(link).or_default().push_back(message);
        }
    }

    fn deliver(&mut self, link: (NodeId, NodeId)) {
        let messages = self.links.remove(&link).unwrap_or_default();
        for message in messages {
            self.step(link.1, [Input::Message(message)]);
        }
    }

    fn persist(&mut self, id: NodeId, most: usize) {
        let node = self.nodes.get_mut(&id).expect("a node");
        let count = most.min(node.queue.len());
        let writes: Vec<Write> = node.queue.drain(..count).collect();
        if writes.is_empty() {
            return;
        }
        let proof = node.disk.persist(&writes).expect("memory has space");
        let due = |promise: &mut Promise| promise.ticket() <= proof.ticket();
        let promises: Vec<Promise> = node.promises.extract_if(.., due).collect();
        let content: String = writes.iter().map(content).collect();
        self.say(format!("{id} persists{content}"));
        for promise in promises {
            self.transmit(promise.release(&proof).expect("all is on disk"));
        }
        self.step(id, [Input::Persisted(proof)]);
    }

    fn settle(&mut self) {
        loop {
            self.links.retain(|_, messages| !messages.is_empty());
            let unsaved = self.nodes.iter().find(|(_, n)| !n.queue.is_empty());
            if let Some(id) = unsaved.map(|(id, _)| *id) {
                self.persist(id, usize::MAX);
            } else if let Some(link) = self.links.keys().next().copied() {
                self.deliver(link);
            } else {
                break;
            }
        }
    }

    /// Says only who leads in the end.
    fn run_on(&mut self, ms: u64) {
        let said = std::mem::take(&mut self.said);
        let before = self.safety.last_leader();
        for _ in 0..ms {
            self.now = self.now + Duration::from_millis(1);
            let due = |(_, node): &(&NodeId, &Node)| node.core.deadline() <= self.now;
            let due: Vec<NodeId> = self.nodes.iter().filter(due).map(|(id, _)| *id).collect();
            let ids: Vec<NodeId> = self.ids().collect();
            let waiting: Vec<_> = self.links.keys().copied().collect();
            due.into_iter().for_each(|id| self.step(id, [Input::Tick]));
            for link in waiting {
                self.deliver(link);
            }
            ids.into_iter().for_each(|id| self.persist(id, usize::MAX));
            if self.safety.last_leader() != before {
                break;
            }
        }
        self.said = said;
        match self.safety.last_leader() {
            Some((term, leader)) if Some((term, leader)) != before => {
                self.say(format!("{leader} leads term={term}"));
            }
            _ => self
                .safety
                .object("V24", format!("no leader within {ms} ms")),
        }
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    fn say(&mut self, line: String) {
        writeln!(self.said, "{line}").expect("strings grow");
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

fn id(word: &str) -> NodeId {
    let digits = word
        .strip_prefix('n')
        .unwrap_or_else(|| panic!("no node: {word}"));
    NodeId(number(digits) as u16)
}

fn entry(entry: &Entry) -> String {
    match &entry.payload {
        Payload::Noop => format!("{}", entry.id),
        Payload::Configuration(configuration) => format!("{} {configuration}", entry.id),
        Payload::Command(bytes) => format!("{} {}", entry.id, String::from_utf8_lossy(bytes)),
    }
}

fn content(write: &Write) -> String {
    let entries = write.entries.iter().map(|e| format!(" {}", e.id));
    let mut text: String = entries.collect();
    if let Some(save) = &write.snapshot {
        let cut = match save.cut {
            Cut::Prefix(upto) => format!("cuts up to {upto}"),
            Cut::Everything => "cuts everything".to_owned(),
        };
        text = format!(" snapshot {} {cut}{text}", save.snapshot.last);
    }
    if let Some(hard_state) = write.hard_state {
        let vote = hard_state.vote.map_or("none".to_owned(), |n| n.to_string());
        text += &format!(" term={} vote={vote}", hard_state.term);
    }
    text
}

/// Commands, comments and empty lines stay; everything else is what the cores do now.
pub fn play(script: &str, stage: &mut Stage) -> String {
    let mut text = String::new();
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            stage.run(command);
            text += &format!("{line}\n{}", std::mem::take(&mut stage.said));
        } else if line.is_empty() || line.starts_with('#') {
            text += &format!("{line}\n");
        }
    }
    text
}
