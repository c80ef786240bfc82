//! The wall clock, moved by the page's offset. The monotonic one runs as [`rate`] has it.

use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;

use libc::{CLOCK_REALTIME, CLOCK_REALTIME_COARSE, clockid_t, time_t, timespec, timeval};

use crate::{attach, rate, real};

const SECOND: i64 = 1_000_000_000;
/// C11's name for the wall clock.
const TIME_UTC: c_int = 1;

/// The wanted offset, booked as used; `None`: the time is true.
#[inline]
fn skew() -> Option<i64> {
    let page = attach::page()?;
    let offset = page.clock_offset_ns.load(Ordering::Relaxed);
    if offset == 0 {
        return None;
    }
    page.clock_reads_skewed.fetch_add(1, Ordering::Relaxed);
    Some(offset)
}

/// Seconds and nanoseconds after the move; never before 1970, where no program has been tried.
#[inline]
fn moved(seconds: i64, nanos: i64, offset: i64) -> (i64, i64) {
    let total = seconds
        .saturating_mul(SECOND)
        .saturating_add(nanos)
        .saturating_add(offset)
        .max(0);
    (total / SECOND, total % SECOND)
}

/// # Safety
/// `to` is null or may be read and written.
#[inline]
unsafe fn skew_timespec(to: *mut timespec) {
    // SAFETY: the caller's promise.
    if let (Some(to), Some(offset)) = (unsafe { to.as_mut() }, skew()) {
        (to.tv_sec, to.tv_nsec) = moved(to.tv_sec, to.tv_nsec, offset);
    }
}

/// See clock_gettime(2).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(id: clockid_t, to: *mut timespec) -> c_int {
    // SAFETY: the caller's own arguments; a place that the real function has just filled may be written.
    unsafe {
        let result = real::clock_gettime(id, to);
        if result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
            skew_timespec(to);
        } else if result == 0 {
            rate::bend(id, to);
        }
        result
    }
}

/// See timespec_get(3).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timespec_get(to: *mut timespec, base: c_int) -> c_int {
    // SAFETY: as above.
    unsafe {
        let result = real::timespec_get(to, base);
        if result == TIME_UTC {
            skew_timespec(to);
        }
        result
    }
}

/// See gettimeofday(2).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(to: *mut timeval, zone: *mut c_void) -> c_int {
    // SAFETY: as above; both pointers may be null.
    unsafe {
        let result = real::gettimeofday(to, zone);
        if result == 0
            && let (Some(to), Some(offset)) = (to.as_mut(), skew())
        {
            let (seconds, nanos) = moved(to.tv_sec, to.tv_usec.saturating_mul(1000), offset);
            (to.tv_sec, to.tv_usec) = (seconds, nanos / 1000);
        }
        result
    }
}

/// See time(2).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(to: *mut time_t) -> time_t {
    // SAFETY: the real function is given no place, so it fails never; the caller's is null or may be written.
    unsafe {
        let mut now = real::time(std::ptr::null_mut());
        if let Some(offset) = skew() {
            // Not the sum of whole seconds: `time` must never be ahead of `clock_gettime`.
            let mut exact = timespec {
                tv_sec: now,
                tv_nsec: 0,
            };
            real::clock_gettime(CLOCK_REALTIME_COARSE, &mut exact);
            (now, _) = moved(exact.tv_sec, exact.tv_nsec, offset);
        }
        if let Some(to) = to.as_mut() {
            *to = now;
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_carries_over_seconds_both_ways_and_stops_at_1970() {
        assert_eq!(moved(10, 900_000_000, 200_000_000), (11, 100_000_000));
        assert_eq!(moved(10, 100_000_000, -200_000_000), (9, 900_000_000));
        assert_eq!(moved(10, 0, -11 * SECOND), (0, 0));
        assert_eq!(
            moved(i64::MAX, 0, i64::MAX),
            (i64::MAX / SECOND, i64::MAX % SECOND)
        );
    }
}
