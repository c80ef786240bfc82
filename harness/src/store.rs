//! Run folders: one for each run, everything in it a plain file, written as it goes.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::{self, Failure};
use crate::lock::lock;
use crate::plan::Plan;
use crate::replication::Replication;

/// The plan, as JSON.
pub const PLAN: &str = "plan.json";
/// What clients saw, an event a line.
pub const HISTORY: &str = "history.jsonl";
/// What was done to the cluster, twice a line: before it is inflicted, and after the heal.
pub const INJURIES: &str = "injuries.jsonl";
/// What the harness saw of nodes and of its own machine.
pub const OBSERVATIONS: &str = "observations.jsonl";
/// What nodes said to each other, as the proxies saw it, a batch a line.
pub const MESSAGES: &str = "messages.jsonl";
/// The verdicts and the exit code.
pub const VERDICT: &str = "verdict.json";
/// For people.
pub const REPORT: &str = "report.html";
/// The still plots, each a picture.
pub const PLOTS: &str = "plots";
/// The service levels that were demanded, where there were any.
pub const SLO: &str = "slo.json";
/// How the main phase ended and what the run demanded of the cluster afterwards.
pub const ENDING: &str = "ending.json";

/// More faults than this are only counted in a folder's name.
const MOST_NAMES: usize = 5;

/// Makes `out/<utc>-<system>-<workload>-<nemesis>-<seed>/` (with the replication mode, where it is another than
/// `majority`), writes the plan into it and points `out/latest` at it.
///
/// # Errors
/// The folder cannot be made or written: code 73.
pub fn create(out: &Path, plan: &Plan, utc: &str) -> Result<PathBuf, Failure> {
    let nemesis = if plan.nemesis.is_empty() {
        "none".into()
    } else if plan.nemesis.len() > MOST_NAMES {
        format!("{}-faults", plan.nemesis.len())
    } else {
        plan.nemesis.join("+")
    };
    let mode = match plan.replication {
        Replication::Majority => String::new(),
        other => format!("-{other}"),
    };
    let name = format!(
        "{utc}-{}-{}-{nemesis}{mode}-{}",
        plan.system, plan.workload, plan.seed
    );
    let make = || -> io::Result<PathBuf> {
        fs::create_dir_all(out)?;
        let out = out.canonicalize()?;
        // Two runs may begin in the same second: each gets a folder of its own.
        let mut folder = out.join(&name);
        let mut copies = 1;
        while let Err(error) = fs::create_dir(&folder) {
            if error.kind() != io::ErrorKind::AlreadyExists || copies > 1000 {
                return Err(error);
            }
            copies += 1;
            folder = out.join(format!("{name}-{copies}"));
        }
        fs::create_dir(folder.join("nodes"))?;
        write_json(&folder.join(PLAN), plan)?;
        let fresh = out.join(format!(".latest-{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        symlink(folder.file_name().unwrap_or_default(), &fresh)?;
        fs::rename(&fresh, out.join("latest"))?;
        Ok(folder)
    };
    make().map_err(|error| {
        Failure::new(
            exit::CANNOT_WRITE,
            format!(
                "cannot write results to {}: {error}; choose another folder with --out",
                out.display()
            ),
        )
    })
}

/// What a run needs of the disk before it begins: binaries, a few segments a node, a history of some minutes.
const LEAST_SPACE: u64 = 64 << 20;

/// Refuses to begin a run on a disk that is all but full: its nodes' data lives there too.
///
/// # Errors
/// Less than 64 MiB are free: code 73.
pub fn check_space(folder: &Path) -> Result<(), Failure> {
    let facts = nix::sys::statvfs::statvfs(folder)
        .map_err(|error| cannot_write(folder, &io::Error::from(error)))?;
    let free = facts.blocks_available() as u64 * facts.fragment_size() as u64;
    if free >= LEAST_SPACE {
        return Ok(());
    }
    let message = format!(
        "only {} MiB are free for results under {}, a run needs {} at least: free space or choose another folder with --out",
        free >> 20,
        folder.display(),
        LEAST_SPACE >> 20
    );
    Err(Failure::new(exit::CANNOT_WRITE, message))
}

/// Writes a value as JSON, all or nothing.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes a file aside and renames it into place, so that nobody sees half of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("tmp");
    fs::write(&aside, bytes)?;
    fs::rename(aside, path)
}

/// Reads a JSON file of a run folder.
///
/// # Errors
/// Missing: 66. Not what it should be: 65.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let bytes = fs::read(path).map_err(|error| missing(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            exit::DAMAGED,
            format!("{} is damaged: {error}", path.display()),
        )
    })
}

/// Reads a file of JSON lines. A torn last line, one without its end as a run that died leaves it, is left out.
///
/// # Errors
/// Missing: 66. A damaged line: 65, with its number.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    let file = File::open(path).map_err(|error| missing(path, &error))?;
    let mut reader = BufReader::new(file);
    let mut values = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(|error| missing(path, &error))? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(value) => values.push(value),
            Err(_) if !whole => {}
            Err(error) => {
                let message = format!("{}:{number}: {error}", path.display());
                return Err(Failure::new(exit::DAMAGED, message));
            }
        }
    }
    Ok(values)
}

fn missing(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        exit::MISSING,
        format!("cannot read {}: {error}", path.display()),
    )
}

/// A file of JSON lines that many may append to; each line is on its way to the file at once.
pub struct Lines {
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl Lines {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made: code 73.
    pub fn create(path: PathBuf) -> Result<Lines, Failure> {
        let file = File::create(&path).map_err(|error| cannot_write(&path, &error))?;
        Ok(Lines {
            path,
            inner: Mutex::new(Inner {
                file: BufWriter::new(file),
                failed: None,
            }),
        })
    }

    /// Appends a line. The first failure is kept, and later lines are dropped: a file with a hole would lie.
    pub fn append(&self, value: &impl Serialize) {
        let mut inner = lock(&self.inner);
        if inner.failed.is_some() {
            return;
        }
        let mut write = || -> io::Result<()> {
            serde_json::to_writer(&mut inner.file, value)?;
            inner.file.write_all(b"\n")?;
            inner.file.flush()
        };
        if let Err(error) = write() {
            inner.failed = Some(error);
        }
    }

    /// # Errors
    /// Some line could not be written: code 73.
    pub fn check(&self) -> Result<(), Failure> {
        let inner = lock(&self.inner);
        match &inner.failed {
            Some(error) => Err(cannot_write(&self.path, error)),
            None => Ok(()),
        }
    }
}

/// The failure for a results file that cannot be written.
pub fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        exit::CANNOT_WRITE,
        format!(
            "cannot write {}: {error}; free space or choose another folder with --out",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u64>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.jsonl");
        fs::write(&path, text).unwrap();
        read_lines(&path)
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        assert_eq!(read("1\n2\n{\"thi").unwrap(), [1, 2]);
        assert_eq!(read("").unwrap(), [] as [u64; 0]);
    }

    #[test]
    fn damage_before_the_last_line_is_refused_with_its_number() {
        assert_eq!(read("1\noops\n").unwrap_err().code, exit::DAMAGED);
        let failure = read("1\noops\n3\n").unwrap_err();
        assert_eq!(failure.code, exit::DAMAGED);
        assert!(failure.message.contains(":2:"), "{failure}");
    }

    #[test]
    fn a_missing_file_is_code_66() {
        assert_eq!(
            read_lines::<u64>(Path::new("/nowhere/x")).unwrap_err().code,
            exit::MISSING
        );
    }
}
