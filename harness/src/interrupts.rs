//! The signals by which a user asks to end: SIGINT, SIGTERM and SIGHUP.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// From when this is made, none of these signals ends the process.
pub struct Interrupts {
    int: Signal,
    term: Signal,
    hup: Signal,
}

impl Interrupts {
    /// Needs a runtime.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn new() -> io::Result<Interrupts> {
        Ok(Interrupts {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Nothing is lost if this is dropped half-way.
    pub async fn next(&mut self) {
        tokio::select! { _ = self.int.recv() => {}, _ = self.term.recv() => {}, _ = self.hup.recv() => {} }
    }
}
