//! What a verdict may cost, and who tells that it has cost enough.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// How much may be tried for each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Configurations kept at once.
    pub configurations: usize,
    /// Configurations made in all.
    pub steps: u64,
    /// Bytes that the search may hold at once; the history and its operations are the caller's.
    pub bytes: usize,
}

/// Steps that all tries of one explanation may take together: a second or two.
const EXPLAINING: u64 = 1_000_000;

impl Limits {
    /// What each of so many threads may take: what they hold at the same time is held together.
    pub(super) fn shared(self, threads: usize) -> Limits {
        Limits {
            bytes: self.bytes / threads,
            ..self
        }
    }

    /// What an explanation may cost, that of one violation: far less than the verdict.
    pub(super) fn explaining(self) -> Limits {
        Limits {
            steps: (self.steps / 30).min(EXPLAINING),
            ..self
        }
    }
}

/// How many units of work pass between two questions; some microseconds.
const PERIOD: u64 = 256;

/// Tells whether time is up; may be asked by any thread.
pub type Stop<'a> = dyn Fn() -> bool + Sync + 'a;

/// Counts work and asks the caller now and then whether time is up: the library itself reads no clock.
pub struct Meter<'a> {
    stop: &'a Stop<'a>,
    wrong: Option<&'a AtomicBool>,
    memory: Option<usize>,
    threads: usize,
    work: Cell<u64>,
    stopped: Cell<bool>,
}

impl<'a> Meter<'a> {
    /// Asks `stop` every few microseconds of work, until it says true.
    pub fn new(stop: &'a Stop<'a>) -> Meter<'a> {
        Meter {
            stop,
            wrong: None,
            memory: None,
            threads: 1,
            work: Cell::new(0),
            stopped: Cell::new(false),
        }
    }

    /// Lets so many threads work at the same time where there is much to do; without it the caller's works alone. Verdicts do
    /// not depend on it, but where memory is short.
    pub fn with_threads(self, threads: usize) -> Meter<'a> {
        Meter {
            threads: threads.max(1),
            ..self
        }
    }

    /// Names the bytes that the caller gives to all, the history included: sentences tell of these.
    pub fn of_memory(self, bytes: usize) -> Meter<'a> {
        Meter {
            memory: Some(bytes),
            ..self
        }
    }

    /// The bytes that were named.
    pub(super) fn memory(&self) -> Option<usize> {
        self.memory
    }

    /// Sets `wrong` as soon as it is certain that something is not linearizable, long before that is explained.
    pub fn telling(self, wrong: &'a AtomicBool) -> Meter<'a> {
        Meter {
            wrong: Some(wrong),
            ..self
        }
    }

    /// Something is not linearizable for certain.
    pub(super) fn wrong(&self) {
        if let Some(wrong) = self.wrong {
            wrong.store(true, Relaxed);
        }
    }

    /// How many threads may work at the same time.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Another one with the same end, for one thread.
    pub(super) fn beside(&self) -> Meter<'a> {
        Meter {
            stop: self.stop,
            wrong: self.wrong,
            memory: self.memory,
            threads: 1,
            work: Cell::new(0),
            stopped: self.stopped.clone(),
        }
    }

    /// The caller has said stop to one beside this.
    pub(super) fn end(&self) {
        self.stopped.set(true);
    }

    /// Notes some units of work (one is some tens of nanoseconds). True: it is over.
    pub fn spent(&self, work: u64) -> bool {
        let sum = self.work.get() + work;
        self.work.set(sum);
        if sum >= PERIOD && !self.stopped.get() {
            self.work.set(0);
            self.stopped.set((self.stop)());
        }
        self.stopped.get()
    }

    /// True once the caller has said stop.
    pub fn is_over(&self) -> bool {
        self.stopped.get()
    }
}

/// Never stops.
pub const NO_END: &Stop<'static> = &|| false;
