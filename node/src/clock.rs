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

/// Finds where the wall clock was set, while somebody wants to know.
#[derive(Debug, Default)]
pub struct Steps {
    /// When it looked last, and the wall clock's distance from the monotonic one then, in milliseconds.
    seen: Option<(Duration, f64)>,
}

impl Steps {
    /// Least time between two looks, so that they cost nothing.
    const EVERY: Duration = Duration::from_millis(100);
    /// What counts as a step, in milliseconds: no clock that is merely wrong gains as much between two looks.
    const LEAST_MS: f64 = 500.0;

    /// By how many milliseconds the wall clock was set since the last look, if it was.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<i64> {
        let before = clock.monotonic();
        if self
            .seen
            .is_some_and(|(at, _)| before.saturating_sub(at) < Steps::EVERY)
        {
            return None;
        }
        let wall_ms = clock.wall_ms();
        if clock.monotonic().saturating_sub(before) > Steps::EVERY {
            // Not run between the readings, which do not belong together then.
            return None;
        }
        let now_ms = wall_ms - before.as_secs_f64() * 1e3;
        let (_, last_ms) = self.seen.replace((before, now_ms))?;
        let by_ms = now_ms - last_ms;
        (by_ms.abs() > Steps::LEAST_MS).then_some(by_ms.round() as i64)
    }
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
    use std::sync::Mutex;

    use super::*;

    /// Each reading of the monotonic clock takes what comes next from the list, the last one for ever.
    struct Script {
        monotonic: Mutex<Vec<u64>>,
        wall_ms: f64,
    }

    impl Clock for Script {
        fn monotonic(&self) -> Duration {
            let mut left = self.monotonic.lock().unwrap();
            let now = left[0];
            if left.len() > 1 {
                left.remove(0);
            }
            Duration::from_millis(now)
        }

        fn wall_ms(&self) -> f64 {
            self.wall_ms
        }
    }

    #[test]
    fn a_step_is_told_once_and_slow_drift_and_stops_between_readings_are_none() {
        let mut steps = Steps::default();
        let mut look = |monotonic: &[u64], wall_ms: f64| {
            let monotonic = Mutex::new(monotonic.to_vec());
            steps.look(&Script { monotonic, wall_ms })
        };
        assert_eq!(look(&[1000], 50_000.0), None);
        assert_eq!(look(&[1050], 60_000.0), None, "too soon to look");
        assert_eq!(look(&[1200, 9000], 58_000.0), None, "stopped meanwhile");
        assert_eq!(look(&[9000], 58_400.0), None, "drift");
        assert_eq!(look(&[10_000], 63_400.0), Some(4000));
        assert_eq!(look(&[11_000], 64_400.0), None);
        assert_eq!(look(&[12_000], -600.0), Some(-66_000));
    }

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
