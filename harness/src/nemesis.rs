//! Draws injuries, writes each down, inflicts it, heals it, and measures what it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::cluster::Cluster;
use crate::faults::{self, Fault, View};
use crate::injury::Injury;
use crate::interpreter::Note;
use crate::plan::Plan;
use crate::store::Lines;

/// A fault lasts, and the pause after it, this many times the plan's interval.
const SPREAD: std::ops::Range<f64> = 0.2..1.6;

/// Everything that lanes share.
pub struct Nemesis {
    cluster: Arc<Cluster>,
    lines: Lines,
    notes: mpsc::UnboundedSender<Note>,
    next_id: AtomicU64,
    active: std::sync::Mutex<Vec<Injury>>,
    done: std::sync::Mutex<Vec<Injury>>,
}

impl Nemesis {
    /// Writes injuries to `lines` and tells of them in the history by `notes`.
    pub fn new(cluster: Arc<Cluster>, lines: Lines, notes: mpsc::UnboundedSender<Note>) -> Nemesis {
        Nemesis {
            cluster,
            lines,
            notes,
            next_id: AtomicU64::new(0),
            active: std::sync::Mutex::default(),
            done: std::sync::Mutex::default(),
        }
    }

    /// Injuries that act right now, for whoever shows progress.
    pub fn active(&self) -> Vec<String> {
        let active = self
            .active
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        active
            .iter()
            .map(|injury| injury.description.clone())
            .collect()
    }

    /// How many injuries are over, and how many of them had an effect.
    pub fn counts(&self) -> (u64, u64) {
        let done = self
            .done
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        (
            done.len() as u64,
            done.iter().filter(|injury| injury.effect.is_some()).count() as u64,
        )
    }

    /// All injuries that are over, by id.
    pub fn injuries(&self) -> Vec<Injury> {
        let mut done = self
            .done
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        done.sort_by_key(|injury| injury.id);
        done
    }

    /// # Errors
    /// Some injury could not be written down.
    pub fn check(&self) -> Result<(), crate::exit::Failure> {
        self.lines.check()
    }

    /// Acts until `until` or until told to stop; when it returns everything is healed.
    ///
    /// The faults are dealt over two lanes, so that faults of different kinds overlap while those of one
    /// kind, which share a mechanism, never do.
    pub async fn run(self: Arc<Self>, plan: &Plan, until: Instant, stop: watch::Receiver<bool>) {
        let mut lanes: [Vec<&'static dyn Fault>; 2] = [Vec::new(), Vec::new()];
        for (position, fault) in plan
            .nemesis
            .iter()
            .filter_map(|name| faults::find(name))
            .enumerate()
        {
            lanes[position % 2].push(fault);
        }
        let tasks: Vec<_> = lanes
            .into_iter()
            .enumerate()
            .filter(|(_, faults)| !faults.is_empty())
            .map(|(number, faults)| {
                let lane = Lane {
                    nemesis: self.clone(),
                    faults,
                    rng: StdRng::seed_from_u64(plan.seed.wrapping_add(0x6e65_6d00 + number as u64)),
                    interval: plan.interval,
                    kill_is_power_loss: plan.kill_means == "power-loss",
                };
                tokio::spawn(lane.run(until, stop.clone()))
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
    }

    fn write(&self, f: &str, injury: &Injury) {
        self.lines.append(injury);
        let value = json!({
            "id": injury.id, "fault": injury.fault, "shape": injury.shape,
            "description": injury.description, "effect": injury.effect, "error": injury.error,
        });
        // The interpreter outlives every injury; without it there is no history to note this in.
        let _ = self.notes.send(Note {
            f: format!("{f}-{}", injury.fault).into(),
            value,
        });
    }
}

struct Lane {
    nemesis: Arc<Nemesis>,
    faults: Vec<&'static dyn Fault>,
    rng: StdRng,
    interval: Duration,
    kill_is_power_loss: bool,
}

impl Lane {
    async fn run(mut self, until: Instant, mut stop: watch::Receiver<bool>) {
        loop {
            let pause = self.draw();
            if !sleep(pause, until, &mut stop).await {
                return;
            }
            let lasts = self.draw();
            let Some(fault) = self.faults.choose(&mut self.rng).copied() else {
                return;
            };
            self.injure(fault, lasts, until, &mut stop).await;
        }
    }

    fn draw(&mut self) -> Duration {
        self.interval.mul_f64(self.rng.random_range(SPREAD))
    }

    async fn injure(
        &mut self,
        fault: &dyn Fault,
        lasts: Duration,
        until: Instant,
        stop: &mut watch::Receiver<bool>,
    ) {
        let nemesis = self.nemesis.clone();
        let cluster = &nemesis.cluster;
        let view = View {
            nodes: cluster.nodes(),
            leader: cluster.leader(),
            kill_is_power_loss: self.kill_is_power_loss,
        };
        let draft = fault.plan(&view, &mut self.rng);
        let begin = cluster.now_ns();
        let mut injury = Injury {
            id: nemesis.next_id.fetch_add(1, Relaxed),
            fault: fault.name().into(),
            shape: draft.shape,
            targets: draft.targets.iter().map(ToString::to_string).collect(),
            description: draft.description,
            parameters: draft.parameters,
            planned_ns: [
                begin,
                begin + u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX / 2),
            ],
            injected_ns: None,
            healed_ns: None,
            effect: None,
            error: None,
        };
        // On paper before it is inflicted.
        nemesis.write("inject", &injury);
        nemesis
            .active
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(injury.clone());
        let before = match fault.inject(cluster, &injury).await {
            Ok(before) => before,
            Err(error) => {
                injury.error = Some(error);
                Value::Null
            }
        };
        injury.injected_ns = Some([begin, cluster.now_ns()]);
        let _ = sleep(lasts, until, stop).await;
        let heal = cluster.now_ns();
        match fault.heal(cluster, &injury, &before).await {
            Ok(effect) => injury.effect = effect,
            Err(error) => injury.error = Some(error),
        }
        injury.healed_ns = Some([heal, cluster.now_ns()]);
        nemesis
            .active
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .retain(|other| other.id != injury.id);
        nemesis.write("heal", &injury);
        nemesis
            .done
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .push(injury);
    }
}

/// Sleeps; false once the time is up or somebody asked to stop.
async fn sleep(lasts: Duration, until: Instant, stop: &mut watch::Receiver<bool>) -> bool {
    let wake = (Instant::now() + lasts).min(until);
    tokio::select! {
        () = tokio::time::sleep_until(wake.into()) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    Instant::now() < until && !*stop.borrow()
}
