//! Locks, exactly: a lock leaves no choice.
//!
//! **No choice.** A lock that is free can only be acquired and one that is held only be released, so what takes effect
//! next is of a known kind. Let operations take effect only where an end forces one (Lowe's just-in-time linearization
//! loses nothing by that). Of the open ones of the kind the first to end goes first: where a linearization takes a
//! later-ending one, both open, the two can be swapped. One that must take effect goes before one of unknown outcome:
//! where a linearization takes the unknown one now and the other later, before its end, the two can be swapped too,
//! since the unknown one may take effect at any later time. So there is one way to go on, and where that ends the history
//! is wrong from exactly there.
//!
//! The lock does not ask who releases it, so nothing else is said by an operation.

use super::exact::Exact;
use crate::models::Call;
use crate::models::lock::Op;

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
    fn begin(&mut self, call: &LockCall, at: u32) {
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
    let mut ends: Vec<(u32, u32)> = (0..)
        .zip(calls)
        .filter(|(_, call)| call.must)
        .map(|(at, call)| (call.end, at))
        .collect();
    ends.sort_unstable();
    let mut done = vec![false; calls.len()];
    let mut order = Vec::with_capacity(calls.len());
    let (mut held, mut next) = (false, 0);
    let [mut acquires, mut releases] = [Kind::default(), Kind::default()];
    for (number, &(end, at)) in ends.iter().enumerate() {
        while let Some(call) = calls.get(next).filter(|call| call.start < end) {
            match call.op {
                Op::Acquire => acquires.begin(call, next as u32),
                Op::Release => releases.begin(call, next as u32),
            }
            next += 1;
        }
        while !done[at as usize] {
            let kind = if held { &mut releases } else { &mut acquires };
            let Some(taken) = kind.next() else {
                return wrong(calls, &ends[..=number], held);
            };
            done[taken as usize] = true;
            order.push(taken);
            held = !held;
        }
    }
    Exact::Linearizable(Some(order))
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
