//! Notices when the harness itself is not scheduled: what clients felt then may be this machine's fault.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the watching thread sleeps.
const PERIOD: Duration = Duration::from_millis(5);
/// A wake-up that is later than this is worth telling.
pub const WORTH_TELLING: Duration = Duration::from_millis(50);

/// A time in which the harness did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// When it ran again.
    pub ended: Instant,
    /// How late that was.
    pub duration: Duration,
}

/// A thread that sleeps and wakes for ever, and tells when it woke late. Dropping it ends the thread.
#[derive(Debug)]
pub struct Watch {
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Calls `tell`, on the thread, with each stall longer than `threshold`, such as [`WORTH_TELLING`]. Costs 200
    /// wake-ups a second.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        threshold: Duration,
        mut tell: impl FnMut(Stall) + Send + 'static,
    ) -> io::Result<Watch> {
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::Builder::new()
            .name("stalls".to_owned())
            .spawn(move || {
                let mut before = Instant::now();
                // Sleeps by the monotonic clock; ends as soon as the sender is dropped.
                while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    let now = Instant::now();
                    if let Some(stall) = stall(before, now, threshold) {
                        tell(stall);
                    }
                    // What telling takes is no stall.
                    before = Instant::now();
                }
            })?;
        Ok(Watch {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A `tell` that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

fn stall(before: Instant, now: Instant, threshold: Duration) -> Option<Stall> {
    let duration = now.saturating_duration_since(before).saturating_sub(PERIOD);
    (duration > threshold).then_some(Stall {
        ended: now,
        duration,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_late_wake_up_is_a_stall() {
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        assert_eq!(stall(begin, after(5), WORTH_TELLING), None);
        assert_eq!(stall(begin, after(55), WORTH_TELLING), None);
        assert_eq!(stall(after(1), begin, WORTH_TELLING), None);
        let stall = stall(begin, after(155), WORTH_TELLING).unwrap();
        assert_eq!(
            (stall.ended, stall.duration),
            (after(155), Duration::from_millis(150))
        );
    }

    #[test]
    fn the_thread_tells_and_ends_with_its_watch() {
        let (told, tells) = mpsc::channel();
        // Every wake-up is later than not at all.
        let watch =
            Watch::start(Duration::ZERO, move |stall| told.send(stall).unwrap_or(())).unwrap();
        let stall = tells.recv().unwrap();
        assert!(stall.duration > Duration::ZERO && stall.ended <= Instant::now());
        drop(watch);
        // Ended: nobody is left who could tell.
        while tells.try_recv().is_ok() {}
        assert_eq!(tells.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
