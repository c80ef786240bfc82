//! From a wrong prefix to the few operations that contradict each other.
//!
//! Only what keeps the contradiction sound is taken away: a read always; a write only where what is left
//! does not ask for its value, or else it stays as one that may have happened or not; a compare-and-set
//! whose old value is no longer spoken of counts as a plain write, which allows more.

use std::collections::BTreeSet;

use super::clusters::{Clusters, Contradiction, NOBODY, clusters, end_of, start_of};
use super::search::{Found, Limits, search};
use super::zones::{Zones, judge};
use crate::models::register::{Action, INITIAL, Interned, Step};

/// How often the search may be asked while a contradiction is reduced.
const TRIES: usize = 400;

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
    let mut kept = witnesses(steps, values, contradiction);
    if kept.len() <= LARGE {
        let mut at = 0;
        while at < kept.len() {
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
fn witnesses(steps: &[Step], values: usize, contradiction: &Contradiction) -> Vec<u32> {
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
    prove(steps, &mut kept);
    kept.into_iter().collect()
}

/// Adds, for every unknown outcome, somebody who found its value, so that it certainly took effect.
fn prove(steps: &[Step], kept: &mut BTreeSet<u32>) {
    let mut todo: Vec<u32> = kept
        .iter()
        .copied()
        .filter(|at| !steps[*at as usize].must)
        .collect();
    while let Some(at) = todo.pop() {
        let value = steps[at as usize].action.installs();
        let finds = |at: &u32| value.is_some() && steps[*at as usize].action.needs() == value;
        if kept.iter().any(|at| finds(at) && steps[*at as usize].must) {
            continue;
        }
        let all = || (0..steps.len() as u32).filter(finds);
        if let Some(proof) = all()
            .find(|at| steps[*at as usize].must)
            .or_else(|| all().next())
            && kept.insert(proof)
        {
            todo.push(proof);
        }
    }
}

/// A block written out.
struct Chain {
    order: Vec<u32>,
    /// For each step of `order`, how many values came before its own.
    stages: Vec<u32>,
    /// The installers, by stage; [`NOBODY`] for the initial value.
    installers: Vec<u32>,
}

impl Chain {
    fn of(steps: &[Step], clusters: &Clusters, member: u32) -> Chain {
        let mut chain = Chain {
            order: Vec::new(),
            stages: Vec::new(),
            installers: Vec::new(),
        };
        let mut root = match steps[member as usize].action {
            Action::Read(value) | Action::Write(value) | Action::Cas(_, value) => value,
            _ => return chain,
        };
        while root != INITIAL
            && let Action::Cas(old, _) = steps[clusters.of[root as usize].installer as usize].action
        {
            root = old;
        }
        for (stage, value) in clusters.chain(steps, root).enumerate() {
            let cluster = &clusters.of[value as usize];
            chain.installers.push(cluster.installer);
            chain
                .order
                .extend(Some(cluster.installer).filter(|at| *at != NOBODY));
            chain.order.extend(&cluster.reads);
            chain.stages.resize(chain.order.len(), stage as u32);
        }
        chain
    }

    fn stage(&self, step: u32) -> u32 {
        self.order
            .iter()
            .position(|at| *at == step)
            .map_or(0, |at| self.stages[at])
    }

    /// Adds two steps and the installers of all values from the one's to the other's.
    fn link(&self, (x, y): (u32, u32), kept: &mut BTreeSet<u32>) {
        let (from, to) = (
            self.stage(x).min(self.stage(y)),
            self.stage(x).max(self.stage(y)),
        );
        let between = (from..=to)
            .filter_map(|stage| self.installers.get(stage as usize))
            .copied();
        kept.extend(between.chain([x, y]).filter(|at| *at != NOBODY));
    }

    /// Of the block: one that ended before `before` and one that began after `after`, near each other.
    fn nearest(
        &self,
        steps: &[Step],
        after: u32,
        before: u32,
        ends: u32,
        starts: u32,
    ) -> (u32, u32) {
        let (mut last_ended, mut last_began) = (None, None);
        // The initial value's imagined write ended before everything.
        if ends == NOBODY {
            last_ended = Some((0, NOBODY));
        }
        let mut best: Option<(usize, u32, u32)> = None;
        for (at, step) in self.order.iter().enumerate() {
            if steps[*step as usize].end < before {
                last_ended = Some((at, *step));
            }
            if steps[*step as usize].start > after {
                last_began = Some((at, *step));
            }
            if let (Some((x, ended)), Some((y, began))) = (last_ended, last_began) {
                let distance = x.abs_diff(y);
                if best.is_none_or(|(shortest, ..)| distance < shortest) {
                    best = Some((distance, ended, began));
                }
            }
        }
        best.map_or((ends, starts), |(_, ended, began)| (ended, began))
    }

    /// A pair like (`first`, `then`) with as few values as possible between them.
    fn nearest_reversed(&self, steps: &[Step], first: u32, then: u32) -> (u32, u32) {
        let Some(from) = self.order.iter().position(|at| *at == first) else {
            return (first, then);
        };
        let leads = self.installers.get(self.stages[from] as usize) == Some(&first);
        let start = steps[first as usize].start;
        let nearest = (from + 1..self.order.len()).find(|at| {
            (leads || self.stages[*at] > self.stages[from])
                && steps[self.order[*at] as usize].end < start
        });
        (first, nearest.map_or(then, |at| self.order[at]))
    }
}

/// Reduces a wrong prefix that only the search could judge, within `limits` for each try.
pub fn from_search(steps: &[Step], limits: Limits) -> Reduced {
    let mut tries = TRIES;
    let mut wrong = |steps: &[Step], states: &[Interned]| {
        tries = tries.saturating_sub(1);
        tries > 0
            && matches!(
                search(steps, states, limits, false).found,
                Found::Stuck { .. }
            )
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
        if wrong(&weaken(steps, from, &kept), &states) {
            window = (from, states, kept);
            break;
        }
        length *= 2;
    }
    let (from, states, mut kept) = window;
    let mut chunk = kept.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + chunk).min(kept.len()));
            match wrong(&weaken(steps, from, &fewer), &states) {
                true => kept = fewer,
                false => at += chunk,
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
