//! What this node does, as evidence for a judge: off unless asked for, and written before its effects leave.
//!
//! What is said about disk and network comes from below the code that decides: [`observed`] decodes the bytes that
//! are written to files, and the transport tells frames as they leave and arrive. Role, commit, apply and reads come from
//! the replica.

mod event;
mod file;
pub mod observed;

use std::fmt;
use std::sync::Arc;

pub use event::{
    Applied, Boot, DiskOperation, Event, FileName, Id, Members, Record, Said, hash, hash_of, said,
};
pub use file::EventFile;

/// Where events go.
pub trait Sink: Send + Sync {
    /// Takes the next event of this node.
    fn record(&self, event: Event);

    /// Returns once everything that was recorded before outlives this process.
    fn flush(&self) {}
}

/// A handle to where events go, or to nowhere.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<dyn Sink>>);

impl Events {
    /// Events that go to `sink`.
    pub fn to(sink: Arc<dyn Sink>) -> Events {
        Events(Some(sink))
    }

    /// Whether anybody wants to know.
    pub fn on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells an event, which is made only where somebody wants to know.
    pub fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(sink) = &self.0 {
            sink.record(event());
        }
    }

    /// Called before an effect leaves this node: the evidence of what led to it must not die with the process.
    pub fn flush(&self) {
        if let Some(sink) = &self.0 {
            sink.flush();
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.on() {
            "Events(on)"
        } else {
            "Events(off)"
        })
    }
}
