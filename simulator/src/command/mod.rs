//! What the command does, and how it is asked.

mod campaign;
#[cfg(feature = "planted-bugs")]
mod table;

use std::ops::Range;
use std::process::ExitCode;

use clap::Parser;
use simulator::run;
use simulator::scenario::Scenario;

/// Runs real nodes in a world that follows from a seed, and checks everything that they do.
///
/// Exit codes: 0 no check spoke, 1 one did, 2 something that had to be seen was not (--sometimes), 64 usage.
#[derive(Clone, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Which seeds: one, or a range such as 0..1000.
    #[arg(long, default_value = "0..100", value_parser = range)]
    seeds: Range<u64>,
    /// How long clients work and injuries happen in each, in simulated milliseconds.
    #[arg(long, default_value_t = 30_000)]
    ms: u64,
    /// How many clients.
    #[arg(long, default_value_t = 6)]
    clients: usize,
    /// How many voters; each seed draws its own number where this is left out.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=5))]
    nodes: Option<u16>,
    /// Every situation that a good run ought to have seen must be seen in one of the seeds.
    #[arg(long)]
    sometimes: bool,
    /// Only these injuries of the seed's list, by number: `3,5,9`, or `none`.
    #[arg(long)]
    keep: Option<String>,
    /// Prints everything that is said, in the notation of the golden scripts.
    #[arg(long)]
    trace: bool,
    /// How many runs may be spent on making a failing one shorter.
    #[arg(long, default_value_t = 300)]
    shrink: u32,
    /// Stops after so many failing seeds.
    #[arg(long, default_value_t = 10)]
    stop_after: u64,
    /// Seeds that are run at the same time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// The nodes make this mistake.
    #[cfg(feature = "planted-bugs")]
    #[arg(long)]
    bug: Option<node::bugs::Bug>,
    /// Prints how soon each planted bug is found (those whose name contains a text, or all).
    #[cfg(feature = "planted-bugs")]
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    table: Option<String>,
    /// How often each planted bug is looked for, each time from another seed on.
    #[cfg(feature = "planted-bugs")]
    #[arg(long, default_value_t = 20)]
    trials: u64,
    /// After how many seeds a trial gives up.
    #[cfg(feature = "planted-bugs")]
    #[arg(long, default_value_t = 50)]
    patience: u64,
    /// Looks for a short scenario for each planted bug and writes it into this file.
    #[cfg(feature = "planted-bugs")]
    #[arg(long)]
    witnesses: Option<std::path::PathBuf>,
}

impl Arguments {
    fn scenario(&self, seed: u64) -> Scenario {
        let scenario = Scenario::sized(seed, self.ms, self.clients, self.nodes);
        match &self.keep {
            None => scenario,
            Some(kept) => {
                let numbers = kept.split(',').filter_map(|number| number.parse().ok());
                scenario.keep(&numbers.collect())
            }
        }
    }
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    run::keep_panics();
    #[cfg(feature = "planted-bugs")]
    {
        if let Some(names) = &arguments.table {
            return table::print(&arguments, names);
        }
        if let Some(path) = &arguments.witnesses {
            return table::write_witnesses(&arguments, path);
        }
        node::bugs::replace(arguments.bug.as_slice());
    }
    campaign::run(&arguments)
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let bad = |_| format!("{text:?} is neither a number nor a range such as 0..1000");
    match text.split_once("..") {
        Some((first, end)) => Ok(first.parse().map_err(bad)?..end.parse().map_err(bad)?),
        None => {
            let seed: u64 = text.parse().map_err(bad)?;
            Ok(seed..seed + 1)
        }
    }
}
