//! What a search forgets to save memory changes nothing: ways that led nowhere, outcomes that all have used, values nobody asks for.

mod steps;

use checker::linearizable::configuration::{Configuration, Usages};
use checker::linearizable::order::certifies;
use checker::linearizable::trail::{Mover, START, Trail};
use checker::linearizable::unknowns::Unknowns;
use checker::models::register::{Action, NEVER};
use steps::step;

#[test]
fn a_trail_tells_the_same_orders_after_it_has_forgotten_the_rest() {
    let steps = [
        step(1, 2, Action::Write(1)),
        step(3, 4, Action::Read(1)),
        step(5, NEVER, Action::Write(2)),
        step(6, 7, Action::Read(2)),
        step(8, 9, Action::Write(3)),
    ];
    let mut trail = Trail::default();
    let nowhere = trail.push(Mover::Step(4), 2, START);
    let first = trail.push(Mover::Step(0), 2, START);
    trail.push(Mover::Step(4), 4, nowhere);
    let second = trail.push(Mover::Unknown(Action::Write(2)), 7, first);
    trail.push(Mover::Step(0), 7, second);
    let third = trail.push(Mover::Step(4), 9, second);
    assert_eq!(trail.order(third, &steps), [0, 1, 2, 3, 4]);
    assert_eq!(trail.order(first, &steps[..2]), [0, 1]);
    let mut ends = [third, START, first];
    trail.forget(ends.iter_mut());
    assert_eq!(ends, [2, START, 0]);
    let order = trail.order(ends[0], &steps);
    assert_eq!(order, [0, 1, 2, 3, 4]);
    assert!(certifies(&steps, &order));
    assert_eq!(trail.order(ends[2], &steps[..2]), [0, 1]);
    assert!(trail.order(START, &steps).is_empty());
}

#[test]
fn a_trail_forgets_when_it_has_grown_to_a_multiple() {
    let mut trail = Trail::default();
    let grow = |trail: &mut Trail, count: u32, mut last: u32| {
        for _ in 0..count {
            assert!(!trail.is_full());
            last = trail.push(Mover::Step(0), 1, last);
        }
        last
    };
    let mut last = grow(&mut trail, 65_537, START);
    assert!(trail.is_full());
    assert!(trail.bytes() >= 65_537 * 12);
    trail.forget([&mut last].into_iter());
    // All of it was needed, so that it pays to wait for twice as many more.
    grow(&mut trail, 131_074, last);
    assert!(trail.is_full());
}

/// The classes that may be used by who has used so many of the first class.
fn usable(unknowns: &Unknowns, state: u32, used: u32, now: u32) -> Vec<Action> {
    let mut usages = Usages::default();
    let mut usage = Usages::NONE;
    for _ in 0..used {
        usage = usages.spend(usage, 0);
    }
    let by = Configuration {
        used: usage,
        ..Configuration::new(state)
    };
    let mut found = Vec::new();
    unknowns.usable(by, &usages, now, &mut found);
    found.into_iter().map(|(_, action)| action).collect()
}

#[test]
fn what_all_have_used_is_left_to_nobody() {
    let steps = [step(1, 90, Action::Read(1))];
    let write = Action::Write(1);
    let mut unknowns = Unknowns::new(&steps, false);
    unknowns.add(write);
    unknowns.add(write);
    assert!(!unknowns.are_free());
    assert_eq!(usable(&unknowns, 0, 1, 5), [write]);
    assert!(usable(&unknowns, 0, 2, 5).is_empty());
    unknowns.settle(0, 1);
    assert_eq!(usable(&unknowns, 0, 0, 5), [write]);
    assert!(usable(&unknowns, 0, 1, 5).is_empty());
    unknowns.settle(0, 1);
    assert!(usable(&unknowns, 0, 0, 5).is_empty());
    // Where each may be used any number of times nothing is ever used up.
    let mut free = Unknowns::new(&steps, true);
    free.add(write);
    assert!(free.are_free());
    assert_eq!(usable(&free, 0, 7, 5), [write]);
}

#[test]
fn what_nobody_asks_for_any_more_is_buried_but_one_for_who_wants_anything_else() {
    let steps = [
        step(1, 10, Action::Read(1)),
        step(2, 20, Action::Differs(9)),
        step(3, 30, Action::Cas(2, 3)),
    ];
    let [one, two, three] = [1, 2, 3].map(Action::Write);
    let from_three = Action::Cas(3, 4);
    let mut unknowns = Unknowns::new(&steps, false);
    for action in [one, two, three, from_three] {
        unknowns.add(action);
    }
    assert_eq!(usable(&unknowns, 0, 0, 5), [one, two, three]);
    assert_eq!(usable(&unknowns, 3, 0, 5), [one, two, three, from_three]);
    unknowns.bury(10);
    // Nobody asks for 3 but a compare-and-set of unknown outcome, whose own value nobody asks for.
    assert_eq!(usable(&unknowns, 0, 0, 10), [one, two, three]);
    unknowns.bury(11);
    assert_eq!(usable(&unknowns, 0, 0, 11), [two, three]);
    assert_eq!(usable(&unknowns, 0, 0, 20), [two, three]);
    assert_eq!(usable(&unknowns, 0, 0, 21), [two]);
    unknowns.bury(31);
    assert!(usable(&unknowns, 0, 0, 31).is_empty());
    assert_eq!(usable(&unknowns, 3, 0, 31), [from_three]);
}
