//! The `node` command.

use node::cli::Action;
use node::{cli, exit, run, storage::verify};

fn main() {
    let code = match cli::parse() {
        Ok(Action::Run(settings)) => run::run(*settings),
        Ok(Action::Verify(directory)) => match verify::explain(&directory) {
            (report, Ok(())) => {
                print!("{report}");
                exit::OK
            }
            (report, Err(error)) => {
                print!("{report}");
                eprintln!("{}", error.explain(&directory));
                exit::DAMAGED
            }
        },
        Err(code) => code,
    };
    std::process::exit(code);
}
