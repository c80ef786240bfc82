//! Exact and near-linear for queues whose things are distinct.
//!
//! Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs", CONCUR 2013, theorem 1, and
//! Bouajjani, Emmi, Enea and Hamza, "On reducing linearizability to state reachability", ICALP 2015: a
//! complete history of a queue is linearizable iff
//!
//! 1. what is taken was put in, not later, and is taken once (module `things`);
//! 2. for no a and b: put(a) ends before put(b) starts, and take(b) ends before take(a) starts, where the take of
//!    what stays comes after all others;
//! 3. no take finds nothing while, all through it, something is certainly in.
//!
//! **Unknown outcomes**: module `containers`.

use super::containers::{self, Answer};
use super::queue_orders::write_out;
use super::things::{AFTER_ALL, ContainerCall, Misfit, NOBODY, Things, due_by_empty, not_empty};
use crate::models::register::NEVER;

/// Judges a queue. O(n log n).
pub fn judge(calls: &[ContainerCall]) -> Answer {
    let write = |calls: &[ContainerCall], things: &Things, ()| write_out(calls, things);
    containers::judge(calls, fit, write, due)
}

fn fit(calls: &[ContainerCall], things: &Things) -> Result<(), Misfit> {
    let misfit = out_of_order(things).or_else(|| not_empty(calls, things));
    misfit.map_or(Ok(()), Err)
}

/// A pair that breaks condition 2: among the things put in before b, the one that is taken last.
fn out_of_order(things: &Things) -> Option<Misfit> {
    let all = &things.all;
    let mut by_end: Vec<(u64, u32)> = (0..).zip(all).map(|(at, a)| (a.put.end(), at)).collect();
    let mut by_start: Vec<(u64, u32)> = (0..).zip(all).map(|(at, b)| (b.put.start(), at)).collect();
    by_end.sort_unstable();
    by_start.sort_unstable();
    let mut before = by_end.into_iter().peekable();
    let mut last: Option<usize> = None;
    for (start, b) in by_start {
        while let Some((_, a)) = before.next_if(|(end, _)| *end < start) {
            let later = |last: usize| all[last].take.start() < all[a as usize].take.start();
            if last.is_none_or(later) {
                last = Some(a as usize);
            }
        }
        let b = &all[b as usize];
        if let Some(a) = last.map(|a| &all[a])
            && b.take.end() < a.take.start()
        {
            let calls = [a.put.call, b.put.call, b.take.call, a.take.call];
            let calls = calls.into_iter().filter(|at| *at != NOBODY).collect();
            return Some(Misfit::OutOfOrder { calls });
        }
    }
    None
}

/// Which of the things that stay must have been taken after all, and before when.
fn due(calls: &[ContainerCall], things: &Things) -> Vec<(u64, usize)> {
    let mut due = due_by_empty(calls, things);
    // From each put on, the earliest end of a take.
    let mut puts: Vec<(u64, u64)> = things
        .all
        .iter()
        .map(|b| (b.put.start(), b.take.end()))
        .collect();
    puts.sort_unstable();
    let mut least = AFTER_ALL;
    for (_, end) in puts.iter_mut().rev() {
        least = least.min(*end);
        *end = least;
    }
    for (at, a) in things.all.iter().enumerate() {
        let next = puts.partition_point(|(start, _)| *start < a.put.end());
        due[at] = due[at].min(puts.get(next).map_or(AFTER_ALL, |(_, end)| *end));
    }
    // What was put in before something that is taken now must be taken too, sooner or later.
    let stays = |at: &usize| things.all[*at].stays();
    let due_at = |at: usize| (due[at], at);
    let taken = (0..due.len()).filter(|at| stays(at) && due[*at] < AFTER_ALL);
    let latest = taken
        .map(|at| things.all[at].put.start())
        .max()
        .unwrap_or(0);
    let mut must: Vec<(u64, usize)> = Vec::new();
    for at in (0..due.len()).filter(stays) {
        if due[at] < AFTER_ALL {
            must.push(due_at(at));
        } else if things.all[at].put.end() < latest {
            must.push((u64::from(NEVER), at));
        }
    }
    must
}
