//! All figures of a run, computed once and read by every section and plot.

use checker::whitebox::Violation as Breach;
use checker::{Valid, Verdict, Violation};

use super::Run;
use super::leaders::Leaders;
use super::outages::Outages;
use super::rollbacks::Rollbacks;
use super::samples::{Counts, Samples, latencies};
use super::stretches;
use super::windows::Window;
use crate::observation::Observation;
use crate::whitebox;

/// A run and what follows from it.
pub struct Data<'a> {
    /// The run.
    pub run: &'a Run,
    /// Operations as figures.
    pub samples: Samples,
    /// How they ended.
    pub counts: Counts,
    /// Latencies of the served, sorted.
    pub latencies: Vec<u64>,
    /// When nobody was served.
    pub outages: Outages,
    /// When faults acted.
    pub windows: Vec<Window<'a>>,
    /// Who led.
    pub leaders: Leaders,
    /// What logs lost.
    pub rollbacks: Rollbacks,
    /// Names of all nodes, in order.
    pub nodes: Vec<String>,
    /// The end of the time axis.
    pub end_ns: u64,
}

impl<'a> Data<'a> {
    /// Computes them. O(n log n) in operations, and linear in observations.
    pub fn new(run: &'a Run) -> Data<'a> {
        let samples = Samples::new(&run.history);
        let observed = run.observations.iter().map(time_ns).max().unwrap_or(0);
        let healed = run.injuries.iter().filter_map(|injury| injury.healed_ns);
        let healed = healed.map(|healed| healed[1]).max().unwrap_or(0);
        let end_ns = samples.end_ns.max(observed).max(healed);
        Data {
            run,
            counts: samples.all.iter().collect(),
            latencies: latencies(&samples.all),
            outages: Outages::new(&samples),
            windows: Window::all(&run.injuries, end_ns),
            leaders: Leaders::new(&run.observations, end_ns),
            rollbacks: Rollbacks::new(&run.history, &run.observations),
            nodes: (1..=run.plan.nodes)
                .map(|node| format!("n{node}"))
                .collect(),
            samples,
            end_ns,
        }
    }

    /// The worst of all verdicts; unknown where nothing was judged.
    pub fn valid(&self) -> Valid {
        let verdicts = self.run.verdicts.iter().map(|verdict| verdict.valid);
        verdicts.max().unwrap_or(Valid::Unknown)
    }

    /// The verdict to tell first: the first of the worst.
    pub fn worst(&self) -> Option<&'a Verdict> {
        let valid = self.valid();
        (self.run.verdicts.iter()).find(|verdict| verdict.valid == valid)
    }

    /// The violation to tell first, and whose it is.
    pub fn violation(&self) -> Option<(&'a Verdict, &'a Violation)> {
        let broken = self.run.verdicts.iter().filter(|v| v.valid == Valid::No);
        broken
            .flat_map(|verdict| verdict.violations.iter().map(move |v| (verdict, v)))
            .next()
    }

    /// When a violation came to light: the end of its shortest wrong prefix, or when a node did what it never may.
    pub fn moment_ns(&self, violation: &Violation) -> Option<u64> {
        stretches::moment_ns(&self.run.history, violation).or_else(|| {
            let at_ns = self.breach(violation)?.place.at_ns;
            Some(at_ns.saturating_sub(self.run.began_monotonic_ns?))
        })
    }

    /// What a node did, where a violation is one of the white-box judge's.
    pub fn breach(&self, violation: &Violation) -> Option<&'a Breach> {
        let mut verdicts = self.run.verdicts.iter();
        let inside = verdicts.find(|verdict| verdict.checker == whitebox::NAME)?;
        let is = |told: &Violation| std::ptr::eq(told, violation);
        let at = inside.violations.iter().position(is)?;
        self.run.judgement.as_ref()?.violations.get(at)
    }

    /// The faults that acted in `[from_ns, to_ns]`.
    pub fn active(&self, from_ns: u64, to_ns: u64) -> impl Iterator<Item = &Window<'a>> {
        (self.windows.iter()).filter(move |window| window.meets(from_ns, to_ns))
    }

    /// When the harness itself stood still, as `(from, to)`.
    pub fn stalls(&self) -> impl Iterator<Item = (u64, u64)> {
        self.run
            .observations
            .iter()
            .filter_map(|observation| match observation {
                Observation::Stall {
                    time_ns,
                    duration_ns,
                } => Some((time_ns.saturating_sub(*duration_ns), *time_ns)),
                _ => None,
            })
    }

    /// The kinds of fault that were planned or inflicted, each once, in the plan's order.
    pub fn faults(&self) -> Vec<&'a str> {
        let planned = self.run.plan.nemesis.iter().map(String::as_str);
        let inflicted = self.run.injuries.iter().map(|injury| injury.fault.as_str());
        let mut kinds: Vec<&str> = Vec::new();
        for kind in planned.filter(|kind| *kind != "none").chain(inflicted) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// A node's position, for its colour.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node == name)
    }
}

/// When an observation was made.
pub fn time_ns(observation: &Observation) -> u64 {
    match observation {
        Observation::Status { time_ns, .. }
        | Observation::Stall { time_ns, .. }
        | Observation::Transition { time_ns, .. }
        | Observation::RolledBack { time_ns, .. }
        | Observation::Process { time_ns, .. } => *time_ns,
    }
}
