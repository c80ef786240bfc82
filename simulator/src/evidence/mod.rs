//! The nodes' own evidence, which is what `--events` writes, given to the checker's judge of evidence at every step.

mod typed;

use std::sync::{Arc, Mutex, PoisonError};

use checker::whitebox::{Coverage, Judge, Node, Place};
use node::events::{Boot, Event, Events, Members, Sink};
use node::raft::NodeId;
use node::storage::{self, Recovered};

use crate::network::MAX_NODES;
use crate::swarm::Swarm;
use crate::world::World;

type Told = Arc<Mutex<Vec<(NodeId, Event)>>>;

/// What all nodes tell, and who judges it.
pub struct Evidence {
    told: Told,
    /// Taken from there, and empty between two steps.
    taken: Vec<(NodeId, Event)>,
    judge: Judge,
    lines: [u64; MAX_NODES],
}

/// Where one node's events go.
struct Notes(NodeId, Told);

impl Sink for Notes {
    fn record(&self, event: Event) {
        let mut told = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((self.0, event));
    }
}

impl Evidence {
    /// Of a run that has not begun.
    pub fn new() -> Evidence {
        Evidence {
            told: Told::default(),
            taken: Vec::new(),
            judge: Judge::new(),
            lines: [0; MAX_NODES],
        }
    }

    /// Where a node tells what it does.
    pub fn of(&self, id: NodeId) -> Events {
        Events::to(Arc::new(Notes(id, self.told.clone())))
    }

    /// How often the judge saw what a good run ought to have seen. It judges no more.
    pub fn finish(&mut self) -> Coverage {
        std::mem::take(&mut self.judge).finish().coverage
    }
}

impl Default for Evidence {
    fn default() -> Evidence {
        Evidence::new()
    }
}

impl World {
    /// Has judged what nodes have told since the last time.
    pub fn weigh(&mut self) {
        let now = self.now;
        let evidence = &mut self.evidence;
        {
            let mut told = evidence.told.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *told, &mut evidence.taken);
        }
        for (id, event) in evidence.taken.drain(..) {
            let line = &mut evidence.lines[usize::from(id.0)];
            *line += 1;
            let place = Place {
                node: Node(id.0),
                line: *line,
                at_ns: now,
            };
            evidence.judge.observe(place, &typed::event(&event));
            self.coverage.evidence += 1;
        }
        let found = evidence.judge.violations().first();
        if let Some(violation) = found {
            let what = format!(
                "{} at {}: {}",
                violation.invariant, violation.place, violation.what
            );
            self.object("white-box", what);
        }
    }

    /// A node tells something.
    pub fn tell(&mut self, id: NodeId, event: impl FnOnce() -> Event) {
        let told = &self.evidence.told;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((id, event()));
    }
}

/// What a node starts with.
pub fn boot(id: NodeId, swarm: &Swarm, recovered: &Recovered, boot: storage::Boot) -> Event {
    let mut log: Vec<(u64, u64, u64)> = Vec::new();
    for entry in &recovered.entries {
        let (index, term) = (entry.id.index.0, entry.id.term.0);
        match log.last_mut() {
            Some((_, last, of)) if *of == term => *last = index,
            _ => log.push((index, index, term)),
        }
    }
    let config = swarm.config_of(id, 0);
    Event::Boot(Box::new(Boot {
        incarnation: boot.incarnation,
        term: recovered.hard_state.term,
        vote: recovered.hard_state.vote,
        snapshot: boot.snapshot.into(),
        log,
        torn: boot.torn_bytes,
        members: Members {
            voters: config.voters,
            ..Members::default()
        },
        replication: config.replication,
        lease_reads: config.lease_drift_percent.is_some(),
    }))
}
