//! Locks, and semaphores whose permits are taken and given back so many at a time, exactly: they leave no choice.
//!
//! **No choice.** A lock that is free can only be acquired and one that is held only be released, so what takes effect
//! next is of a known kind. Let operations take effect only where an end forces one (Lowe's just-in-time linearization
//! loses nothing by that). Of the open ones of the kind the first to end goes first: where a linearization takes a
//! later-ending one, both open, the two can be swapped. One that must take effect goes before one of unknown outcome:
//! where a linearization takes the unknown one now and the other later, before its end, the two can be swapped too,
//! since the unknown one may take effect at any later time. So there is one way to go on, and where that ends the history
//! is wrong from exactly there.
//!
//! **Several permits.** Now what ends may mostly take effect as it is. Only where all permits are held must a release go before an
//! acquire, and where none is held the other way round. So of both kinds no more take effect than must in every linearization:
//! by induction over the ends, a linearization that has done as many acquires as this one has done at least as many releases as
//! this one needed for them, and the other way round. Hence nothing is taken here that another would keep for later, and where
//! there is nothing to take there is no linearization either. Which ones of a kind is as above.
//!
//! None of them asks who gives back, so nothing else is said by an operation.

use super::exact::Exact;
use crate::models::Call;
use crate::models::lock::Op;
use crate::models::semaphore::{self, Semaphore};

/// A call of a lock.
pub type LockCall = Call<Op, ()>;

/// The open calls of one kind.
#[derive(Default)]
struct Kind {
    /// By their ends, the first to end last.
    open: Vec<(u32, u32)>,
    unknown: Vec<u32>,
}

impl Kind {
    fn begin<Op>(&mut self, call: &Call<Op, ()>, at: u32) {
        if !call.must {
            self.unknown.push(at);
            return;
        }
        let to = self.open.partition_point(|(end, _)| *end > call.end);
        self.open.insert(to, (call.end, at));
    }

    fn next(&mut self) -> Option<u32> {
        let first = self.open.pop().map(|(_, at)| at);
        first.or_else(|| self.unknown.pop())
    }
}

/// Judges the calls of a lock that is free at first; a right one gets its order. O(n log n) where as many calls are open
/// at once as there are clients.
pub fn judge(calls: &[LockCall]) -> Exact {
    match turns(calls, 1, |op| *op == Op::Acquire) {
        Ok(order) => Exact::Linearizable(Some(order)),
        Err((ended, held)) => wrong(calls, &ended, held),
    }
}

/// Judges the calls of a semaphore that is free at first, if all take and give back as many permits: as [`judge`].
pub fn judge_semaphore(model: &Semaphore, calls: &[Call<semaphore::Op, ()>]) -> Exact {
    let amount = |op: semaphore::Op| match op {
        semaphore::Op::Acquire(some) | semaphore::Op::Release(some) => some,
    };
    let each = calls.first().map_or(1, |call| amount(call.op));
    if each == 0 || calls.iter().any(|call| amount(call.op) != each) {
        return Exact::NotForThis;
    }
    let takes = |op: &semaphore::Op| matches!(op, semaphore::Op::Acquire(_));
    match turns(calls, model.permits / each, takes) {
        Ok(order) => Exact::Linearizable(Some(order)),
        Err((ended, held)) => Exact::Wrong {
            calls: ended.iter().map(|(_, at)| *at).collect(),
            name: match held {
                true => "more held than there is",
                false => "released though free",
            },
        },
    }
}

/// Ends of calls, with their positions, up to one that cannot take effect; true: since all is held.
type Stuck = (Vec<(u32, u32)>, bool);

