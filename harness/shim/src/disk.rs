//! The full disk: while the page wants it, writes to regular files below the folder fail with ENOSPC. The failing one:
//! one sync fails with EIO, and nothing is synced.
//!
//! Stricter than most file systems, which let a program overwrite what it has: here nothing is written, as on
//! one that copies on write. Reading, removing, shrinking and creating empty files goes on.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{EIO, ENOSPC, iovec, off_t, size_t, ssize_t};

use crate::page::Page;
use crate::{attach, real};

/// Decides about one call: on a full disk, and for a file below the folder that `concerned` agrees to, books the
/// refusal and sets `errno`. Otherwise `errno` is as before.
#[inline]
fn refuse(
    fd: c_int,
    count: impl Fn(&'static Page) -> &'static AtomicU64,
    concerned: impl Fn(&libc::stat) -> bool,
) -> bool {
    let Some(page) = attach::page() else {
        return false;
    };
    if page.disk_full.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let saved = real::errno();
    let refused = below_folder(fd, concerned);
    if refused {
        count(page).fetch_add(1, Ordering::Relaxed);
    }
    real::set_errno(if refused { ENOSPC } else { saved });
    refused
}

fn refuse_write(fd: c_int) -> bool {
    refuse(fd, |page| &page.writes_refused, |_| true)
}

fn refuse_sync(fd: c_int) -> bool {
    refuse(fd, |page| &page.syncs_refused, |_| true)
}

/// Is this the sync that is to fail? Then books that and sets `errno`. Otherwise `errno` is as before.
#[inline]
fn fail_sync(fd: c_int) -> bool {
    let Some(page) = attach::page() else {
        return false;
    };
    if page.sync_error.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let saved = real::errno();
    let left = |left: u64| left.checked_sub(1);
    let fails = below_folder(fd, |_| true)
        && page
            .sync_error
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
            == Ok(1);
    if fails {
        page.syncs_failed.fetch_add(1, Ordering::Relaxed);
    }
    real::set_errno(if fails { EIO } else { saved });
    fails
}

/// Is it a regular file below the folder, and one that `concerned` agrees to?
#[cold]
#[inline(never)]
fn below_folder(fd: c_int, concerned: impl Fn(&libc::stat) -> bool) -> bool {
    let folder = attach::folder();
    if folder.is_empty() {
        return false;
    }
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: filled by the call before it is looked at; a bad descriptor makes the call fail.
    let stat = unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return false;
        }
        stat.assume_init()
    };
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || !concerned(&stat) {
        return false;
    }
    let mut link = [0u8; 32];
    own_descriptor(fd, &mut link);
    let mut path = [0u8; libc::PATH_MAX as usize];
    // SAFETY: `link` ends in a zero byte; `path` takes as many bytes as it is said to.
    let len = unsafe { libc::readlink(link.as_ptr().cast(), path.as_mut_ptr().cast(), path.len()) };
    let path = usize::try_from(len)
        .ok()
        .and_then(|len| path.get(..len))
        .unwrap_or_default();
    match path.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || rest.starts_with(b"/") || folder == b"/",
        None => false,
    }
}

/// Writes `/proc/self/fd/N` and a zero byte.
fn own_descriptor(fd: c_int, to: &mut [u8; 32]) {
    let mut digits = [0u8; 10];
    let mut left = fd.unsigned_abs();
    let mut used = 0usize;
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.wrapping_add((left % 10) as u8);
        left /= 10;
        used = used.saturating_add(1);
        if left == 0 {
            break;
        }
    }
    let digits = digits.iter().skip(digits.len().saturating_sub(used));
    // 14 and at most 10 bytes: the rest stays zero.
    for (to, from) in to.iter_mut().zip(b"/proc/self/fd/".iter().chain(digits)) {
        *to = *from;
    }
}

/// Declares functions that write to a descriptor and answer with the bytes written or -1.
macro_rules! writes {
    ($($name:ident as $real:ident ( $($arg:ident : $type:ty),* );)*) => {$(
        /// The C library's function of this name, or ENOSPC.
        ///
        /// # Safety
        /// As its manual page says.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(fd: c_int, $($arg: $type),*) -> ssize_t {
            if refuse_write(fd) {
                return -1;
            }
            // SAFETY: the caller's own arguments.
            unsafe { real::$real(fd, $($arg),*) }
        }
    )*};
}

// `off_t` has 64 bits on this machine, so that the names with 64 are the same functions.
writes! {
    write as write(from: *const c_void, len: size_t);
    pwrite as pwrite(from: *const c_void, len: size_t, at: off_t);
    pwrite64 as pwrite(from: *const c_void, len: size_t, at: off_t);
    writev as writev(from: *const iovec, count: c_int);
    pwritev as pwritev(from: *const iovec, count: c_int, at: off_t);
    pwritev64 as pwritev(from: *const iovec, count: c_int, at: off_t);
    pwritev2 as pwritev2(from: *const iovec, count: c_int, at: off_t, flags: c_int);
    pwritev64v2 as pwritev2(from: *const iovec, count: c_int, at: off_t, flags: c_int);
}

/// Declares functions on a descriptor that answer with 0 or -1, and when they are refused.
macro_rules! asks {
    ($($name:ident as $real:ident ( $fd:ident $(, $arg:ident : $type:ty)* ), if $refused:expr;)*) => {$(
        /// The C library's function of this name, or an error.
        ///
        /// # Safety
        /// As its manual page says.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($fd: c_int $(, $arg: $type)*) -> c_int {
            if $refused {
                return -1;
            }
            // SAFETY: the caller's own arguments.
            unsafe { real::$real($fd $(, $arg)*) }
        }
    )*};
}

asks! {
    fsync as fsync(fd), if refuse_sync(fd) || fail_sync(fd);
    fdatasync as fdatasync(fd), if refuse_sync(fd) || fail_sync(fd);
    fallocate as fallocate(fd, mode: c_int, at: off_t, len: off_t), if takes_space(mode) && refuse_write(fd);
    fallocate64 as fallocate(fd, mode: c_int, at: off_t, len: off_t), if takes_space(mode) && refuse_write(fd);
    ftruncate as ftruncate(fd, len: off_t), if refuse_growth(fd, len);
    ftruncate64 as ftruncate(fd, len: off_t), if refuse_growth(fd, len);
}

/// Making holes and cutting out ranges gives space back.
fn takes_space(mode: c_int) -> bool {
    mode & (libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_COLLAPSE_RANGE) == 0
}

fn refuse_growth(fd: c_int, len: off_t) -> bool {
    refuse(fd, |page| &page.writes_refused, |stat| len > stat.st_size)
}

/// See posix_fallocate(3): its result is the error, and `errno` is left alone.
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate(fd: c_int, at: off_t, len: off_t) -> c_int {
    let saved = real::errno();
    if refuse_write(fd) {
        real::set_errno(saved);
        return ENOSPC;
    }
    // SAFETY: the caller's own arguments.
    unsafe { real::posix_fallocate(fd, at, len) }
}

/// See posix_fallocate(3).
///
/// # Safety
/// As its manual page says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate64(fd: c_int, at: off_t, len: off_t) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { posix_fallocate(fd, at, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_named_as_in_proc() {
        for (fd, name) in [(0, "0"), (7, "7"), (10, "10"), (i32::MAX, "2147483647")] {
            let mut link = [0; 32];
            own_descriptor(fd, &mut link);
            let end = link.iter().position(|byte| *byte == 0).unwrap();
            assert_eq!(link[..end], *format!("/proc/self/fd/{name}").as_bytes());
        }
    }
}
