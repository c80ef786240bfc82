//! Draws injuries, writes each down, inflicts it, heals it, and measures what it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::budget::Budget;
use crate::cluster::Cluster;
use crate::faults::{Draft, Fault, Order, View};
use crate::injury::Injury;
use crate::interpreter::Note;
use crate::lock::lock;
use crate::plan::Plan;
use crate::schedule::Entry;
use crate::store::Lines;

/// A fault lasts, and the pause after it, this many times the plan's interval.
const SPREAD: std::ops::Range<f64> = 0.2..1.6;
/// Over so many lanes faults are dealt: so many can act at a time …
const LANES: usize = 2;
/// … and so many at the fast cadence.
const FAST_LANES: usize = 4;

/// Everything that lanes share.
pub struct Nemesis {
    cluster: Arc<Cluster>,
    leader_aware: bool,
    kill_is_power_loss: bool,
    /// When faults begin, in nanoseconds since the run began.
    began_ns: u64,
    lines: Lines,
    notes: mpsc::UnboundedSender<Note>,
    next_id: AtomicU64,
    budget: Budget,
    active: std::sync::Mutex<Vec<Injury>>,
    done: std::sync::Mutex<Vec<Injury>>,
}

impl Nemesis {
    /// Writes injuries to `lines` and tells of them in the history by `notes`. Faults begin now.
    pub fn new(
        plan: &Plan,
        cluster: Arc<Cluster>,
        lines: Lines,
        notes: mpsc::UnboundedSender<Note>,
    ) -> Nemesis {
        Nemesis {
            leader_aware: plan.is_fast(),
            kill_is_power_loss: plan.kill_means == "power-loss",
            began_ns: cluster.now_ns(),
            cluster,
            lines,
            notes,
            next_id: AtomicU64::new(0),
            budget: Budget::new(plan.most_down, usize::from(plan.nodes)),
            active: std::sync::Mutex::default(),
            done: std::sync::Mutex::default(),
        }
    }

    /// Injuries that act right now, for whoever shows progress.
    pub fn active(&self) -> Vec<String> {
        let active = lock(&self.active);
        active
            .iter()
            .map(|injury| injury.description.clone())
            .collect()
    }

    /// How many injuries are over, and how many of them had an effect.
    pub fn counts(&self) -> (u64, u64) {
        let done = lock(&self.done);
        (
            done.len() as u64,
            done.iter().filter(|injury| injury.effect.is_some()).count() as u64,
        )
    }

