//! The `harness` command: spawns a cluster, breaks it while clients work, records, judges and reports.

mod binaries;
mod bugs;
mod check;
mod cli;
mod cluster;
mod databases;
mod ending;
mod environment;
mod exit;
mod faults;
mod history;
mod injury;
mod interpreter;
mod judge;
mod links;
mod lists;
mod nemesis;
mod observation;
mod observe;
mod outcome;
mod plan;
mod process;
mod progress;
mod recovery;
mod report;
mod run;
mod shim;
mod site;
mod stalls;
mod store;
mod terminal;
mod worker;

use std::process::ExitCode;

use cli::Wish;

fn main() -> ExitCode {
    let done = cli::read(std::env::args_os()).and_then(|wish| match wish {
        Wish::Run {
            plan,
            binary,
            out,
            quiet,
        } => run::run(&plan, binary.as_deref(), &out, quiet),
        Wish::Check { run } => check::check(&run),
        Wish::List { what, name } => lists::print(&what, name.as_deref()),
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("harness: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
