//! From a wrong history of any object to its shortest wrong prefix, and the few operations of it that matter.

use std::collections::BTreeSet;

use super::Limits;
use super::exact::{Exact, Judged};
use super::general::{Found, search_ahead};
use super::limits::Meter;
use super::objects::Decided;
use crate::models::register::NEVER;
use crate::models::{Call, Calls, Model};

/// How often a judge may be asked while a violation is reduced.
const TRIES: usize = 300;

/// As many of the last to end are tried alone, at most.
const LAST: usize = 256;

/// What was known when the event at `time` had just been recorded.
fn prefix<M: Model>(calls: &Calls<M>, time: u32) -> Calls<M> {
    let known = calls.iter().take_while(|call| call.start <= time);
    let open = |call: &Call<M::Op, M::Reply>| Call {
        end: NEVER,
        must: false,
        reply: None,
        ..call.clone()
    };
    known
        .map(|call| {
            if call.end <= time {
                call.clone()
            } else {
                open(call)
            }
        })
        .collect()
}

/// What contradicts each other, by position, and its name.
pub(super) type Contradiction = (Vec<u32>, &'static str);

/// The shortest prefix that the exact algorithm refuses, by bisection over the ends; once time is over the shortest found
/// so far.
pub(super) fn shortest<M: Judged>(
    model: &M,
    calls: &Calls<M>,
    meter: &Meter<'_>,
) -> (u32, Option<Contradiction>) {
    let mut ends: Vec<u32> = calls
        .iter()
        .map(|call| call.end)
        .filter(|end| *end != NEVER)
        .collect();
    ends.sort_unstable();
    let (mut low, mut high) = (0, ends.len());
    let mut found = (ends.last().copied().unwrap_or(0), None);
    while low < high && !meter.spent(calls.len() as u64) {
        let middle = low + (high - low) / 2;
        match model.exact(&prefix::<M>(calls, ends[middle])) {
            Exact::Wrong { calls, name } => {
                found = (ends[middle], Some((calls, name)));
                high = middle;
            }
            _ => low = middle + 1,
        }
    }
    found
}

/// Delta debugging (Zeller and Hildebrandt, TSE 28(2), 2002) over the units of a wrong prefix. Positions of the
/// calls that remain, in the order of their invocations.
pub(super) fn reduce<M: Judged>(
    model: &M,
    calls: &Calls<M>,
    found: &Decided,
    limits: Limits,
    meter: &Meter<'_>,
) -> Vec<u32> {
    let known = prefix::<M>(calls, found.time);
    let unit = |at: usize| {
        (
            model.unit(&known[at]),
            if model.unit(&known[at]).is_none() {
                at
            } else {
                0
            },
        )
    };
    let without = |kept: &BTreeSet<(Option<u32>, usize)>| -> Calls<M> {
        let mut weaker: Calls<M> = Vec::new();
        for (at, call) in known.iter().enumerate() {
            let unit = unit(at);
            if kept.contains(&unit) {
                weaker.push(call.clone());
            } else if unit.0.is_none() && model.changes(&call.op) {
                weaker.push(Call {
                    end: NEVER,
                    must: false,
                    ..call.clone()
                });
            }
        }
        weaker
    };
    let (mut tries, mut steps) = (TRIES, limits.steps);
    // `None`: no more may be tried.
    let mut wrong = |kept: &BTreeSet<(Option<u32>, usize)>| {
        tries = tries.saturating_sub(1);
        if tries == 0 || steps == 0 || meter.spent(known.len() as u64) {
            return None;
        }
        let weaker = without(kept);
        Some(match model.exact(&weaker) {
            Exact::Wrong { .. } => true,
            Exact::Linearizable(_) => false,
            _ => {
                let within = Limits {
                    // One that explodes leaves something for the others.
                    steps: (limits.steps / 10).min(steps),
                    ..limits
                };
                let searched = search_ahead(model, &weaker, within, meter);
                steps = steps.saturating_sub(searched.steps);
                matches!(searched.found, Found::Stuck { .. })
            }
        })
    };
    let musts = (0..known.len()).filter(|at| known[*at].must);
    let mut kept: BTreeSet<_> = musts.map(unit).collect();
    if let Some((calls, _)) = &found.wrong {
        let core: BTreeSet<_> = calls.iter().map(|at| unit(*at as usize)).collect();
        if wrong(&core) == Some(true) {
            kept = core;
        }
    }
    // Mostly a few of the last to end are enough.
    let mut last: Vec<usize> = (0..known.len()).filter(|at| known[*at].must).collect();
    last.sort_unstable_by_key(|at| std::cmp::Reverse(known[*at].end));
    let sizes = (2..).map(|power| 1_usize << power);
    for size in sizes.take_while(|size| *size < kept.len().min(LAST)) {
        let core: BTreeSet<_> = last.iter().take(size).map(|at| unit(*at)).collect();
        if wrong(&core) == Some(true) {
            kept = core;
            break;
        }
    }
    let mut chunk = kept.len().div_ceil(2);
    'tries: while chunk > 0 {
        let mut at = 0;
        while at < kept.len() {
            let fewer: BTreeSet<_> = kept
                .iter()
                .enumerate()
                .filter(|(position, _)| !(at..at + chunk).contains(position))
                .map(|(_, unit)| *unit)
                .collect();
            match wrong(&fewer) {
                Some(true) => kept = fewer,
                Some(false) => at += chunk,
                None => break 'tries,
            }
        }
        chunk /= 2;
    }
    (0..known.len())
        .filter(|at| kept.contains(&unit(*at)))
        .map(|at| at as u32)
        .collect()
}
