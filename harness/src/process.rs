//! One process of a node: started so that it dies with the harness, killed, stopped, continued, waited for.

mod exit;
mod limits;
mod pidfd;
mod spawner;
mod state;
#[cfg(test)]
mod tests;
mod tree;

use crate::lock::lock;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

pub use exit::Exit;
pub use limits::Limit;
use pidfd::PidFd;
pub use state::State;

/// SIGKILL takes effect at once except in an uninterruptible wait, as on a disk that hangs.
const KILLED_WITHIN: Duration = Duration::from_secs(10);
/// So does SIGSTOP.
const STOPPED_WITHIN: Duration = Duration::from_secs(2);

/// A process that was started. Every method may be called from any thread, also after its end. Dropping it
/// kills the process.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    pidfd: PidFd,
    log: PathBuf,
    log_begin: u64,
    /// What it starts itself is killed and stopped with it.
    with_children: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    child: Child,
    exit: Option<Exit>,
    /// Who wants it stopped. It runs when nobody does.
    holders: BTreeSet<u64>,
    /// Soft limits as they were before they were first lowered.
    healthy: BTreeMap<Limit, u64>,
}

impl Process {
    /// Starts `command` with nothing to read and with what it prints added to the file `log`, in a session of
    /// its own. Arguments, environment and directory are the command's.
    ///
    /// # Errors
    /// The log cannot be written, the program is missing or cannot be executed; the text names which.
    pub fn spawn(command: Command, log: &Path) -> io::Result<Process> {
        Process::spawn_in(None, command, log)
    }

    /// The same in a network namespace, if not the harness' own.
    ///
    /// # Errors
    /// As above, or the namespace cannot be entered.
    pub fn spawn_in(
        network: Option<Arc<OwnedFd>>,
        mut command: Command,
        log: &Path,
    ) -> io::Result<Process> {
        let wrap =
            |what: String| move |e: io::Error| io::Error::new(e.kind(), format!("{what}: {e}"));
        let unwritable = || wrap(format!("cannot write the log {}", log.display()));
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .map_err(unwritable())?;
        let log_begin = file.metadata().map_err(unwritable())?.len();
        let twin = file.try_clone().map_err(unwritable())?;
        let program = wrap(format!("cannot start {}", command.get_program().display()));
        command.stdin(Stdio::null()).stdout(file).stderr(twin);
        let spawner::Spawned { child, pidfd } =
            spawner::spawn(command, network).map_err(program)?;
        let inner = Inner {
            child,
            exit: None,
            holders: BTreeSet::new(),
            healthy: BTreeMap::new(),
        };
        Ok(Process {
            pid: inner.child.id(),
            pidfd,
            log: log.to_path_buf(),
            log_begin,
            with_children: false,
            inner: Mutex::new(inner),
        })
    }

    /// What the process starts itself is from now on killed, stopped and continued with it.
    #[must_use]
    pub fn with_children(mut self) -> Process {
        self.with_children = true;
        self
    }

    /// Its number, which another process may have once this one has ended.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Kills it with SIGKILL, stopped or not, and waits for its end: some milliseconds.
    ///
    /// # Errors
    /// It hangs in the kernel for longer than 10 s.
    pub fn kill(&self) -> io::Result<Exit> {
        let children = self.children(Signal::SIGKILL)?;
        self.signal(Signal::SIGKILL)?;
        let late = || self.late("is still not dead", KILLED_WITHIN);
        let exit = self.wait(KILLED_WITHIN)?.ok_or_else(late)?;
        let patience = Instant::now() + KILLED_WITHIN;
        while tree::any_alive(&children) {
            if Instant::now() > patience {
                return Err(self.late("has children that are still not dead", KILLED_WITHIN));
            }
            thread::sleep(Duration::from_micros(100));
        }
        Ok(exit)
    }

    /// Signals what it started, standing still itself so that it starts no more; answers whom.
    fn children(&self, signal: Signal) -> io::Result<Vec<u32>> {
        // The signal alone is not enough: until every thread stands it may start another one. Who does not come to stand is
        // signalled all the same.
        if !self.with_children || matches!(self.stand(), Ok(false)) {
            return Ok(Vec::new());
        }
        let children = tree::descendants(self.pid);
        tree::signal(&children, signal);
        Ok(children)
    }

