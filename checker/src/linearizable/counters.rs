//! Counters whose additions are never negative: what is plainly wrong is told at once, with the few calls that show it.
//!
//! A read tells at least all that was added for certain before it started, and at most all that can have been added before
//! it ended. Of two reads, of which a ended before b started, b tells at least what a told and all that was added for
//! certain between them. Where this holds of all reads and pairs the history may be wrong nonetheless (whether a sum can
//! be made of given amounts is NP-hard): then the answer is [`Exact::Undecided`].
//!
//! That b tells at most what a told and all that was added after a started and before b ended says nothing more: a told at
//! least what was over when it started. Nor does a bound from below by sums, where a is far from b: a told at most what had
//! been begun when it ended. So only the additions between b and the last `NEAR` reads before it are looked at one by one,
//! and the cost stays O(n log n).

use super::exact::Exact;
use crate::models::Call;
use crate::models::counter::Op;

/// A call of a counter.
pub type CounterCall = Call<Op, i64>;

/// How many reads before each are compared exactly.
const NEAR: usize = 8;

/// A call, its amount or what it told.
#[derive(Clone, Copy)]
struct Timed {
    at: u32,
    start: u32,
    end: u32,
    must: bool,
    number: i64,
}

/// Refuses a counter, or leaves it open. O(n log n) where as many calls are open at once as there are clients.
pub fn judge(calls: &[CounterCall]) -> Exact {
    let (mut adds, mut reads) = (Vec::new(), Vec::new());
    for (at, call) in (0..).zip(calls) {
        let timed = |number| Timed {
            at,
            start: call.start,
            end: call.end,
            must: call.must,
            number,
        };
        match (call.op, call.reply) {
            (Op::Add(amount), _) if amount < 0 => return Exact::NotForThis,
            (Op::Add(amount), _) => adds.push(timed(amount)),
            (Op::Read, Some(told)) if call.must => reads.push(timed(told)),
            (Op::Read, _) => {}
        }
    }
    let amounts = adds.iter().map(|add| add.number);
    // A counter that overflows goes round.
    if amounts.map(i128::from).sum::<i128>() > i128::from(i64::MAX) {
        return Exact::NotForThis;
    }
    let near = reads_near(&reads, &adds);
    match near.or_else(|| reads_alone(&reads, &adds)) {
        Some(wrong) => wrong,
        None => Exact::Undecided,
    }
}

/// Sums of amounts up to a time.
struct Sums(Vec<(u32, i64)>);

impl Sums {
    fn new(amounts: impl Iterator<Item = (u32, i64)>) -> Sums {
        let mut all: Vec<(u32, i64)> = amounts.collect();
        all.sort_unstable_by_key(|(time, _)| *time);
        let mut sum = 0_i64;
        for (_, amount) in &mut all {
            sum = sum.saturating_add(*amount);
            *amount = sum;
        }
        Sums(all)
    }

    /// Of all before `time`.
    fn before(&self, time: u32) -> i64 {
        let next = self.0.partition_point(|(other, _)| *other < time);
        next.checked_sub(1).map_or(0, |at| self.0[at].1)
    }
}

fn too_little(calls: Vec<u32>) -> Option<Exact> {
    let name = "lost addition";
    Some(Exact::Wrong { calls, name })
}

fn too_much(read: u32) -> Exact {
    Exact::Wrong {
        calls: vec![read],
        name: "counted what nobody had added",
    }
}

/// Each read against the last few before it and what was added between.
fn reads_near(reads: &[Timed], adds: &[Timed]) -> Option<Exact> {
    let mut ended: Vec<Timed> = reads.to_vec();
    ended.sort_unstable_by_key(|read| read.end);
    let mut done: Vec<Timed> = adds.iter().copied().filter(|add| add.must).collect();
    done.sort_unstable_by_key(|add| add.end);
    reads.iter().find_map(|b| {
        let before = ended.partition_point(|a| a.end < b.start);
        let near = &ended[before.saturating_sub(NEAR)..before];
        // Near the beginning that is one of them.
        let first = near.first().filter(|_| before >= NEAR);
        let from = first.map_or(0, |a| a.end);
        let added = &done[..done.partition_point(|add| add.end < b.start)];
        let added = &added[added.partition_point(|add| add.end <= from)..];
        let least = |told: i64, since: u32| {
            let between: Vec<&Timed> = added.iter().filter(|add| add.start > since).collect();
            let sum = between.iter().map(|add| add.number);
            let wrong = b.number < sum.fold(told, i64::saturating_add);
            wrong.then_some(between)
        };
        let since = near.iter().rev().map(|a| (Some(a.at), a.number, a.end));
        let beginning = (before < NEAR).then_some((None, 0, 0));
        since.chain(beginning).find_map(|(at, told, since)| {
            let mut needed = least(told, since)?;
            // The fewest that are enough: the largest first.
            needed.sort_by_key(|add| std::cmp::Reverse(add.number));
            let (mut sum, mut calls) = (told, Vec::new());
            for add in needed {
                if sum > b.number {
                    break;
                }
                sum = sum.saturating_add(add.number);
                calls.push(add.at);
            }
            calls.extend(at.into_iter().chain([b.at]));
            too_little(calls)
        })
    })
}

/// Each read by itself, by sums.
fn reads_alone(reads: &[Timed], adds: &[Timed]) -> Option<Exact> {
    let musts = adds.iter().filter(|add| add.must);
    let ended = Sums::new(musts.clone().map(|add| (add.end, add.number)));
    let started = Sums::new(adds.iter().map(|add| (add.start, add.number)));
    reads.iter().find_map(|read| {
        if read.number < ended.before(read.start) {
            let added = musts.clone().filter(|add| add.end < read.start);
            return too_little(added.map(|add| add.at).chain([read.at]).collect());
        }
        let most = started.before(read.end);
        (read.number > most).then(|| too_much(read.at))
    })
}
