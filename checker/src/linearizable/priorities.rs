//! Exact and near-linear for priority queues whose numbers are distinct; with a certificate.
//!
//! Call a thing *certain* from the end of its put to the start of its take (for ever, if it stays).
//!
//! **Lemma.** If a history is linearizable and at time t nothing is certain, then it has a linearization in which the
//! queue is empty at t. Take any. A thing whose put and take both start before t goes *before*; any other is put in
//! after t at the latest, for it is not certain at t, and goes *after*; a take that found nothing goes by its start.
//! Leaving things out of a right sequence leaves it right, so both halves are right by themselves; those before are
//! moved to t at the latest, those after to t at the earliest, which their intervals allow; the halves then follow one
//! another.
//!
//! **Theorem.** A history is linearizable iff each take of a number x can be at a time t, not before the start of its
//! put, at which no smaller number is certain, and each take that found nothing at one at which nothing is. That it
//! must be so is plain. For the other direction, insert the numbers in ascending order and then the takes that found
//! nothing: by the lemma what is there so far can be empty at t, so x goes out at t, and came in before, where it was
//! in nobody's way.
//!
//! **Certificate.** The moves of the lemma add up: the take of y goes to the earliest of its own time and the times of
//! larger takes (or empty ones) that the starts of its put and take precede, its put to the latest place before that.
//!
//! **Unknown outcomes**: module `containers`.

use std::collections::{BTreeMap, BTreeSet};

use super::containers::{self, Answer};
use super::things::{AFTER_ALL, ContainerCall, Misfit, NOBODY, Things, covering, not_empty};
use crate::models::Call;
use crate::models::container::Op;
use crate::models::priority_queue;

/// A call of a priority queue.
pub type PriorityCall = Call<priority_queue::Op, Option<i64>>;

/// Judges a priority queue. O(n log n).
pub fn judge(calls: &[PriorityCall]) -> Answer {
    containers::judge(&ranked(calls), times, write_out, due)
}

/// The same with each number replaced by its rank: things then come in ascending order. O(n log n).
fn ranked(calls: &[PriorityCall]) -> Vec<ContainerCall> {
    let number = |call: &PriorityCall| match (call.op, call.reply) {
        (priority_queue::Op::Put(number), _) => Some(number),
        (priority_queue::Op::Take, reply) => reply.flatten(),
    };
    let mut numbers: Vec<i64> = calls.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let rank = |number: i64| numbers.partition_point(|other| *other < number) as u32;
    let call = |call: &PriorityCall| Call {
        operation: call.operation,
        start: call.start,
        end: call.end,
        must: call.must,
        op: match call.op {
            priority_queue::Op::Put(number) => Op::Put(rank(number)),
            priority_queue::Op::Take => Op::Take,
        },
        reply: call.reply.map(|taken| taken.map(rank)),
    };
    calls.iter().map(call).collect()
}

/// A set of times, as stretches that do not touch. The time k lies between the events k and k + 1.
#[derive(Default)]
struct Covered(BTreeMap<u64, u64>);

impl Covered {
    /// The first time from `from` on that is not covered. O(log n).
    fn first_gap(&self, from: u64) -> u64 {
        let last = self.0.range(..=from).next_back();
        last.map_or(from, |(_, end)| from.max(*end))
    }

    /// Adds all from `from` to before `to`. O(log n) amortized.
    fn add(&mut self, mut from: u64, mut to: u64) {
        if let Some((start, end)) = self.0.range(..=from).next_back()
            && *end >= from
        {
            (from, to) = (*start, to.max(*end));
        }
        while let Some((start, end)) = self.0.range(from..=to).next().map(|(s, e)| (*s, *e)) {
            self.0.remove(&start);
            to = to.max(end);
        }
        self.0.insert(from, to);
    }
}

/// When takes go: by thing, and by take that found nothing.
struct Times {
    takes: Vec<u64>,
    empty: Vec<u64>,
}

/// A time for each take, by the theorem.
fn times(calls: &[ContainerCall], things: &Things) -> Result<Times, Misfit> {
    let mut covered = Covered::default();
    let mut takes = vec![AFTER_ALL; things.all.len()];
    for (at, thing) in things.all.iter().enumerate() {
        if thing.take.call != NOBODY {
            let from = thing.put.start().max(thing.take.start());
            takes[at] = covered.first_gap(from);
            if takes[at] >= thing.take.end() {
                let smaller = covering(&things.all[..at], from, thing.take.end());
                let calls = [vec![thing.put.call, thing.take.call], smaller].concat();
                return Err(Misfit::OutOfOrder { calls });
            }
        }
        if let Some((from, to)) = thing.certain() {
            covered.add(from, to);
        }
    }
    let mut empty = Vec::with_capacity(things.empty.len());
    for take in &things.empty {
        let call = &calls[*take as usize];
        let time = covered.first_gap(call.start.into());
        if time >= call.end.into() {
            let by = Vec::new();
            let bare = Misfit::NotEmpty { take: *take, by };
            return Err(not_empty(calls, things).unwrap_or(bare));
        }
        empty.push(time);
    }
    Ok(Times { takes, empty })
}

/// The linearization that follows. O(n log n).
fn write_out(calls: &[ContainerCall], things: &Things, times: Times) -> Vec<u32> {
    // At one time: what goes out, by rank, each after its put if that is due; empty ones; what comes in and stays.
    let mut order: Vec<(u64, u8, usize, u8, u32)> = Vec::with_capacity(calls.len());
    let mut larger: BTreeSet<u64> = times.empty.iter().copied().collect();
    for (take, time) in things.empty.iter().zip(&times.empty) {
        order.push((*time, 1, 0, 0, *take));
    }
    for (at, thing) in things.all.iter().enumerate().rev() {
        let latest = thing.put.end() - 1;
        if thing.take.call == NOBODY {
            order.push((latest, 2, at, 0, thing.put.call));
            continue;
        }
        let own = times.takes[at];
        let sooner = larger
            .range(thing.put.start().max(thing.take.start())..)
            .next();
        let out = sooner.map_or(own, |time| own.min(*time));
        larger.insert(own);
        order.push((out, 0, at, 1, thing.take.call));
        let (time, class) = match latest < out {
            true => (latest, 2),
            false => (out, 0),
        };
        order.push((time, class, at, 0, thing.put.call));
    }
    order.sort_unstable();
    order.into_iter().map(|(.., call)| call).collect()
}

/// Which of the things that stay are in the way of a take that began when they were in, and before when they must have
/// been taken. O(n log n).
fn due(calls: &[ContainerCall], things: &Things) -> Vec<(u64, usize)> {
    // By the first time at which a larger take can be: the earliest end of one that can be then or later.
    let mut ends: BTreeMap<u64, u64> = BTreeMap::new();
    let add = |ends: &mut BTreeMap<u64, u64>, from: u64, end: u64| {
        if ends
            .range(from..)
            .next()
            .is_some_and(|(_, least)| *least <= end)
        {
            return;
        }
        while let Some((&before, _)) = ends.range(..=from).next_back().filter(|(_, e)| **e >= end) {
            ends.remove(&before);
        }
        ends.insert(from, end);
    };
    for take in &things.empty {
        let call = &calls[*take as usize];
        add(&mut ends, call.start.into(), call.end.into());
    }
    let mut due = Vec::new();
    for (at, thing) in things.all.iter().enumerate().rev() {
        if !thing.stays() {
            let from = thing.put.start().max(thing.take.start());
            add(&mut ends, from, thing.take.end());
        } else if let Some((_, end)) = ends.range(thing.put.end()..).next() {
            due.push((*end, at));
        }
    }
    due
}
