//! Every model on all small histories: the exact algorithm, where there is one, and the search against brute force.

mod brute;
#[path = "../examples/bench/random.rs"]
mod random;

use brute::agree;
use checker::linearizable::exact::Judged;
use checker::models::container::Op as Thing;
use checker::models::counter::{Counter, Op as CounterOp};
use checker::models::fenced_lock::{FencedLock, Op as FencedOp};
use checker::models::kv::{Kv, Op as KvOp};
use checker::models::lock::{Lock, Op as LockOp};
use checker::models::log::{Log, Op as LogOp};
use checker::models::priority_queue::{Op as PriorityOp, PriorityQueue};
use checker::models::queue::Queue;
use checker::models::register::NEVER;
use checker::models::semaphore::{Op as SemaphoreOp, Semaphore};
use checker::models::set::{Op as SetOp, Reply as SetReply, Set};
use checker::models::stack::Stack;
use checker::models::txn::{Act, Compare, Op as TxnOp, Reply as TxnReply, Txn};
use checker::models::{Call, Calls, Model};
use random::Random;

/// All ways in which so many intervals can lie, in the order of their starts.
fn shapes(intervals: usize) -> Vec<Vec<(u32, u32)>> {
    fn extend(
        open: &[usize],
        shape: &[(u32, u32)],
        time: u32,
        all: &mut Vec<Vec<(u32, u32)>>,
        n: usize,
    ) {
        if shape.len() == n && open.is_empty() {
            all.push(shape.to_vec());
            return;
        }
        if shape.len() < n {
            let (mut open, mut shape) = (open.to_vec(), shape.to_vec());
            open.push(shape.len());
            shape.push((time, NEVER));
            extend(&open, &shape, time + 1, all, n);
        }
        for at in 0..open.len() {
            let (mut open, mut shape) = (open.to_vec(), shape.to_vec());
            shape[open.remove(at)].1 = time;
            extend(&open, &shape, time + 1, all, n);
        }
    }
    let mut all = Vec::new();
    extend(&[], &[], 1, &mut all, intervals);
    all
}

/// Of how many histories one is judged: `CHECKER_SHARE=11` is for who has the time for a part only. A prime number above six
/// takes a part of everything.
fn share() -> usize {
    let share = std::env::var("CHECKER_SHARE").ok();
    share.and_then(|share| share.parse().ok()).unwrap_or(1)
}

/// Judges all histories of up to `most` calls, each one of `said`; an unknown outcome is an operation of `unknown`.
/// At least so many right and wrong ones must have come up.
fn all<M: Judged>(model: &M, most: usize, said: &[(M::Op, Option<M::Reply>)], unknown: &[M::Op]) {
    let calls: Vec<(M::Op, Option<M::Reply>, bool)> = (said.iter().cloned())
        .map(|(op, reply)| (op, reply, true))
        .chain(unknown.iter().cloned().map(|op| (op, None, false)))
        .collect();
    let (mut right, mut wrong) = (0, 0);
    let share = share();
    let mut turn = 0;
    for length in 1..=most {
        for shape in shapes(length) {
            for number in 0..calls.len().pow(length as u32) {
                turn += 1;
                if turn % share != 0 {
                    continue;
                }
                let mut rest = number;
                let history: Calls<M> = (0..)
                    .zip(&shape)
                    .map(|(at, (start, end))| {
                        let (op, reply, must) = calls[rest % calls.len()].clone();
                        rest /= calls.len();
                        let end = if must { *end } else { NEVER };
                        Call {
                            operation: at,
                            start: *start,
                            end,
                            must,
                            op,
                            reply,
                        }
                    })
                    .collect();
                match brute::brute_force(model, &history) {
                    true => right += 1,
                    false => wrong += 1,
                }
                agree(model, &history, &mut [0; 3]);
            }
        }
    }
    assert!(right > 100 && wrong > 100, "{right} right, {wrong} wrong");
}

