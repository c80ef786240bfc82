//! The processes that a process started, and those that they started: signals have to reach them too.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// All descendants of `root`, parents before children. O(processes of the machine).
pub(super) fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let parent = pid.and_then(parent);
        if let (Some(pid), Some(parent)) = (pid, parent) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        found.extend(children.remove(parent).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

/// Signals all of them; one that has ended needs none.
pub(super) fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        let _ = kill(Pid::from_raw(*pid as i32), signal);
    }
}

/// Are any of them there still, other than as what their parent has not asked about yet?
pub(super) fn any_alive(pids: &[u32]) -> bool {
    let alive = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
    };
    pids.iter().any(alive)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn children_and_their_children_are_found_and_signalled() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sh -c 'sleep 60 & wait' & wait"]);
        let mut shell = shell.spawn().unwrap();
        let mut found = Vec::new();
        while found.len() < 2 {
            found = descendants(shell.id());
        }
        assert!(any_alive(&found));
        shell.kill().unwrap();
        signal(&found, Signal::SIGKILL);
        shell.wait().unwrap();
        while any_alive(&found) {
            std::thread::yield_now();
        }
    }
}
