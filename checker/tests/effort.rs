//! Made-up histories cost no more steps than they did: what was left out as useless stays left out. Steps are counted, not time.

#[path = "../examples/bench/random.rs"]
mod random;

use checker::Valid;
use checker::linearizable::Limits;
use checker::linearizable::beam::Beam;
use checker::linearizable::depth::Depth;
use checker::linearizable::dive::Dive;
use checker::linearizable::general::{self, search_ahead};
use checker::linearizable::limits::{Meter, NO_END};
use checker::linearizable::portfolio::{answer_all, judge, judge_all, judge_within};
use checker::linearizable::search::{Found, search, search_within};
use checker::linearizable::survey::Survey;
use checker::linearizable::zones::{Zones, judge as zones};
use checker::models::container::Op as Thing;
use checker::models::counter::{Counter, Op as CounterOp};
use checker::models::queue::Queue;
use checker::models::register::{Action, INITIAL, NEVER, Part, Step};
use checker::models::set::{Op as SetOp, Reply as SetReply, Set};
use checker::models::{Call, Calls, Model};
use random::Random;

const LIMITS: Limits = Limits {
    configurations: 1_000_000,
    steps: 10_000_000,
    bytes: 1 << 30,
};

/// Small numbers.
struct Small(Random);

impl Small {
    fn below(&mut self, limit: u32) -> u32 {
        self.0.below(limit.into()) as u32
    }
}

/// Closed-loop clients of a register, in the order of their starts; one outcome in twelve is unknown. `fresh`: all values
/// differ. Some answers of the wrong ones are of another time.
fn registers(seed: u64, clients: usize, length: usize, fresh: bool, wrong: bool) -> Vec<Step> {
    let mut random = Small(Random(seed));
    let mut steps: Vec<Step> = Vec::new();
    // By client: its step, and whether that took effect.
    let mut open: Vec<Option<(usize, bool)>> = vec![None; clients];
    let (mut state, mut time) = (INITIAL, 0);
    while steps.len() < length || open.iter().any(Option::is_some) {
        let client = random.below(clients as u32) as usize;
        match open[client] {
            None if steps.len() == length => {}
            None => {
                time += 1;
                let new = match fresh {
                    true => steps.len() as u32 + 1,
                    false => 1 + random.below(3),
                };
                let action = match random.below(8) {
                    0..3 => Action::Read(0),
                    3..5 => Action::Write(new),
                    5 => Action::Differs(0),
                    _ => Action::Cas(0, new),
                };
                open[client] = Some((steps.len(), false));
                steps.push(Step {
                    operation: steps.len() as u32,
                    start: time,
                    end: NEVER,
                    must: true,
                    action,
                });
            }
            Some((at, false)) => {
                let told = match wrong && random.below(30) == 0 {
                    true => random.below(4),
                    false => state,
                };
                steps[at].action = match steps[at].action {
                    Action::Read(_) => Action::Read(told),
                    Action::Differs(_) => Action::Differs(match fresh {
                        true => state.saturating_sub(1 + random.below(3)),
                        false => (state + 1 + random.below(3)) % 4,
                    }),
                    Action::Cas(_, new) => Action::Cas(told, new),
                    other => other,
                };
                if let Action::Differs(same) = steps[at].action
                    && same == state
                {
                    steps[at].action = Action::Read(state);
                }
                let unknown = random.below(12) == 0;
                if unknown && steps[at].action.installs().is_some() {
                    steps[at].must = false;
                    open[client] = None;
                    if random.below(2) == 0 {
                        continue;
                    }
                } else {
                    open[client] = Some((at, true));
                }
                state = steps[at].action.installs().unwrap_or(state);
            }
            Some((at, true)) => {
                time += 1;
                steps[at].end = time;
                open[client] = None;
            }
        }
    }
    steps
}