/// What a state holds counts against the budget of memory: four bytes for each of many things at least, and little for none.
#[test]
fn what_holds_much_weighs_much() {
    fn weighs<M: Model>(model: &M, ops: impl Iterator<Item = M::Op>) {
        let mut state = model.init();
        assert!(model.weight(&state) < 100);
        let before = ops.fold(0, |count, op| {
            assert!(model.apply(&mut state, &op, None));
            count + 1
        });
        assert!(model.weight(&state) >= 4 * before, "{before}");
    }
    weighs(&Queue::default(), (0..1000).map(Thing::Put));
    weighs(&Stack::default(), (0..1000).map(Thing::Put));
    weighs(&PriorityQueue, (0..1000).map(PriorityOp::Put));
    weighs(&Set::default(), (0..1000).map(SetOp::Add));
    weighs(&Log::default(), (0..1000).map(LogOp::Append));
    weighs(&Kv, (0..1000).map(|_| KvOp::Append("text".into())));
}

#[test]
fn intervals_lie_in_all_ways() {
    let numbers: Vec<usize> = (1..=4).map(|intervals| shapes(intervals).len()).collect();
    // Ends in any order: (2n - 1)!!
    assert_eq!(numbers, [1, 3, 15, 105]);
}

/// What can be asked of a queue or a stack.
fn things() -> Vec<(Thing, Option<Option<u32>>)> {
    vec![
        (Thing::Put(0), None),
        (Thing::Put(1), None),
        (Thing::Take, Some(Some(0))),
        (Thing::Take, Some(Some(1))),
        (Thing::Take, Some(None)),
    ]
}

#[test]
fn queues() {
    all(&Queue::default(), 4, &things(), &[Thing::Take]);
    all(
        &Queue::default(),
        3,
        &things(),
        &[Thing::Take, Thing::Put(0)],
    );
}

#[test]
fn stacks() {
    all(&Stack::default(), 4, &things(), &[Thing::Take]);
    all(
        &Stack::default(),
        3,
        &things(),
        &[Thing::Take, Thing::Put(0)],
    );
}

#[test]
fn priority_queues() {
    let numbers = [
        (PriorityOp::Put(-1), None),
        (PriorityOp::Put(1), None),
        (PriorityOp::Take, Some(Some(-1))),
        (PriorityOp::Take, Some(Some(1))),
        (PriorityOp::Take, Some(None)),
    ];
    all(&PriorityQueue, 4, &numbers, &[PriorityOp::Take]);
    all(
        &PriorityQueue,
        3,
        &numbers,
        &[PriorityOp::Take, PriorityOp::Put(-1)],
    );
}

#[test]
fn counters() {
    let counter = [
        (CounterOp::Add(1), None),
        (CounterOp::Add(2), None),
        (CounterOp::Read, Some(0)),
        (CounterOp::Read, Some(2)),
        (CounterOp::Read, Some(3)),
    ];
    all(&Counter, 4, &counter, &[CounterOp::Add(2)]);
    all(
        &Counter,
        3,
        &counter,
        &[CounterOp::Add(-1), CounterOp::Add(2)],
    );
}

#[test]
fn locks() {
    let lock = [(LockOp::Acquire, None), (LockOp::Release, None)];
    all(&Lock, 4, &lock, &[LockOp::Acquire, LockOp::Release]);
}

#[test]
fn semaphores() {
    let permits = [
        (SemaphoreOp::Acquire(1), None),
        (SemaphoreOp::Acquire(2), None),
        (SemaphoreOp::Release(1), None),
    ];
    all(
        &Semaphore { permits: 2 },
        4,
        &permits,
        &[SemaphoreOp::Acquire(1), SemaphoreOp::Release(1)],
    );
}

#[test]
fn semaphores_whose_permits_go_so_many_at_a_time() {
    let each = [
        (SemaphoreOp::Acquire(2), None),
        (SemaphoreOp::Release(2), None),
    ];
    let ops = each.map(|(op, _)| op);
    for permits in [0, 1, 2, 5, 6] {
        all(&Semaphore { permits }, 4, &each, &ops);
    }
}