    /// All injuries that are over, by id.
    pub fn injuries(&self) -> Vec<Injury> {
        let mut done = lock(&self.done).clone();
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
    /// A schedule is followed as it stands. Otherwise the faults are dealt over lanes, so that faults of different
    /// kinds overlap while those of one kind, which may share a mechanism, never do.
    pub async fn run(self: Arc<Self>, plan: &Plan, until: Instant, stop: watch::Receiver<bool>) {
        let mut tasks = Vec::new();
        let seed = |number: usize| plan.seed.wrapping_add(0x6e65_6d00 + number as u64);
        let began = Instant::now();
        for (number, entry) in plan.schedule.iter().cloned().enumerate() {
            let rng = StdRng::seed_from_u64(seed(number));
            let scheduled = self.clone().follow(entry, rng, began, until, stop.clone());
            tasks.push(tokio::spawn(scheduled));
        }
        let mut lanes = vec![Vec::new(); if plan.is_fast() { FAST_LANES } else { LANES }];
        let count = lanes.len();
        let drawn = plan
            .orders()
            .into_iter()
            .filter(|_| plan.schedule.is_empty());
        for (position, order) in drawn.enumerate() {
            lanes[position % count].push(order);
        }
        for (number, orders) in lanes.into_iter().enumerate() {
            let lane = Lane {
                nemesis: self.clone(),
                orders,
                deck: Vec::new(),
                rng: StdRng::seed_from_u64(seed(number)),
                interval: plan.interval,
            };
            tasks.push(tokio::spawn(lane.run(until, stop.clone())));
        }
        for task in tasks {
            let _ = task.await;
        }
    }

    /// Waits for an entry's time and inflicts it.
    async fn follow(
        self: Arc<Self>,
        entry: Entry,
        mut rng: StdRng,
        began: Instant,
        until: Instant,
        mut stop: watch::Receiver<bool>,
    ) {
        let wait = (began + entry.at).saturating_duration_since(Instant::now());
        if !sleep(wait, until, &mut stop).await {
            return;
        }
        let lasts = entry.lasts;
        self.injure(&entry.order, entry.drawn, lasts, &mut rng, until, &mut stop)
            .await;
    }

    fn view(&self) -> View {
        View {
            nodes: self.cluster.nodes(),
            leader: self.cluster.leader(),
            primaries: self.cluster.primaries(),
            leader_aware: self.leader_aware,
            kill_is_power_loss: self.kill_is_power_loss,
        }
    }

    /// Draws an injury unless it is drawn, writes it down, inflicts it, heals it, and writes down what it did.
    async fn injure(
        &self,
        order: &Order,
        drawn: Option<Draft>,
        lasts: Duration,
        rng: &mut StdRng,
        until: Instant,
        stop: &mut watch::Receiver<bool>,
    ) {
        let Ok(fault) = order.row() else { return };
        let cluster = &self.cluster;
        let id = self.next_id.fetch_add(1, Relaxed);
        let draft = match drawn {
            Some(draft) => draft,
            None => match self.within_budget(id, fault, order, rng) {
                Some(draft) => draft,
                None => return,
            },
        };
        let begin = cluster.now_ns();
        let mut injury = Injury {
            id,
            fault: fault.name().into(),
            shape: draft.shape,
            targets: draft.targets.iter().map(ToString::to_string).collect(),
            description: draft.description,
            parameters: draft.parameters,
            at_ns: begin.saturating_sub(self.began_ns),
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
        self.write("inject", &injury);
        lock(&self.active).push(injury.clone());
        let before = match fault.inject(cluster, &injury).await {
            Ok(before) => before,
            Err(error) => {
                injury.error = Some(error);
                Value::Null
            }
        };
        injury.injected_ns = Some([begin, cluster.now_ns()]);
        let over = sleep(lasts, until, stop);
        tokio::pin!(over);
        let broke = tokio::select! {
            acted = fault.act(cluster, &injury) => acted.err(),
            _ = &mut over => None,
        };
        if let Some(error) = broke {
            injury.error = Some(error);
            let _ = over.await;
        }
        let heal = cluster.now_ns();
        match fault.heal(cluster, &injury, &before).await {
            Ok(effect) => injury.effect = effect,
            Err(error) => injury.error = Some(error),
        }
        injury.healed_ns = Some([heal, cluster.now_ns()]);
        self.budget.release(injury.id);
        lock(&self.active).retain(|other| other.id != injury.id);
        self.write("heal", &injury);
        lock(&self.done).push(injury);
    }

    /// Draws an injury that has no more nodes down than may be, on fewer victims if need be; `None`: nobody is left for it.
    fn within_budget(
        &self,
        id: u64,
        fault: &dyn Fault,
        order: &Order,
        rng: &mut StdRng,
    ) -> Option<Draft> {
        let view = self.view();
        let draft = fault.plan(&view, order, rng);
        let at_once = fault.takes_down(&draft);
        if at_once == 0 {
            return Some(draft);
        }
        let mut wanted = draft.targets.clone();
        wanted.shuffle(rng);
        wanted.sort_by_key(|node| view.leader != Some(*node));
        let given = self.budget.take(id, &wanted, at_once);
        if given.is_empty() || given.len() == wanted.len() {
            return (!given.is_empty()).then_some(draft);
        }
        let names: Vec<String> = given.iter().map(ToString::to_string).collect();
        let mut fewer = order.clone();
        fewer.settings.insert("targets".into(), names.join("+"));
        Some(fault.plan(&view, &fewer, rng))
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
    orders: Vec<Order>,
    deck: Vec<Order>,
    rng: StdRng,
    interval: Duration,
}

impl Lane {
    async fn run(mut self, until: Instant, mut stop: watch::Receiver<bool>) {
        loop {
            let pause = self.draw();
            let lasts = self.draw();
            let Some(order) = self.deal() else { return };
            if !sleep(pause, until, &mut stop).await {
                return;
            }
            let nemesis = &self.nemesis;
            nemesis
                .injure(&order, None, lasts, &mut self.rng, until, &mut stop)
                .await;
        }
    }

    /// Every fault is dealt once before any is dealt again.
    fn deal(&mut self) -> Option<Order> {
        if self.deck.is_empty() {
            self.deck.clone_from(&self.orders);
            self.deck.shuffle(&mut self.rng);
        }
        self.deck.pop()
    }

    fn draw(&mut self) -> Duration {
        self.interval.mul_f64(self.rng.random_range(SPREAD))
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
