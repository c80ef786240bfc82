//! The monotonic clock's rate: a little fast or slow, with everything that waits by it, and never a jump.

use std::ffi::c_int;
use std::sync::atomic::{Ordering, fence};

use libc::{
    CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, clockid_t, epoll_event, sigset_t,
    timespec,
};

use crate::page::{Page, Rate};
use crate::{attach, real};

const SECOND: i64 = 1_000_000_000;

/// The rate and the lead of the clock that counts in a suspended machine, too; `None`: it was never another than the true one.
#[inline]
fn rate(page: &Page) -> Option<(Rate, i64)> {
    loop {
        let before = page.rate_sequence.load(Ordering::Acquire);
        if before == 0 {
            return None;
        }
        let rate = Rate {
            since_ns: page.rate_since_ns.load(Ordering::Relaxed),
            gained_ns: page.rate_gained_ns.load(Ordering::Relaxed),
            ppm: page.rate_ppm.load(Ordering::Relaxed),
        };
        let lead_ns = page.boot_lead_ns.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if before & 1 == 0 && page.rate_sequence.load(Ordering::Relaxed) == before {
            return Some((rate, lead_ns));
        }
        // A few instructions of the harness, unless it was stopped in them.
        std::hint::spin_loop();
    }
}

/// Bends what a monotonic clock has told.
///
/// # Safety
/// `to` is null or may be read and written.
#[inline]
pub(crate) unsafe fn bend(id: clockid_t, to: *mut timespec) {
    if !matches!(
        id,
        CLOCK_MONOTONIC | CLOCK_MONOTONIC_COARSE | CLOCK_BOOTTIME
    ) {
        return;
    }
    let Some(page) = attach::page() else {
        return;
    };
    // The processor must not look at the rate before it has read the clock: what changed in between would be missed.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this kind has the instruction; it changes nothing but the order of loads.
    unsafe {
        std::arch::x86_64::_mm_lfence()
    };
    // SAFETY: the caller's promise.
    let (Some(to), Some((rate, lead_ns))) = (unsafe { to.as_mut() }, rate(page)) else {
        return;
    };
    let told = to.tv_sec.saturating_mul(SECOND).saturating_add(to.tv_nsec);
    let ahead_ns = match id {
        CLOCK_BOOTTIME => lead_ns,
        _ => 0,
    };
    // A reading from before the last change, on whose way here the rate has changed, is told as of the change: by the new rate
    // it could be less than what was told before.
    let at_ns = told.saturating_sub(ahead_ns).max(rate.since_ns);
    let gained = rate.gained(at_ns);
    if rate.ppm != 0 {
        page.gained_ns.store(gained, Ordering::Relaxed);
        page.clock_reads_rated.fetch_add(1, Ordering::Relaxed);
    }
    let bent = at_ns.saturating_add(ahead_ns).saturating_add(gained).max(0);
    (to.tv_sec, to.tv_nsec) = (bent / SECOND, bent % SECOND);
}

/// A wait of so many milliseconds of the program's clock, in true ones: never shorter, as waits are at least as long as asked.
#[inline]
fn wait(timeout: c_int) -> c_int {
    if timeout <= 0 {
        return timeout;
    }
    match attach::page().and_then(rate) {
        Some((Rate { ppm, .. }, _)) if ppm != 0 => {
            let own = i64::from(timeout).saturating_mul(1_000_000);
            let per = ppm.saturating_add(1_000_000).max(1);
            // Rounded up.
            let real = own.saturating_add(per.saturating_sub(1)) / per;
            c_int::try_from(real).unwrap_or(c_int::MAX)
        }
        _ => timeout,
    }
}

/// See epoll_wait(2).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_wait(
    fd: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    // SAFETY: the caller's own arguments, but for a number.
    unsafe { real::epoll_wait(fd, events, most, wait(timeout)) }
}

/// See epoll_pwait(2).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_pwait(
    fd: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: as above.
    unsafe { real::epoll_pwait(fd, events, most, wait(timeout), mask) }
}