/// The same of any object that is asked what `draw` says.
fn calls<M: Model>(
    model: &M,
    (seed, length): (u64, usize),
    wrong: bool,
    draw: impl Fn(&mut Small) -> M::Op,
    answer: impl Fn(&M::State, &M::Op) -> Option<M::Reply>,
) -> Calls<M> {
    let mut random = Small(Random(seed));
    let mut calls: Calls<M> = Vec::new();
    let mut open: [Option<(usize, bool)>; 5] = [None; 5];
    let (mut state, mut time) = (model.init(), 0);
    let mut before = state.clone();
    while calls.len() < length || open.iter().any(Option::is_some) {
        let client = random.below(5) as usize;
        match open[client] {
            None if calls.len() == length => {}
            None => {
                time += 1;
                open[client] = Some((calls.len(), false));
                calls.push(Call {
                    operation: calls.len() as u32,
                    start: time,
                    end: NEVER,
                    must: true,
                    op: draw(&mut random),
                    reply: None,
                });
            }
            Some((at, false)) => {
                if random.below(12) == 0 {
                    calls[at].must = false;
                    open[client] = None;
                    if random.below(2) == 0 {
                        continue;
                    }
                } else {
                    let told = match wrong && random.below(20) == 0 {
                        true => &before,
                        false => &state,
                    };
                    calls[at].reply = answer(told, &calls[at].op);
                    open[client] = Some((at, true));
                }
                if random.below(8) == 0 {
                    before = state.clone();
                }
                model.apply(&mut state, &calls[at].op, None);
            }
            Some((at, true)) => {
                time += 1;
                calls[at].end = time;
                open[client] = None;
            }
        }
    }
    calls
}

fn part(steps: Vec<Step>) -> Part {
    Part {
        steps,
        values: 300,
        ..Part::default()
    }
}

/// What it took before, and not much less. Who makes it less writes that here; who makes it more, too, and why.
#[track_caller]
fn at_most(most: u64, took: u64) {
    assert!((most / 2..=most).contains(&took), "{took}, not {most}");
}

fn sum(wrong: bool, cost: impl Fn(Vec<Step>, bool) -> u64) -> u64 {
    (0..30)
        .map(|seed| cost(registers(seed, 6, 60, false, wrong), wrong))
        .sum()
}

#[test]
fn the_search_over_registers() {
    let cost = |steps: Vec<Step>, wrong: bool| {
        let searched = search(&steps, &[INITIAL], LIMITS, false);
        assert!(wrong || searched.found == Found::Linearizable);
        searched.steps
    };
    at_most(18_611, sum(false, cost));
    at_most(14_983, sum(true, cost));
}

#[test]
fn the_beam() {
    let cost = |steps: Vec<Step>, wrong: bool| {
        let mut beam = Beam::narrow(&steps, 4);
        let found = beam.run(&LIMITS, &Meter::new(NO_END));
        assert!(wrong || found == Found::Linearizable);
        beam.spent()
    };
    at_most(11_680, sum(false, cost));
    at_most(13_693, sum(true, cost));
}

#[test]
fn the_dive() {
    let cost = |steps: Vec<Step>, wrong: bool| {
        let survey = Survey::of(&steps, 300);
        let mut dive = Dive::new(&steps, &survey).expect("few are open");
        let found = dive.run(&LIMITS, &Meter::new(NO_END));
        assert!(wrong || found == Found::Linearizable);
        dive.spent()
    };
    at_most(996, sum(false, cost));
    at_most(6_117, sum(true, cost));
}

#[test]
fn all_together() {
    let cost = |steps: Vec<Step>, _| judge(&part(steps), LIMITS).steps;
    at_most(794, sum(false, cost));
    at_most(4_760, sum(true, cost));
}

#[test]
fn values_that_are_written_once_need_a_search_seldom() {
    let left = |wrong: bool| {
        let open = |seed: &u64| {
            let steps = registers(*seed, 4, 40, true, wrong);
            zones(&steps, 300) == Zones::Undecided
        };
        (0..400).filter(open).count() as u64
    };
    at_most(1, left(false));
    at_most(1, left(true));
}

