//! A descriptor that stands for a child, and for no later process of the same number: to wait for its end.
// Linux' own call for it has no safe door, and tokio wants a promise about the descriptor.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// See pidfd_open(2). It is readable once the process has ended, reaped or not.
#[derive(Debug)]
pub(super) struct PidFd(OwnedFd);

impl PidFd {
    /// `pid` must be of a child that is not reaped, or it may stand for another process.
    ///
    /// # Errors
    /// Linux is older than 5.3, or out of descriptors.
    pub(super) fn open(pid: u32) -> io::Result<PidFd> {
        // SAFETY: takes two integers and touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, nobody else knows it. It is closed on exec.
        Ok(PidFd(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// Blocks the thread until the process has ended, the time is over, or a signal came.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut end = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        match poll(&mut end, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// Out of descriptors.
    pub(super) async fn ended(&self) -> io::Result<()> {
        let twin = self.0.try_clone()?;
        // SAFETY: `AsyncFd` owns the twin, which nobody else can close or replace, for as long as it lives.
        let end = unsafe { AsyncFd::register_with_interest(twin, Interest::READABLE) }?;
        end.readable().await?.retain_ready();
        Ok(())
    }
}
