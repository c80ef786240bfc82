//! What the judge costs: on every specimen, on made-up families, against a baseline in the same run, against aims.
//!
//!     cargo run --release -p checker --example bench [-- --operations N] [--only TEXT] [--plots DIR]
//!
//! Prints Markdown. Times are processor time of the check alone, median of several, in a process of its own; reading
//! and sorting into operations are measured apart. What is made up is the same in every run.

mod aims;
mod baseline;
mod broken;
mod cases;
mod families;
mod measure;
mod plots;
mod random;
mod recorded;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use baseline::Budget;
use cases::Case;
use measure::Judge;

/// What the judge costs, beside a baseline.
#[derive(Parser)]
struct Flags {
    /// Operations of the longest made-up histories.
    #[arg(long, default_value_t = 100_000)]
    operations: u64,
    /// Only histories whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Seconds of processor time for a verdict.
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Seconds of processor time for the baseline's verdict.
    #[arg(long, default_value_t = 5.0)]
    baseline_seconds: f64,
    /// Memory for a verdict, what the history takes left out.
    #[arg(long, default_value_t = 1024)]
    megabytes: usize,
    /// Draw cost against length and against concurrency into this folder (instead of the table).
    #[arg(long)]
    plots: Option<PathBuf>,
    /// Only the aims.
    #[arg(long)]
    aims: bool,
    /// Only beside what Porcupine itself needed, as it was recorded elsewhere (instead of the table).
    #[arg(long)]
    recorded: bool,
    /// Scale that by what porcupine-rust needs here: a file of lines `file,ms`, for files below `specimens/`.
    #[arg(long, requires = "recorded")]
    port: Option<PathBuf>,
    /// Threads for a verdict; with more than one all of ours is measured by the time that passes.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, hide = true)]
    child: Option<String>,
    #[arg(long, hide = true)]
    case: Option<String>,
}

impl Flags {
    fn budget(&self, judge: Judge) -> Budget {
        Budget {
            seconds: match judge {
                Judge::Ours => self.seconds,
                Judge::Baseline => self.baseline_seconds,
            },
            bytes: self.megabytes << 20,
            threads: match judge {
                Judge::Ours => self.threads,
                Judge::Baseline => 1,
            },
        }
    }
}

fn child(flags: &Flags, who: &str) -> Result<(), String> {
    let judge = match who {
        "Ours" => Judge::Ours,
        _ => Judge::Baseline,
    };
    let case: Case = flags.case.as_deref().unwrap_or_default().parse()?;
    let budget = flags.budget(Judge::Ours);
    println!("{}", measure::child(&case, judge, budget)?);
    Ok(())
}

fn run(flags: &Flags) -> Result<(), String> {
    if let Some(who) = &flags.child {
        return child(flags, who);
    }
    let [ours, baseline] = [Judge::Ours, Judge::Baseline].map(|judge| flags.budget(judge));
    if let Some(folder) = &flags.plots {
        return plots::draw(folder, ours, baseline);
    }
    if flags.recorded {
        return recorded::print(ours, flags.port.as_deref());
    }
    if !flags.aims {
        let specimens = cases::all_specimens().into_iter();
        let cases = specimens.chain(cases::families(flags.operations));
        let cases = cases.filter(|case| case.to_string().contains(&flags.only));
        table::print(&cases.collect::<Vec<_>>(), ours, baseline)?;
    }
    match flags.only.is_empty() {
        true => aims::print(),
        false => Ok(()),
    }
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
