//! Queues, stacks, sets, counters and the search for any model against brute force.

mod brute;
#[path = "../examples/bench/random.rs"]
mod random;

use brute::{LIMITS, agree, brute_force};
use checker::linearizable::exact::{Exact, Judged};
use checker::linearizable::general::{Found, search};
use checker::models::container::Op;
use checker::models::counter::{Counter, Op as CounterOp};
use checker::models::priority_queue::{Op as PriorityOp, PriorityQueue};
use checker::models::queue::Queue;
use checker::models::register::NEVER;
use checker::models::set::{Op as SetOp, Reply as SetReply, Set};
use checker::models::stack::Stack;
use checker::models::{Call, Calls, Model};
use random::Random;

/// Closed-loop clients: `draw` makes an operation, `answer` its reply, which may be a lie. One outcome in twelve is unknown.
fn history<M: Model>(
    random: &mut Random,
    model: &M,
    length: u64,
    draw: impl FnMut(&mut Random) -> M::Op,
    answer: impl FnMut(&mut Random, &M::State, &M::Op) -> Option<M::Reply>,
) -> Calls<M> {
    losing_history(random, model, length, 12, draw, answer)
}

/// As [`history`], but that one outcome in `loses` is unknown.
fn losing_history<M: Model>(
    random: &mut Random,
    model: &M,
    length: u64,
    loses: u64,
    mut draw: impl FnMut(&mut Random) -> M::Op,
    mut answer: impl FnMut(&mut Random, &M::State, &M::Op) -> Option<M::Reply>,
) -> Calls<M> {
    let mut calls: Calls<M> = Vec::new();
    let mut state = model.init();
    let (mut open, mut time) = (Vec::new(), 0);
    let clients = 1 + random.below(4) as usize;
    while (calls.len() as u64) < length || !open.is_empty() {
        time += 1;
        if (calls.len() as u64) < length && open.len() < clients && random.below(2) == 0 {
            let op = draw(random);
            open.push((calls.len(), false));
            calls.push(Call {
                operation: calls.len() as u32,
                start: time,
                end: NEVER,
                must: true,
                op,
                reply: None,
            });
            continue;
        }
        if open.is_empty() {
            continue;
        }
        let chosen = random.below(open.len() as u64) as usize;
        let (at, acted) = open[chosen];
        if !acted && random.below(loses) == 0 {
            // Unknown: it took effect, or will not.
            open.remove(chosen);
            calls[at].must = false;
            if random.below(2) == 0 {
                answer(random, &state, &calls[at].op);
                model.apply(&mut state, &calls[at].op, None);
            }
        } else if !acted {
            open[chosen].1 = true;
            calls[at].reply = answer(random, &state, &calls[at].op);
            model.apply(&mut state, &calls[at].op, None);
        } else {
            open.remove(chosen);
            calls[at].end = time;
        }
    }
    calls
}

fn cases() -> u64 {
    let more = std::env::var("CHECKER_CASES").ok();
    more.and_then(|cases| cases.parse().ok()).unwrap_or(20_000)
}

fn container<M: Judged<Op = Op, Reply = Option<u32>>>(
    model: &M,
    seed: u64,
    peek: impl Fn(&M::State) -> Option<u32>,
) {
    let bare = |exact: &Exact| matches!(exact, Exact::Linearizable(None));
    let mut random = Random(seed);
    let mut tally = [0; 3];
    for _ in 0..cases() {
        let mut fresh = 0;
        let length = 2 + random.below(7);
        let lies = random.below(3);
        let puts = 3 + random.below(4);
        let calls = history(
            &mut random,
            model,
            length,
            |random| match random.below(10) < puts {
                true => {
                    fresh += 1;
                    Op::Put(fresh)
                }
                false => Op::Take,
            },
            |random, state, op| match op {
                Op::Put(_) => None,
                Op::Take if random.below(4) < lies => {
                    Some(Some(1 + random.below(4) as u32).filter(|_| random.below(4) != 0))
                }
                Op::Take => Some(peek(state)),
            },
        );
        agree(model, &calls, &mut tally);
        assert!(!bare(&model.exact(&calls)), "without a certificate");
    }
    let [right, wrong, open] = tally;
    let all = cases();
    assert!(
        right > all / 10 && wrong > all / 10 && open < all / 300,
        "{tally:?}"
    );
}

