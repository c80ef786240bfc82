//! What is wrong has its name, and the calls that show it, as few as they can be.

use checker::linearizable::exact::{Exact, Judged};
use checker::models::container::Op as Thing;
use checker::models::counter::{Counter, Op as CounterOp};
use checker::models::lock::{Lock, Op as LockOp};
use checker::models::priority_queue::{Op as PriorityOp, PriorityQueue};
use checker::models::queue::Queue;
use checker::models::set::{Op as SetOp, Reply as SetReply, Set};
use checker::models::stack::Stack;
use checker::models::{Call, Calls};

/// A call: when it began and ended, what was asked, what was answered.
type Said<M> = (
    u32,
    u32,
    <M as checker::models::Model>::Op,
    Option<<M as checker::models::Model>::Reply>,
);

fn calls<M: Judged>(said: &[Said<M>]) -> Calls<M> {
    let call = |(operation, (start, end, op, reply)): (u32, &Said<M>)| Call {
        operation,
        start: *start,
        end: *end,
        must: true,
        op: op.clone(),
        reply: reply.clone(),
    };
    (0..).zip(said).map(call).collect()
}

#[track_caller]
fn wrong<M: Judged>(model: &M, said: &[Said<M>], name: &'static str, involved: &[u32]) {
    let answer = model.exact(&calls::<M>(said));
    let calls = involved.to_vec();
    assert_eq!(answer, Exact::Wrong { calls, name });
}

#[test]
fn a_lock_is_held_twice_or_released_though_free() {
    use LockOp::{Acquire, Release};
    let said = |all: &[(u32, u32, LockOp)]| -> Vec<Said<Lock>> {
        all.iter()
            .map(|&(start, end, op)| (start, end, op, None))
            .collect()
    };
    let twice = said(&[
        (1, 2, Acquire),
        (3, 4, Release),
        (5, 6, Acquire),
        (7, 8, Acquire),
    ]);
    wrong(&Lock, &twice, "held twice", &[2, 3]);
    let free = said(&[(1, 2, Acquire), (3, 4, Release), (5, 6, Release)]);
    wrong(&Lock, &free, "released though free", &[1, 2]);
    // The two overlap, so that they alone could have gone in another order.
    let overlap = said(&[
        (1, 2, Acquire),
        (3, 6, Release),
        (4, 7, Acquire),
        (5, 8, Acquire),
    ]);
    wrong(&Lock, &overlap, "held twice", &[0, 1, 2, 3]);
    // The release that ended last went before the acquire that ended before it.
    let between = said(&[
        (1, 2, Acquire),
        (3, 6, Release),
        (4, 5, Acquire),
        (7, 8, Acquire),
    ]);
    wrong(&Lock, &between, "held twice", &[0, 2, 1, 3]);
}

#[test]
fn a_set_that_grows_is_read_wrongly_in_seven_ways() {
    let set = Set::default();
    let add = |start, end, item| (start, end, SetOp::Add(item), None);
    let read = |start, end, all: &[u32]| {
        let reply = SetReply::All(all.to_vec());
        (start, end, SetOp::Read, Some(reply))
    };
    let check = |said: &[Said<Set>], name, involved: &[u32]| wrong(&set, said, name, involved);
    let twice = [add(1, 2, 0), read(3, 4, &[0, 0])];
    check(&twice, "element read twice", &[1]);
    let from_nowhere = [add(1, 2, 0), read(3, 4, &[0, 1])];
    check(&from_nowhere, "read of an element nobody added", &[1]);
    let apart = [
        add(1, 5, 0),
        add(2, 6, 1),
        read(3, 7, &[1]),
        read(4, 8, &[0]),
    ];
    check(&apart, "reads that contradict each other", &[3, 2]);
    check(
        &[add(1, 2, 0), add(3, 4, 1), read(5, 6, &[1])],
        "lost element",
        &[0, 2],
    );
    check(
        &[read(1, 2, &[0]), add(3, 4, 0)],
        "read from the future",
        &[0, 1],
    );
    let stale = [add(1, 9, 0), read(2, 3, &[0]), read(4, 5, &[])];
    check(&stale, "stale read", &[1, 2]);
    let late = [read(1, 8, &[1]), add(2, 3, 0), add(4, 5, 1)];
    check(&late, "element that appears too late", &[1, 2, 0]);
    // Of the reads that one is shown which tells the one element without the other.
    let beside = [
        read(1, 2, &[]),
        read(3, 10, &[1]),
        add(4, 5, 0),
        add(6, 7, 1),
    ];
    check(&beside, "element that appears too late", &[2, 3, 1]);
    // Added again, which changes nothing, but had ended before what lacks it.
    let again = [
        add(1, 9, 0),
        add(2, 3, 0),
        read(4, 5, &[]),
        read(6, 7, &[0]),
    ];
    check(&again, "lost element", &[1, 2]);
}

