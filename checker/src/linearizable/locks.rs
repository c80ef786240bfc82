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

/// The last operations, back to where the lock was held, or free, without a choice.
fn wrong(calls: &[LockCall], ended: &[(u32, u32)], held: bool) -> Exact {
    let name = if held {
        "held twice"
    } else {
        "released though free"
    };
    let twice = |pair: &&[(u32, u32)]| {
        let [first, then] = [pair[0].1 as usize, pair[1].1 as usize];
        calls[first].op == calls[then].op && calls[first].end < calls[then].start
    };
    // Two of a kind in a row, with nothing of the other kind between, say it all; else all that had ended.
    let pair = ended.windows(2).last().filter(twice);
    let involved = pair.unwrap_or(ended);
    Exact::Wrong {
        calls: involved.iter().map(|(_, at)| *at).collect(),
        name,
    }
}
