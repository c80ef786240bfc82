//! Changes the checker's algorithms one place at a time and tells which changes no test notices.
//!
//! One build holds all mutants (`schemata`), since a build for each would take hours. Each test is run once alone, to know what it
//! reaches and how long it takes; then, for each mutant, the tests that reach it, the quickest first, until one fails.

mod copy;
mod edits;
mod explained;
mod known;
mod list;
mod schemata;
mod suite;
mod table;

use explained::{Explained, quoted};
use known::{Known, Whom};
use list::Mutant;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use suite::{End, Test};
use table::Fate;

/// What is mutated, below `checker/src`.
const MUTATED: [&str; 2] = ["linearizable/**/*.rs", "models/*.rs"];

/// How many tests run at a time.
const JOBS: usize = 2;

fn main() -> ExitCode {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| {
        let before = files.len();
        files.retain(|file| file != name);
        files.len() < before
    };
    let (again, known) = (flag("--again"), flag("--known"));
    let whom = match (known, again) {
        (true, _) => Whom::Nobody,
        (_, true) => Whom::Survivors,
        _ => Whom::All,
    };
    match run(&files, whom) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(70)
        }
    }
}

/// Whether every survivor is explained.
fn run(files: &[String], whom: Whom) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("no root")?;
    let work = root.join("target/mutants");
    fs::create_dir_all(&work).map_err(|error| error.to_string())?;
    let mutants = list::list(root, &MUTATED)?;
    let is_wanted = |file: &str| files.is_empty() || files.iter().any(|wanted| wanted == file);
    if let Some(unknown) = files
        .iter()
        .find(|file| mutants.iter().all(|mutant| mutant.file != **file))
    {
        return Err(format!("{unknown} has no mutants"));
    }
    let mut explained = Explained::read(&root.join("checker/mutants.csv"))?;
    let copy = copy::make(root, &work, &mutants)?;
    eprintln!(
        "{} mutants, {} do not compile; now the tests are built and run without any",
        mutants.len(),
        copy.unviable.len()
    );
    let tests = suite::suite(&work, &copy.package)?;
    let known = Known::open(&work.join("known"), &mutants, whom, is_wanted)?;

    let mut trials = Vec::new();
    for (site, (first, last)) in copy.sites.iter().enumerate() {
        for number in *first..=*last {
            let mutant = &mutants[copy.numbers[number as usize - 1]];
            if is_wanted(&mutant.file) {
                trials.push(Trial {
                    number,
                    site,
                    mutant,
                });
            }
        }
    }
    // Small files first, so that there is soon something to look at.
    trials.sort_by_key(|trial| {
        (
            mutants
                .iter()
                .filter(|mutant| mutant.file == trial.mutant.file)
                .count(),
            trial.number,
        )
    });
    let fates = try_all(&copy.package, &tests, &trials, &known)?;

    let mut all: Vec<(&Mutant, Fate)> = Vec::new();
    let mut open = Vec::new();
    for (trial, end) in trials.iter().zip(fates) {
        let fate = match end {
            End::Failed => Fate::Caught,
            End::Stopped => Fate::Stopped,
            End::Passed => Fate::Survived {
                explained: explained.explains(trial.mutant),
            },
        };
        if fate == (Fate::Survived { explained: false }) {
            open.push(trial.mutant);
        }
        all.push((trial.mutant, fate));
    }
    for at in &copy.unviable {
        all.push((&mutants[*at], Fate::Unviable));
    }
    for (at, why) in &copy.refused {
        all.push((&mutants[*at], Fate::NotTried));
        if is_wanted(&mutants[*at].file) {
            eprintln!("not tried, {why}: {}", mutants[*at].name);
        }
    }
    for line in explained.left(is_wanted) {
        eprintln!("explained, but caught: {line}");
    }
    print!(
        "{}",
        table::table(
            all.into_iter()
                .filter(|(mutant, _)| is_wanted(&mutant.file))
        )
    );
    // As lines that lack nothing but a count and a reason.
    for mutant in &open {
        let [function, mutation] = [&mutant.function, &mutant.mutation].map(|cell| quoted(cell));
        println!(
            "{},{function},{mutation} ({}:{})",
            mutant.file, mutant.start.0, mutant.start.1
        );
    }
    Ok(open.is_empty())
}

/// A mutant that can be tried.
struct Trial<'a> {
    number: u32,
    site: usize,
    mutant: &'a Mutant,
}

/// Tries all that are not known, some at a time, and tells how each ended. What is found is written down at once.
fn try_all(
    package: &Path,
    tests: &[Test],
    trials: &[Trial<'_>],
    known: &Known,
) -> Result<Vec<End>, String> {
    let next = AtomicUsize::new(0);
    let ends = Mutex::new(vec![None; trials.len()]);
    let work = || -> Result<(), String> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = trials.get(at) else {
                return Ok(());
            };
            let end = match known.end(trial.mutant) {
                Some(end) => end,
                None => {
                    let end = attempt(package, tests, trial)?;
                    known.learn(trial.mutant, end)?;
                    end
                }
            };
            let mut ends = ends.lock().map_err(|_| "a job ended")?;
            ends[at] = Some(end);
            let so_far = |wanted| ends.iter().filter(|end| **end == Some(wanted)).count();
            let [caught, stopped, survived] = [End::Failed, End::Stopped, End::Passed].map(so_far);
            let tried = caught + stopped + survived;
            if tried % 20 == 0 || tried == trials.len() {
                eprintln!(
                    "{tried} of {}: {caught} caught, {stopped} stopped, {survived} survive",
                    trials.len()
                );
            }
        }
    };
    let done = std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..JOBS).map(|_| scope.spawn(work)).collect();
        let joined = jobs
            .into_iter()
            .map(|job| job.join().unwrap_or(Err("a job ended".into())));
        joined.collect::<Result<Vec<()>, String>>()
    });
    done?;
    let ends = ends.into_inner().map_err(|_| "a job ended")?;
    ends.into_iter()
        .map(|end| end.ok_or("not tried".into()))
        .collect()
}

/// Runs the tests that reach a mutant until one fails.
fn attempt(package: &Path, tests: &[Test], trial: &Trial<'_>) -> Result<End, String> {
    for test in tests.iter().filter(|test| test.reaches(trial.site)) {
        let end = test.with(package, trial.number)?;
        if end != End::Passed {
            return Ok(end);
        }
    }
    Ok(End::Passed)
}