#[test]
fn larger_semaphores_are_judged_as_by_brute_force() {
    let (mut random, mut tally) = (Random(3), [0; 3]);
    for case in 0..20_000 {
        let length = 5 + random.below(4) as u32;
        // Ends and starts in any order, each a moment of its own.
        let mut times: Vec<u32> = (1..=2 * length).collect();
        for at in (1..times.len()).rev() {
            times.swap(at, random.below(at as u64 + 1) as usize);
        }
        let mut intervals: Vec<(u32, u32)> = (times.chunks(2))
            .map(|pair| (pair[0].min(pair[1]), pair[0].max(pair[1])))
            .collect();
        intervals.sort_unstable();
        let calls: Calls<Semaphore> = (0..)
            .zip(intervals)
            .map(|(operation, (start, end))| {
                let must = random.below(6) > 0;
                Call {
                    operation,
                    start,
                    end: if must { end } else { NEVER },
                    must,
                    op: match random.below(5) {
                        0..3 => SemaphoreOp::Acquire(1),
                        _ => SemaphoreOp::Release(1),
                    },
                    reply: None,
                }
            })
            .collect();
        let permits = 1 + case % 4;
        agree(&Semaphore { permits }, &calls, &mut tally);
    }
    assert!(
        tally[0] > 1000 && tally[1] > 1000 && tally[2] == 0,
        "{tally:?}"
    );
}

#[test]
fn fenced_locks() {
    let fenced = [
        (FencedOp::Acquire, Some(1)),
        (FencedOp::Acquire, Some(2)),
        (FencedOp::Release(Some(1)), None),
        (FencedOp::Release(None), None),
    ];
    all(
        &FencedLock,
        4,
        &fenced,
        &[FencedOp::Acquire, FencedOp::Release(Some(2))],
    );
}

#[test]
fn sets() {
    let set = [
        (SetOp::Add(0), None),
        (SetOp::Remove(0), None),
        (SetOp::Contains(0), Some(SetReply::Holds(true))),
        (SetOp::Read, Some(SetReply::All(Vec::new()))),
        (SetOp::Read, Some(SetReply::All(vec![0]))),
    ];
    all(&Set::default(), 3, &set, &[SetOp::Add(0), SetOp::Remove(0)]);
}

#[test]
fn sets_that_only_grow() {
    let grows = [
        (SetOp::Add(0), None),
        (SetOp::Add(1), None),
        (SetOp::Read, Some(SetReply::All(Vec::new()))),
        (SetOp::Read, Some(SetReply::All(vec![0]))),
        (SetOp::Read, Some(SetReply::All(vec![0, 1]))),
    ];
    all(&Set::default(), 4, &grows, &[SetOp::Add(1)]);
}

#[test]
fn logs() {
    let log = [
        (LogOp::Append(0), None),
        (LogOp::Append(1), None),
        (LogOp::Read, Some(vec![0])),
        (LogOp::Read, Some(vec![0, 1])),
    ];
    all(&Log::default(), 4, &log, &[LogOp::Append(0)]);
}

#[test]
fn keys() {
    let kv = [
        (KvOp::Put("a".into()), None),
        (KvOp::Append("b".into()), None),
        (KvOp::Get, Some("b".into())),
        (KvOp::Get, Some("ab".into())),
    ];
    all(&Kv, 4, &kv, &[KvOp::Append("b".into())]);
}

#[test]
fn keys_that_only_grow() {
    // Without a put a text only grows.
    let grows = [
        (KvOp::Append("a".into()), None),
        (KvOp::Append("b".into()), None),
        (KvOp::Get, Some("".into())),
        (KvOp::Get, Some("ab".into())),
    ];
    all(&Kv, 4, &grows, &[KvOp::Append("b".into())]);
}

#[test]
fn transactions() {
    let put = |key, value| TxnOp {
        then: vec![Act::Put(key, value)],
        ..TxnOp::default()
    };
    let swap = TxnOp {
        compares: vec![Compare::Value(0, Some(5)), Compare::Mod(1, 0)],
        then: vec![Act::Put(0, 6), Act::Get(0), Act::Delete(1)],
        otherwise: vec![Act::Get(0), Act::Get(1)],
    };
    let get = TxnOp {
        then: vec![Act::Get(0)],
        ..TxnOp::default()
    };
    let told = |succeeded, revision, got| {
        Some(TxnReply {
            succeeded,
            revision,
            got,
        })
    };
    let said = [
        (put(0, 5), told(true, 2, vec![])),
        (put(1, 5), told(true, 3, vec![])),
        (swap.clone(), told(true, 3, vec![Some((6, 3))])),
        (swap.clone(), told(false, 1, vec![None, None])),
        (get, told(true, 2, vec![Some((5, 2))])),
    ];
    all(&Txn::default(), 4, &said, &[swap]);
}
