//! Time and memory of the command: the library reads no clock and asks nobody how large the process is.

use std::io::{self, BufRead, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

/// Every so many questions the size is looked at, which takes some microseconds.
const SELDOM: u64 = 8;

/// Bytes that this process holds (Linux; elsewhere 0, and only the search's own count keeps the budget).
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    // Linux pages of 4 KiB: where they are larger the budget is kept too early.
    pages.unwrap_or(0) * 4096
}

/// Tells whether the time since `begun` or the memory is used up.
pub fn stop(begun: Instant, time: Duration, memory: usize) -> impl Fn() -> bool + Sync {
    let (asked, over) = (AtomicU64::new(0), AtomicBool::new(false));
    move || {
        let asked = asked.fetch_add(1, Relaxed);
        if begun.elapsed() >= time || asked.is_multiple_of(SELDOM) && resident() > memory {
            over.store(true, Relaxed);
        }
        over.load(Relaxed)
    }
}

/// A reader that fails once the budget is used up.
pub struct Budgeted<'a, R> {
    input: R,
    stop: &'a dyn Fn() -> bool,
}

impl<'a, R> Budgeted<'a, R> {
    /// Reads from `input` until `stop` says true.
    pub fn new(input: R, stop: &'a dyn Fn() -> bool) -> Self {
        Budgeted { input, stop }
    }
}

impl<R: BufRead> Read for Budgeted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Budgeted<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if (self.stop)() {
            return Err(io::Error::other("the given time or memory is used up"));
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, read: usize) {
        self.input.consume(read);
    }
}
