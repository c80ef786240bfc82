//! Verifies a linearization: the certificate that a valid verdict rests on.

use crate::models::register::{INITIAL, Interned, Step};

/// True if `order` (positions in `steps`) is a linearization: every operation that must take effect is in
/// it once, none comes before one that ended before it began, and each fits the state it finds. O(steps).
///
/// Herlihy and Wing, "Linearizability", TOPLAS 1990: this is the definition, read off.
pub fn is_linearization(steps: &[Step], order: &[u32], initial: Interned) -> bool {
    ends_in(steps, order, initial).is_some()
}

/// As [`is_linearization`], and what the register holds at the end; `None`: it is none. O(steps).
pub fn ends_in(steps: &[Step], order: &[u32], initial: Interned) -> Option<Interned> {
    let mut seen = vec![false; steps.len()];
    let (mut state, mut latest_start) = (initial, 0);
    for &at in order {
        let step = steps.get(at as usize)?;
        if std::mem::replace(&mut seen[at as usize], true) || step.end < latest_start {
            return None;
        }
        latest_start = latest_start.max(step.start);
        state = step.action.step(state)?;
    }
    let all = steps
        .iter()
        .zip(&seen)
        .all(|(step, seen)| *seen || !step.must);
    all.then_some(state)
}

/// [`is_linearization`] of a register that holds nothing at first.
pub fn certifies(steps: &[Step], order: &[u32]) -> bool {
    is_linearization(steps, order, INITIAL)
}
