//! The `harness` command.

use std::process::ExitCode;

use harness::cli::{self, Wish};
use harness::{check, doctor, lists, modes, repeat, runs, sweep, table};

fn main() -> ExitCode {
    let done = cli::read(std::env::args_os()).and_then(|wish| match wish {
        Wish::Run(wish) => repeat::run(&wish),
        Wish::Modes(wish) => modes::compare(&wish),
        Wish::Check { run } => check::check(&run),
        Wish::Table(args) => table::print(&args),
        Wish::Doctor => doctor::examine(),
        Wish::Heal => sweep::sweep(),
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
