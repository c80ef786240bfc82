//! From a contradiction of zones to the few operations that make it.
//!
//! Only what keeps the contradiction sound is taken away: a read always; a write only where what is left
//! does not ask for its value; and a compare-and-set whose old value is no longer spoken of counts as a plain
//! write, which allows more.

use std::collections::BTreeSet;

use super::chain::Chain;
use super::clusters::{Contradiction, NOBODY, clusters, end_of, start_of};
use super::limits::{Meter, NO_END};
use super::zones::{Zones, judge};
use crate::models::register::{Action, INITIAL, Interned, Step};

/// Above this many operations a contradiction is shown as it is.
const LARGE: usize = 60;

/// The essence of a wrong prefix. Positions in its steps.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// In the order of their invocations; none can be spared, unless the effort was capped.
    pub essential: Vec<u32>,
    /// What contradicts what, where values are distinct.
    pub contradiction: Option<Contradiction>,
}

/// Reduces a contradiction that the zones found. O(steps) and a little.
pub fn from_zones(steps: &[Step], values: usize, contradiction: &Contradiction) -> Reduced {
    from_zones_within(steps, values, contradiction, &Meter::new(NO_END))
}

/// As [`from_zones`], until the meter says stop.
pub fn from_zones_within(
    steps: &[Step],
    values: usize,
    contradiction: &Contradiction,
    meter: &Meter<'_>,
) -> Reduced {
    let mut kept = witnesses(steps, values, contradiction, meter);
    if kept.len() <= LARGE {
        let mut at = 0;
        while at < kept.len() && !meter.spent(values as u64) {
            let mut fewer = kept.clone();
            fewer.remove(at);
            match contradicts(steps, values, &fewer) {
                Some(_) => kept = fewer,
                None => at += 1,
            }
        }
    }
    let found = contradicts(steps, values, &kept);
    Reduced {
        contradiction: Some(found.unwrap_or_else(|| contradiction.clone())),
        essential: kept,
    }
}

/// Judges some of the steps alone; `None` if they are no contradiction, or none that proves anything.
fn contradicts(steps: &[Step], values: usize, kept: &[u32]) -> Option<Contradiction> {
    let mut installed = vec![false; values];
    installed[INITIAL as usize] = true;
    let chosen = || kept.iter().map(|at| steps[*at as usize]);
    chosen()
        .filter_map(|step| step.action.installs())
        .for_each(|value| installed[value as usize] = true);
    let has = |value: Interned| installed[value as usize];
    if chosen().any(|step| matches!(step.action, Action::Read(value) if !has(value))) {
        return None;
    }
    let weaker: Vec<Step> = chosen()
        .map(|step| match step.action {
            Action::Cas(old, new) if !has(old) => Step {
                action: Action::Write(new),
                ..step
            },
            _ => step,
        })
        .collect();
    match judge(&weaker, values) {
        Zones::Contradiction(contradiction) => Some(renumber(contradiction, kept)),
        _ => None,
    }
}

fn renumber(contradiction: Contradiction, kept: &[u32]) -> Contradiction {
    use Contradiction::*;
    let at = |local: u32| {
        if local == NOBODY {
            NOBODY
        } else {
            kept[local as usize]
        }
    };
    match contradiction {
        Unwritten { by } => Unwritten { by: at(by) },
        Impossible { by } => Impossible { by: at(by) },
        Replaced { first, second } => Replaced {
            first: at(first),
            second: at(second),
        },
        Circle { steps } => Circle {
            steps: steps.into_iter().map(at).collect(),
        },
        Reversed { first, then } => Reversed {
            first: at(first),
            then: at(then),
        },
        Throughout { by, before, after } => Throughout {
            by: at(by),
            before: at(before),
            after: at(after),
        },
        Crossed {
            a_ends,
            a_starts,
            b_ends,
            b_starts,
        } => Crossed {
            a_ends: at(a_ends),
            a_starts: at(a_starts),
            b_ends: at(b_ends),
            b_starts: at(b_starts),
        },
    }
}

