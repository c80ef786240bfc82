//! One simulated process: a real replica on a real log, on a disk and by a clock that are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use node::events::{Events, observed::Observed};
use node::kv::Machine;
use node::raft::{Core, NodeId, Role, Status, Time, Write};
use node::replica::{Job, Parts, Replica};
use node::storage::files::Files;
use node::storage::{self, Boot, Mode, OpenError, Options, Recovered, Storage};

use crate::disk::Disk;
use crate::swarm::Swarm;

/// A node, running or not.
pub struct Process {
    /// Its name.
    pub id: NodeId,
    /// What it leaves behind.
    pub disk: Disk,
    /// `None` while it is down.
    pub running: Option<Running>,
    /// Counts its boots, so that events of an earlier one are dropped.
    pub boot: u64,
    /// It stands still until then, in nanoseconds of the run.
    pub paused_until: u64,
    /// Its own time.
    pub clock: Clock,
    /// How long its syncs take, in microseconds, while they are slow.
    pub slow: Option<(u64, u64)>,
    /// A bit that was flipped while it was down: file, place, bits.
    pub flipped: Option<(String, usize, u8)>,
}

/// What a process keeps in memory.
pub struct Running {
    /// The replica.
    pub replica: Replica,
    /// Its log.
    pub storage: Box<dyn Storage>,
    /// Issued but not on disk.
    pub queue: Vec<Write>,
    /// How many of them the sync under way covers.
    pub syncing: usize,
    /// It was told that its disk is full.
    pub full: bool,
    /// It will get round to what accumulated at that time, in nanoseconds of the run.
    pub turn_at: Option<u64>,
    /// When it is woken next, in nanoseconds of the run.
    pub wake_at: u64,
    /// After its last turn.
    pub status: Status,
    /// Storage wants to be asked for work that waits at that time.
    pub idle_at: Option<u64>,
    /// Work on whole states, each with the time at which it is done.
    pub jobs: Vec<(u64, Job)>,
}

/// A monotonic clock that may run at another rate than the run's own, and jump ahead.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Its time when the run's was `since`.
    shown: u64,
    since: u64,
    /// How fast it runs, in millionths of the true rate.
    rate: u64,
    /// Its rate when nothing disturbs it.
    usual: u64,
    /// For storage's eyes.
    face: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that runs so many millionths as fast as the run's.
    pub fn new(rate: u64) -> Clock {
        Clock {
            shown: 0,
            since: 0,
            rate,
            usual: rate,
            face: Arc::default(),
        }
    }

    /// What it shows at `now`.
    pub fn at(&self, now: u64) -> Time {
        let elapsed = u128::from(now - self.since) * u128::from(self.rate) / 1_000_000;
        let shown = self.shown + elapsed as u64;
        self.face.store(shown, Relaxed);
        Time(Duration::from_nanos(shown))
    }

    /// The run's time at which it will show `time`, at the latest.
    pub fn when(&self, time: Time) -> u64 {
        let left = (time.0.as_nanos() as u64).saturating_sub(self.shown);
        self.since + (u128::from(left) * 1_000_000).div_ceil(u128::from(self.rate)) as u64
    }

    /// From `now` on it runs at another rate; `None`: at its usual one.
    pub fn set_rate(&mut self, now: u64, rate: Option<u64>) {
        self.shown = self.at(now).0.as_nanos() as u64;
        self.since = now;
        self.rate = rate.unwrap_or(self.usual);
    }

    /// It jumps ahead.
    pub fn jump(&mut self, now: u64, by: u64) {
        self.set_rate(now, Some(self.rate));
        self.shown += by;
    }

    /// A new process counts from nought.
    fn restart(&mut self, now: u64) {
        self.shown = 0;
        self.since = now;
    }
}

/// Why a process did not come up.
pub enum NoStart {
    /// Its data directory cannot be used.
    Refused(OpenError),
    /// The state in its snapshot cannot be read.
    Unreadable(String),
}

impl Process {
    /// A node that has never run.
    pub fn new(id: NodeId, rate: u64) -> Process {
        Process {
            id,
            disk: Disk::default(),
            running: None,
            boot: 0,
            paused_until: 0,
            clock: Clock::new(rate),
            slow: None,
            flipped: None,
        }
    }

    /// Opens its data directory.
    ///
    /// # Errors
    /// As the node's own start.
    pub fn open(
        disk: &Disk,
        id: NodeId,
        swarm: &Swarm,
        events: Events,
    ) -> Result<(storage::Disk, Recovered, Boot), OpenError> {
        let options = Options {
            directory: ".".into(),
            mode: Mode::Direct,
            cluster: "simulated".into(),
            node: id,
            segment_size: swarm.segment_size,
            events: events.clone(),
        };
        let disk: Arc<dyn Files> = Arc::new(disk.clone());
        let disk = match events.on() {
            // Below everything that could be mistaken.
            true => Arc::new(Observed::new(disk, events)),
            false => disk,
        };
        let log = swarm.config.seed ^ u64::from(id.0);
        storage::Disk::open_files(disk, &options, log)
    }

    /// Starts it, and gives what it found on its disk.
    ///
    /// # Errors
    /// Where its data directory cannot be used; it stays down.
    pub fn start(
        &mut self,
        now: u64,
        swarm: &Swarm,
        events: Events,
    ) -> Result<(Recovered, Boot), NoStart> {
        let id = self.id;
        events.tell(|| node::events::Event::Start { node: id });
        let (disk, recovered, boot) =
            Process::open(&self.disk, id, swarm, events.clone()).map_err(NoStart::Refused)?;
        events.tell(|| crate::evidence::boot(id, swarm, &recovered, boot));
        let machine = match &recovered.snapshot {
            None => Machine::new(),
            Some(snapshot) => Machine::restore(&snapshot.data)
                .map_err(|why| NoStart::Unreadable(why.to_string()))?,
        };
        self.boot += 1;
        self.clock.restart(now);
        let face = self.clock.face.clone();
        let storage = storage::wrap(
            disk,
            Box::new(move || Duration::from_nanos(face.load(Relaxed))),
        );
        let config = swarm.config_of(self.id, self.boot);
        let core = Core::new(config, recovered.clone(), self.clock.at(now));
        let status = core.status();
        let replica = Replica::new(Parts {
            core,
            machine,
            snapshot_every: swarm.snapshot_every,
            incarnation: boot.incarnation,
            request_timeout: swarm.request_timeout,
            events,
        });
        self.running = Some(Running {
            replica,
            storage,
            queue: Vec::new(),
            syncing: 0,
            full: false,
            turn_at: None,
            wake_at: u64::MAX,
            status,
            idle_at: None,
            jobs: Vec::new(),
        });
        Ok((recovered, boot))
    }

    /// It runs.
    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// It runs and leads.
    pub fn leads(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|r| r.status.role == Role::Leader)
    }

    /// Its term; 0 while it is down.
    pub fn term(&self) -> u64 {
        self.running.as_ref().map_or(0, |r| r.status.term.0)
    }
}
