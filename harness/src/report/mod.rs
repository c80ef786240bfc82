//! The report: one self-contained HTML file, verdict first.

mod data;
mod embed;
mod figures;
mod html;
mod leaders;
mod looks;
mod measured;
mod modes;
mod outages;
mod page;
mod palette;
mod pictures;
mod plots;
mod rollbacks;
mod samples;
mod sections;
mod stretches;
mod units;
mod windows;

pub mod fixture;
#[cfg(test)]
mod tests;

use checker::whitebox::Judgement;
use checker::{History, Verdict};

use crate::deeds::Deed;
use crate::injury::Injury;
use crate::messages::Message;
use crate::observation::Observation;
use crate::plan::Plan;

pub use figures::{Figures, figures};
pub use measured::{EachInjury, PerSecond, Service, measured, service};
pub use modes::modes;
pub use pictures::pictures;
pub use sections::planted;
pub use stretches::stretches;
pub use units::duration;

/// All that a report is drawn from; everything comes from the run's folder, so it can be drawn again.
pub struct Run {
    /// What was planned.
    pub plan: Plan,
    /// What clients saw.
    pub history: History,
    /// What was done to the cluster.
    pub injuries: Vec<Injury>,
    /// What the harness saw.
    pub observations: Vec<Observation>,
    /// What the nodes said to each other, in the order of time; empty where nobody listened.
    pub messages: Vec<Message>,
    /// So many messages came too fast to be written down.
    pub messages_missed: u64,
    /// What the nodes did, in the order of time; empty where they left no evidence.
    pub deeds: Vec<Deed>,
    /// What the checkers said, worst first.
    pub verdicts: Vec<Verdict>,
    /// The exit code that follows.
    pub exit_code: u8,
    /// What a reader must know of the run beside the verdict, as sentences: it was interrupted, it broke off …
    pub notes: Vec<String>,
    /// What the white-box judge found and counted, where nodes left evidence.
    pub judgement: Option<Judgement>,
    /// What the machine's monotonic clock said when the run began, in nanoseconds: evidence is told by it.
    pub began_monotonic_ns: Option<u64>,
    /// Facts about the machine and the run for the last section, as pairs of label and value.
    pub environment: Vec<(String, String)>,
}

/// The whole page as a string: it loads nothing, and needs no script (one copies the command).
///
/// O(n log n) in operations; the size is bounded, whatever the length of the run: plots draw a choice and
/// tables end at a cap, and the page's last section says what was left out.
pub fn render(run: &Run) -> String {
    page::page(&data::Data::new(run))
}