fn objects<M: Model>(
    model: &M,
    length: usize,
    most: [u64; 6],
    draw: impl Fn(&mut Small) -> M::Op + Copy,
    answer: impl Fn(&M::State, &M::Op) -> Option<M::Reply> + Copy,
) {
    let mut took = [0; 6];
    for seed in 0..30 {
        for wrong in [false, true] {
            let calls = calls(model, (seed, length), wrong, draw, answer);
            let never = Meter::new(NO_END);
            let searched = general::search(model, &calls, LIMITS);
            let ahead = search_ahead(model, &calls, LIMITS, &never);
            let mut depth = Depth::new(model, &calls).expect("few are open");
            let found = depth.run(&LIMITS, &never);
            let is_right =
                |found: &general::Found| matches!(found, general::Found::Linearizable(_));
            assert!(
                wrong || is_right(&searched.found) && is_right(&ahead.found) && is_right(&found)
            );
            let costs = [searched.steps, ahead.steps, depth.spent()];
            for (at, cost) in costs.into_iter().enumerate() {
                took[2 * at + usize::from(wrong)] += cost;
            }
        }
    }
    assert!(
        (0..6).all(|at| took[at] <= most[at]),
        "{took:?}, not {most:?}"
    );
}

#[test]
fn searches_over_counters() {
    objects(
        &Counter,
        40,
        [1944, 1715, 1944, 1715, 555, 910],
        |random| match random.below(2) {
            0 => CounterOp::Read,
            _ => CounterOp::Add(i64::from(random.below(5)) - 1),
        },
        |sum, op| (*op == CounterOp::Read).then_some(*sum),
    );
}

#[test]
fn searches_over_counters_that_only_grow() {
    objects(
        &Counter,
        40,
        [1408, 1097, 1266, 919, 442, 673],
        |random| match random.below(2) {
            0 => CounterOp::Read,
            _ => CounterOp::Add(i64::from(random.below(4))),
        },
        |sum, op| (*op == CounterOp::Read).then_some(*sum),
    );
}

#[test]
fn searches_over_sets() {
    objects(
        &Set::default(),
        40,
        [4661, 5473, 4661, 5473, 661, 758],
        |random| match (random.below(4), random.below(3)) {
            (0, item) => SetOp::Add(item),
            (1, item) => SetOp::Remove(item),
            (2, item) => SetOp::Contains(item),
            _ => SetOp::Read,
        },
        |state, op| match op {
            SetOp::Contains(item) => Some(SetReply::Holds(state.contains(item))),
            SetOp::Read => Some(SetReply::All(state.iter().copied().collect())),
            _ => None,
        },
    );
}

#[test]
fn searches_over_queues() {
    objects(
        &Queue::default(),
        16,
        [7487, 28513, 7487, 28513, 786, 1300],
        |random| match (random.below(2), random.below(3)) {
            (0, item) => Thing::Put(item),
            _ => Thing::Take,
        },
        |state, op| (*op == Thing::Take).then(|| state.front().copied()),
    );
}

