//! What a register may have held at the point where a history sticks.

use super::limits::{Limits, Meter};
use super::portfolio::answer_all;
use crate::models::register::{Action, INITIAL, Interned, Part, Step, prefix};
use crate::verdict::Valid;

/// At most so many values are looked at,
const MOST: usize = 32;

/// and so many steps in all.
const EFFORT: usize = 4_000_000;

/// The values that a register can have held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct States {
    /// In the order of their numbers.
    pub values: Vec<Interned>,
    /// True: it can have held no other.
    pub is_all: bool,
}

/// What the register may hold right before the event at `time`, all before that being right. Values are numbered below
/// `values`.
///
/// A value that is there has an installer that no acknowledged one followed: who began after it ended would have replaced it.
/// Each such value is asked for by a read of our own, and judged.
pub fn states(
    steps: &[Step],
    values: usize,
    time: u32,
    limits: Limits,
    meter: &Meter<'_>,
) -> States {
    let before = prefix(steps, time.saturating_sub(1));
    let installers = || {
        before
            .iter()
            .filter(|step| step.action.installs().is_some())
    };
    let last = installers().filter(|step| step.must).map(|step| step.start);
    let last = last.max();
    let mut candidates: Vec<Interned> = installers()
        .rev()
        .filter(|step| last.is_none_or(|last| step.end > last))
        .filter_map(|step| step.action.installs())
        .collect();
    candidates.extend(last.is_none().then_some(INITIAL));
    // The last to begin first; each once.
    let mut seen = vec![false; values];
    candidates.retain(|value| !std::mem::replace(&mut seen[*value as usize], true));
    let most = match meter.is_over() {
        true => 0,
        false => MOST.min(EFFORT / before.len().max(1)),
    };
    let mut is_all = candidates.len() <= most;
    candidates.truncate(most);
    let mut part = Part {
        steps: before,
        values,
        ..Part::default()
    };
    candidates.retain(|value| {
        part.steps.push(Step {
            operation: u32::MAX,
            start: time,
            end: time + 1,
            must: true,
            action: Action::Read(*value),
        });
        let valid = answer_all(std::slice::from_ref(&part), limits, meter);
        part.steps.pop();
        is_all &= valid != Valid::Unknown;
        valid == Valid::Yes
    });
    candidates.sort_unstable();
    States {
        values: candidates,
        is_all,
    }
}
