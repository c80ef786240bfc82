//! The node's only source of time: for timeouts, leases and what is said of the wall clock.
//!
//! Connections' own timeouts are the runtime's: nothing that is promised depends on them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time as a node sees it.
pub trait Clock: Send + Sync {
    /// Since this clock was made: never goes back, and counts while the machine is suspended. For what a leader may
    /// rest on its followers' silence, a clock that stops in a suspended machine would be too late.
    fn monotonic(&self) -> Duration;

    /// The wall clock in milliseconds since 1970: negative only if a fault has set it so.
    fn wall_ms(&self) -> f64;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct System {
    start: Duration,
}

impl System {
    /// Begins to count.
    pub fn start() -> System {
        System { start: boot_time() }
    }
}

impl Clock for System {
    fn monotonic(&self) -> Duration {
        boot_time().saturating_sub(self.start)
    }

    fn wall_ms(&self) -> f64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or_else(
            |before| -before.duration().as_secs_f64() * 1e3,
            |since| since.as_secs_f64() * 1e3,
        )
    }
}

/// `CLOCK_BOOTTIME`: as `CLOCK_MONOTONIC`, which std's `Instant` reads, and counts in a suspended machine, too.
#[allow(unsafe_code)]
fn boot_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` may be written. The call fails only for a clock that Linux does not know, and has had this one
    // since 2.6.39; it would leave zeros.
    unsafe {
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time);
    }
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_its_start_and_never_goes_back() {
        let clock = System::start();
        assert!(clock.monotonic() < Duration::from_secs(60));
        let mut last = clock.monotonic();
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.monotonic() >= last + Duration::from_millis(2));
        for _ in 0..1000 {
            let now = clock.monotonic();
            assert!(now >= last);
            last = now;
        }
        // Later than this was written.
        assert!(clock.wall_ms() > 1.7e12);
    }
}
