//! The `harness` command.

use std::process::ExitCode;

use harness::cli::{self, Wish};
use harness::{check, lists, run, runs};

fn main() -> ExitCode {
    let done = cli::read(std::env::args_os()).and_then(|wish| match wish {
        Wish::Run {
            plan,
            binary,
            out,
            slo,
            shown,
        } => run::run(&plan, binary.as_deref(), &out, slo.as_ref(), shown),
        Wish::Check { run } => check::check(&run),
        Wish::Runs(command) => runs::act(&command),
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
