//! Soft limits of a running process: set from outside by prlimit(2), put back exactly.
// The call has no safe door in the libraries that are here.
#![allow(unsafe_code)]

use std::fs;
use std::io;

/// What a process may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Bytes of address space.
    Memory,
    /// File descriptors.
    Files,
}

impl Limit {
    fn resource(self) -> libc::__rlimit_resource_t {
        match self {
            Limit::Memory => libc::RLIMIT_AS,
            Limit::Files => libc::RLIMIT_NOFILE,
        }
    }
}

/// Sets the soft limit of a child that is not reaped and leaves the hard one; answers the soft limit before.
///
/// # Errors
/// The kernel refuses, as for a process of another user.
pub(super) fn set_soft(pid: u32, limit: Limit, soft: u64) -> io::Result<u64> {
    let mut old = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one `rlimit` to `old`, which lives until after the call.
    let read =
        unsafe { libc::prlimit(pid as i32, limit.resource(), std::ptr::null(), &raw mut old) };
    if read != 0 {
        return Err(io::Error::last_os_error());
    }
    let new = libc::rlimit {
        rlim_cur: soft.min(old.rlim_max),
        rlim_max: old.rlim_max,
    };
    // SAFETY: the kernel reads one `rlimit` from `new`, which lives until after the call.
    let set = unsafe {
        libc::prlimit(
            pid as i32,
            limit.resource(),
            &raw const new,
            std::ptr::null_mut(),
        )
    };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(old.rlim_cur)
}

/// How much of it a process has now.
///
/// # Errors
/// /proc is not readable.
pub(super) fn used(pid: u32, limit: Limit) -> io::Result<u64> {
    match limit {
        Limit::Files => Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64),
        Limit::Memory => {
            let pages = fs::read_to_string(format!("/proc/{pid}/statm"))?;
            let pages = pages.split(' ').next().and_then(|n| n.parse::<u64>().ok());
            Ok(pages.unwrap_or(0) * page_size())
        }
    }
}

fn page_size() -> u64 {
    // SAFETY: takes an integer and touches no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        let pid = std::process::id();
        assert!(used(pid, Limit::Memory).unwrap() > 1 << 20);
        assert!(used(pid, Limit::Files).unwrap() >= 3);
    }
}
