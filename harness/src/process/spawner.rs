//! Starts processes that cannot outlive the harness: one thread starts them all, and the kernel kills them
//! when it ends.
// What runs between fork and exec has no safe door.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use super::pidfd::PidFd;
use crate::links::packets;

/// A child, and what to wait for its end by.
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) pidfd: PidFd,
}

type Job = (
    Command,
    Option<Arc<OwnedFd>>,
    mpsc::Sender<io::Result<Spawned>>,
);

/// Starts the command in a session of its own. The kernel kills it with SIGKILL, stopped or not, when the
/// harness ends, whatever ends it; processes that it starts itself are not covered. `network` is the namespace that it
/// lives in, if not the harness' own.
///
/// # Errors
/// The program is missing or cannot be executed, or a limit is reached.
pub(super) fn spawn(command: Command, network: Option<Arc<OwnedFd>>) -> io::Result<Spawned> {
    static SPAWNER: OnceLock<Option<mpsc::Sender<Job>>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts processes is gone: this is a bug");
    // PR_SET_PDEATHSIG fires when the *thread* that forked ends, so it must be one that never does.
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, queue) = mpsc::channel::<Job>();
        let work = move || {
            for (command, network, answer) in queue {
                let spawned = match network {
                    Some(network) => spawn_there(command, &network),
                    None => spawn_here(command),
                };
                // Whoever asked may have given up; the dropped child is then killed with the harness.
                let _ = answer.send(spawned);
            }
        };
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(work)
            .ok()?;
        Some(jobs)
    });
    let (answer, answered) = mpsc::channel();
    spawner
        .as_ref()
        .ok_or_else(gone)?
        .send((command, network, answer))
        .map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// A child is where its parent's thread was. The program may run as a user who could not go there.
fn spawn_there(command: Command, network: &OwnedFd) -> io::Result<Spawned> {
    let own = OwnedFd::from(File::open("/proc/thread-self/ns/net")?);
    packets::enter(network)?;
    let spawned = spawn_here(command);
    packets::enter(&own)?;
    spawned
}

fn spawn_here(mut command: Command) -> io::Result<Spawned> {
    let harness = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. These are three plain system
    // calls; nothing allocates, locks or panics.
    unsafe {
        command.pre_exec(move || {
            // A session of its own: Ctrl-C at the terminal is for the harness, which heals first.
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The harness may have ended before the line above, which then fires never.
            if libc::getppid() as u32 != harness {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    let mut child = command.spawn()?;
    match PidFd::open(child.id()) {
        Ok(pidfd) => Ok(Spawned { child, pidfd }),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}
