//! From a wrong prefix that only the search could judge to the few operations that contradict each other.
//!
//! First the shortest tail that is wrong from *any* state; then delta debugging (Zeller and Hildebrandt,
//! "Simplifying and isolating failure-inducing input", TSE 28(2), 2002) over its operations. What is left
//! out allows more: a read is gone, a write may have happened in its time or not.

use std::collections::BTreeSet;

use super::limits::{Limits, Meter, NO_END};
use super::reduce::Reduced;
use super::search::{Found, search_within};
use crate::models::register::{Action, INITIAL, Interned, Step};

/// How often the search may be asked.
const TRIES: usize = 400;

/// Reduces a wrong prefix that only the search could judge, within `limits` for all tries together.
pub fn from_search(steps: &[Step], limits: Limits) -> Reduced {
    from_search_within(steps, limits, &Meter::new(NO_END))
}

/// As [`from_search`], until the meter says stop.
pub fn from_search_within(steps: &[Step], limits: Limits, meter: &Meter<'_>) -> Reduced {
    let (mut tries, mut left) = (TRIES, limits.steps);
    // `None`: no more may be tried.
    let mut wrong = |from: u32, kept: &[u32], states: &[Interned]| {
        tries = tries.saturating_sub(1);
        if tries == 0 || left == 0 || meter.spent(steps.len() as u64) {
            return None;
        }
        let within = Limits {
            // One that explodes leaves something for the others.
            steps: (limits.steps / 10).min(left),
            ..limits
        };
        let searched = search_within(&weaken(steps, from, kept), states, within, false, meter);
        left = left.saturating_sub(searched.steps);
        Some(matches!(searched.found, Found::Stuck { .. }))
    };
    let must: Vec<u32> = (0..steps.len() as u32)
        .filter(|at| steps[*at as usize].must)
        .collect();
    let mut window = (0, vec![INITIAL], must.clone());
    let mut length = 4;
    while length < must.len() {
        let kept = must[must.len() - length..].to_vec();
        let from = kept
            .iter()
            .map(|at| steps[*at as usize].start)
            .min()
            .unwrap_or(0);
        let states = any_state(steps, from);
        let found = wrong(from, &kept, &states);
        if found == Some(true) {
            window = (from, states, kept);
        }
        if found != Some(false) {
            break;
        }
        length *= 2;
    }
    let (from, states, mut kept) = window;
    let mut chunk = kept.len().div_ceil(2);
    'tries: while chunk > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + chunk).min(kept.len()));
            match wrong(from, &fewer, &states) {
                Some(true) => kept = fewer,
                Some(false) => at += chunk,
                None => break 'tries,
            }
        }
        chunk /= 2;
    }
    Reduced {
        essential: kept,
        contradiction: None,
    }
}

/// Every state that the rest of a history could tell from another one.
fn any_state(steps: &[Step], from: u32) -> Vec<Interned> {
    let later = steps.iter().filter(|step| step.end >= from);
    let mut states: BTreeSet<Interned> = later
        .flat_map(|step| match step.action {
            Action::Read(value) | Action::Differs(value) | Action::Cas(value, _) => Some(value),
            _ => None,
        })
        .collect();
    states.insert(Interned::MAX);
    states.into_iter().collect()
}

/// Of all that was open at `from` or began later: `kept` must happen, other writes may, other reads are gone.
fn weaken(steps: &[Step], from: u32, kept: &[u32]) -> Vec<Step> {
    let mut must = kept.iter().copied().peekable();
    let mut weaker = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let stays = must.next_if_eq(&(at as u32)).is_some();
        if step.end >= from && (stays || step.action.installs().is_some()) {
            weaker.push(Step {
                must: stays,
                ..*step
            });
        }
    }
    weaker
}
