//! The independent verifier refuses every order that is no linearization: all valid verdicts rest on it.

mod steps;

use checker::linearizable::limits::{Meter, NO_END};
use checker::linearizable::{general, order};
use checker::models::Call;
use checker::models::container::Op;
use checker::models::lock::{Lock, Op as LockOp};
use checker::models::log::{Log, Op as LogOp};
use checker::models::register::{Action, NEVER};
use checker::models::stack::Stack;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use steps::step;

#[test]
fn an_order_of_a_register_is_refused_unless_it_is_a_linearization() {
    use Action::{Read, Write};
    let steps = [
        step(1, 4, Write(1)),
        step(2, 3, Read(1)),
        step(5, NEVER, Write(2)),
        step(6, 7, Read(1)),
    ];
    let certifies = |order: &[u32]| order::certifies(&steps, order);
    assert!(certifies(&[0, 1, 3]));
    assert!(certifies(&[0, 1, 3, 2]));
    // Nothing fits the state, somebody is missing, twice in it, or not there at all.
    assert!(!certifies(&[1, 0, 3]));
    assert!(!certifies(&[0, 1, 2, 3]));
    assert!(!certifies(&[0, 1]));
    assert!(!certifies(&[]));
    assert!(!certifies(&[0, 1, 1, 3]));
    assert!(!certifies(&[0, 1, 3, 4]));
    // Who had ended comes after who began later.
    assert!(!certifies(&[0, 3, 1]));
    // From another state on.
    assert!(order::is_linearization(&steps[1..2], &[0], 1));
    assert!(!order::is_linearization(&steps[1..2], &[0], 2));
    // That an early one is out of time is not forgotten when others begin earlier.
    let late = [
        step(1, 9, Write(1)),
        step(2, 3, Write(2)),
        step(4, 5, Write(3)),
    ];
    assert!(order::certifies(&late, &[1, 2, 0]));
    assert!(!order::certifies(&late, &[2, 0, 1]));
}

#[test]
fn an_order_of_any_object_is_refused_unless_it_is_a_linearization() {
    let call = |start, end, op, reply| Call {
        operation: start,
        start,
        end,
        must: end != NEVER,
        op,
        reply,
    };
    let calls = [
        call(1, 4, Op::Put(1), None),
        call(2, 3, Op::Take, Some(Some(1))),
        call(5, NEVER, Op::Put(2), None),
        call(6, 7, Op::Take, Some(None)),
    ];
    let model = Stack::default();
    let certifies = |order: &[u32]| general::certifies(&model, &calls, order);
    assert!(certifies(&[0, 1, 3]));
    assert!(certifies(&[0, 1, 3, 2]));
    assert!(!certifies(&[1, 0, 3]));
    assert!(!certifies(&[0, 1, 2, 3]));
    assert!(!certifies(&[0, 1]));
    assert!(!certifies(&[]));
    assert!(!certifies(&[0, 1, 1, 3]));
    assert!(!certifies(&[0, 1, 3, 4]));
    let late = [
        call(1, 9, Op::Put(1), None),
        call(2, 3, Op::Put(2), None),
        call(4, 5, Op::Put(3), None),
    ];
    assert!(general::certifies(&model, &late, &[1, 2, 0]));
    assert!(!general::certifies(&model, &late, &[2, 0, 1]));
    assert!(!general::certifies(&model, &late, &[2, 1, 0]));
}

#[test]
fn an_order_of_what_is_told_in_place_is_refused_where_a_reply_does_not_fit() {
    fn call<O, R>(at: u32, op: O, reply: Option<R>) -> Call<O, R> {
        Call {
            operation: at,
            start: 2 * at + 1,
            end: 2 * at + 2,
            must: true,
            op,
            reply,
        }
    }
    let locks = [LockOp::Acquire, LockOp::Release, LockOp::Acquire];
    let locks: Vec<_> = (0..)
        .zip(locks)
        .map(|(at, op)| call(at, op, None))
        .collect();
    assert!(general::certifies(&Lock, &locks, &[0, 1, 2]));
    assert!(!general::certifies(&Lock, &locks[1..], &[0, 1]));
    let log = |told: &[u32]| {
        let read = call(1, LogOp::Read, Some(told.to_vec()));
        [call(0, LogOp::Append(7), None), read]
    };
    let model = Log::default();
    assert!(general::certifies(&model, &log(&[7]), &[0, 1]));
    assert!(!general::certifies(&model, &log(&[]), &[0, 1]));
    assert!(!general::certifies(&model, &log(&[8]), &[0, 1]));
}

#[test]
fn a_meter_asks_now_and_then_and_never_again_once_it_is_over() {
    let (asked, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let stop = || {
        asked.fetch_add(1, Relaxed);
        over.load(Relaxed)
    };
    let meter = Meter::new(&stop);
    // So little work is not worth a question.
    assert!((0..100).all(|_| !meter.spent(1)));
    assert_eq!(asked.load(Relaxed), 0);
    assert!(!meter.spent(1000));
    assert_eq!(asked.load(Relaxed), 1);
    assert!(!meter.spent(1));
    assert_eq!(asked.load(Relaxed), 1);
    for _ in 0..1000 {
        assert!(!meter.spent(1));
    }
    assert!(
        (2..10).contains(&asked.load(Relaxed)),
        "{}",
        asked.load(Relaxed)
    );
    assert!(!meter.is_over());
    over.store(true, Relaxed);
    let before = asked.load(Relaxed);
    assert!(meter.spent(1000) && meter.is_over());
    assert!(meter.spent(1000) && meter.is_over());
    assert_eq!(asked.load(Relaxed), before + 1);
    let never = Meter::new(NO_END);
    assert!(!never.spent(u64::MAX / 2) && !never.is_over());
}
