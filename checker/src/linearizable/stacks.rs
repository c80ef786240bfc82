//! Exact and near-linear for stacks whose things are distinct.
//!
//! The plan is that of Abdulla et al., "Efficient linearizability monitoring", PLDI 2025 (stacks, O(n²)), and of
//! Lee and Mathur, "Efficient decrease-and-conquer linearizability monitoring", OOPSLA 2025: take away what can
//! go, and split where the stack can be empty. The proof is our own, since published tools err here.
//!
//! A linearization gives each thing v a time of put p(v) and of take q(v) within their intervals; it is legal iff
//! the stretches [p, q] are nested or disjoint, and each take that finds nothing has a time outside all of them.
//! What stays is taken after everything, at a time of its own. v is *certain* from the end of its put to the
//! start of its take.
//!
//! **What is never certain goes.** If put and take of v overlap, v can be put and taken at one moment, between
//! any two others. Taking it away from a legal history leaves a legal one. So it may be left out.
//!
//! **Gaps.** Let t be a time when nothing is certain. If there is a linearization, there is one with nothing in
//! at t. Those in at t form a chain, each within the one before. Each can have its take moved down to just
//! before t (A: its take started before t) or its put up to just after t (all others: their puts end after t).
//! Do so, keeping the chain's order. What lies wholly before t was within members of A still after it, or
//! beside the others; what lies wholly after t likewise; stretches only shrink, so earlier gaps stay gaps, and
//! takes that find nothing still do. So a take that finds nothing fits iff some gap lies within it, and the rest
//! falls into runs between gaps, judged apart: the members of a run have the gaps around it for bounds.
//!
//! **Runs.** Let a run reach from lo, the earliest end of its puts, to hi, the latest start of its takes. Something
//! is in all through it, so one thing, v, is put in before all and taken after all: put(v) starts before lo,
//! take(v) ends after hi. If nothing is so, the run is wrong. Any such v will do: without v the rest is still
//! linearizable, by the above within [lo, hi] (its own runs lie within), and v fits around it. So all such v go
//! around, and the rest falls into runs again.
//!
//! Every thing goes once; a tree of counts tells where new gaps open, another which puts started before lo (at
//! most as many as there were clients at once). O(n (c + log n)) for c clients.
//!
//! **Unknown outcomes**: module `containers`.

use super::containers::{self, Answer};
use super::things::{
    AFTER_ALL, ContainerCall, Misfit, NOBODY, Thing, Things, due_by_empty, not_empty,
};
use super::trees::{Counts, Least};
use crate::models::register::NEVER;

/// Judges a stack. O(n (c + log n)) for c clients.
pub fn judge(calls: &[ContainerCall]) -> Answer {
    containers::judge(calls, nest, |_, _, order| order, due)
}

/// A moment of the linearization: after which event, and there first takes, then what is done at once, then puts; the order
/// among those; the call.
type Moment = (u64, i32, u32);

/// When a moment is.
fn when(at: u64, takes_then_puts: u64) -> u64 {
    at << 2 | takes_then_puts
}

/// The linearization, or what is in the way.
fn nest(calls: &[ContainerCall], things: &Things) -> Result<Vec<u32>, Misfit> {
    if let Some(wrong) = not_empty(calls, things) {
        return Err(wrong);
    }
    let ends = calls.iter().map(|call| match call.end {
        NEVER => call.start,
        end => end,
    });
    // What stays is taken at `last`, which is after everything.
    let last = u64::from(ends.max().unwrap_or(0)) + 1;
    let mut moments: Vec<Moment> = Vec::with_capacity(calls.len());
    // When each is in for certain, and which it is.
    let mut certain: Vec<(u32, u32)> = Vec::with_capacity(things.all.len());
    let stretch = |thing: &Thing| {
        let (from, to) = (thing.put.end(), thing.take.start().min(last));
        (from < to).then_some((from, to))
    };
    for (at, thing) in (0..).zip(&things.all) {
        match stretch(thing) {
            Some((from, _)) => certain.push((from as u32, at)),
            None => {
                let at = thing.put.start().max(thing.take.start());
                // One call only begins at that time.
                moments.push((when(at, 1), 0, thing.put.call));
                if thing.take.call != NOBODY {
                    moments.push((when(at, 1), 1, thing.take.call));
                }
            }
        }
    }
    certain.sort_unstable();
    let mut counts = Counts::new(last as usize, things.all.iter().filter_map(stretch));
    let thing_of = |at: usize| &things.all[certain[at].1 as usize];
    for at in &things.empty {
        let call = &calls[*at as usize];
        let gap = counts.first_gap(call.start as usize, call.end as usize);
        moments.push((when(gap.unwrap_or(0) as u64, 1), -1, *at));
    }
    let starts = (0..certain.len()).map(|at| thing_of(at).put.start() as u32);
    let mut starts = Least::new(starts);
    let mut runs = counts.runs(0, last as usize);
    let (mut gone, mut found) = (0, Vec::new());
    while let Some((from, to)) = runs.pop() {
        let (lo, hi) = (from as u64, to as u64);
        let members = certain.partition_point(|(ends, _)| u64::from(*ends) < lo)
            ..certain.partition_point(|(ends, _)| u64::from(*ends) < hi);
        found.clear();
        starts.below(members.clone(), lo, &mut found);
        found.retain(|at: &usize| thing_of(*at).take.end() > hi);
        if found.is_empty() {
            let alive = members.filter(|at| starts.has(*at)).map(thing_of);
            let calls = alive.flat_map(|thing| [thing.put.call, thing.take.call]);
            let calls = calls.filter(|at| *at != NOBODY).collect();
            return Err(Misfit::OutOfOrder { calls });
        }
        for &at in &found {
            let thing = thing_of(at);
            gone += 1;
            moments.push((when(lo - 1, 2), gone, thing.put.call));
            if thing.take.call != NOBODY && hi < last {
                moments.push((when(hi, 0), -gone, thing.take.call));
            }
            starts.remove(at);
            counts.remove(
                thing.put.end() as usize,
                thing.take.start().min(last) as usize,
            );
        }
        runs.extend(counts.runs(from, to));
    }
    moments.sort_unstable();
    Ok(moments.into_iter().map(|(.., call)| call).collect())
}

/// Which of the things that stay must have been taken after all, and before when: what was certainly put in
/// while something that is taken later was certainly in lies above that.
fn due(calls: &[ContainerCall], things: &Things) -> Vec<(u64, usize)> {
    let mut due = due_by_empty(calls, things);
    let below: Vec<&Thing> = things.all.iter().filter(|thing| !thing.stays()).collect();
    for (at, thing) in things
        .all
        .iter()
        .enumerate()
        .filter(|(_, thing)| thing.stays())
    {
        let under = |other: &&&Thing| {
            other.put.end() < thing.put.start() && thing.put.end() < other.take.start()
        };
        let least = below
            .iter()
            .filter(under)
            .map(|other| other.take.end())
            .min();
        due[at] = due[at].min(least.unwrap_or(AFTER_ALL));
    }
    let stays = (0..due.len()).filter(|at| things.all[*at].stays());
    stays
        .filter(|at| due[*at] < AFTER_ALL)
        .map(|at| (due[at], at))
        .collect()
}
