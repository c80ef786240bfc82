//! How a process ended, in words: `killed by signal 9 (SIGKILL)`, `exited with 65: <last line of its log>`.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

/// No more than this of a log's end is looked at for its last line.
const TAIL: u64 = 4096;

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// What the kernel said.
    pub status: ExitStatus,
    /// The last line that it printed, if any.
    pub last_line: Option<String>,
}

impl Exit {
    /// With the last line of what the log has got since `begin` (bytes).
    pub(super) fn read(status: ExitStatus, log: &Path, begin: u64) -> Exit {
        // A log that cannot be read must not hide how the process ended.
        Exit {
            status,
            last_line: last_line(log, begin).ok().flatten(),
        }
    }

    /// It was killed by this signal.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// It exited with this code.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(signal) = self.signal() {
            write!(f, "killed by signal {signal}")?;
            if let Ok(signal) = Signal::try_from(signal) {
                write!(f, " ({signal})")?;
            }
            // Whoever sent SIGKILL knows why; for any other the program may have said it.
            if signal == Signal::SIGKILL as i32 {
                return Ok(());
            }
        } else {
            write!(f, "exited with {}", self.code().unwrap_or_default())?;
            if self.status.success() {
                return Ok(());
            }
        }
        match &self.last_line {
            Some(line) => write!(f, ": {line}"),
            None => f.write_str(", having printed nothing"),
        }
    }
}

fn last_line(log: &Path, begin: u64) -> std::io::Result<Option<String>> {
    let mut file = File::open(log)?;
    let end = file.metadata()?.len();
    file.seek(SeekFrom::Start(
        begin.max(end.saturating_sub(TAIL)).min(end),
    ))?;
    let mut tail = vec![];
    file.take(TAIL).read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    Ok(text
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(raw: i32, log: &str, begin: u64) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, log).unwrap();
        Exit::read(ExitStatus::from_raw(raw), &path, begin).to_string()
    }

    #[test]
    fn an_exit_tells_code_and_last_line() {
        assert_eq!(
            told(65 << 8, "a\nthe log is damaged\n\n", 0),
            "exited with 65: the log is damaged"
        );
        assert_eq!(told(0, "bye\n", 0), "exited with 0");
        assert_eq!(told(9, "bye\n", 0), "killed by signal 9 (SIGKILL)");
        assert_eq!(
            told(6, "panicked at x\n", 0),
            "killed by signal 6 (SIGABRT): panicked at x"
        );
    }

    #[test]
    fn lines_of_an_earlier_process_are_not_its_own() {
        assert_eq!(
            told(1 << 8, "old\n", 4),
            "exited with 1, having printed nothing"
        );
        assert_eq!(
            told(1 << 8, "old\n", 400),
            "exited with 1, having printed nothing"
        );
        let long = "x".repeat(10_000) + "\nend";
        assert_eq!(told(1 << 8, &long, 0), "exited with 1: end");
    }
}