#[test]
fn queues_are_judged_as_by_brute_force() {
    container(&Queue::default(), 1, |state| state.front().copied());
}

#[test]
fn stacks_are_judged_as_by_brute_force() {
    container(&Stack::default(), 2, |state| state.last().copied());
}

#[test]
fn priority_queues_are_judged_as_by_brute_force() {
    let (mut random, mut tally) = (Random(5), [0; 3]);
    for _ in 0..cases() {
        let length = 2 + random.below(7);
        let (lies, puts) = (random.below(3), 3 + random.below(4));
        let mut numbers: Vec<i64> = (-3..6).collect();
        let calls = history(
            &mut random,
            &PriorityQueue,
            length,
            |random| match random.below(10) < puts {
                true => {
                    let at = random.below(numbers.len() as u64) as usize;
                    PriorityOp::Put(numbers.swap_remove(at))
                }
                false => PriorityOp::Take,
            },
            |random, state, op| match op {
                PriorityOp::Put(_) => None,
                PriorityOp::Take if random.below(4) < lies => {
                    let of = state.len().max(1) as u64;
                    let any = state.keys().nth(random.below(of) as usize);
                    Some(any.copied().filter(|_| random.below(4) != 0))
                }
                PriorityOp::Take => Some(state.keys().next().copied()),
            },
        );
        agree(&PriorityQueue, &calls, &mut tally);
        if let Exact::Linearizable(order) = PriorityQueue.exact(&calls) {
            assert!(order.is_some(), "without a certificate");
        }
    }
    let [right, wrong, open] = tally;
    let all = cases();
    assert!(
        right > all / 10 && wrong > all / 20 && open < all / 300,
        "{tally:?}"
    );
}

#[test]
fn sets_are_judged_as_by_brute_force() {
    let (mut random, mut tally) = (Random(3), [0; 3]);
    for _ in 0..cases() {
        let length = 2 + random.below(7);
        let lies = random.below(3);
        let calls = history(
            &mut random,
            &Set::default(),
            length,
            |random| match random.below(2) {
                0 => SetOp::Read,
                _ => SetOp::Add(random.below(4) as u32),
            },
            |random, state, op| match op {
                SetOp::Read if random.below(4) < lies => {
                    let all = (0..4).filter(|_| random.below(2) == 0).collect();
                    Some(SetReply::All(all))
                }
                SetOp::Read => Some(SetReply::All(state.iter().copied().collect())),
                _ => None,
            },
        );
        agree(&Set::default(), &calls, &mut tally);
    }
    let [right, wrong, open] = tally;
    assert!(
        right > cases() / 10 && wrong > cases() / 10 && open == 0,
        "{tally:?}"
    );
}

#[test]
fn counters_are_judged_as_by_brute_force() {
    let (mut random, mut tally) = (Random(4), [0; 3]);
    for _ in 0..cases() {
        let length = 2 + random.below(7);
        let lies = random.below(3);
        let least = random.below(2) as i64;
        let calls = history(
            &mut random,
            &Counter,
            length,
            |random| match random.below(2) {
                0 => CounterOp::Read,
                _ => CounterOp::Add(random.below(4) as i64 - least),
            },
            |random, sum, op| match op {
                CounterOp::Read if random.below(4) < lies => Some(random.below(5) as i64),
                CounterOp::Read => Some(*sum),
                CounterOp::Add(_) => None,
            },
        );
        agree(&Counter, &calls, &mut tally);
        match Counter.exact(&calls) {
            Exact::NotForThis => {}
            exact => {
                let wrong = matches!(exact, Exact::Wrong { .. });
                assert_eq!(wrong, !keeps_bounds(&calls), "{calls:#?}");
            }
        }
    }
    // What is right is never decided by the bounds; of what is wrong, most of what they are for.
    assert!(tally[0] == 0 && tally[1] > cases() / 5, "{tally:?}");
}

