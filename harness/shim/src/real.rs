//! The functions that this library stands before, found once; and `errno`.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Declares, for each function, a module-level function of the same name that calls the next definition after
/// ours, or makes the system call itself where that is not known (yet): other libraries' constructors may run
/// before [`find`], and an allocator's first act can be to read the clock, so nothing is looked up on demand.
macro_rules! real {
    ($($name:ident ( $($arg:ident : $type:ty),* ) -> $result:ty, else $else:expr;)*) => {
        #[allow(non_camel_case_types)]
        enum Slot { $($name),* , Count }
        static FOUND: [AtomicPtr<c_void>; Slot::Count as usize] =
            [const { AtomicPtr::new(null_mut()) }; Slot::Count as usize];

        /// Looks all of them up. Called once, before `main`.
        pub(crate) fn find() {
            let saved = errno();
            $(
                // SAFETY: a name that ends in a zero byte; asks for the definition after this library's.
                let found = unsafe {
                    libc::dlsym(libc::RTLD_NEXT, concat!(stringify!($name), "\0").as_ptr().cast())
                };
                if let Some(slot) = FOUND.get(Slot::$name as usize) {
                    slot.store(found, Ordering::Relaxed);
                }
            )*
            set_errno(saved);
        }

        $(
            /// The C library's function of this name.
            ///
            /// # Safety
            /// As its manual page says.
            #[inline]
            pub(crate) unsafe fn $name($($arg: $type),*) -> $result {
                let found = match FOUND.get(Slot::$name as usize) {
                    Some(slot) => slot.load(Ordering::Relaxed),
                    None => null_mut(),
                };
                // SAFETY: what the linker found under a name of the C library has that name's type; the
                // arguments are the caller's, who keeps to the manual page.
                unsafe {
                    if found.is_null() {
                        return $else;
                    }
                    let function: unsafe extern "C" fn($($type),*) -> $result =
                        std::mem::transmute(found);
                    function($($arg),*)
                }
            }
        )*
    };
}

use libc::{
    SYS_clock_gettime, SYS_epoll_pwait, SYS_epoll_wait, SYS_fallocate, SYS_fdatasync, SYS_fsync,
    SYS_ftruncate, SYS_gettimeofday, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_time, SYS_write,
    SYS_writev, clockid_t, epoll_event, iovec, off_t, sigset_t, size_t, ssize_t, syscall, time_t,
    timespec, timeval,
};

real! {
    clock_gettime(id: clockid_t, to: *mut timespec) -> c_int,
        else syscall(SYS_clock_gettime, id, to) as c_int;
    gettimeofday(to: *mut timeval, zone: *mut c_void) -> c_int,
        else syscall(SYS_gettimeofday, to, zone) as c_int;
    time(to: *mut time_t) -> time_t, else syscall(SYS_time, to);
    timespec_get(to: *mut timespec, base: c_int) -> c_int, else {
        if base == 1 && syscall(SYS_clock_gettime, libc::CLOCK_REALTIME, to) == 0 { base } else { 0 }
    };
    epoll_wait(fd: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int,
        else syscall(SYS_epoll_wait, fd, events, most, timeout) as c_int;
    // The system call is also told how long the mask is.
    epoll_pwait(fd: c_int, events: *mut epoll_event, most: c_int, timeout: c_int, mask: *const sigset_t) -> c_int,
        else syscall(SYS_epoll_pwait, fd, events, most, timeout, mask, 8) as c_int;
    write(fd: c_int, from: *const c_void, len: size_t) -> ssize_t,
        else syscall(SYS_write, fd, from, len) as ssize_t;
    pwrite(fd: c_int, from: *const c_void, len: size_t, at: off_t) -> ssize_t,
        else syscall(SYS_pwrite64, fd, from, len, at) as ssize_t;
    writev(fd: c_int, from: *const iovec, count: c_int) -> ssize_t,
        else syscall(SYS_writev, fd, from, count) as ssize_t;
    // The system call takes the position in two words; on this machine the second is not looked at.
    pwritev(fd: c_int, from: *const iovec, count: c_int, at: off_t) -> ssize_t,
        else syscall(SYS_pwritev, fd, from, count, at, 0) as ssize_t;
    pwritev2(fd: c_int, from: *const iovec, count: c_int, at: off_t, flags: c_int) -> ssize_t,
        else syscall(SYS_pwritev2, fd, from, count, at, 0, flags) as ssize_t;
    fsync(fd: c_int) -> c_int, else syscall(SYS_fsync, fd) as c_int;
    fdatasync(fd: c_int) -> c_int, else syscall(SYS_fdatasync, fd) as c_int;
    fallocate(fd: c_int, mode: c_int, at: off_t, len: off_t) -> c_int,
        else syscall(SYS_fallocate, fd, mode, at, len) as c_int;
    // Tells its error by its result.
    posix_fallocate(fd: c_int, at: off_t, len: off_t) -> c_int,
        else if syscall(SYS_fallocate, fd, 0, at, len) == 0 { 0 } else { errno() };
    ftruncate(fd: c_int, len: off_t) -> c_int, else syscall(SYS_ftruncate, fd, len) as c_int;
}

/// This thread's `errno`.
#[inline]
pub(crate) fn errno() -> c_int {
    // SAFETY: always a valid place, this thread's own.
    unsafe { *libc::__errno_location() }
}

/// Sets this thread's `errno`.
#[inline]
pub(crate) fn set_errno(value: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = value }
}
