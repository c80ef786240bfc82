//! Events as JSON lines in a file: `{"s":7,"t":123456789,"e":{"commit":{"last":[5,3]}}}`.
//!
//! `s` numbers the events of one process from 1, `t` is the machine's monotonic clock in nanoseconds, which no fault
//! moves. Lines gather in memory and are handed to the system before an effect that rests on them leaves, so SIGKILL
//! loses only what nobody else has seen; a line may be torn there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use serde::Serialize;

use super::{Event, Sink};
use crate::lock::lock;

/// Lines are handed over at this many bytes in any case.
const GATHER: usize = 64 << 10;

/// The file, and the lines that it has not been given.
pub struct EventFile {
    lines: Mutex<Lines>,
}

struct Lines {
    file: File,
    buffer: Vec<u8>,
    sequence: u64,
    /// The system took no more: evidence ends here, the node goes on.
    failed: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    s: u64,
    t: u64,
    e: &'a Event,
}

impl EventFile {
    /// Appends to the file at `path`, or makes it. A line that an earlier process left torn is ended first.
    ///
    /// # Errors
    /// Of the system.
    pub fn open(path: &Path) -> io::Result<EventFile> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)?;
        let mut buffer = Vec::with_capacity(2 * GATHER);
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                buffer.push(b'\n');
            }
        }
        Ok(EventFile {
            lines: Mutex::new(Lines {
                file,
                buffer,
                sequence: 0,
                failed: false,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        lock(&self.lines)
    }
}

impl Lines {
    fn hand_over(&mut self) {
        if !self.buffer.is_empty() && !self.failed {
            self.failed = self.file.write_all(&self.buffer).is_err();
        }
        self.buffer.clear();
    }
}

impl Sink for EventFile {
    fn record(&self, event: Event) {
        let mut lines = self.lock();
        if lines.failed {
            return;
        }
        lines.sequence += 1;
        // Under the lock, so that times grow with numbers.
        let line = Line {
            s: lines.sequence,
            t: monotonic_ns(),
            e: &event,
        };
        // Into memory, and of our own types: cannot fail.
        let _ = serde_json::to_writer(&mut lines.buffer, &line);
        lines.buffer.push(b'\n');
        if lines.buffer.len() >= GATHER {
            lines.hand_over();
        }
    }

    fn flush(&self) {
        self.lock().hand_over();
    }
}

/// The machine's monotonic clock: the same for all processes, and never set. Asked of the kernel itself, since what stands
/// before the C library's functions may bend this process' clocks.
#[allow(unsafe_code)]
fn monotonic_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` may be written, and is what this call writes. It cannot fail: every Linux has this clock.
    unsafe {
        libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &mut now);
    }
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
