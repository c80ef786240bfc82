//! One core of a cluster on a bench: node 1, with a disk that is as quick as the test wants.

use std::time::Duration;

use node::raft::{
    Appended, Body, Config, Core, Entry, Index, Input, LogId, Message, NodeId, Payload, Promise,
    Ready, RequestId, Role, Round, Status, Term, Time, Write,
};
use node::storage::memory::Memory;
use node::storage::{Recovered, Storage};

pub struct Bench {
    pub core: Core,
    pub now: Time,
    pub disk: Memory,
    pub queue: Vec<Write>,
    /// Of the last step.
    promises: Vec<Promise>,
    config: Config,
}

/// Node `n`.
pub fn n(id: u16) -> NodeId {
    NodeId(id)
}

/// An entry with a command of one byte.
pub fn entry(index: u64, term: u64) -> Entry {
    Entry {
        id: LogId::new(index, term),
        payload: Payload::Command(vec![b'x'].into()),
    }
}

impl Bench {
    pub fn new(voters: u16) -> Bench {
        Bench::with(voters, |_| {})
    }

    pub fn with(voters: u16, set: impl FnOnce(&mut Config)) -> Bench {
        let mut config = Config::new(n(1), (1..=voters).map(NodeId).collect());
        set(&mut config);
        Bench::on_disk(config, Recovered::default())
    }

    pub fn on_disk(config: Config, recovered: Recovered) -> Bench {
        let now = Time::default();
        Bench {
            core: Core::new(config.clone(), recovered.clone(), now),
            now,
            disk: Memory::new(recovered),
            queue: Vec::new(),
            promises: Vec::new(),
            config,
        }
    }

    /// Power loss and a new boot, in the same moment.
    pub fn restart(&mut self) {
        let recovered = self.disk.recovered().clone();
        self.core = Core::new(self.config.clone(), recovered, self.now);
        self.queue.clear();
    }

    /// Steps, and keeps the write back.
    pub fn step(&mut self, input: Input) -> Ready {
        self.core.step(self.now, input);
        let ready = self.core.take_ready();
        self.queue.extend(ready.write.clone());
        self.promises = ready.promises.clone();
        ready
    }

    pub fn hear(&mut self, from: u16, term: u64, body: Body) -> Ready {
        self.step(Input::Message(Message {
            from: n(from),
            to: n(1),
            term: Term(term),
            body,
        }))
    }

    /// Puts everything on disk.
    pub fn persist(&mut self) -> Ready {
        let writes = std::mem::take(&mut self.queue);
        let proof = self.disk.persist(&writes).expect("memory has space");
        self.step(Input::Persisted(proof))
    }

    /// Puts on disk what waits for it, if anything does, and gives what may leave then.
    pub fn persist_if_any(&mut self) -> Vec<Body> {
        let promises = std::mem::take(&mut self.promises);
        let writes = std::mem::take(&mut self.queue);
        if writes.is_empty() {
            return Vec::new();
        }
        let proof = self.disk.persist(&writes).expect("memory has space");
        let released = promises.into_iter().map(|p| p.release(&proof));
        let bodies = released.map(|m| m.expect("all is on disk").body).collect();
        self.step(Input::Persisted(proof));
        bodies
    }

    pub fn wait(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }

    /// Time goes on to the deadline.
    pub fn tick(&mut self) -> Ready {
        self.now = self.now.max(self.core.deadline());
        self.step(Input::Tick)
    }

    pub fn status(&self) -> Status {
        self.core.status()
    }

    pub fn role(&self) -> Role {
        self.status().role
    }

    /// A candidate of the next term whose own vote is on disk.
    pub fn candidate(mut self) -> Bench {
        while self.role() != Role::Candidate {
            self.tick();
            let next = self.status().term.next().0;
            if self.role() == Role::PreCandidate {
                for voter in 2..=5 {
                    self.hear(voter, next, Body::PreVoteReply { granted: true });
                }
            }
        }
        self.persist();
        self
    }

    /// A leader of three whose first entry is on its own disk, and committed where `committed`.
    pub fn leader(self, committed: bool) -> Bench {
        let mut bench = self.candidate();
        let term = bench.status().term.0;
        bench.hear(2, term, Body::VoteReply { granted: true });
        assert_eq!(bench.role(), Role::Leader);
        bench.persist();
        if committed {
            let last = bench.status().last.index;
            bench.matches(2, last.0);
            assert_eq!(bench.status().commit, last);
        }
        bench
    }

    /// `from` has everything up to `index` on its disk.
    pub fn matches(&mut self, from: u16, index: u64) -> Ready {
        let term = self.status().term.0;
        let result = Appended::Match {
            index: Index(index),
        };
        let round = Round(0);
        self.hear(from, term, Body::AppendReply { result, round })
    }

    /// An append of a leader.
    pub fn append(
        &mut self,
        (from, term): (u16, u64),
        prev: LogId,
        entries: &[Entry],
        commit: u64,
    ) -> Ready {
        let body = Body::Append {
            prev,
            entries: entries.to_vec(),
            commit: Index(commit),
            round: Round(1),
        };
        self.hear(from, term, body)
    }

    pub fn heartbeat(&mut self, (from, term): (u16, u64), commit: u64) -> Ready {
        let body = Body::Heartbeat {
            commit: Index(commit),
            round: Round(1),
        };
        self.hear(from, term, body)
    }

    pub fn echo(&mut self, from: u16, round: u64) -> Ready {
        let term = self.status().term.0;
        let round = Round(round);
        self.hear(from, term, Body::HeartbeatReply { round })
    }

    pub fn propose(&mut self, id: u64) -> Ready {
        self.step(Input::Propose {
            id: RequestId(id),
            command: vec![b'x'].into(),
        })
    }

    pub fn read(&mut self, id: u64) -> Ready {
        self.step(Input::Read { id: RequestId(id) })
    }
}

/// The bodies that leave at once.
pub fn said(ready: &Ready) -> Vec<&Body> {
    ready.messages.iter().map(|m| &m.body).collect()
}