#[test]
fn a_container_is_wrong_in_five_ways() {
    let put = |start, end, item| (start, end, Thing::Put(item), None);
    let take = |start, end, item| (start, end, Thing::Take, Some(Some(item)));
    let nothing = |start, end| (start, end, Thing::Take, Some(None));
    let (queue, stack) = (Queue::default(), Stack::default());
    let both = |said: &[(u32, u32, Thing, Option<Option<u32>>)], name, involved: &[u32]| {
        wrong(&queue, said, name, involved);
        wrong(&stack, said, name, involved);
    };
    both(
        &[put(1, 2, 0), take(3, 4, 1)],
        "took what nobody put in",
        &[1],
    );
    both(
        &[take(1, 2, 0), put(3, 4, 0)],
        "took what was not in yet",
        &[1, 0],
    );
    both(
        &[put(1, 2, 0), take(3, 4, 0), take(5, 6, 0), take(7, 8, 0)],
        "taken twice",
        &[1, 2],
    );
    let name = "found nothing though something was in";
    both(&[put(1, 2, 0), nothing(3, 4)], name, &[1, 0]);
    let last = [put(1, 2, 0), nothing(3, 4), take(5, 6, 0)];
    both(&last, name, &[1, 0, 2]);
    // The thing that reaches furthest tells it alone, or with the next one.
    let covered = [
        put(1, 2, 0),
        put(3, 4, 1),
        put(5, 6, 2),
        nothing(7, 12),
        take(8, 13, 0),
        take(9, 17, 2),
        take(15, 16, 1),
    ];
    both(&covered, name, &[3, 1, 6]);
    let relay = [
        put(1, 2, 0),
        nothing(3, 8),
        put(4, 5, 1),
        take(6, 10, 0),
        take(9, 11, 1),
    ];
    both(&relay, name, &[1, 0, 3, 2, 4]);
    let crossed = [put(1, 2, 0), put(3, 4, 1), take(5, 6, 1), take(7, 8, 0)];
    wrong(&queue, &crossed, "not first in, first out", &[0, 1, 2, 3]);
    wrong(&queue, &crossed[..3], "not first in, first out", &[0, 1, 2]);
    let nested = [put(1, 2, 0), put(3, 4, 1), take(5, 6, 0), take(7, 8, 1)];
    wrong(&stack, &nested, "not last in, first out", &[0, 2, 1, 3]);
    wrong(&stack, &nested[..3], "not last in, first out", &[0, 2, 1]);
}

#[test]
fn a_priority_queue_gives_the_smallest_first() {
    let put = |start, end, number| (start, end, PriorityOp::Put(number), None);
    let take = |start, end, number| (start, end, PriorityOp::Take, Some(Some(number)));
    // One smaller number was in all the time, or one after the other.
    let said = [put(1, 2, 7), put(3, 4, -7), take(5, 6, 7), take(7, 8, -7)];
    wrong(&PriorityQueue, &said, "not smallest first", &[0, 2, 1, 3]);
    let relay = [
        put(1, 2, 7),
        put(3, 4, 0),
        take(5, 10, 7),
        put(6, 7, -7),
        take(8, 13, 0),
        take(11, 12, -7),
    ];
    wrong(
        &PriorityQueue,
        &relay,
        "not smallest first",
        &[0, 2, 1, 4, 3, 5],
    );
}

fn add(start: u32, end: u32, amount: i64) -> Said<Counter> {
    (start, end, CounterOp::Add(amount), None)
}

fn read(start: u32, end: u32, told: i64) -> Said<Counter> {
    (start, end, CounterOp::Read, Some(told))
}

#[test]
fn a_counter_tells_too_little_or_too_much() {
    let lost = "lost addition";
    // The largest additions that are enough.
    let said = [add(1, 2, 1), add(3, 4, 5), add(5, 6, 2), read(7, 8, 4)];
    wrong(&Counter, &said, lost, &[1, 3]);
    let said = [add(1, 2, 1), add(3, 4, 5), read(5, 6, 5)];
    wrong(&Counter, &said, lost, &[1, 0, 2]);
    let back = [add(1, 9, 5), read(2, 3, 5), read(4, 5, 0)];
    wrong(&Counter, &back, lost, &[1, 2]);
    let between = [add(1, 9, 5), read(2, 3, 5), add(4, 5, 1), read(6, 7, 5)];
    wrong(&Counter, &between, lost, &[2, 1, 3]);
    // Over before the earlier read was, which need not have counted it.
    let beside = [read(1, 4, 0), add(2, 3, 5), add(5, 6, 1), read(7, 8, 4)];
    wrong(&Counter, &beside, lost, &[1, 3]);
    // All that ended last were open beside the addition; one that has not ended proves nothing.
    let mut beside: Vec<_> = (1..10).map(|at| read(at, at + 20, 0)).collect();
    beside.extend([add(10, 11, 1), add(12, 40, 1), read(31, 32, 0)]);
    wrong(&Counter, &beside, lost, &[9, 11]);
    let too_much = "counted what nobody had added";
    wrong(&Counter, &[add(1, 2, 1), read(3, 4, 2)], too_much, &[1]);
    wrong(&Counter, &[read(1, 2, 1), add(3, 4, 1)], too_much, &[0]);
}

#[test]
fn a_counter_with_one_client_is_refused_iff_a_read_is_wrong() {
    for reads in 1..30 {
        for lie in [-1, 0, 1] {
            let (mut said, mut sum) = (Vec::new(), 0);
            for number in 0..reads {
                let start = 4 * number + 1;
                sum += i64::from(number % 3);
                said.push(add(start, start + 1, i64::from(number % 3)));
                said.push(read(start + 2, start + 3, sum));
            }
            let last = said.last_mut().unwrap();
            last.3 = Some(sum + lie);
            let answer = Counter.exact(&calls::<Counter>(&said));
            let refused = matches!(answer, Exact::Wrong { .. });
            assert_eq!(refused, lie != 0, "{reads} reads, {lie}: {answer:?}");
        }
    }
}

#[test]
fn a_counter_that_could_overflow_is_left_to_the_search() {
    let said = |most| [add(1, 2, most), add(3, 4, 1), read(5, 6, 0)];
    let judged = |most| Counter.exact(&calls::<Counter>(&said(most)));
    assert_eq!(judged(i64::MAX), Exact::NotForThis);
    assert!(matches!(judged(i64::MAX - 1), Exact::Wrong { .. }));
}
