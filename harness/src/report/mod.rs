//! The report: one self-contained HTML file, verdict first.

mod data;
mod embed;
mod figures;
mod html;
mod leaders;
mod modes;
mod outages;
mod page;
mod palette;
mod plots;
mod rollbacks;
mod samples;
mod sections;
mod units;
mod windows;

pub mod fixture;
#[cfg(test)]
mod tests;

use checker::whitebox::Judgement;
use checker::{History, Verdict};

use crate::injury::Injury;
use crate::observation::Observation;
use crate::plan::Plan;

pub use figures::{Figures, figures};
pub use modes::modes;
pub use sections::planted;
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
    /// What the checkers said, worst first.
    pub verdicts: Vec<Verdict>,
    /// The exit code that follows.
    pub exit_code: u8,
    /// What a reader must know of the run beside the verdict, as sentences: it was interrupted, it broke off …
    pub notes: Vec<String>,
    /// What the white-box judge found and counted, where nodes left evidence.
    pub judgement: Option<Judgement>,
    /// Facts about the machine and the run for the last section, as pairs of label and value.
    pub environment: Vec<(String, String)>,
}

/// What clients got in a run, as service levels are stated. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The longest stretch in which clients waited and nobody in the whole cluster was served.
    pub longest_outage_ns: u64,
    /// All such stretches together.
    pub outage_ns: u64,
    /// Until the last event that is no final read.
    pub length_ns: u64,
    /// 99th percentile of the latency of served operations; `None`: nobody was served.
    pub p99_ns: Option<u64>,
    /// The longest time from the heal of a fault to the first answer to an operation invoked after it; `None`: no
    /// fault was healed while clients still asked.
    pub worst_recovery_ns: Option<u64>,
    /// A fault was healed while clients asked, and nobody was served after it.
    pub never_recovered: bool,
}

/// Measures it. O(n log n) in operations.
pub fn service(history: &History, injuries: &[Injury]) -> Service {
    let samples = samples::Samples::new(history);
    let outages = outages::Outages::new(&samples);
    let windows = windows::Window::all(injuries, samples.end_ns);
    let mut service = Service {
        longest_outage_ns: outages.longest().map_or(0, |outage| outage.length_ns()),
        outage_ns: outages.inside_ns(0, samples.end_ns),
        length_ns: samples.end_ns,
        p99_ns: samples::quantile(&samples::latencies(&samples.all), 0.99),
        ..Service::default()
    };
    for window in windows {
        // Where nobody asked afterwards, nobody knows.
        if samples.invoked_in(window.to_ns, u64::MAX).is_empty() {
            continue;
        }
        match windows::Felt::during(&window, &samples, &outages).recovery_ns {
            Some(ns) => service.worst_recovery_ns = service.worst_recovery_ns.max(Some(ns)),
            None if window.injury.healed_ns.is_some() => service.never_recovered = true,
            None => {}
        }
    }
    service
}

/// The whole page as a string: it loads nothing, and needs no script (one copies the command).
///
/// O(n log n) in operations; the size is bounded, whatever the length of the run: plots draw a choice and
/// tables end at a cap, and the page's last section says what was left out.
pub fn render(run: &Run) -> String {
    page::page(&data::Data::new(run))
}
