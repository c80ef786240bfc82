//! Time and memory of the command: the library reads no clock and asks nobody how large the process is.

use std::io::{self, BufRead, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
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

/// What an end that is overdue is waited for, in time and in bytes: a second and 32 MB are promised.
pub const GRACE: (Duration, usize) = (Duration::from_millis(800), 16 << 20);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What `work` comes to on a thread of its own; `None`: it took too long or too much, and is left alone.
///
/// All that may take long asks whether it is over, but one pass over a history that is very large.
pub fn waited<T: Send + 'static>(
    begun: Instant,
    (time, memory): (Duration, usize),
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = mpsc::channel();
    let worker = thread::Builder::new()
        // As much as the first thread has.
        .stack_size(8 << 20)
        .spawn(move || tell.send(work()))
        .ok()?;
    loop {
        match told.recv_timeout(LOOK) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Disconnected) => match worker.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(_) => return None,
            },
            Err(RecvTimeoutError::Timeout) => {
                let late = begun.elapsed() >= time.saturating_add(GRACE.0);
                if late || resident() > memory.saturating_add(GRACE.1) {
                    return None;
                }
            }
        }
    }
}

/// So much is read between two questions: a line is too little.
const OFTEN: usize = 1 << 16;

/// A reader that fails once the budget is used up.
pub struct Budgeted<'a, R> {
    input: R,
    stop: &'a dyn Fn() -> bool,
    read: usize,
}

impl<'a, R> Budgeted<'a, R> {
    /// Reads from `input` until `stop` says true.
    pub fn new(input: R, stop: &'a dyn Fn() -> bool) -> Self {
        Budgeted {
            input,
            stop,
            read: OFTEN,
        }
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
        if self.read >= OFTEN && (self.stop)() {
            return Err(io::Error::other("the given time or memory is used up"));
        }
        self.read %= OFTEN;
        self.input.fill_buf()
    }

    fn consume(&mut self, read: usize) {
        self.read += read;
        self.input.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_left_alone_and_what_ends_is_heard() {
        let begun = Instant::now();
        let budget = |time| (Duration::from_millis(time), usize::MAX);
        assert_eq!(waited(begun, budget(10), || 7), Some(7));
        let asleep = || thread::sleep(Duration::from_secs(60));
        assert_eq!(waited(begun, budget(10), asleep), None);
        // Nor is anything waited for that takes too much.
        let held = std::hint::black_box(vec![1_u8; 2 * GRACE.1]);
        assert_eq!(waited(begun, (Duration::MAX, 0), asleep), None);
        assert!(begun.elapsed() < Duration::from_secs(30) && held.len() > GRACE.1);
    }

    #[test]
    fn a_line_is_too_little_to_ask_and_a_large_file_is_not() {
        let asked = std::cell::Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > 3
        };
        let lines = "a line\n".repeat(100_000);
        let read = Budgeted::new(lines.as_bytes(), &stop).lines();
        let read = read.take_while(Result::is_ok).count();
        assert_eq!((read > 100, asked.get() < 20), (true, true));
        let mut reader = Budgeted::new(io::Cursor::new(&lines), &stop);
        assert!(reader.read_line(&mut String::new()).is_err());
    }
}
