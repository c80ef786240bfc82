//! A preloaded library: skews a program's wall clock, bends its monotonic one and fills its disk, told by a shared page.
//!
//! `LD_PRELOAD` puts these functions before those of the C library in any dynamically linked program. Each
//! calls the real one, and differs from it only while the page ([`page`]) wants it to. What it cannot reach:
//! statically linked programs (Go), system calls made without the C library (io_uring, `syscall`), memory-mapped
//! files, stdio's own buffers (`fwrite`), and timers of the kernel, which go by the true time. A wait until an
//! absolute time of the *wall* clock (`pthread_cond_timedwait` by default) is off by the skew, one until a time of the
//! *monotonic* clock (Rust's `Condvar` and `park_timeout`) by all that this has ever gained. Waits for so long in `epoll_wait`,
//! by which servers live, run at the clock's own rate.
//!
//! Rules of the room, as it runs inside of other programs, at any time and in any thread: allocate nothing,
//! lock nothing, never panic, leave `errno` as the real function left it.
// Every function here is called by foreign code with pointers of its own: there is no safe way to be a C library.
#![allow(unsafe_code)]

mod attach;
mod clock;
mod disk;
pub mod page;
mod rate;
mod real;
