//! The box: namespaces of a run's own, so that whatever it starts ends with it and meets nothing of the machine.
//!
//! Four processes stand in a row. The outer one, which the user started, waits and passes signals on. A second one makes
//! the namespaces: of processes, network, mounts and IPC, as a plain user in a user namespace in which everybody is who
//! they are. The third is number 1 in there: it reaps what others leave, and with its end the kernel ends all the rest.
//! The fourth does the run. Each of the first three takes the next one with it when it is killed.

mod namespaces;
mod relay;

use std::io::{self, PipeWriter, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exit::{self, Failure};
use relay::Relay;

/// Is a run to be in a box?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Where one can be made.
    #[default]
    Auto,
    /// Else there is no run.
    On,
    /// No.
    Off,
}

impl Wanted {
    /// All, by name.
    pub const NAMED: [(&str, Wanted); 3] = [
        ("auto", Wanted::Auto),
        ("on", Wanted::On),
        ("off", Wanted::Off),
    ];
}

/// What comes out of a box.
#[derive(Serialize, Deserialize)]
enum Told<T> {
    /// The answer.
    Done(T),
    /// Why there is no box.
    NoBox(String),
}

/// This process is in a box.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Is this process in a box?
pub fn entered() -> bool {
    ENTERED.load(Relaxed)
}

/// Why no box can be made here, and the mend; `None`: it can. Tries it.
pub fn problem() -> Option<String> {
    inside(&|| ()).err()
}

/// The same for what a box is to have: whatever `trial` says in one.
pub fn problem_with(trial: &dyn Fn() -> Option<String>) -> Option<String> {
    inside(trial).unwrap_or_else(Some)
}

/// Does `work` in a box, or here where none is wanted or none can be made; that is said.
///
/// # Errors
/// A box must be, and cannot: code 69.
pub fn act<T: Serialize + DeserializeOwned>(
    wanted: Wanted,
    say: &dyn Fn(&str),
    work: &dyn Fn() -> T,
) -> Result<T, Failure> {
    static PROBLEM: OnceLock<String> = OnceLock::new();
    if wanted == Wanted::Off {
        return Ok(work());
    }
    // Once is enough: by the next run this process has threads.
    let problem = match PROBLEM.get() {
        Some(problem) => problem.clone(),
        None => match inside(work) {
            Ok(done) => return Ok(done),
            Err(problem) => PROBLEM.get_or_init(|| problem).clone(),
        },
    };
    if wanted == Wanted::On {
        let text = format!("no box can be made here: {problem}; or say --box off");
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    say(&format!(
        "no box can be made here: {problem}. All faults act as in one, by proxies and signals; \
         but what a node has detached from itself outlives a harness that is killed (`harness heal` ends it)"
    ));
    Ok(work())
}

/// Does `work` in a box. This process must have one thread only. If the run ends without an answer, by a second interrupt
/// or a panic, so does this process.
fn inside<T: Serialize + DeserializeOwned>(work: &dyn Fn() -> T) -> Result<T, String> {
    let cannot = |error: io::Error| format!("no process can be started ({error})");
    // What a buffer holds would be written by both.
    let _ = io::stdout().flush();
    let (mut answer, told) = io::pipe().map_err(cannot)?;
    let outside = std::process::id();
    let Some(relay) = Relay::fork().map_err(cannot)? else {
        drop(answer);
        let mut told = told;
        let problem = match enter(outside) {
            Ok(()) => do_it(&mut told, work),
            Err(problem) => problem,
        };
        tell(&mut told, &Told::<T>::NoBox(problem));
        relay::leave(i32::from(exit::UNAVAILABLE));
    };
    drop(told);
    let mut text = Vec::new();
    let read = answer.read_to_end(&mut text);
    let status = relay.wait();
    match read.map(|_| serde_json::from_slice(&text)) {
        Ok(Ok(Told::Done(done))) => Ok(done),
        Ok(Ok(Told::NoBox(problem))) => Err(problem),
        _ => relay::end_like(status),
    }
}

/// The second process becomes the third's guardian, the third the fourth's; only the fourth comes back.
fn enter(outside: u32) -> Result<(), String> {
    namespaces::leave_terminal_and_die_with(outside)?;
    namespaces::make()?;
    let cannot =
        |error: io::Error| format!("no process can be started in new namespaces ({error})");
    let (guardian, guard) = io::pipe().map_err(cannot)?;
    if let Some(relay) = Relay::fork().map_err(cannot)? {
        drop(guardian);
        let status = relay.wait();
        drop(guard);
        relay::leave(relay::code(status));
    }
    drop(guard);
    namespaces::die_with_guardian(&guardian)?;
    namespaces::furnish()?;
    if let Some(relay) = Relay::fork().map_err(cannot)? {
        relay::leave(relay::code(relay.wait_as_first()));
    }
    ENTERED.store(true, Relaxed);
    relay::listen();
    Ok(())
}

/// In the fourth process: it ends here.
fn do_it<T: Serialize>(told: &mut PipeWriter, work: &dyn Fn() -> T) -> ! {
    let Ok(done) = catch_unwind(AssertUnwindSafe(work)) else {
        // As a panic of the main thread would end a process; its message has been printed.
        std::process::exit(101);
    };
    tell(told, &Told::Done(done));
    std::process::exit(0);
}

fn tell<T: Serialize>(told: &mut PipeWriter, what: &Told<T>) {
    let text = serde_json::to_vec(what).unwrap_or_default();
    // If nobody reads it, nobody is there.
    let _ = told.write_all(&text);
}
