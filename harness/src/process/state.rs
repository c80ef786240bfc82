//! Is a process running or stopped? Asks /proc about each of its threads.

use std::fs;
use std::io;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// At least one thread can run, or waits for something.
    Running,
    /// Every thread is stopped.
    Stopped,
    /// It has ended.
    Ended,
}

/// Asks about a child that is not reaped. O(threads).
///
/// # Errors
/// /proc is not mounted or not readable.
pub(super) fn state(pid: u32) -> io::Result<State> {
    let mut all = State::Ended;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while it is looked at.
        let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else {
            continue;
        };
        match letter(&stat) {
            Some('Z' | 'X' | 'x') => {}
            Some('T' | 't') => all = State::Stopped,
            _ => return Ok(State::Running),
        }
    }
    Ok(all)
}

/// The third field; the second is a name in brackets that may hold anything, brackets and spaces too.
fn letter(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        assert_eq!(letter("12 (a) R (b)) T 1 2"), Some('T'));
        assert_eq!(letter("12"), None);
        assert_eq!(letter("12 (x)"), None);
    }

    #[test]
    fn this_process_runs() {
        assert_eq!(state(std::process::id()).unwrap(), State::Running);
    }
}
