//! Verifies a linearization: the certificate that a valid verdict rests on.

use crate::models::register::{INITIAL, Interned, Step};

/// True if `order` (positions in `steps`) is a linearization: every operation that must take effect is in
/// it once, none comes before one that ended before it began, and each fits the state it finds. O(steps).
///
/// Herlihy and Wing, "Linearizability", TOPLAS 1990: this is the definition, read off.
pub fn is_linearization(steps: &[Step], order: &[u32], initial: Interned) -> bool {
    let mut seen = vec![false; steps.len()];
    let (mut state, mut latest_start) = (initial, 0);
    for &at in order {
        let Some(step) = steps.get(at as usize) else {
            return false;
        };
        if std::mem::replace(&mut seen[at as usize], true) || step.end < latest_start {
            return false;
        }
        latest_start = latest_start.max(step.start);
        match step.action.step(state) {
            Some(next) => state = next,
            None => return false,
        }
    }
    steps
        .iter()
        .zip(&seen)
        .all(|(step, seen)| *seen || !step.must)
}

/// [`is_linearization`] of a register that holds nothing at first.
pub fn certifies(steps: &[Step], order: &[u32]) -> bool {
    is_linearization(steps, order, INITIAL)
}
