//! The checker's tests: which there are, what each reaches, how long it takes.

use crate::copy;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is about files outside the checker.
const LEFT_OUT: [&str; 1] = ["corpus"];

/// What a test may take of the processor, at least, and for each second that it takes by itself.
const SECONDS: u64 = 10;
/// Memory, in kilobytes.
const MEMORY: u64 = 4_000_000;

/// Of the small histories of each model, every which one is judged: all of them take a quarter of a minute for each survivor.
const SHARE: &str = "11";

/// One test, which is run in a process of its own.
#[derive(Debug)]
pub struct Test {
    binary: PathBuf,
    name: String,
    pub time: Duration,
    reached: BTreeSet<usize>,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Passed,
    Failed,
    /// It was stopped, for time or memory.
    Stopped,
}

/// Builds the tests and runs each without a mutant, which it must pass. The quickest is first.
pub fn suite(work: &Path, package: &Path) -> Result<Vec<Test>, String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(package.join("tests")).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_file() && !LEFT_OUT.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut arguments = vec!["test", "--no-run", "-p", "checker", "--lib"];
    arguments.extend(names.iter().flat_map(|name| ["--test", name.as_str()]));
    let (done, messages) = copy::cargo(work, &arguments)?;
    if !done {
        let rendered = messages
            .iter()
            .filter_map(|line| line["message"]["rendered"].as_str());
        return Err(format!(
            "the tests do not compile:\n{}",
            rendered.collect::<String>()
        ));
    }
    let mut tests = Vec::new();
    for binary in messages
        .iter()
        .filter_map(|line| line["executable"].as_str())
    {
        let told = Command::new(binary)
            .args(["--list", "--format", "terse"])
            .output()
            .map_err(|error| format!("{binary}: {error}"))?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        for name in told.lines().filter_map(|line| line.strip_suffix(": test")) {
            let mut test = Test {
                binary: binary.into(),
                name: name.to_owned(),
                time: Duration::ZERO,
                reached: BTreeSet::new(),
            };
            let file = work.join("reached");
            _ = fs::remove_file(&file);
            let begun = Instant::now();
            let end = test.run(
                package,
                30 * SECONDS,
                ("MUTANTS_REACHED", &file.to_string_lossy()),
            )?;
            test.time = begun.elapsed();
            if end != End::Passed {
                return Err(format!("{name} fails without a mutant: {end:?}"));
            }
            let reached = fs::read_to_string(&file).unwrap_or_default();
            test.reached = reached
                .lines()
                .filter_map(|line| line.parse().ok())
                .collect();
            tests.push(test);
        }
    }
    tests.sort_by_key(|test| test.time);
    Ok(tests)
}

impl Test {
    /// Whether it ever comes to a site.
    pub fn reaches(&self, site: usize) -> bool {
        self.reached.contains(&site)
    }

    /// Runs it with one mutant.
    pub fn with(&self, package: &Path, mutant: u32) -> Result<End, String> {
        let seconds = SECONDS * (self.time.as_secs() + 1);
        self.run(package, seconds, ("MUTANT", &mutant.to_string()))
    }

    fn run(&self, package: &Path, seconds: u64, mode: (&str, &str)) -> Result<End, String> {
        let status = Command::new("sh")
            .args([
                "-c",
                r#"ulimit -c 0; ulimit -t "$1"; ulimit -v "$2"; shift 2; exec "$@""#,
                "sh",
            ])
            .args([seconds.to_string(), MEMORY.to_string()])
            .arg(&self.binary)
            .args(["--exact", &self.name, "--test-threads=1"])
            .current_dir(package)
            .env("CHECKER_SHARE", SHARE)
            .env(mode.0, mode.1)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("sh: {error}"))?;
        Ok(end(status))
    }
}

fn end(status: ExitStatus) -> End {
    match status.code() {
        Some(0) => End::Passed,
        Some(_) => End::Failed,
        // By a signal: out of time, out of memory or out of stack.
        None => End::Stopped,
    }
}
