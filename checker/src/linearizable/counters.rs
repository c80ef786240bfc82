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

use super::exact::{Exact, FEW};
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
    if overflows(calls) {
        return Exact::NotForThis;
    }
    let near = reads_near(&reads, &adds);
    match near.or_else(|| reads_alone(&reads, &adds)) {
        Some(wrong) => wrong,
        None => Exact::Undecided,
    }
}

/// True where some order and choice of the additions leaves 64 bits.
pub fn overflows(calls: &[CounterCall]) -> bool {
    let amounts = calls.iter().map(|call| i128::from(added(call)));
    let (low, high) = amounts.fold((0, 0), |(low, high): (i128, i128), amount| {
        (low + amount.min(0), high + amount.max(0))
    });
    low < i128::from(i64::MIN) || high > i128::from(i64::MAX)
}

/// The read that ended at `time`, one or two of the next to end, and all that can have been added between these, where no choice
/// of it leads from each sum to the next. Nothing negative is added, so the larger sum is the later.
///
/// Each addition that takes effect after a read ends after that has begun, and each that takes effect before a read begins
/// before that has ended. O(n).
pub fn later(calls: &[CounterCall], time: u32) -> Option<Vec<u32>> {
    let told = |at: u32| {
        let call = &calls[at as usize];
        call.reply.filter(|_| call.op == Op::Read && call.must)
    };
    let first = calls.iter().position(|call| call.end == time)? as u32;
    let (begun, sum) = (calls[first as usize].start, told(first)?);
    if calls.iter().any(|call| added(call) < 0) {
        return None;
    }
    let after = || (0..calls.len() as u32).filter(|at| calls[*at as usize].end > begun);
    let adds: Vec<u32> = after()
        .filter(|at| added(&calls[*at as usize]) > 0)
        .collect();
    let is_later = |at: &u32| told(*at).is_some_and(|later| later > sum);
    let mut reads: Vec<u32> = after().filter(is_later).collect();
    reads.sort_unstable_by_key(|at| calls[*at as usize].end);
    reads.truncate(NEAR);
    let mut best: Option<Vec<u32>> = None;
    for (at, one) in reads.iter().enumerate() {
        for other in &reads[..=at] {
            let mut chain = vec![first, *one, *other];
            chain.sort_unstable_by_key(|at| told(*at));
            chain.dedup();
            let between = |add: &&u32| calls[**add as usize].start < calls[*one as usize].end;
            let between: Vec<u32> = adds.iter().filter(between).copied().collect();
            let most = best.as_ref().map_or(FEW, |best| best.len() - 1);
            if chain.len() + between.len() > most || leads(calls, &chain, &between, 0) {
                continue;
            }
            let mut members = [chain, between].concat();
            members.sort_unstable();
            best = Some(members);
        }
    }
    best
}

fn added(call: &CounterCall) -> i64 {
    match call.op {
        Op::Add(amount) => amount,
        Op::Read => 0,
    }
}

/// True if some of `adds`, without those in `used`, lead from each of `reads` to the next.
fn leads(calls: &[CounterCall], reads: &[u32], adds: &[u32], used: u32) -> bool {
    let [from, to, ..] = reads else { return true };
    let [from, to] = [from, to].map(|at| &calls[*at as usize]);
    let told = |read: &CounterCall| read.reply.map_or(0, i128::from);
    (0..1_u32 << adds.len()).any(|chosen| {
        let mut members = (adds.iter().enumerate())
            .filter(|(at, _)| chosen >> at & 1 == 1)
            .map(|(_, add)| &calls[*add as usize]);
        let sum: i128 = members.clone().map(|add| i128::from(added(add))).sum();
        chosen & used == 0
            && sum == told(to) - told(from)
            && members.all(|add| add.end > from.start && add.start < to.end)
            && leads(calls, &reads[1..], adds, used | chosen)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call((start, end): (u32, u32), op: Op, told: Option<i64>) -> CounterCall {
        Call {
            operation: 0,
            start,
            end,
            must: true,
            op,
            reply: told,
        }
    }

    #[test]
    fn a_later_read_shows_what_an_earlier_one_lacked() {
        let history = |told| {
            vec![
                call((1, 2), Op::Add(9), None),
                call((3, 6), Op::Add(1), None),
                call((4, 7), Op::Read, Some(8)),
                call((5, 9), Op::Read, Some(told)),
                call((8, 10), Op::Add(2), None),
                call((11, 12), Op::Add(5), None),
            ]
        };
        // 1 and 2 can have been added between, 5 cannot.
        assert_eq!(later(&history(11), 7), None);
        assert_eq!(later(&history(12), 7), Some(vec![1, 2, 3, 4]));
        // Either sum has its choice, but not one after the other.
        let mut two = history(9);
        two.push(call((13, 14), Op::Read, Some(16)));
        assert_eq!(later(&two, 7), None);
        two.push(call((15, 16), Op::Read, Some(11)));
        assert_eq!(later(&two, 7), Some(vec![1, 2, 4, 5, 6, 7]));
        // 2 leads to the first sum, 3 and 1 to the second, but none of them from the one to the other.
        let mut once = [2, 3, 1]
            .map(|amount| call((1, 20), Op::Add(amount), None))
            .to_vec();
        let told = (0..).zip([8, 10, 12]);
        once.extend(told.map(|(at, sum)| call((4 + at, 10 + at), Op::Read, Some(sum))));
        assert_eq!(later(&once, 10), Some(vec![0, 1, 2, 3, 4, 5]));
        // Of no read, and where something is taken away, nothing is said.
        assert_eq!(later(&history(12), 6), None);
        let mut less = history(12);
        less.push(call((13, 14), Op::Add(-1), None));
        assert_eq!(later(&less, 7), None);
    }

    #[test]
    fn what_is_taken_for_a_contradiction_is_one() {
        use crate::linearizable::Limits;
        use crate::linearizable::general::{Found, search};
        use crate::models::counter::Counter;
        let limits = Limits {
            configurations: 10_000,
            steps: 100_000,
            bytes: 1 << 24,
        };
        let (mut state, mut found) = (9_u64, 0);
        let mut below = |most: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % most
        };
        for _ in 0..3000 {
            let mut calls: Vec<CounterCall> = Vec::new();
            let mut times: Vec<u32> = (1..=12).collect();
            while times.len() > 1 {
                let start = times.remove(0);
                let end = times.remove(below(3.min(times.len() as u64)) as usize);
                calls.push(match below(2) {
                    0 => call((start, end), Op::Add(below(4) as i64), None),
                    _ => call((start, end), Op::Read, Some(below(6) as i64)),
                });
            }
            let wrong = calls.iter().any(|call| later(&calls, call.end).is_some());
            found += u32::from(wrong);
            let judged = search(&Counter, &calls, limits).found;
            assert!(!wrong || matches!(judged, Found::Stuck { .. }), "{calls:?}");
        }
        assert!(found > 100, "{found}");
    }
}
