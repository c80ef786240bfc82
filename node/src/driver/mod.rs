//! The one loop that runs the replica: inputs are stepped together, then what they led to is carried out.

mod meter;
mod persister;
mod request;

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;

pub use meter::{Meter, Timer};
pub use request::Request;

use self::persister::Report;
use crate::clock::{Clock, Steps};
use crate::events::{Event, Events};
use crate::log::say;
use crate::raft::{Configured, NodeId, Role, Time, Write};
use crate::replica::{Finished, Job, Replica};
use crate::storage::{Aside, Storage};
use crate::transport::{self, Peers};

/// Most inputs of one kind that are stepped before what they led to is carried out.
const BATCH: usize = 512;
/// How long a leader that stops waits for another one to take over.
const HANDOVER: Duration = Duration::from_millis(500);

/// What the driver is made of.
pub struct Parts {
    /// This node.
    pub id: NodeId,
    /// All that needs no I/O.
    pub replica: Replica,
    /// The clock that the replica's core was made with.
    pub clock: Arc<dyn Clock>,
    /// Where writes go.
    pub storage: Box<dyn Storage>,
    /// The sending side of the transport.
    pub peers: Peers,
    /// The receiving side.
    pub from_peers: mpsc::Receiver<transport::Event>,
    /// Clients' requests.
    pub from_clients: mpsc::Receiver<Request>,
    /// Asks the loop to hand over and end.
    pub stop: Arc<Notify>,
    /// Told what happens; must not fall behind what this node lets others see.
    pub events: Events,
}

/// The loop's state.
pub struct Driver {
    replica: Replica,
    peers: Peers,
    writes: Sender<Write>,
    /// Writes snapshots before it is their turn.
    aside: Option<Aside>,
    meter: Arc<Meter>,
    reporter: mpsc::UnboundedSender<Report>,
    clock: Arc<dyn Clock>,
    reports: mpsc::UnboundedReceiver<Report>,
    from_peers: mpsc::Receiver<transport::Event>,
    from_clients: mpsc::Receiver<Request>,
    stop: Arc<Notify>,
    revisions: watch::Sender<u64>,
    events: Events,
    steps: Steps,
    /// The configuration in effect, until it is committed.
    unsettled: Option<Configured>,
}