/// Each read tells at least what was added for certain before it, to what an earlier read told too, and at most what can
/// have been added.
fn keeps_bounds(calls: &Calls<Counter>) -> bool {
    let sum = |fits: &dyn Fn(&Call<CounterOp, i64>) -> bool| -> i64 {
        let adds = calls.iter().filter(|call| fits(call));
        adds.map(|call| match call.op {
            CounterOp::Add(amount) => amount,
            CounterOp::Read => 0,
        })
        .sum()
    };
    let reads = || calls.iter().filter_map(|call| Some((call, call.reply?)));
    reads().all(|(b, told)| {
        let between = |from| sum(&|add| add.must && add.start > from && add.end < b.start);
        let mut before = reads().filter(|(a, _)| a.end < b.start);
        between(0) <= told
            && told <= sum(&|add| add.start < b.end)
            && before.all(|(a, earlier)| earlier + between(a.end) <= told)
    })
}

#[test]
fn counters_that_lose_many_answers_are_judged_as_by_brute_force() {
    let (mut random, mut tally) = (Random(6), [0; 3]);
    for _ in 0..cases() {
        let length = 4 + random.below(5);
        let (lies, loses) = (random.below(3), 2 + random.below(2));
        let calls = losing_history(
            &mut random,
            &Counter,
            length,
            loses,
            |random| match random.below(5) {
                0 | 1 => CounterOp::Read,
                _ => CounterOp::Add(1 + random.below(5) as i64),
            },
            |random, sum, op| match op {
                CounterOp::Read if random.below(6) < lies => Some(sum + random.below(4) as i64),
                CounterOp::Read => Some(*sum),
                CounterOp::Add(_) => None,
            },
        );
        agree(&Counter, &calls, &mut tally);
    }
    assert!(tally[1] > cases() / 20, "{tally:?}");
}

#[test]
fn a_stack_that_a_published_tool_accepts_is_refused() {
    let call = |start, end, op, reply| Call {
        operation: start,
        start,
        end,
        must: true,
        op,
        reply,
    };
    let calls = vec![
        call(1, 2, Op::Put(250), None),
        call(3, 7, Op::Put(262), None),
        call(4, 9, Op::Put(263), None),
        call(5, 6, Op::Take, Some(Some(263))),
        call(8, 10, Op::Take, Some(Some(250))),
        call(11, 12, Op::Take, Some(Some(262))),
    ];
    let stack = Stack::default();
    assert!(!brute_force(&stack, &calls));
    assert!(matches!(stack.exact(&calls), Exact::Wrong { .. }));
    assert_eq!(
        search(&stack, &calls, LIMITS).found,
        Found::Stuck { time: 10 }
    );
}

/// Which additions took effect is open for long: those that are left must never be thought to be more than there are.
#[test]
fn a_counter_that_loses_most_answers_may_still_be_right() {
    let lost = [5, 5, 5, 5, 1, 1, 1, 1, 1, 1, 1, 1, 8];
    let told = [10, 12, 24, 31, 36];
    let adds = (0..).zip(lost).map(|(at, amount)| Call {
        operation: at,
        start: at + 1,
        end: NEVER,
        must: false,
        op: CounterOp::Add(amount),
        reply: None,
    });
    let reads = (0..).zip(told).map(|(at, sum)| Call {
        operation: 13 + at,
        start: 2 * at + 20,
        end: 2 * at + 21,
        must: true,
        op: CounterOp::Read,
        reply: Some(sum),
    });
    let calls: Vec<_> = adds.chain(reads).collect();
    let found = search(&Counter, &calls, LIMITS).found;
    assert!(matches!(found, Found::Linearizable(_)), "{found:?}");
}