    /// Asks it to end, by SIGTERM or by what it takes for that. Nothing to do when it has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn ask_to_end(&self, by: Signal) -> io::Result<()> {
        self.signal(by).map(drop)
    }

    /// Stops it (SIGSTOP) for `holder`, such as an injury's id, and waits until every thread stands. It goes on
    /// when each of its holders has resumed it. Holding it twice is holding it once.
    ///
    /// # Errors
    /// It has ended, or it does not stop within 2 s; then it is held nevertheless.
    pub fn pause(&self, holder: u64) -> io::Result<()> {
        self.lock().holders.insert(holder);
        if !self.stand()? {
            return Err(self.not_running());
        }
        self.children(Signal::SIGSTOP).map(drop)
    }

    /// Stops it and waits until every thread stands. False: it has ended.
    fn stand(&self) -> io::Result<bool> {
        if !self.signal(Signal::SIGSTOP)? {
            return Ok(false);
        }
        let late = Instant::now() + STOPPED_WITHIN;
        loop {
            match self.state()? {
                State::Stopped => return Ok(true),
                State::Ended => return Ok(false),
                State::Running if Instant::now() > late => {
                    return Err(self.late("is still not stopped", STOPPED_WITHIN));
                }
                State::Running => thread::sleep(Duration::from_micros(100)),
            }
        }
    }

    /// Takes back `holder`'s pause, if there is one; the process goes on (SIGCONT) if nobody else holds it.
    /// Does nothing to one that has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn resume(&self, holder: u64) -> io::Result<()> {
        self.release(|holders| {
            holders.remove(&holder);
        })
    }

    /// Takes back every pause.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn resume_all(&self) -> io::Result<()> {
        self.release(BTreeSet::clear)
    }

    /// How many want it stopped.
    pub fn holders(&self) -> usize {
        self.lock().holders.len()
    }

    /// Lets it have no more than `most` of something from now on. Nothing to do when it has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn limit(&self, limit: Limit, most: u64) -> io::Result<()> {
        let mut inner = self.lock();
        if self.reap(&mut inner)?.is_none() {
            let before = limits::set_soft(self.pid, limit, most)?;
            inner.healthy.entry(limit).or_insert(before);
        }
        Ok(())
    }

    /// Puts a limit back to what it was at first. Nothing to do when it was never lowered.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn unlimit(&self, limit: Limit) -> io::Result<()> {
        let mut inner = self.lock();
        if self.reap(&mut inner)?.is_none()
            && let Some(healthy) = inner.healthy.remove(&limit)
        {
            limits::set_soft(self.pid, limit, healthy)?;
        }
        Ok(())
    }

    /// How much it has of something; `None`: it has ended.
    ///
    /// # Errors
    /// /proc is not readable.
    pub fn used(&self, limit: Limit) -> io::Result<Option<u64>> {
        let mut inner = self.lock();
        match self.reap(&mut inner)? {
            Some(_) => Ok(None),
            None => match limits::used(self.pid, limit) {
                // A plain user may not look into one that is ending; its memory is gone then.
                Err(error)
                    if error.kind() == io::ErrorKind::PermissionDenied
                        && limits::used(self.pid, Limit::Memory)? == 0 =>
                {
                    Ok(None)
                }
                used => used.map(Some),
            },
        }
    }

    /// What it is doing now, as /proc shows it.
    ///
    /// # Errors
    /// /proc is not readable.
    pub fn state(&self) -> io::Result<State> {
        // Held while asking, so that the pid is of this process: nobody else reaps it.
        let mut inner = self.lock();
        match self.reap(&mut inner)? {
            Some(_) => Ok(State::Ended),
            None => state::state(self.pid),
        }
    }

    /// How it ended; `None` while it lives.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn exit(&self) -> io::Result<Option<Exit>> {
        let mut inner = self.lock();
        self.reap(&mut inner)
    }

    /// Waits for its end; `None` when it still lives after `timeout`. Blocks the thread.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn wait(&self, timeout: Duration) -> io::Result<Option<Exit>> {
        let late = Instant::now() + timeout;
        loop {
            let left = late.saturating_duration_since(Instant::now());
            self.pidfd.wait(left)?;
            let exit = self.exit()?;
            if exit.is_some() || left.is_zero() {
                return Ok(exit);
            }
        }
    }

    /// Waits for its end, however long. Needs a runtime with I/O.
    ///
    /// # Errors
    /// The kernel refuses.
    pub async fn exited(&self) -> io::Result<Exit> {
        loop {
            self.pidfd.ended().await?;
            if let Some(exit) = self.exit()? {
                return Ok(exit);
            }
        }
    }

    /// False: it has ended.
    fn signal(&self, signal: Signal) -> io::Result<bool> {
        let mut inner = self.lock();
        self.signal_locked(&mut inner, signal)
    }

    fn signal_locked(&self, inner: &mut Inner, signal: Signal) -> io::Result<bool> {
        // Not reaped yet, and nobody else reaps it: the number cannot be another process'.
        if self.reap(inner)?.is_some() {
            return Ok(false);
        }
        signal::kill(Pid::from_raw(self.pid as i32), signal)?;
        Ok(true)
    }

    fn release(&self, change: impl FnOnce(&mut BTreeSet<u64>)) -> io::Result<()> {
        let mut inner = self.lock();
        change(&mut inner.holders);
        if inner.holders.is_empty() {
            if self.with_children {
                tree::signal(&tree::descendants(self.pid), Signal::SIGCONT);
            }
            self.signal_locked(&mut inner, Signal::SIGCONT)?;
        }
        Ok(())
    }

    fn reap(&self, inner: &mut Inner) -> io::Result<Option<Exit>> {
        if inner.exit.is_none()
            && let Some(status) = inner.child.try_wait()?
        {
            inner.exit = Some(Exit::read(status, &self.log, self.log_begin));
        }
        Ok(inner.exit.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    fn not_running(&self) -> io::Error {
        let how = match self.exit() {
            Ok(Some(exit)) => format!(
                "it {}",
                if exit.signal().is_some() {
                    format!("was {exit}")
                } else {
                    exit.to_string()
                }
            ),
            _ => "it is ending".to_owned(),
        };
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("the process {} is not running: {how}", self.pid),
        )
    }

    fn late(&self, what: &str, after: Duration) -> io::Error {
        let text = format!(
            "the process {} {what} after {} s: see /proc/{0}/wchan",
            self.pid,
            after.as_secs()
        );
        io::Error::new(io::ErrorKind::TimedOut, text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing can be told from here, and the kernel kills it with the harness anyway.
        let _ = self.kill();
    }
}
