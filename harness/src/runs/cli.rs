//! The commands that work on stored runs.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

use super::{compare, prune, serve, stored};
use crate::exit::Failure;

/// What the user wants of stored runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show all runs in this machine's browser: sortable, filterable, with trends.
    Serve {
        /// Where run folders are.
        #[arg(default_value = "results")]
        folder: PathBuf,
        /// Where to listen; only this machine's own addresses.
        #[arg(long, default_value = "127.0.0.1:7373")]
        address: SocketAddr,
    },
    /// Draw a run's report again from its files and its stored verdict.
    Report {
        /// The run's folder, such as results/latest.
        run: PathBuf,
    },
    /// Compare runs: verdicts, throughput, latency, unavailability by fault; the first is the one compared with.
    Compare {
        /// Two or more run folders.
        #[arg(required = true, num_args = 2..=8)]
        runs: Vec<PathBuf>,
    },
    /// Delete old runs. Says what would go; deletes only with --yes. Runs that found something stay unless --all.
    Prune {
        /// Where run folders are.
        #[arg(default_value = "results")]
        folder: PathBuf,
        /// How many of the newest runs stay.
        #[arg(long, default_value_t = 20)]
        keep: usize,
        /// Delete runs that are not valid, too.
        #[arg(long)]
        all: bool,
        /// Really delete.
        #[arg(long)]
        yes: bool,
    },
}

/// Does it and says the exit code.
///
/// # Errors
/// A folder is missing or damaged, or cannot be written.
pub fn act(command: &Command) -> Result<u8, Failure> {
    match command {
        Command::Serve { folder, address } => serve::serve(folder, *address),
        Command::Report { run } => stored::redraw(run),
        Command::Compare { runs } => compare::compare(runs),
        Command::Prune {
            folder,
            keep,
            all,
            yes,
        } => prune::prune(folder, *keep, *all, *yes),
    }
}
