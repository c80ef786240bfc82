//! The command: runs seeds, tells of what it finds, and measures how soon it finds planted bugs.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
