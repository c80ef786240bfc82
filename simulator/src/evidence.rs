//! The nodes' own evidence, as `--events` writes it, given to the checker's judge of evidence at every step.
//!
//! Judge and accused share no code, so it goes the way that it goes between processes: as JSON.

use std::sync::{Arc, Mutex, PoisonError};

use checker::whitebox::{self, Judge, Node, Place};
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
            judge: Judge::new(),
            lines: [0; MAX_NODES],
        }
    }

    /// Where a node tells what it does.
    pub fn of(&self, id: NodeId) -> Events {
        Events::to(Arc::new(Notes(id, self.told.clone())))
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
        let Some(evidence) = &mut self.evidence else {
            return;
        };
        let told = {
            let mut told = evidence.told.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *told)
        };
        for (id, event) in told {
            let line = &mut evidence.lines[usize::from(id.0)];
            *line += 1;
            let place = Place {
                node: Node(id.0),
                line: *line,
                at_ns: now,
            };
            let read =
                serde_json::to_value(&event).and_then(serde_json::from_value::<whitebox::Event>);
            match read {
                Ok(event) => evidence.judge.observe(place, &event),
                Err(error) => {
                    let what = format!("{event:?} is no evidence: {error}");
                    return self.object("evidence", what);
                }
            }
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
        if let Some(evidence) = &self.evidence {
            let mut told = evidence.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push((id, event()));
        }
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
    Event::Boot(Boot {
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
    })
}
