//! Did enough happen, and happen as planned, for a verdict to mean anything?

use checker::enough::{Minimum, WorkDone};
use checker::{History, Valid, Verdict};

use super::verdict;
use crate::ending::Ending;
use crate::injury::Injury;
use crate::plan::Plan;

/// Below this many operations that happened nothing is proved.
const LEAST_OK: u64 = 100;

/// Unknown where too little happened for a verdict to mean anything.
pub(super) fn enough(
    plan: &Plan,
    history: &History,
    injuries: &[Injury],
    ending: Option<&Ending>,
    final_reads_expected: u64,
) -> Option<Verdict> {
    let done = WorkDone {
        faults_that_acted: injuries
            .iter()
            .filter(|injury| injury.effect.is_some())
            .count() as u64,
        faults_planned: injuries.len() as u64,
        final_reads_expected,
        ..WorkDone::of(history)
    };
    let minimum = Minimum {
        ok_operations: LEAST_OK,
        faults_that_acted: u64::from(!plan.nemesis.is_empty()),
        final_reads: 1.0,
    };
    let idle: Vec<&str> = (plan.nemesis.iter().map(String::as_str))
        .filter(|name| {
            !injuries
                .iter()
                .any(|injury| injury.fault == *name && injury.effect.is_some())
        })
        .collect();
    if ending.is_some() && !injuries.is_empty() && !idle.is_empty() {
        let summary = format!(
            "{} was asked for, but never had a measured effect: give the run more --time or a shorter --interval",
            idle.join(", ")
        );
        return Some(verdict("enough", Valid::Unknown, summary));
    }
    if ending.is_none() {
        let summary = "the run broke off before its end: what was recorded is judged, but final reads are missing";
        return Some(verdict("enough", Valid::Unknown, summary.into()));
    }
    done.verdict(&minimum)
}

/// An injury that could not be inflicted or healed makes the run worth less.
pub(super) fn healed(injuries: &[Injury]) -> Option<Verdict> {
    let wrong: Vec<String> = injuries
        .iter()
        .filter_map(|injury| {
            Some(format!(
                "{} {}: {}",
                injury.fault,
                injury.id,
                injury.error.as_ref()?
            ))
        })
        .collect();
    let first = wrong.first()?;
    let summary = format!(
        "{} injuries could not be inflicted or healed as planned, such as {first}",
        wrong.len()
    );
    Some(verdict("faults", Valid::Unknown, summary))
}
