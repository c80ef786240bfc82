//! The storage thread: takes every write that waits, puts them on disk with one sync, and attests it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::Meter;
use crate::log::say;
use crate::raft::{NodeId, Write};
use crate::replica::Finished;
use crate::storage::{Durable, Storage, StorageError};

/// How long to wait before the same writes are tried again on a full disk.
const RETRY: Duration = Duration::from_millis(50);

/// News from other threads.
#[derive(Debug)]
pub(super) enum Report {
    Persisted(Durable),
    Full(bool),
    Finished(Finished),
}

/// Starts the thread. It ends with the sender of writes; on a broken disk it ends the process.
pub(super) fn start(
    id: NodeId,
    storage: Box<dyn Storage>,
    reports: UnboundedSender<Report>,
    meter: Arc<Meter>,
) -> std::io::Result<Sender<Write>> {
    let (sender, writes) = channel();
    let persister = Persister {
        id,
        storage,
        writes,
        reports,
        meter,
        batch: Vec::new(),
        full: false,
        idle_until: None,
    };
    thread::Builder::new()
        .name("storage".to_owned())
        .spawn(move || persister.run())?;
    Ok(sender)
}

struct Persister {
    id: NodeId,
    storage: Box<dyn Storage>,
    writes: Receiver<Write>,
    reports: UnboundedSender<Report>,
    meter: Arc<Meter>,
    /// Waits to be on disk.
    batch: Vec<Write>,
    full: bool,
    /// When storage wants to be asked again for work that waited.
    idle_until: Option<Instant>,
}

impl Persister {
    fn run(mut self) {
        while self.collect() {
            let result = if self.batch.is_empty() {
                self.idle()
            } else {
                self.persist()
            };
            match result {
                Ok(()) => self.tell_full(false),
                Err(StorageError::Full) => {
                    self.tell_full(true);
                    self.idle_until = Some(Instant::now() + RETRY);
                    thread::sleep(RETRY);
                }
                Err(error @ StorageError::Broken(_)) => error.end_process(self.id),
            }
        }
    }

    /// Waits for work and takes all there is. False: the driver is gone.
    fn collect(&mut self) -> bool {
        if self.batch.is_empty() {
            let first = match self.idle_until {
                None => self
                    .writes
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => self
                    .writes
                    .recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match first {
                Ok(write) => self.batch.push(write),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        self.batch.extend(self.writes.try_iter());
        true
    }

    fn persist(&mut self) -> Result<(), StorageError> {
        let began = Instant::now();
        let proof = self.storage.persist(&self.batch)?;
        self.meter.persists.note(began.elapsed());
        let recycled = self.storage.recycled();
        self.meter.recycled.store(recycled, Ordering::Relaxed);
        self.batch.clear();
        let _ = self.reports.send(Report::Persisted(proof));
        self.idle()
    }

    fn idle(&mut self) -> Result<(), StorageError> {
        let wanted = self.storage.idle()?;
        self.idle_until = wanted.map(|after| Instant::now() + after);
        Ok(())
    }

    fn tell_full(&mut self, full: bool) {
        if self.full != full {
            self.full = full;
            let _ = self.reports.send(Report::Full(full));
            let what = match full {
                true => "disk full: refuses writes and tries again until space is back",
                false => "disk has space again",
            };
            say!("{} {what}", self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::raft::Ticket;
    use crate::storage::Recovered;
    use crate::storage::memory::Memory;

    /// Is full for a number of attempts, and notes the tickets of every attempt.
    struct Filling {
        memory: Memory,
        refusals: usize,
        attempts: Arc<Mutex<Vec<Vec<u64>>>>,
    }

    impl Storage for Filling {
        fn persist(&mut self, writes: &[Write]) -> Result<Durable, StorageError> {
            let tickets = writes.iter().map(|write| write.ticket.0).collect();
            self.attempts.lock().unwrap().push(tickets);
            if self.refusals > 0 {
                self.refusals -= 1;
                return Err(StorageError::Full);
            }
            self.memory.persist(writes)
        }
    }

    fn write(ticket: u64) -> Write {
        Write {
            ticket: Ticket(ticket),
            hard_state: None,
            snapshot: None,
            entries: Vec::new(),
            as_leader: false,
        }
    }

    fn next(reports: &mut UnboundedReceiver<Report>) -> String {
        match reports.blocking_recv() {
            Some(Report::Persisted(proof)) => format!("persisted {}", proof.ticket().0),
            Some(Report::Full(full)) => format!("full {full}"),
            Some(Report::Finished(_)) | None => "end".to_owned(),
        }
    }

    #[test]
    fn a_full_disk_is_told_and_the_same_writes_are_tried_until_they_succeed() {
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let storage = Filling {
            memory: Memory::new(Recovered::default()),
            refusals: 2,
            attempts: attempts.clone(),
        };
        let (reporter, mut reports) = unbounded_channel();
        let meter = Arc::new(Meter::default());
        let writes = start(NodeId(1), Box::new(storage), reporter, meter.clone()).unwrap();
        writes.send(write(1)).unwrap();
        assert_eq!(next(&mut reports), "full true");
        writes.send(write(2)).unwrap();
        let proof = next(&mut reports);
        assert_eq!(next(&mut reports), "full false");
        let attempts = attempts.lock().unwrap();
        let persists = meter.persists.below().last().map_or(0, |(_, count)| count);
        assert!(persists >= 1 && (persists as usize) < attempts.len());
        assert!(attempts.len() >= 3);
        assert!(attempts.iter().all(|tickets| tickets[0] == 1));
        assert_eq!(proof, format!("persisted {}", attempts[2].len()));
    }
}
