//! A process that stands in for another: waits for it, passes signals on to it, and ends as it did.
// Forking and handlers of signals have no safe door.
#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, raise, sigaction, sigprocmask,
};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use crate::exit;

/// What a user or a terminal ends a run with.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Whom signals are passed on to; 0: nobody.
static CHILD: AtomicI32 = AtomicI32::new(0);

extern "C" fn pass_on(signal: libc::c_int) {
    let child = CHILD.load(Relaxed);
    if child > 0 {
        let errno = Errno::last_raw();
        // SAFETY: kill(2) may be called in a handler, and takes numbers only. The child is not reaped while it is named.
        unsafe { libc::kill(child, signal) };
        Errno::set_raw(errno);
    }
}

/// Stands in for a child.
pub(super) struct Relay {
    child: Pid,
    before: Vec<(Signal, SigAction)>,
}

impl Relay {
    /// Starts a child that goes on from here: `None` there, where signals wait until [`listen`] or its own fork.
    pub(super) fn fork() -> io::Result<Option<Relay>> {
        block(SigmaskHow::SIG_BLOCK);
        // SAFETY: whoever calls this has one thread, so no lock can be held by another one that the child lacks.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                CHILD.store(0, Relaxed);
                Ok(None)
            }
            Ok(ForkResult::Parent { child }) => {
                CHILD.store(child.as_raw(), Relaxed);
                let pass = SigAction::new(
                    SigHandler::Handler(pass_on),
                    SaFlags::SA_RESTART,
                    SigSet::empty(),
                );
                let handle = |signal| {
                    // SAFETY: the handler calls nothing that may not be called in one.
                    let before = unsafe { sigaction(signal, &pass) };
                    before.ok().map(|before| (signal, before))
                };
                let before = SIGNALS.into_iter().filter_map(handle).collect();
                listen();
                Ok(Some(Relay { child, before }))
            }
            Err(error) => {
                listen();
                Err(error.into())
            }
        }
    }

    /// Waits for the child's end.
    pub(super) fn wait(self) -> WaitStatus {
        let child = self.child;
        self.wait_for(Some(child))
    }

    /// The same for number 1 of a namespace, which must reap whoever has lost its parent.
    pub(super) fn wait_as_first(self) -> WaitStatus {
        self.wait_for(None)
    }

    fn wait_for(self, whom: Option<Pid>) -> WaitStatus {
        let status = loop {
            match waitpid(whom, None) {
                Ok(status) if status.pid() == Some(self.child) => break status,
                Ok(_) | Err(Errno::EINTR) => {}
                // No such child: it cannot be, and would else be waited for for ever.
                Err(_) => break WaitStatus::Exited(self.child, i32::from(exit::INTERNAL)),
            }
        };
        CHILD.store(0, Relaxed);
        for (signal, before) in &self.before {
            // SAFETY: what was handled so before.
            let _ = unsafe { sigaction(*signal, before) };
        }
        status
    }
}

/// Lets signals come.
pub(super) fn listen() {
    block(SigmaskHow::SIG_UNBLOCK);
}

fn block(how: SigmaskHow) {
    let signals: SigSet = SIGNALS.into_iter().collect();
    // Only a wrong argument could fail.
    let _ = sigprocmask(how, Some(&signals), None);
}

/// The exit code that tells of an end, as shells have it.
pub(super) fn code(status: WaitStatus) -> i32 {
    match status {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        _ => i32::from(exit::INTERNAL),
    }
}

/// Ends this process at once.
pub(super) fn leave(code: i32) -> ! {
    // SAFETY: takes a number and never returns; whatever is buffered belongs to another process.
    unsafe { libc::_exit(code) }
}

/// Ends this process as another one has ended.
pub(super) fn end_like(status: WaitStatus) -> ! {
    let code = code(status);
    if let Some(signal) = SIGNALS
        .into_iter()
        .find(|signal| 128 + *signal as i32 == code)
    {
        // It was not handled in there, and it is not here.
        let _ = raise(signal);
    }
    if code > 128 {
        eprintln!(
            "harness: the run's process was killed by signal {}; the history so far is kept: judge it with `harness check`",
            code - 128
        );
        std::process::exit(i32::from(exit::INTERNAL));
    }
    std::process::exit(code)
}
