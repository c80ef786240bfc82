//! All engines against brute force on small random histories, valid ones and broken ones.

#[path = "../examples/bench/random.rs"]
mod random;
mod steps;

use checker::Valid;
use checker::linearizable::beam::Beam;
use checker::linearizable::clusters::{Contradiction, NOBODY};
use checker::linearizable::dive::Dive;
use checker::linearizable::limits::{Limits, Meter, NO_END};
use checker::linearizable::order::certifies;
use checker::linearizable::portfolio::{Judged, answer_all, judge, judge_all};
use checker::linearizable::reduce::from_zones;
use checker::linearizable::search::{Found, search};
use checker::linearizable::segments::{Cut, Segment, segments};
use checker::linearizable::shrink::from_search;
use checker::linearizable::stuck::states;
use checker::linearizable::survey::Survey;
use checker::linearizable::zones::{Zones, judge as zones};
use checker::models::register::{Action, INITIAL, NEVER, Part, Step, prefix};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use random::Random;
use steps::step;

const LIMITS: Limits = Limits {
    configurations: 100_000,
    steps: 10_000_000,
    bytes: 1 << 30,
};

/// The same cases in every run; `CHECKER_CASES=1000000` asks for so many new ones.
fn config(cases: u32) -> ProptestConfig {
    let more = std::env::var("CHECKER_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: more.unwrap_or(cases),
        rng_seed: match more {
            Some(_) => RngSeed::Random,
            None => RngSeed::Fixed(7),
        },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Tries every order: Herlihy and Wing's definition, and nothing clever.
fn brute_force(steps: &[Step]) -> bool {
    fn place(steps: &[Step], used: u32, state: u32) -> bool {
        if steps
            .iter()
            .enumerate()
            .all(|(at, step)| used & (1 << at) != 0 || !step.must)
        {
            return true;
        }
        (0..steps.len()).any(|at| {
            let step = &steps[at];
            let free = used & (1 << at) == 0;
            // Nobody who is not placed yet, and must be, may have ended before this one began.
            let first = steps.iter().enumerate().all(|(other, before)| {
                used & (1 << other) != 0 || !before.must || before.end > step.start
            });
            // An optional operation with an end must not come after those that began later than that.
            let in_time = steps
                .iter()
                .enumerate()
                .all(|(other, after)| used & (1 << other) == 0 || after.start < step.end);
            free && first
                && in_time
                && step
                    .action
                    .step(state)
                    .is_some_and(|next| place(steps, used | 1 << at, next))
        })
    }
    place(steps, 0, INITIAL)
}

/// What a run draws for one operation: process, verb, argument, how it ends, how long it waits.
type Draw = (u8, u8, u8, u8, u8);

/// Runs draws against a real register, with `lies` as the chance (of 64) that an answer is made up.
fn history(draws: &[Draw], distinct: bool, lies: u8) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut state = INITIAL;
    let mut open: Vec<(usize, bool)> = Vec::new();
    let (mut time, mut fresh) = (0, 100);
    let mut seen = INITIAL;
    for &(verb, argument, ending, wait, lie) in draws {
        time += 1;
        let new = if distinct {
            fresh += 1;
            fresh - 100
        } else {
            1 + u32::from(argument % 3)
        };
        let old = if distinct || argument % 2 == 0 {
            seen
        } else {
            u32::from(wait % 4)
        };
        let unknown = ending % 8 == 0;
        // Takes effect at once; it is the overlap of intervals that makes other orders possible.
        let action = match verb % 8 {
            0..3 => Action::Read(state),
            3..5 => Action::Write(new),
            _ if state == old || unknown => Action::Cas(old, new),
            _ if ending % 2 == 0 => Action::Differs(old),
            _ => Action::Read(state),
        };
        if unknown && action.installs().is_none() {
            continue;
        }
        if !(unknown && ending % 16 == 0) {
            state = action.step(state).unwrap_or(state);
        }
        let action = match action {
            _ if lie % 64 >= lies => action,
            Action::Read(_) => Action::Read(u32::from(argument) % (fresh - 98).min(8)),
            Action::Differs(_) => Action::Differs(state),
            Action::Cas(..) if !unknown => {
                Action::Cas(u32::from(argument) % (fresh - 99).min(8), new)
            }
            other => other,
        };
        seen = state;
        steps.push(Step {
            operation: steps.len() as u32,
            start: time,
            end: NEVER,
            must: !unknown,
            action,
        });
        if !unknown {
            open.push((steps.len() - 1, true));
        }
        while open.len() > usize::from(wait % 4) {
            time += 1;
            let (at, _) = open.remove(usize::from(wait) % open.len());
            steps[at].end = time;
        }
    }
    for (at, _) in open {
        time += 1;
        steps[at].end = time;
    }
    steps
}

fn draws(length: usize) -> impl Strategy<Value = Vec<Draw>> {
    proptest::collection::vec(any::<Draw>(), 1..length)
}

fn part(steps: &[Step]) -> Part {
    Part {
        steps: steps.to_vec(),
        values: 300,
        ..Part::default()
    }
}

fn agree(steps: &[Step]) -> Result<(), TestCaseError> {
    let truth = brute_force(steps);
    match zones(steps, 300) {
        Zones::NotDistinct => {}
        Zones::Undecided => {}
        Zones::Linearizable(order) => {
            prop_assert!(truth, "zones say yes");
            prop_assert!(certifies(steps, &order), "the certificate is wrong");
        }
        Zones::Contradiction(why) => prop_assert!(!truth, "zones say no: {why:?}"),
    }
    let searched = search(steps, &[INITIAL], LIMITS, false);
    match searched.found {
        Found::Linearizable => prop_assert!(truth, "the search says yes"),
        Found::Stuck { time } => {
            prop_assert!(!truth, "the search says no");
            prop_assert!(!brute_force(&prefix(steps, time)), "the prefix is right");
            prop_assert!(
                brute_force(&prefix(steps, time - 1)),
                "the prefix is not the shortest"
            );
        }
        Found::Undecided { .. } => prop_assert!(false, "the search gave up"),
    }
    if let Found::Stuck { .. } = search(steps, &[INITIAL], LIMITS, true).found {
        prop_assert!(!truth, "the refuter says no");
    }
    let narrow = Limits {
        configurations: 1,
        steps: 10_000_000,
        bytes: 1 << 30,
    };
    match search(steps, &[INITIAL], narrow, false).found {
        Found::Linearizable => prop_assert!(truth, "the narrow search says yes"),
        Found::Stuck { .. } => prop_assert!(!truth, "the narrow search says no"),
        Found::Undecided { proved } => {
            prop_assert!(brute_force(&prefix(steps, proved)), "proved too much")
        }
    }
    for width in [1, 2] {
        // So few that it must go back, and prove where it is stuck.
        let mut beam = Beam::narrow(steps, width);
        match beam.run(&LIMITS, &Meter::new(NO_END)) {
            Found::Linearizable => {
                prop_assert!(truth, "the beam says yes");
                let order = beam.order().unwrap_or_default();
                prop_assert!(certifies(steps, &order), "the beam's certificate is wrong");
            }
            Found::Stuck { time } => {
                prop_assert!(!truth, "the beam says no");
                prop_assert!(!brute_force(&prefix(steps, time)), "the prefix is right");
                prop_assert!(brute_force(&prefix(steps, time - 1)), "not the shortest");
            }
            Found::Undecided { .. } => prop_assert!(false, "the beam gave up"),
        }
    }
    dives(steps, truth)?;
    let judged = judge(&part(steps), LIMITS);
    prop_assert_eq!(judged.valid, if truth { Valid::Yes } else { Valid::No });
    if let Some(time) = judged.wrong_at {
        prop_assert!(!brute_force(&prefix(steps, time)));
        prop_assert!(
            brute_force(&prefix(steps, time - 1)),
            "{} is not the shortest",
            judged.engine
        );
    }
    Ok(())
}

/// Depth first, in one go and a little at a time.
fn dives(steps: &[Step], truth: bool) -> Result<(), TestCaseError> {
    let survey = Survey::of(steps, 300);
    let mut dive = Dive::new(steps, &survey).expect("few are open");
    let mut limits = Limits { steps: 0, ..LIMITS };
    let found = loop {
        match dive.run(&limits, &Meter::new(NO_END)) {
            Found::Undecided { proved } => {
                prop_assert!(brute_force(&prefix(steps, proved)), "proved too much")
            }
            found => break found,
        }
        limits.steps += 7;
        prop_assert!(limits.steps < LIMITS.steps, "the dive gave up");
    };
    match found {
        Found::Stuck { time } => {
            prop_assert!(!truth, "the dive says no");
            prop_assert!(!brute_force(&prefix(steps, time)), "the prefix is right");
            prop_assert!(brute_force(&prefix(steps, time - 1)), "not the shortest");
        }
        _ => {
            prop_assert!(truth, "the dive says yes");
            let order = dive.order();
            prop_assert!(
                certifies(steps, &order),
                "the dive's certificate is wrong: {order:?}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(1500))]

    #[test]
    fn engines_agree_where_values_are_distinct(draws in draws(10), lies in 0u8..40) {
        agree(&history(&draws, true, lies))?;
    }

    #[test]
    fn engines_agree_where_values_repeat(draws in draws(9), lies in 0u8..40) {
        agree(&history(&draws, false, lies))?;
    }

    #[test]
    fn a_register_that_answers_truly_is_valid(draws in draws(200), distinct in any::<bool>()) {
        let steps = history(&draws, distinct, 0);
        prop_assert_eq!(judge(&part(&steps), LIMITS).valid, Valid::Yes);
    }
}

/// A history is right if and only if each stretch of it is, and ends as told; what becomes wrong in a stretch becomes wrong with it in the
/// history. Counted: whether there was a cut after which the value is known, one before a write, and whether it is wrong.
fn stretches_agree(steps: &[Step], least: usize, seen: &mut [u32; 4]) {
    let survey = Survey::of(steps, 300);
    let useful = survey.useful(steps);
    let cut = segments(useful.clone(), &survey, least);
    let ends_as_told = |segment: &Segment, time: Option<u32>| {
        let mut all = segment.steps.clone();
        let time = time.filter(|time| all.iter().any(|step| step.must && step.end > *time));
        match (time, segment.ends_in) {
            (Some(time), _) => all = prefix(&all, time),
            (None, Some(value)) => all.push(Step {
                operation: u32::MAX,
                start: 90_000,
                end: 90_001,
                must: true,
                action: Action::Read(value),
            }),
            (None, None) => {}
        }
        brute_force(&all)
    };
    let truth = brute_force(steps);
    let right = cut.iter().all(|segment| ends_as_told(segment, None));
    assert_eq!(right, truth, "{cut:#?} of {steps:#?}");
    for time in steps.iter().filter(|step| step.must).map(|step| step.end) {
        let began = |segment: &&Segment| segment.cut.since < time;
        let right = (cut.iter().filter(began)).all(|segment| ends_as_told(segment, Some(time)));
        assert_eq!(
            right,
            brute_force(&prefix(steps, time)),
            "{time}: {cut:#?} of {steps:#?}"
        );
    }
    for (before, after) in cut.iter().zip(&cut[1..]) {
        seen[usize::from(before.ends_in.is_some())] += 1;
        assert!(before.steps.len() >= least && after.cut.since > before.cut.since);
        // The stretch and all that comes later, as it is told to who wants the reason.
        assert!(after.cut.of(&useful).starts_with(&after.steps));
        let unknown = |step: &Step| !step.must;
        seen[2] += u32::from(before.steps.iter().any(unknown));
    }
    seen[3] += u32::from(!truth && cut.len() > 1);
}

#[test]
fn stretches_are_judged_apart() {
    let (mut random, mut seen) = (Random(5), [0; 4]);
    let cases = std::env::var("CHECKER_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(30_000);
    for case in 0..cases {
        let length = 2 + random.below(7);
        let mut byte = || random.below(256) as u8;
        let mut draw = || (byte(), byte(), byte(), byte(), byte());
        let draws: Vec<Draw> = (0..length).map(|_| draw()).collect();
        let steps = history(&draws, case % 2 == 0, [0, 10, 30][case % 3]);
        stretches_agree(&steps, 1 + case % 3, &mut seen);
    }
    assert!(
        seen.iter().all(|seen| *seen > cases as u32 / 1000),
        "{seen:?}"
    );
}

#[test]
fn a_write_that_nobody_saw_is_put_where_a_value_must_be_gone() {
    let steps = [
        step(1, 2, Action::Write(1)),
        step(3, NEVER, Action::Write(2)),
        step(4, 5, Action::Differs(1)),
    ];
    assert_eq!(zones(&steps, 3), Zones::Linearizable(vec![0, 1, 2]));
}

#[test]
fn stretches_that_were_searched_are_told_as_one() {
    // One step for each, and fewer than there are: for a stretch, but not for all.
    let few = Limits {
        steps: 900,
        ..LIMITS
    };
    let mut steps = Vec::new();
    for round in 0..200 {
        let base = 100 * round + 1;
        steps.push(step(base, base + 4, Action::Write(1)));
        let pairs = [(1, 2), (1, 3), (2, 1), (3, 1), (1, 2), (2, 3), (3, 1)];
        steps.extend((2..).zip(pairs).map(|(place, (old, new))| {
            step(base + place, base + 60 - place, Action::Cas(old, new))
        }));
        // After each round it is known what is there.
        steps.push(step(base + 70, base + 75, Action::Write(2)));
        steps.push(step(base + 74, base + 76, Action::Read(2)));
    }
    let meter = Meter::new(NO_END);
    let mut parts = [part(&steps)];
    let judged = judge_all(&parts, few, &meter).remove(0);
    assert_eq!(
        (judged.valid, judged.engine, judged.certified),
        (Valid::Yes, "search", true)
    );
    assert!(judged.steps >= steps.len() as u64);
    assert_eq!(answer_all(&parts, few, &meter), Valid::Yes);
    // Wrong in the last stretch: all before it is proved, and its steps count.
    parts[0].steps.push(step(30_000, 30_001, Action::Read(3)));
    let judged = judge_all(&parts, LIMITS, &meter).remove(0);
    assert_eq!((judged.valid, judged.wrong_at), (Valid::No, Some(30_001)));
    assert!(judged.steps >= steps.len() as u64 && judged.cut.since > 15_000);
}

#[test]
fn a_stretch_that_is_hard_hides_nothing_in_the_others() {
    // Forty rounds in which seven write at once, and then each value is there once more, from the last to the first.
    let mut steps = Vec::new();
    for round in 0..40 {
        let base = 100 * round + 1;
        let writes = (0..7).map(|at| step(base + at, base + 50 - at, Action::Write(1 + at)));
        let reads =
            (0..7).map(|at| step(base + 8 + 2 * at, base + 9 + 2 * at, Action::Read(7 - at)));
        steps.extend(writes.chain(reads));
    }
    steps.push(step(5000, 5001, Action::Write(8)));
    steps.push(step(5002, 5003, Action::Write(9)));
    steps.push(step(5004, 5005, Action::Read(9)));
    let few = Limits {
        steps: 100,
        ..LIMITS
    };
    let judged = |steps: &[Step]| {
        let parts = [part(steps)];
        let meter = Meter::new(NO_END);
        let mut judged = judge_all(&parts, few, &meter);
        assert_eq!(answer_all(&parts, few, &meter), judged[0].valid);
        judged.remove(0)
    };
    let open = judged(&steps);
    assert_eq!((open.valid, open.wrong_at), (Valid::Unknown, None));
    assert!((1..5000).contains(&open.proved));
    // What was there before, once more.
    steps.push(step(5006, 5007, Action::Read(8)));
    let wrong = judged(&steps);
    assert_eq!((wrong.valid, wrong.wrong_at), (Valid::No, Some(5007)));
    assert!(wrong.proved == open.proved && wrong.cut.since >= 2000);
    assert_eq!(wrong.cut.of(&steps).len(), 4);
    let all = judge_all(&[part(&steps)], LIMITS, &Meter::new(NO_END)).remove(0);
    assert_eq!(
        (all.valid, all.wrong_at, all.proved),
        (Valid::No, Some(5007), 5006)
    );
    // Without a proof of its own, the stretch is looked for.
    let whole = part(&steps);
    let unsaid = Judged {
        cut: Cut::default(),
        ..all
    };
    let meter = Meter::new(NO_END);
    assert_eq!(unsaid.stretch(&whole, 5007, LIMITS, &meter).len(), 4);
    let proof = Some(Contradiction::Unwritten { by: 0 });
    let proved = Judged {
        contradiction: proof,
        ..unsaid.clone()
    };
    assert_eq!(
        proved.stretch(&whole, 5007, LIMITS, &meter).len(),
        steps.len()
    );
    let none = Limits { steps: 0, ..LIMITS };
    assert_eq!(wrong.stretch(&whole, 5007, none, &meter).len(), 4);
    assert_eq!(
        unsaid.stretch(&whole, 5007, none, &meter).len(),
        steps.len()
    );
}

/// What a violation marks as essential still contradicts itself when all other writes may have happened or
/// not, and all other reads are forgotten.
fn essence_contradicts(steps: &[Step]) -> Result<(), TestCaseError> {
    let judged = judge(&part(steps), LIMITS);
    let Some(time) = judged.wrong_at else {
        return Ok(());
    };
    let wrong = prefix(steps, time);
    let mut answers = vec![from_search(&wrong, LIMITS)];
    answers.extend(
        judged
            .contradiction
            .iter()
            .map(|found| from_zones(&wrong, 300, found)),
    );
    for reduced in answers {
        let mut weaker = Vec::new();
        for (at, step) in wrong.iter().enumerate() {
            let must = reduced.essential.contains(&(at as u32)) && step.must;
            if must || step.action.installs().is_some() {
                weaker.push(Step { must, ..*step });
            }
        }
        prop_assert!(
            !brute_force(&weaker),
            "{:?} is no contradiction in {:#?}",
            reduced,
            wrong
        );
    }
    Ok(())
}

#[test]
fn an_unknown_outcome_is_proved_by_who_certainly_followed_it() {
    // Two tried to go on from 1; only the second is known to have done so, as 4 was found.
    let steps = [
        step(1, NEVER, Action::Cas(0, 1)),
        step(2, 3, Action::Cas(0, 2)),
        step(4, NEVER, Action::Cas(1, 3)),
        step(5, NEVER, Action::Cas(1, 4)),
        step(6, 7, Action::Cas(4, 5)),
    ];
    let judged = judge(&part(&steps), LIMITS);
    let reduced = from_zones(&steps, 300, &judged.contradiction.unwrap());
    assert_eq!(reduced.essential, [0, 1, 3, 4]);
}

/// The same history under other names: numbers of values say nothing.
fn renamed(steps: &[Step]) -> Vec<Step> {
    let name = |value: u32| {
        if value == INITIAL {
            INITIAL
        } else {
            299 - value
        }
    };
    let rename = |action: Action| match action {
        Action::Read(value) => Action::Read(name(value)),
        Action::Differs(value) => Action::Differs(name(value)),
        Action::Write(value) => Action::Write(name(value)),
        Action::Cas(old, new) => Action::Cas(name(old), name(new)),
        Action::Impossible => Action::Impossible,
    };
    steps
        .iter()
        .map(|step| Step {
            action: rename(step.action),
            ..*step
        })
        .collect()
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn what_is_essential_contradicts_itself(draws in draws(10), lies in 10u8..60, distinct in any::<bool>()) {
        essence_contradicts(&history(&draws, distinct, lies))?;
    }

    #[test]
    fn names_of_values_and_cut_off_ends_do_not_matter(draws in draws(60), distinct in any::<bool>(), lies in 0u8..3) {
        let steps = history(&draws, distinct, lies);
        let whole = judge(&part(&steps), LIMITS);
        let again = judge(&part(&renamed(&steps)), LIMITS);
        prop_assert_eq!(whole.valid, again.valid);
        prop_assert_eq!(whole.wrong_at, again.wrong_at);
        let last = steps.iter().map(|step| step.start).max().unwrap_or(0);
        for time in (0..last).step_by(7) {
            let cut = judge(&part(&prefix(&steps, time)), LIMITS);
            let wrong = whole.wrong_at.is_some_and(|at| at <= time);
            prop_assert_eq!(cut.valid == Valid::No, wrong, "cut at {}", time);
        }
    }

    #[test]
    fn later_ends_keep_a_valid_history_valid(draws in draws(40), distinct in any::<bool>(), at in any::<u32>()) {
        let mut steps = history(&draws, distinct, 0);
        if let Some(at) = (at as usize).checked_rem(steps.len()) {
            // As if the answer had been lost: nothing was promised, so nothing can be broken.
            let step = &mut steps[at];
            step.end = NEVER;
            step.must = false;
            if step.action.installs().is_none() {
                steps.remove(at);
            }
        }
        prop_assert_eq!(judge(&part(&steps), LIMITS).valid, Valid::Yes);
    }
}

/// Writes one after the other, some of them open at the end.
fn writes(ends: &[u32]) -> Vec<Step> {
    let step = |(number, end): (u32, &u32)| Step {
        operation: number,
        start: 2 * number + 1,
        end: *end,
        must: *end != NEVER,
        action: Action::Write(number + 1),
    };
    (0..).zip(ends).map(step).collect()
}

#[test]
fn a_register_can_only_have_held_what_nothing_replaced_for_certain() {
    let at = |steps: &[Step], time| states(steps, 300, time, LIMITS, &Meter::new(NO_END)).values;
    let one_by_one = writes(&[2, 4, 6]);
    assert_eq!(at(&one_by_one, 1), [INITIAL]);
    // Right before the first is answered it may or may not have happened.
    assert_eq!(at(&one_by_one, 2), [INITIAL, 1]);
    assert_eq!(at(&one_by_one, 5), [2]);
    // The first and the third never ended.
    assert_eq!(at(&writes(&[NEVER, 4, NEVER]), 8), [1, 2, 3]);
}

#[test]
fn a_failed_compare_that_found_what_it_asked_for_contradicts_itself() {
    let mut steps = writes(&[2]);
    steps.push(Step {
        operation: 1,
        start: 3,
        end: 4,
        must: true,
        action: Action::Impossible,
    });
    let wrong = Contradiction::Impossible { by: 1 };
    assert_eq!(wrong.members(), [1]);
    assert_eq!(zones(&steps, 300), Zones::Contradiction(wrong));
}

#[test]
fn a_contradiction_names_its_steps_but_not_the_initial_value() {
    let crossed = Contradiction::Crossed {
        a_ends: NOBODY,
        a_starts: 4,
        b_ends: 2,
        b_starts: 3,
    };
    assert_eq!(crossed.members(), [4, 2, 3]);
    let reversed = Contradiction::Reversed { first: 5, then: 1 };
    assert_eq!(reversed.members(), [5, 1]);
    let circle = Contradiction::Circle { steps: vec![7, 8] };
    assert_eq!(circle.members(), [7, 8]);
}

#[test]
fn of_many_states_only_some_are_told() {
    let told = |count: usize| {
        let steps = writes(&vec![NEVER; count]);
        states(&steps, 300, 1000, LIMITS, &Meter::new(NO_END))
    };
    assert!(told(20).is_all);
    assert_eq!(told(20).values.len(), 21);
    assert!(!told(40).is_all);
    assert_eq!(told(40).values.len(), 32);
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn possible_states_are_those_that_a_read_could_find(draws in draws(8), distinct in any::<bool>()) {
        let steps = history(&draws, distinct, 0);
        let time = steps.iter().flat_map(|step| [step.start, step.end]).filter(|time| *time != NEVER).max();
        let time = time.unwrap_or(0) + 1;
        let found = states(&steps, 300, time, LIMITS, &Meter::new(NO_END));
        prop_assert!(found.is_all);
        for value in 0..12 {
            let mut more = steps.clone();
            let read = Action::Read(value);
            more.push(Step { operation: 99, start: time, end: time + 1, must: true, action: read });
            prop_assert_eq!(found.values.contains(&value), brute_force(&more), "{}", value);
        }
    }
}
