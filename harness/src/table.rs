//! `harness table`: every fault alone against a system, some at a time, and what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use nix::sys::signal::Signal;
use tokio::task::JoinSet;

use crate::cli::{self, TableArgs};
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::faults::{FAULTS, Fault};
use crate::injury::Injury;
use crate::interrupts::Interrupts;
use crate::out::print_line;
use crate::process::{Exit, Process};
use crate::store;

/// Runs each fault that can act on the system alone, as a process of its own, and prints a row for each; the worst code of all.
/// An interrupt interrupts the runs that go on, and no more are begun.
///
/// # Errors
/// A run cannot begin: there is no such system or fault, or something is not installed.
pub fn print(args: &TableArgs) -> Result<u8, Failure> {
    let faults = wanted(args)?;
    let mut rows = BTreeMap::new();
    let mut runs = VecDeque::new();
    for (place, fault) in faults.iter().enumerate() {
        match Cell::new(args, *fault)? {
            Ok(cell) => runs.push_back((place, cell)),
            Err(reason) => {
                let (system, name) = (&args.system, fault.name());
                let row = format!("| {system} | {name} | not here: {reason} | | | | |");
                rows.insert(place, row);
            }
        }
    }
    let cannot = |error: std::io::Error| {
        let text = format!("cannot start the runs of the table: {error}");
        Failure::new(exit::INTERNAL, text)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot)?;
    if runs.is_empty() {
        let text = "no fault that was asked for can act here: choose others (`harness list faults`), or other --links";
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    let codes = runtime.block_on(all(args, runs, &mut rows))?;
    print_line!(
        "| system | fault | verdict | injuries | with effect, such as | healed | recovered after |"
    );
    print_line!("|---|---|---|---|---|---|---|");
    rows.values().for_each(|row| print_line!("{row}"));
    Ok(exit::worst(codes))
}

/// The faults that were asked for, in the order of the list.
fn wanted(args: &TableArgs) -> Result<Vec<&'static dyn Fault>, Failure> {
    let known = |name: &String| FAULTS.iter().any(|fault| fault.name() == name);
    if let Some(strange) = args.nemesis.iter().find(|name| !known(name)) {
        let text = format!("there is no fault '{strange}': `harness list faults` lists all");
        return Err(Failure::new(exit::USAGE, text));
    }
    let named = |fault: &&dyn Fault| args.nemesis.iter().any(|name| name == fault.name());
    let chosen = FAULTS.iter().copied();
    Ok(chosen
        .filter(|fault| args.nemesis.is_empty() || named(fault))
        .collect())
}

/// Does all runs, so many at a time as is wished, and answers their codes.
async fn all(
    args: &TableArgs,
    mut waiting: VecDeque<(usize, Cell)>,
    rows: &mut BTreeMap<usize, String>,
) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        let text = format!("cannot start a run of the table: {error}");
        Failure::new(exit::INTERNAL, text)
    };
    let mut interrupts = Interrupts::new().map_err(failed)?;
    let (count, mut codes) = (waiting.len(), Vec::new());
    let mut going: JoinSet<(usize, Cell, std::io::Result<Exit>)> = JoinSet::new();
    let mut processes: BTreeMap<usize, Arc<Process>> = BTreeMap::new();
    loop {
        while going.len() < usize::from(args.jobs)
            && let Some((place, cell)) = waiting.pop_front()
        {
            let process = Arc::new(cell.start()?);
            processes.insert(place, process.clone());
            going.spawn(async move { (place, cell, process.exited().await) });
        }
        tokio::select! {
            ended = going.join_next() => {
                let Some(ended) = ended else { break };
                let (place, cell, exit) = ended.map_err(|error| failed(error.into()))?;
                processes.remove(&place);
                let (code, row) = cell.row(&exit.map_err(failed)?);
                codes.push(code);
                eprintln!("{} of {count}: {} {}", codes.len(), cell.fault, exit::word(code));
                rows.insert(place, row);
            }
            () = interrupts.next() => {
                eprintln!("interrupted: no more runs are begun, the others end");
                for (place, cell) in waiting.drain(..) {
                    let (system, fault) = (&cell.system, cell.fault);
                    let row = format!("| {system} | {fault} | not begun: interrupted | | | | |");
                    rows.insert(place, row);
                    codes.push(exit::UNKNOWN);
                }
                for process in processes.values() {
                    // One that has ended needs no signal.
                    let _ = process.ask_to_end(Signal::SIGINT);
                }
            }
        }
    }
    Ok(codes)
}