impl Driver {
    /// Starts the storage thread and makes the loop.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn new(parts: Parts) -> io::Result<Driver> {
        let (reporter, reports) = mpsc::unbounded_channel();
        let now = parts.replica.core().status().configured;
        parts.peers.follow(&now.configuration);
        let unsettled = Some(now);
        let meter = Arc::new(Meter::default());
        Ok(Driver {
            aside: parts.storage.aside(),
            writes: persister::start(parts.id, parts.storage, reporter.clone(), meter.clone())?,
            meter,
            reporter,
            replica: parts.replica,
            peers: parts.peers,
            clock: parts.clock,
            reports,
            from_peers: parts.from_peers,
            from_clients: parts.from_clients,
            stop: parts.stop,
            revisions: watch::Sender::new(0),
            events: parts.events,
            steps: Steps::default(),
            unsettled,
        })
    }

    /// What it measures.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.clone()
    }

    /// Runs until asked to stop.
    pub async fn run(mut self) {
        let stop = self.stop.clone();
        let mut stop_at: Option<Time> = None;
        loop {
            tokio::select! {
                biased;
                () = stop.notified(), if stop_at.is_none() => {
                    let now = self.now();
                    stop_at = Some(now + HANDOVER);
                    self.replica.on_stop(now);
                }
                () = self.turn() => {}
            }
            self.replica.finish_turn(self.now());
            self.look_at_wall_clock();
            // Answers were given in this turn, and leave once other tasks run.
            self.events.flush();
            self.carry_out();
            self.tell_revision();
            let leads = self.replica.role() == Role::Leader;
            if stop_at.is_some_and(|at| !leads || self.now() >= at) {
                return;
            }
        }
    }

    fn look_at_wall_clock(&mut self) {
        if self.events.on()
            && let Some(by_ms) = self.steps.look(self.clock.as_ref())
        {
            self.events.tell(|| Event::ClockStep { by_ms });
        }
    }

    /// Waits until there is something to do, and steps it, with what else has come meanwhile.
    async fn turn(&mut self) {
        let now = self.now();
        let wake = self.replica.wake(now);
        // By the runtime's clock, which may run at another rate: then it is woken a little early or late.
        let left = wake.0.saturating_sub(now.0);
        let mut news = News::default();
        // Nothing is lost when another branch wins: each takes only once it is ready.
        tokio::select! {
            biased;
            report = self.reports.recv() => match report {
                Some(report) => self.on_report(report),
                // The storage thread only ends with the process.
                None => pending().await,
            },
            event = self.from_peers.recv() => news.events.extend(event),
            request = self.from_clients.recv() => news.requests.extend(request),
            () = sleep(left) => {}
        }
        while let Ok(report) = self.reports.try_recv() {
            self.on_report(report);
        }
        while news.events.len() < BATCH
            && let Ok(event) = self.from_peers.try_recv()
        {
            news.events.push(event);
        }
        while news.requests.len() < BATCH
            && let Ok(request) = self.from_clients.try_recv()
        {
            news.requests.push(request);
        }
        for event in news.events {
            self.replica.on_peer(self.now(), event);
        }
        for request in news.requests {
            self.on_request(request);
        }
    }

    fn carry_out(&mut self) {
        let work = self.replica.take_work();
        for write in work.writes {
            // Fails only while the process ends.
            let _ = self.writes.send(write);
        }
        if let Some(configured) = work.configured {
            self.peers.follow(&configured.configuration);
            self.unsettled = Some(configured);
        }
        let commit = self.replica.core().position().commit.index;
        if let Some(settled) = self.unsettled.take_if(|last| last.by.index <= commit) {
            self.peers.settle(&settled.configuration);
        }
        for (to, outgoing) in work.messages {
            self.peers.send(to, outgoing);
        }
        for line in work.lines {
            say!("{line}");
        }
        for job in work.jobs {
            self.start(job);
        }
    }

    /// Does a job on a thread of its own.
    fn start(&self, job: Job) {
        let (aside, reporter) = (self.aside.clone(), self.reporter.clone());
        let meter = self.meter.clone();
        let run = move || {
            let began = Instant::now();
            let finished = job.run();
            if let (Finished::Frozen(snapshot), Some(aside)) = (&finished, aside) {
                aside.write(snapshot);
            }
            match finished {
                Finished::Frozen(_) => &meter.snapshots,
                Finished::Restored(..) => &meter.restores,
            }
            .note(began.elapsed());
            // Fails only while the process ends.
            let _ = reporter.send(Report::Finished(finished));
        };
        let thread = thread::Builder::new().name("snapshot".to_owned());
        // Half a node must not go on: it would take no snapshot any more.
        thread.spawn(run).expect("the system has a thread to give");
    }

    fn tell_revision(&self) {
        let now = self.replica.machine().revision();
        self.revisions
            .send_if_modified(|told| std::mem::replace(told, now) != now);
    }

    fn now(&self) -> Time {
        Time(self.clock.monotonic())
    }

    fn on_report(&mut self, report: Report) {
        let now = self.now();
        match report {
            Report::Persisted(proof) => self.replica.on_persisted(now, proof),
            Report::Full(full) => self.replica.on_disk_full(now, full),
            Report::Finished(finished) => self.replica.on_finished(now, finished),
        }
    }

    fn on_request(&mut self, request: Request) {
        let now = self.now();
        let wall_ms = self.clock.wall_ms();
        request.put_to(&mut self.replica, now, wall_ms, &self.revisions);
    }
}

#[derive(Default)]
struct News {
    events: Vec<transport::Event>,
    requests: Vec<Request>,
}
