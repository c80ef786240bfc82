//! Turns a generator into operations and operations into events: the only writer of the history.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use checker::{Event, Kind, Process};
use serde_json::Value;
use smol_str::{SmolStr, ToSmolStr};
use tokio::sync::{mpsc, oneshot};
use workloads::{Context, Generator, Next, Op};

use crate::histogram::Histogram;
use crate::history::Recorder;
use crate::site::NodeId;
use crate::worker::{Done, Job};

/// A pause of the pacing that is made up for afterwards; longer ones are simply lost.
const MOST_DEBT: Duration = Duration::from_millis(20);

/// Something the nemesis did, for the history.
pub struct Note {
    /// `inject` or `heal`.
    pub f: SmolStr,
    /// What, to whom.
    pub value: Value,
}

/// Work for all workers, until it is done.
pub struct Phase {
    /// Where operations come from.
    pub generator: Box<dyn Generator>,
    /// When to begin no more; `None`: when the generator is done.
    pub until: Option<Instant>,
    /// Operations a second that are begun at most; 0: no limit.
    pub rate: f64,
    /// Marks every event as a final read.
    pub is_final: bool,
    /// Told when nothing is open any more.
    pub finished: oneshot::Sender<()>,
}

/// Running totals for whoever shows progress.
#[derive(Default)]
pub struct Totals {
    /// Operations that happened.
    pub ok: AtomicU64,
    /// Compare-and-sets that found another value.
    pub unequal: AtomicU64,
    /// Operations that did not.
    pub fail: AtomicU64,
    /// Operations of unknown outcome.
    pub info: AtomicU64,
    /// Final reads that were answered.
    pub final_ok: AtomicU64,
    /// How long those that happened took.
    pub latencies: Histogram,
    /// Set when the history cannot be written.
    pub write_failed: std::sync::atomic::AtomicBool,
}

struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
    process: u64,
    node: NodeId,
    open: Option<Open>,
}

struct Open {
    op: Op,
    since: Duration,
    node: NodeId,
    is_final: bool,
}

/// Owns the history until the run ends.
pub struct Interpreter {
    began: Instant,
    recorder: Recorder,
    workers: Vec<Worker>,
    free: VecDeque<usize>,
    totals: Arc<Totals>,
    phase: Option<Phase>,
    slot: Instant,
    pending: bool,
}

impl Interpreter {
    /// `workers`: the way to each, and the node that each asks first.
    pub fn new(
        began: Instant,
        recorder: Recorder,
        workers: Vec<(mpsc::UnboundedSender<Job>, NodeId)>,
        totals: Arc<Totals>,
    ) -> Interpreter {
        let worker = |(number, (jobs, node)): (usize, _)| Worker {
            jobs,
            process: number as u64,
            node,
            open: None,
        };
        let workers: Vec<Worker> = workers.into_iter().enumerate().map(worker).collect();
        let free = (0..workers.len()).collect();
        Interpreter {
            began,
            recorder,
            workers,
            free,
            totals,
            phase: None,
            slot: began,
            pending: false,
        }
    }