/// A run of the table.
struct Cell {
    system: String,
    fault: &'static str,
    words: Vec<OsString>,
    /// Its run folder is made here.
    out: PathBuf,
}

impl Cell {
    /// Or why the fault cannot act here.
    fn new(args: &TableArgs, fault: &dyn Fault) -> Result<Result<Cell, String>, Failure> {
        let (time, nodes, rate) = (
            args.time.to_string(),
            args.nodes.to_string(),
            args.rate.to_string(),
        );
        let out = args.out.join(&args.system).join(fault.name());
        let mut words: Vec<OsString> = vec!["--quiet".into()];
        for (flag, value) in [
            ("--system", args.system.as_str()),
            ("--nemesis", fault.name()),
            ("--time", &time),
            ("--nodes", &nodes),
            ("--rate", &rate),
            ("--links", &args.links),
            ("--box", &args.sandbox),
        ] {
            words.extend([flag.into(), value.into()]);
        }
        words.extend(["--out".into(), out.clone().into()]);
        if let Some(binary) = &args.binary {
            words.extend(["--binary".into(), binary.into()]);
        }
        let line = std::iter::once("harness".into()).chain(words.clone());
        match cli::read(line) {
            Ok(_) => Ok(Ok(Cell {
                system: args.system.clone(),
                fault: fault.name(),
                words,
                out,
            })),
            Err(failure) if failure.code == exit::UNAVAILABLE => {
                // What to choose instead is of no use in a table, and the row says what cannot act on what.
                let reason = failure.message.split("; choose").next().unwrap_or_default();
                let reason = reason.rsplit(": ").next().unwrap_or_default();
                Ok(Err(reason.to_owned()))
            }
            Err(failure) => Err(failure),
        }
    }

    /// What its run says; of this table alone, as another one may be made in the same folder.
    fn log(&self) -> PathBuf {
        self.out
            .with_extension(format!("{}.log", std::process::id()))
    }

    /// The run's folder, by its own word.
    fn folder(&self) -> Option<PathBuf> {
        let said = fs::read_to_string(self.log()).ok()?;
        let mut lines = said.lines().rev();
        let report = lines.find_map(|line| line.trim().strip_prefix("report: "))?;
        Some(Path::new(report).parent()?.to_path_buf())
    }

    fn start(&self) -> Result<Process, Failure> {
        fs::create_dir_all(&self.out).map_err(|error| store::cannot_write(&self.out, &error))?;
        let start = || {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(&self.words);
            Process::spawn(command, &self.log())
        };
        start().map_err(|error| {
            let text = format!("cannot start the run with {}: {error}", self.fault);
            Failure::new(exit::INTERNAL, text)
        })
    }

    /// What came of it. Whatever is missing is said in the row.
    fn row(&self, exit: &Exit) -> (u8, String) {
        let code = exit.code().and_then(|code| u8::try_from(code).ok());
        let code = code.unwrap_or(exit::INTERNAL);
        let told = self.folder().and_then(|folder| told(&folder).ok());
        let (system, fault) = (&self.system, self.fault);
        let row = match told {
            Some(told) => format!("| {system} | {fault} | {} | {told} |", exit::word(code)),
            None => format!("| {system} | {fault} | {exit} | | | | |"),
        };
        (code, row)
    }
}

/// Injuries, effects, heals and recovery, as cells.
fn told(folder: &Path) -> Result<String, Failure> {
    let lines: Vec<Injury> = store::read_lines(&folder.join(store::INJURIES))?;
    // The last line of each says what came of it.
    let injuries: BTreeMap<u64, Injury> = lines.into_iter().map(|i| (i.id, i)).collect();
    let count = |wanted: &dyn Fn(&Injury) -> bool| injuries.values().filter(|i| wanted(i)).count();
    let effective = count(&|i| i.effect.is_some());
    let healed = count(&|i| i.healed_ns.is_some() && i.error.is_none());
    let mut effects = injuries.values().filter_map(|i| i.effect.as_deref());
    // The first sentence: what a node says at its end can be long.
    let example = effects.next().unwrap_or("nothing");
    let example = example.split(". ").next().unwrap_or(example);
    let ending: Ending = store::read_json(&folder.join(store::ENDING))?;
    let recovered = ending.recovered_after_ns.map_or("never".into(), |after| {
        format!("{:.2} s", after as f64 / 1e9)
    });
    let all = injuries.len();
    let healed = if healed == all {
        "all".into()
    } else {
        format!("{healed} of {all}")
    };
    Ok(format!(
        "{all} | {effective}: {example} | {healed} | {recovered}"
    ))
}
