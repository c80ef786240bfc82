//! Soft limits of a running process: set from outside by prlimit(2), put back exactly.
// The call has no safe door in the libraries that are here.
#![allow(unsafe_code)]

use std::fs;
use std::io;

/// What a process may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Bytes of memory of its own that it may write to. Address space would tell less: much of it is only reserved.
    Memory,
    /// File descriptors.
    Files,
}

impl Limit {
    fn resource(self) -> libc::__rlimit_resource_t {
        match self {
            Limit::Memory => libc::RLIMIT_DATA,
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
            // Who is ending has no such line any more.
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
            let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
            Ok(kilobytes.unwrap_or(0) << 10)
        }
    }
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