/// The order of calls of which those that `take` hold one of the permits each.
fn turns<Op>(
    calls: &[Call<Op, ()>],
    permits: u32,
    takes: impl Fn(&Op) -> bool,
) -> Result<Vec<u32>, Stuck> {
    let mut ends: Vec<(u32, u32)> = (0..)
        .zip(calls)
        .filter(|(_, call)| call.must)
        .map(|(at, call)| (call.end, at))
        .collect();
    ends.sort_unstable();
    let mut done = vec![false; calls.len()];
    let mut order = Vec::with_capacity(calls.len());
    let (mut held, mut next) = (0, 0);
    let [mut acquires, mut releases] = [Kind::default(), Kind::default()];
    for (number, &(end, at)) in ends.iter().enumerate() {
        while let Some(call) = calls.get(next).filter(|call| call.start < end) {
            match takes(&call.op) {
                true => acquires.begin(call, next as u32),
                false => releases.begin(call, next as u32),
            }
            next += 1;
        }
        let ends_taking = takes(&calls[at as usize].op);
        while !done[at as usize] {
            // What ends, unless the other kind must go before it.
            let taking = if ends_taking {
                held < permits
            } else {
                held == 0
            };
            let kind = if taking { &mut acquires } else { &mut releases };
            // Of no permits none is held or free.
            let Some(taken) = kind.next().filter(|_| permits > 0) else {
                ends.truncate(number + 1);
                return Err((ends, !taking));
            };
            done[taken as usize] = true;
            order.push(taken);
            held = if taking { held + 1 } else { held - 1 };
        }
    }
    Ok(order)
}

/// So many of the last of a kind are looked at for the other one of two.
const NEAR: usize = 16;

/// The last operation and another one of its kind, if nothing of the other kind can have taken effect between them, whichever
/// came first; else all that had ended.
fn wrong(calls: &[LockCall], ended: &[(u32, u32)], held: bool) -> Exact {
    let name = if held {
        "held twice"
    } else {
        "released though free"
    };
    let call = |at: u32| &calls[at as usize];
    let any_between = |first: &LockCall, then: &LockCall| {
        let (from, to) = (first.start.min(then.start), first.end.max(then.end));
        let mut begun = calls.iter().take_while(|other| other.start < to);
        begun.any(|other| other.op != then.op && other.end > from)
    };
    let pair = ended.split_last().and_then(|((_, then), before)| {
        let same = before.iter().rev().map(|(_, at)| *at);
        let mut same = same.filter(|at| call(*at).op == call(*then).op).take(NEAR);
        let first = same.find(|at| !any_between(call(*at), call(*then)))?;
        Some(vec![first, *then])
    });
    Exact::Wrong {
        calls: pair.unwrap_or_else(|| ended.iter().map(|(_, at)| *at).collect()),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(calls: &[(Op, u32, u32)]) -> Vec<u32> {
        let call = |&(op, start, end): &(Op, u32, u32)| LockCall {
            operation: 0,
            start,
            end,
            must: true,
            op,
            reply: None,
        };
        let calls: Vec<LockCall> = calls.iter().map(call).collect();
        match judge(&calls) {
            Exact::Wrong { calls, .. } => calls,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_holders_are_told_though_they_began_at_the_same_time() {
        use Op::{Acquire, Release};
        let before = [(Acquire, 1, 2), (Release, 3, 4)];
        let at_once = [(Acquire, 5, 8), (Acquire, 6, 7), (Release, 9, 10)];
        assert_eq!(told(&[&before[..], &at_once].concat()), [3, 2]);
        // The release may have come between the first two, not between the last two.
        let three = [
            (Acquire, 5, 8),
            (Release, 6, 9),
            (Acquire, 10, 11),
            (Acquire, 12, 13),
        ];
        assert_eq!(told(&[&before[..], &three].concat()), [4, 5]);
        // It may have come between any two: only all of them tell.
        let any = [
            (Acquire, 5, 8),
            (Acquire, 6, 9),
            (Acquire, 7, 10),
            (Release, 4, 11),
        ];
        let mut any = [&before[..1], &any].concat();
        any.sort_by_key(|(_, start, _)| *start);
        assert_eq!(told(&any).len(), 3);
    }
}
