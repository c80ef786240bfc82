//! Chooses the engine for one part from its operations, never by a flag, and finds the shortest wrong prefix.

use super::clusters::Contradiction;
use super::search::{Found, Limits, Searched, search};
use super::zones::{Zones, judge as zones};
use crate::models::register::{Action, INITIAL, NEVER, Part, Step, prefix};
use crate::verdict::Valid;

/// How many configurations are kept at once, at first and then.
const WIDTHS: [usize; 2] = [64, 512];

/// What was found out about one part.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The answer.
    pub valid: Valid,
    /// Which engine gave it: `zones`, `search`, or `refuter` (unknown outcomes reused without limit).
    pub engine: &'static str,
    /// Time at which the shortest wrong prefix ends, if the part is wrong.
    pub wrong_at: Option<u32>,
    /// The proof, in steps of [`prefix`] at `wrong_at`, where the engine has one.
    pub contradiction: Option<Contradiction>,
    /// All up to this time is proved right.
    pub proved: u32,
    /// Configurations that the search made.
    pub steps: u64,
}

/// Judges a part. Near-linear where no value is written twice; else a search within `limits`.
pub fn judge(part: &Part, limits: Limits) -> Judged {
    let impossible = part
        .steps
        .iter()
        .filter(|step| step.must && step.action == Action::Impossible);
    let Some(time) = impossible.map(|step| step.end).min() else {
        return judge_possible(&part.steps, part.values, limits);
    };
    // What nobody could answer is wrong by itself, unless something was wrong before.
    let before = judge_possible(&prefix(&part.steps, time - 1), part.values, limits);
    if before.valid == Valid::No {
        return before;
    }
    let steps = prefix(&part.steps, time);
    let by = steps
        .iter()
        .position(|step| step.action == Action::Impossible)
        .unwrap_or(0) as u32;
    Judged {
        valid: Valid::No,
        wrong_at: Some(time),
        contradiction: Some(Contradiction::Impossible { by }),
        ..before
    }
}

fn judge_possible(steps: &[Step], values: usize, limits: Limits) -> Judged {
    let none = Judged {
        valid: Valid::Yes,
        engine: "zones",
        wrong_at: None,
        contradiction: None,
        proved: NEVER,
        steps: 0,
    };
    match zones(steps, values) {
        Zones::Linearizable(_) => none,
        Zones::Contradiction(contradiction) => {
            let (time, contradiction) = shortest(steps, values, contradiction);
            let before = prefix(steps, time - 1);
            if zones(&before, values) == Zones::Undecided {
                let earlier = by_search(&before, limits, none.clone());
                if earlier.valid == Valid::No {
                    return earlier;
                }
            }
            Judged {
                valid: Valid::No,
                wrong_at: Some(time),
                contradiction: Some(contradiction),
                proved: time.saturating_sub(1),
                ..none
            }
        }
        Zones::NotDistinct | Zones::Undecided => by_search(steps, limits, none),
    }
}

fn by_search(steps: &[Step], limits: Limits, none: Judged) -> Judged {
    let steps = useful(steps);
    let half = Limits {
        steps: limits.steps / 2,
        ..limits
    };
    let first = broadening(&steps, half);
    let judged = Judged {
        engine: "search",
        steps: first.steps,
        ..none
    };
    let stuck = |time, engine| Judged {
        valid: Valid::No,
        engine,
        wrong_at: Some(time),
        proved: time - 1,
        ..judged.clone()
    };
    match first.found {
        Found::Linearizable => judged,
        Found::Stuck { time } => stuck(time, "search"),
        Found::Undecided { proved } => {
            let again = search(&steps, &[INITIAL], half, true);
            match again.found {
                Found::Stuck { time } => Judged {
                    proved,
                    ..stuck(time, "refuter")
                },
                _ => Judged {
                    valid: Valid::Unknown,
                    proved,
                    steps: first.steps + again.steps,
                    ..judged
                },
            }
        }
    }
}

/// Searches with few configurations first: what is right often shows with the most promising ones alone, where
/// unknown outcomes make many; and where few are all there are, few are enough.
fn broadening(steps: &[Step], limits: Limits) -> Searched {
    let (mut spent, mut best) = (0, 0);
    for configurations in WIDTHS {
        if configurations >= limits.configurations {
            break;
        }
        let narrow = Limits {
            configurations,
            steps: limits.steps / 8,
        };
        let searched = search(steps, &[INITIAL], narrow, false);
        spent += searched.steps;
        match searched.found {
            Found::Undecided { proved } => best = best.max(proved),
            found => {
                return Searched {
                    found,
                    steps: spent,
                };
            }
        }
    }
    let last = search(steps, &[INITIAL], limits, false);
    let found = match last.found {
        Found::Undecided { proved } => Found::Undecided {
            proved: proved.max(best),
        },
        found => found,
    };
    Searched {
        found,
        steps: spent + last.steps,
    }
}

/// Leaves out unknown outcomes whose value nobody asks for; they help only failed compares that do not tell
/// what they found. O(steps).
fn useful(steps: &[Step]) -> Vec<Step> {
    if steps
        .iter()
        .any(|step| matches!(step.action, Action::Differs(_)))
    {
        return steps.to_vec();
    }
    let wanted: std::collections::HashSet<u32> = steps
        .iter()
        .filter_map(|step| step.action.needs())
        .collect();
    let wanted = |step: &&Step| {
        step.must
            || step
                .action
                .installs()
                .is_some_and(|value| wanted.contains(&value))
    };
    steps.iter().filter(wanted).copied().collect()
}

/// The shortest wrong prefix by bisection over the ends: what is wrong stays wrong. O(n log² n).
fn shortest(steps: &[Step], values: usize, whole: Contradiction) -> (u32, Contradiction) {
    let mut ends: Vec<u32> = steps
        .iter()
        .map(|step| step.end)
        .filter(|end| *end != NEVER)
        .collect();
    ends.sort_unstable();
    let last = ends.last().copied().unwrap_or(0);
    let wrong = |time: u32| match zones(&prefix(steps, time), values) {
        Zones::Contradiction(contradiction) => Some(contradiction),
        _ => None,
    };
    let (mut low, mut high) = (0, ends.len());
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match wrong(ends[middle]) {
            Some(contradiction) => {
                found = Some((ends[middle], contradiction));
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    found.unwrap_or((last, whole))
}