    /// Records until `phases` closes, then hands the recorder back.
    pub async fn run(
        mut self,
        mut done: mpsc::UnboundedReceiver<Done>,
        mut notes: mpsc::UnboundedReceiver<Note>,
        mut phases: mpsc::UnboundedReceiver<Phase>,
    ) -> Recorder {
        loop {
            // Completions first: waiting to record one would invent concurrency.
            while let Ok(done) = done.try_recv() {
                self.complete(done);
            }
            while let Ok(note) = notes.try_recv() {
                self.note(note);
            }
            let slot = self.dispatch();
            self.recorder.idle();
            if self.recorder.has_failed() {
                self.totals.write_failed.store(true, Relaxed);
            }
            // Wakes now and then even when nothing happens, so that the file is flushed and `until` is seen.
            let wake = slot.unwrap_or_else(|| Instant::now() + Duration::from_millis(20));
            tokio::select! {
                biased;
                Some(done) = done.recv() => self.complete(done),
                Some(note) = notes.recv() => self.note(note),
                phase = phases.recv() => match phase {
                    Some(phase) => {
                        self.slot = Instant::now();
                        self.pending = false;
                        self.phase = Some(phase);
                    }
                    None => return self.recorder,
                },
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Begins what is due. Returns when the next operation is due, if that is known.
    fn dispatch(&mut self) -> Option<Instant> {
        let mut phase = self.phase.take()?;
        let mut over = phase.until.is_some_and(|until| Instant::now() >= until);
        while !over && !self.pending && !self.free.is_empty() {
            let now = Instant::now();
            if phase.rate > 0.0 {
                if self.slot > now {
                    let due = phase.until.map_or(self.slot, |until| until.min(self.slot));
                    self.phase = Some(phase);
                    return Some(due);
                }
                let next = self.slot + Duration::from_secs_f64(1.0 / phase.rate);
                self.slot = next.max(now.checked_sub(MOST_DEBT).unwrap_or(now));
            }
            let worker = self.free[0];
            match phase.generator.next(&Context {
                time: self.now(),
                worker,
            }) {
                Next::Invoke(request) => {
                    self.free.pop_front();
                    self.invoke(&mut phase, worker, request.op, request.node.map(NodeId));
                }
                Next::Pending => self.pending = true,
                Next::Done => over = true,
            }
        }
        if over {
            phase.until = Some(self.began);
            if self.free.len() == self.workers.len() {
                let _ = phase.finished.send(());
                return None;
            }
        }
        self.phase = Some(phase);
        None
    }

    fn invoke(&mut self, phase: &mut Phase, number: usize, op: Op, node: Option<NodeId>) {
        let time = self.now();
        let worker = &mut self.workers[number];
        let asked = node.unwrap_or(worker.node);
        let event = Event {
            index: 0,
            time,
            process: Process::Client(worker.process),
            kind: Kind::Invoke,
            f: op.f().into(),
            key: op.key().cloned(),
            value: op.value(),
            error: None,
            node: Some(asked.to_smolstr()),
            current: None,
            entry: None,
            is_final: phase.is_final,
        };
        phase.generator.update(self.recorder.append(event));
        // A worker ends only with the run; then nobody waits for this operation either.
        let _ = worker.jobs.send(Job {
            op: op.clone(),
            node,
        });
        worker.open = Some(Open {
            op,
            since: time,
            node: asked,
            is_final: phase.is_final,
        });
    }

    fn complete(&mut self, done: Done) {
        let time = self.now();
        let count = self.workers.len() as u64;
        let worker = &mut self.workers[done.worker];
        worker.node = done.next_node;
        let Some(open) = worker.open.take() else {
            return;
        };
        let kind = done.ending.kind;
        let unequal = done.ending.current.is_some();
        let event = Event {
            index: 0,
            time,
            process: Process::Client(worker.process),
            kind,
            f: open.op.f().into(),
            key: open.op.key().cloned(),
            value: done.ending.value,
            error: done.ending.error,
            node: Some(open.node.to_smolstr()),
            current: done.ending.current,
            entry: done.ending.entry,
            is_final: open.is_final,
        };
        if kind == Kind::Info {
            // The logical client is gone: its operation may take effect at any later time.
            worker.process += count;
        }
        if kind == Kind::Ok && !open.is_final {
            let took = time.saturating_sub(open.since).as_nanos();
            (self.totals.latencies).add(u64::try_from(took).unwrap_or(u64::MAX));
        }
        match kind {
            Kind::Ok if open.is_final => self.totals.final_ok.fetch_add(1, Relaxed),
            Kind::Ok => self.totals.ok.fetch_add(1, Relaxed),
            Kind::Fail if unequal => self.totals.unequal.fetch_add(1, Relaxed),
            Kind::Fail => self.totals.fail.fetch_add(1, Relaxed),
            _ => self.totals.info.fetch_add(1, Relaxed),
        };
        self.free.push_back(done.worker);
        self.pending = false;
        let event = self.recorder.append(event);
        if let Some(phase) = &mut self.phase {
            phase.generator.update(event);
        }
    }

    fn note(&mut self, note: Note) {
        let event = Event {
            index: 0,
            time: self.now(),
            process: Process::Nemesis,
            kind: Kind::Info,
            f: note.f,
            key: None,
            value: note.value,
            error: None,
            node: None,
            current: None,
            entry: None,
            is_final: false,
        };
        self.recorder.append(event);
    }
}
