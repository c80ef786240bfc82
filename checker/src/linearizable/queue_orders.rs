//! A linearization of a queue that is known to have one: the certificate.
//!
//! **Order.** Put a before b where some call of a ends before some call of b starts, be it put and put, take and take,
//! or take and put. Of the things that are left, one can go next iff its put and its take start before every other's
//! end, and its put before every other's take ends; where an order exists at all, one of these is the one with the
//! earliest take among those whose put can go next. What stays comes last, in the order of the puts. In this order let
//! each put and take happen as early as what comes before allows: that is never later than its end.
//!
//! **Takes that found nothing** have a time at which nothing is certainly in. As for priority queues (lemma in module
//! `priorities`) what can be over by then is moved before it, and all else after it: the times cut the things into
//! stretches, each ordered by itself.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::things::{ContainerCall, NOBODY, Thing, Things, occupied};

/// Positions in the calls, in the order of a linearization; it is one if there is any. O(n log n).
pub fn write_out(calls: &[ContainerCall], things: &Things) -> Vec<u32> {
    let occupied = occupied(&things.all);
    let mut empty: Vec<(u64, u32)> = (things.empty.iter())
        .map(|at| {
            let start = u64::from(calls[*at as usize].start);
            let last = occupied.partition_point(|(from, _)| *from <= start);
            let gap = last.checked_sub(1).map(|at| occupied[at].1);
            (gap.map_or(start, |gap| gap.max(start)), *at)
        })
        .collect();
    empty.sort_unstable();
    let mut stretches: Vec<Vec<&Thing>> = vec![Vec::new(); empty.len() + 1];
    for thing in &things.all {
        // The time k lies between the events k and k + 1.
        let from = thing.put.start().max(thing.take.start());
        stretches[empty.partition_point(|(time, _)| *time < from)].push(thing);
    }
    let mut order = Vec::with_capacity(calls.len());
    let mut begun = 0;
    for (at, stretch) in stretches.into_iter().enumerate() {
        // Puts before takes where they are at the same time.
        let mut placed: Vec<(u64, bool, usize, u32)> = Vec::with_capacity(2 * stretch.len());
        let (mut put, mut take) = (begun, begun);
        for (place, thing) in ordered(stretch).into_iter().enumerate() {
            put = put.max(thing.put.start());
            placed.push((put, false, place, thing.put.call));
            if thing.take.call != NOBODY {
                take = take.max(thing.take.start()).max(put);
                placed.push((take, true, place, thing.take.call));
            }
        }
        placed.sort_unstable();
        order.extend(placed.into_iter().map(|(.., call)| call));
        if let Some((time, call)) = empty.get(at) {
            order.push(*call);
            begun = *time;
        }
    }
    order
}

/// The order in which things go through the queue. O(n log n).
fn ordered(things: Vec<&Thing>) -> Vec<&Thing> {
    let (mut stays, taken): (Vec<&Thing>, Vec<&Thing>) =
        things.into_iter().partition(|thing| thing.stays());
    stays.sort_unstable_by_key(|thing| thing.put.start());
    let sorted = |key: fn(&Thing) -> u64| {
        let mut all: Vec<(u64, usize)> = (taken.iter().enumerate())
            .map(|(at, thing)| (key(thing), at))
            .collect();
        all.sort_unstable();
        all
    };
    let starts = sorted(|thing| thing.put.start());
    let (put_ends, take_ends) = (
        sorted(|thing| thing.put.end()),
        sorted(|thing| thing.take.end()),
    );
    let mut gone = vec![false; taken.len()];
    let (mut put_end, mut take_end, mut start) = (0, 0, 0);
    // By the start of the take, those whose put can go next.
    let mut next: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut order = Vec::with_capacity(taken.len() + stays.len());
    while order.len() < taken.len() {
        while gone[put_ends[put_end].1] {
            put_end += 1;
        }
        while gone[take_ends[take_end].1] {
            take_end += 1;
        }
        let bound = put_ends[put_end].0.min(take_ends[take_end].0);
        while start < starts.len() && starts[start].0 <= bound {
            let at = starts[start].1;
            next.push(Reverse((taken[at].take.start(), at)));
            start += 1;
        }
        let Some(Reverse((_, at))) = next.pop() else {
            break;
        };
        gone[at] = true;
        order.push(taken[at]);
    }
    order.extend(stays);
    order
}
