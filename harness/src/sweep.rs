//! `harness heal`: ends what an earlier harness that was killed could leave behind.
//!
//! The kernel ends a node with its harness, but not what the node started itself. Every node carries in its environment
//! whose it is, and so does whatever it starts.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exit::{self, Failure};
use crate::out::print_line;

/// The variable that names the harness: its number and when it was started.
const MARK: &str = "ORDEAL_HARNESS";

/// Marks a command as this harness'.
pub fn mark(command: &mut Command) {
    command.env(MARK, own_mark());
}

/// Whose children are marked from now on, if nobody's were before: this process'. Whoever looks for them does not know the
/// numbers that processes have in a box.
pub fn claim() {
    own_mark();
}

fn own_mark() -> &'static str {
    static OWN: OnceLock<String> = OnceLock::new();
    OWN.get_or_init(|| {
        let pid = std::process::id();
        format!("{pid}@{}", started(pid).unwrap_or_default())
    })
}

/// When a process was started, in the kernel's ticks since boot: together with the number it is never used twice.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

/// Kills every process of a harness that is gone; says how many, and how many of living ones it left alone.
///
/// # Errors
/// /proc cannot be read: code 69.
pub fn sweep() -> Result<u8, Failure> {
    let (left, alive) = find()
        .map_err(|error| Failure::new(exit::UNAVAILABLE, format!("cannot read /proc: {error}")))?;
    for pid in &left {
        // One that has ended meanwhile is what was wanted.
        let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGKILL);
    }
    print_line!(
        "{} left behind by harnesses that are gone: killed; {alive} of running ones: left alone",
        left.len()
    );
    Ok(exit::VALID)
}

/// Processes whose harness is gone, and how many there are whose harness lives.
fn find() -> std::io::Result<(Vec<u32>, usize)> {
    let (mut left, mut alive) = (Vec::new(), 0);
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Those of other users cannot be read, nor could they be of a harness of ours.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let Some(owner) = owner(&environment) else {
            continue;
        };
        match owner {
            Some((harness, ticks)) if started(harness) == Some(ticks) => alive += 1,
            _ => left.push(pid),
        }
    }
    Ok((left, alive))
}

/// The harness in an environment; `Some(None)`: it names one in a form that nobody writes.
fn owner(environment: &[u8]) -> Option<Option<(u32, u64)>> {
    let prefix = format!("{MARK}=");
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(prefix.as_bytes()))?;
    let text = String::from_utf8_lossy(value);
    let parsed = text
        .split_once('@')
        .and_then(|(pid, ticks)| Some((pid.parse().ok()?, ticks.parse().ok()?)));
    Some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_its_harness() {
        let environment = format!("A=b\0{MARK}={}\0C=d", own_mark());
        let (pid, ticks) = owner(environment.as_bytes()).unwrap().unwrap();
        assert_eq!(pid, std::process::id());
        assert_eq!(started(pid), Some(ticks));
        assert_eq!(owner(b"A=b"), None);
    }

    #[test]
    fn a_process_of_a_harness_that_is_gone_is_found_and_one_of_ours_is_not() {
        let spawn = |mark: &str| {
            let mut command = Command::new("sleep");
            command.arg("60").env(MARK, mark);
            command.spawn().unwrap()
        };
        let mut orphan = spawn(&format!("{}@1", std::process::id()));
        let mut own = spawn(own_mark());
        // Between fork and exec a child still has the environment of its parent.
        let known =
            |pid: u32| fs::read(format!("/proc/{pid}/environ")).is_ok_and(|e| owner(&e).is_some());
        while !known(orphan.id()) || !known(own.id()) {
            std::thread::yield_now();
        }
        let (left, alive) = find().unwrap();
        for child in [&mut orphan, &mut own] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(left.contains(&orphan.id()) && !left.contains(&own.id()));
        assert!(alive >= 1);
    }
}