/// The operations that a contradiction speaks of, and the chains of compare-and-sets that link them.
fn witnesses(
    steps: &[Step],
    values: usize,
    contradiction: &Contradiction,
    meter: &Meter<'_>,
) -> Vec<u32> {
    let simple = |list: &[u32]| {
        list.iter()
            .copied()
            .filter(|at| *at != NOBODY)
            .collect::<BTreeSet<u32>>()
    };
    let mut kept = match contradiction {
        Contradiction::Unwritten { by } | Contradiction::Impossible { by } => simple(&[*by]),
        Contradiction::Circle { steps } => simple(steps),
        Contradiction::Replaced { first, second } => simple(&[*first, *second]),
        Contradiction::Throughout { by, before, after } => simple(&[*by, *before, *after]),
        Contradiction::Reversed { .. } | Contradiction::Crossed { .. } => BTreeSet::new(),
    };
    let lone = matches!(
        contradiction,
        Contradiction::Unwritten { .. } | Contradiction::Impossible { .. }
    );
    if let (Some(Ok(clusters)), false) = (clusters(steps, values), lone) {
        match *contradiction {
            Contradiction::Reversed { first, then } => {
                let chain = Chain::of(steps, &clusters, first);
                chain.link(chain.nearest_reversed(steps, first, then), &mut kept);
            }
            Contradiction::Crossed {
                a_ends,
                a_starts,
                b_ends,
                b_starts,
            } => {
                let (a, b) = (
                    Chain::of(steps, &clusters, a_starts),
                    Chain::of(steps, &clusters, b_starts),
                );
                let (x, y) = a.nearest(
                    steps,
                    end_of(steps, b_ends),
                    start_of(steps, b_starts),
                    a_ends,
                    a_starts,
                );
                a.link((x, y), &mut kept);
                let pair = b.nearest(
                    steps,
                    end_of(steps, x),
                    start_of(steps, y),
                    b_ends,
                    b_starts,
                );
                b.link(pair, &mut kept);
            }
            _ => {}
        }
        for at in kept.clone() {
            if let Action::Read(value) | Action::Cas(value, _) | Action::Differs(value) =
                steps[at as usize].action
            {
                kept.extend(Some(clusters.of[value as usize].installer).filter(|at| *at != NOBODY));
            }
        }
    } else if let Contradiction::Replaced { first, .. } = contradiction {
        let old = steps[*first as usize].action.needs();
        let installer =
            (0..steps.len()).find(|at| old.is_some() && steps[*at].action.installs() == old);
        kept.extend(installer.map(|at| at as u32));
    }
    prove(steps, &mut kept, meter);
    kept.into_iter().collect()
}

/// Adds, for every unknown outcome that must have taken effect, those that prove it: somebody found its value,
/// or somebody found what somebody of unknown outcome made of its value, and so on. O(unknown outcomes × steps).
fn prove(steps: &[Step], kept: &mut BTreeSet<u32>, meter: &Meter<'_>) {
    for start in kept.clone() {
        if steps[start as usize].must {
            continue;
        }
        // Breadth first from the step to the nearest certain one, over "found what that one installed".
        let mut reached: Vec<(u32, usize)> = vec![(start, 0)];
        let mut next = 0;
        while next < reached.len() {
            let (at, _) = reached[next];
            let value = steps[at as usize].action.installs();
            if steps[at as usize].must || value.is_none() || meter.spent(steps.len() as u64) {
                break;
            }
            for (finder, step) in steps.iter().enumerate() {
                let finder = finder as u32;
                if step.action.needs() == value
                    && !reached.iter().any(|(known, _)| *known == finder)
                {
                    reached.push((finder, next));
                }
            }
            next += 1;
        }
        while next > 0 && next < reached.len() {
            kept.insert(reached[next].0);
            next = reached[next].1;
        }
    }
}
