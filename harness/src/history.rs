//! The history file: events are written as they happen, so that a run that dies leaves a checkable prefix.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use checker::Event;
use checker::history::jsonl::Writer;

use crate::exit::Failure;
use crate::store;

/// At most this much of the history is lost when the harness is killed.
const FLUSH_EVERY: Duration = Duration::from_millis(20);

/// The file, and all events so far for the judge.
pub struct Recorder {
    path: PathBuf,
    file: Writer<BufWriter<File>>,
    flushed: Instant,
    failed: Option<io::Error>,
    events: Vec<Event>,
}

impl Recorder {
    /// Makes the file in the run's folder.
    ///
    /// # Errors
    /// It cannot be made: code 73.
    pub fn create(folder: &Path) -> Result<Recorder, Failure> {
        let path = folder.join(store::HISTORY);
        let file = File::create(&path).map_err(|error| store::cannot_write(&path, &error))?;
        let file = Writer::new(BufWriter::with_capacity(1 << 16, file));
        Ok(Recorder {
            path,
            file,
            flushed: Instant::now(),
            failed: None,
            events: Vec::new(),
        })
    }

    /// Appends an event; its index is given here.
    pub fn append(&mut self, mut event: Event) -> &Event {
        event.index = self.events.len() as u64;
        if self.failed.is_none() {
            self.failed = self.file.append(&event).err();
        }
        self.events.push(event);
        &self.events[self.events.len() - 1]
    }

    /// Called when nothing else is to be done: what was recorded reaches the file now and then.
    pub fn idle(&mut self) {
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.flushed = Instant::now();
        if self.failed.is_none() {
            self.failed = self.file.flush().err();
        }
    }

    /// True once something could not be written: the run should end, with what there is.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Ends the file and hands out all events, those that could not be written too.
    pub fn finish(mut self) -> (Vec<Event>, Option<Failure>) {
        self.flush();
        let failure = self
            .failed
            .take()
            .map(|error| store::cannot_write(&self.path, &error));
        (self.events, failure)
    }
}
