//! All engines against brute force on small random histories, valid ones and broken ones.

use checker::Valid;
use checker::linearizable::order::certifies;
use checker::linearizable::portfolio::judge;
use checker::linearizable::search::{Found, Limits, search};
use checker::linearizable::zones::{Zones, judge as zones};
use checker::models::register::{Action, INITIAL, NEVER, Part, Step, prefix};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    configurations: 100_000,
    steps: 10_000_000,
};

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
    };
    match search(steps, &[INITIAL], narrow, false).found {
        Found::Linearizable => prop_assert!(truth, "the narrow search says yes"),
        Found::Stuck { .. } => prop_assert!(!truth, "the narrow search says no"),
        Found::Undecided { proved } => {
            prop_assert!(brute_force(&prefix(steps, proved)), "proved too much")
        }
    }
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

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