/// All engines over registers, and those over any object, on a history that is right but not easy: is any of them done?
fn decided(limits: &Limits, meter: &Meter<'_>) -> Vec<&'static str> {
    let steps = registers(3, 6, 60, false, false);
    let mut done = Vec::new();
    let mut note = |name, is_done: bool| done.extend(is_done.then_some(name));
    let is_done = |found: Found| !matches!(found, Found::Undecided { .. });
    let searched = search_within(&steps, &[INITIAL], *limits, false, meter);
    note("search", is_done(searched.found));
    note("beam", is_done(Beam::narrow(&steps, 4).run(limits, meter)));
    let survey = Survey::of(&steps, 300);
    let mut dive = Dive::new(&steps, &survey).expect("few are open");
    note("dive", is_done(dive.run(limits, meter)));
    let judged = judge_within(&part(steps), *limits, meter);
    note("all", judged.valid != Valid::Unknown);
    let sets = set_calls(3, false);
    let is_done = |found: general::Found| !matches!(found, general::Found::Undecided { .. });
    let model = Set::default();
    let searched = general::search_within(&model, &sets, *limits, meter);
    note("general", is_done(searched.found));
    let mut depth = Depth::new(&model, &sets).expect("few are open");
    note("depth", is_done(depth.run(limits, meter)));
    done
}

#[test]
fn without_steps_memory_or_time_nothing_is_decided() {
    let never = Meter::new(NO_END);
    let all = ["search", "beam", "dive", "all", "general", "depth"];
    assert_eq!(decided(&LIMITS, &never), all);
    let few = Limits {
        steps: 10,
        ..LIMITS
    };
    assert!(decided(&few, &never).is_empty());
    let little = Limits {
        bytes: 500,
        ..LIMITS
    };
    assert!(decided(&little, &never).is_empty());
    let over = || true;
    let meter = Meter::new(&over);
    meter.spent(1000);
    assert!(decided(&LIMITS, &meter).is_empty());
}

#[test]
fn what_was_not_looked_at_is_unknown() {
    let over = || true;
    let meter = Meter::new(&over);
    meter.spent(1000);
    let parts = [part(registers(3, 4, 40, true, false))];
    let judged = judge_all(&parts, LIMITS, &meter).remove(0);
    assert_eq!(
        (judged.valid, judged.proved, judged.engine),
        (Valid::Unknown, 0, "none")
    );
    assert!(!judged.certified && judged.wrong_at.is_none());
    assert_eq!(answer_all(&parts, LIMITS, &meter), Valid::Unknown);
}

#[test]
fn hard_registers_are_judged_with_a_proof_and_in_no_more_steps() {
    let mut took = [0; 2];
    for seed in 0..12 {
        for wrong in [false, true] {
            let steps = registers(seed, 14, 300, false, wrong);
            let judged = judge(&part(steps.clone()), LIMITS);
            took[usize::from(wrong)] += judged.steps;
            match judged.valid {
                Valid::Yes => assert!(judged.certified && judged.proved == NEVER),
                Valid::No => assert_eq!(judged.wrong_at, Some(judged.proved + 1)),
                Valid::Unknown => panic!("{judged:?}"),
            }
            assert!(wrong || judged.valid == Valid::Yes);
            let answer = answer_all(&[part(steps)], LIMITS, &Meter::new(NO_END));
            assert_eq!(answer, judged.valid);
        }
    }
    assert!(took[0] <= 1_793 && took[1] <= 102_820, "{took:?}");
}

/// Calls of a set.
fn set_calls(seed: u64, wrong: bool) -> Calls<Set> {
    calls(
        &Set::default(),
        (seed, 40),
        wrong,
        |random| match random.below(2) {
            0 => SetOp::Add(random.below(9)),
            _ => SetOp::Read,
        },
        |state, _| Some(SetReply::All(state.iter().copied().collect())),
    )
}

#[test]
fn what_a_search_has_left_behind_is_proved() {
    let steps = registers(3, 6, 60, false, false);
    let few = Limits {
        steps: 200,
        ..LIMITS
    };
    let Found::Undecided { proved } = search(&steps, &[INITIAL], few, false).found else {
        panic!("200 steps are enough");
    };
    assert!(proved > 20, "{proved}");
    let never = Meter::new(NO_END);
    let survey = Survey::of(&steps, 300);
    let mut dive = Dive::new(&steps, &survey).expect("few are open");
    let few = Limits {
        steps: 12,
        ..LIMITS
    };
    let Found::Undecided { proved } = dive.run(&few, &never) else {
        panic!("12 steps are enough");
    };
    assert!((30..100).contains(&proved), "{proved}");
    assert!((30..100).contains(&dive.furthest()), "{}", dive.furthest());
    let sets = set_calls(4, false);
    let proved = |steps: u64| {
        let model = Set::default();
        let mut depth = Depth::new(&model, &sets).expect("few are open");
        match depth.run(&Limits { steps, ..LIMITS }, &never) {
            general::Found::Undecided { proved } => proved,
            _ => u32::MAX,
        }
    };
    let all = [0, 5, 15].map(proved);
    assert!(all[0] > 1 && all[1] > 20 && all[2] > 60, "{all:?}");
    assert!(all[0] < 20 && all[1] < 40 && all[2] < 80, "{all:?}");
}
