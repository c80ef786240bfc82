//! Chooses the engine for one part from its operations, never by a flag, and finds the shortest wrong prefix.

use std::borrow::Cow;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::beam::{Beam, is_wrong_here};
use super::clusters::Contradiction;
use super::dive::Dive;
use super::limits::{Limits, Meter, NO_END};
use super::order::ends_in;
use super::search::Found;
use super::segments::{Cut, Segment, WORTH_IT, segments};
use super::survey::{Survey, is_long};
use super::threads;
use super::zones::{Zones, judge as zones};
use crate::models::register::{Action, INITIAL, Interned, NEVER, Part, Step, prefix};
use crate::verdict::Valid;

/// What was found out about one part.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The answer.
    pub valid: Valid,
    /// Which engine gave it: `values`, `zones` or `search`.
    pub engine: &'static str,
    /// Time at which the shortest wrong prefix ends, if the part is wrong.
    pub wrong_at: Option<u32>,
    /// The proof, in steps of [`prefix`] at `wrong_at`, where the engine has one.
    pub contradiction: Option<Contradiction>,
    /// The stretch that is wrong begins here: with what comes after, it is wrong by itself.
    pub cut: Cut,
    /// All up to this time is proved right.
    pub proved: u32,
    /// Configurations that the search made.
    pub steps: u64,
    /// True: a linearization was found and verified once more by the definition.
    pub certified: bool,
}

impl Judged {
    /// Of a part that is wrong at `time`, the steps of the stretch that is wrong by itself, and what comes later. Without
    /// limits that allow to prove that it is, or where the proof speaks of all, all steps. O(steps) and that proof.
    pub fn stretch<'a>(
        &self,
        part: &'a Part,
        time: u32,
        limits: Limits,
        meter: &Meter<'_>,
    ) -> Cow<'a, [Step]> {
        if self.contradiction.is_some() || self.cut.since > 0 {
            return self.cut.of(&part.steps);
        }
        let before = prefix(&part.steps, time);
        let survey = Survey::of(&before, part.values);
        let segments = segments(survey.useful(&before), &survey, WORTH_IT);
        let last = segments.last().filter(|last| last.cut.since > 0);
        let alone = last.filter(|last| {
            let found = Beam::new(&last.steps).run(&limits, meter);
            found == Found::Stuck { time }
        });
        alone
            .map_or(Cut::default(), |last| last.cut)
            .of(&part.steps)
    }
}

/// What a first look at a part tells.
#[derive(Debug)]
pub enum Look {
    /// All.
    Judged(Judged),
    /// These steps must be searched; with a survey of all.
    Open(Vec<Step>, Survey),
}

/// Judges a part. Near-linear where no value is written twice; else a search within `limits`.
pub fn judge(part: &Part, limits: Limits) -> Judged {
    judge_within(part, limits, &Meter::new(NO_END))
}

/// As [`judge`], until the meter says stop.
pub fn judge_within(part: &Part, limits: Limits, meter: &Meter<'_>) -> Judged {
    match look(part, limits, meter) {
        Look::Judged(judged) => judged,
        Look::Open(steps, _) => from_anew(&steps, &limits, meter),
    }
}

/// Steps that every part may take before any may take more.
const SLICE: u64 = 30_000;

/// How many times more it may take in the next round.
const GROWTH: u64 = 8;

/// All parts together may take so many times what one may.
const TOGETHER: u64 = 8;

/// Once something is wrong the others get no more than this.
const AFTER_WRONG: u64 = 2_000_000;

/// Judges all parts in slices of steps that grow, so that a hard one hides nothing in the others.
pub fn judge_all(parts: &[Part], limits: Limits, meter: &Meter<'_>) -> Vec<Judged> {
    let looks = first_looks(parts, limits, meter, look, |_| false);
    search_open(looks, limits, meter)
}

/// Whether all parts are linearizable, and nothing else: no shortest wrong prefix is looked for, and the first wrong
/// part decides.
pub fn answer_all(parts: &[Part], limits: Limits, meter: &Meter<'_>) -> Valid {
    let is_wrong = |look: &Look| matches!(look, Look::Judged(judged) if judged.valid == Valid::No);
    let looks = match parts {
        // One short part is judged sooner than a list is made.
        [part] => match first_look(part, limits, meter, glance) {
            Look::Judged(judged) => return judged.valid,
            open => vec![open],
        },
        _ => first_looks(parts, limits, meter, glance, is_wrong),
    };
    if looks.iter().any(is_wrong) {
        return Valid::No;
    }
    let judged = search_open(looks, limits, meter);
    let worst = judged.iter().map(|judged| judged.valid);
    match worst.clone().any(|valid| valid == Valid::No) {
        true => Valid::No,
        false => worst.max().unwrap_or(Valid::Yes),
    }
}

/// [`look`] or [`glance`].
type Looker = fn(&Part, Limits, &Meter<'_>) -> Look;

/// What `looker` tells of a part, unless time is over.
fn first_look(part: &Part, limits: Limits, meter: &Meter<'_>, looker: Looker) -> Look {
    match meter.spent(part.steps.len() as u64 / 8) {
        true => Look::Judged(OPEN_YET),
        false => looker(part, limits, meter),
    }
}

/// Of all parts, until a look is `enough`.
fn first_looks(
    parts: &[Part],
    limits: Limits,
    meter: &Meter<'_>,
    looker: Looker,
    enough: impl Fn(&Look) -> bool + Sync,
) -> Vec<Look> {
    let size = |part: &Part| part.steps.len();
    let own = limits.shared(threads::worth(parts.iter().map(size), meter));
    let first = |_: &mut (), part: &Part, meter: &Meter<'_>| first_look(part, own, meter, looker);
    let looks = threads::each(parts, size, meter, || (), first, enough);
    looks.into_iter().flatten().collect()
}

/// As [`look`], for [`answer_all`].
fn glance(part: &Part, limits: Limits, meter: &Meter<'_>) -> Look {
    let wrong = Judged {
        valid: Valid::No,
        ..NONE
    };
    let zoned = || match zones(&part.steps, part.values) {
        Zones::Linearizable(order) => Some(valid((&part.steps, None), &order, NONE)),
        Zones::Contradiction(_) => Some(wrong.clone()),
        Zones::NotDistinct | Zones::Undecided => None,
    };
    // The exact algorithm is quicker than any look at what is probable; of many steps it soon knows itself if it is not for them.
    let is_long = is_long(&part.steps);
    if is_long && let Some(judged) = zoned() {
        return Look::Judged(judged);
    }
    let survey = Survey::of(&part.steps, part.values);
    if survey.unanswerable(&part.steps).next().is_some() {
        return Look::Judged(wrong);
    }
    if survey.is_distinct
        && !is_long
        && let Some(judged) = zoned()
    {
        return Look::Judged(judged);
    }
    match quickly(&part.steps, &survey, limits, meter) {
        Some(judged) => Look::Judged(judged),
        None => Look::Open(survey.useful(&part.steps), survey),
    }
}

/// Steps that a first dive may take beside those for each operation: two, or one where values are written once, since
/// there is something better for these.
const QUICKLY: [u64; 2] = [1024, 64];

/// Where the first dive sticks, so many steps and ends before are looked at for what is wrong there by itself.
const HERE: u64 = 4096;
const NEAR: usize = 32;

/// What a dive finds out at first sight.
fn quickly(steps: &[Step], survey: &Survey, limits: Limits, meter: &Meter<'_>) -> Option<Judged> {
    // What is exact is quicker than a dive that comes to nothing.
    if survey.is_for_zones(steps) {
        return None;
    }
    let mut dive = Dive::new(steps, survey)?;
    let within = |steps: u64| Limits {
        steps: steps.min(limits.steps),
        ..limits
    };
    let mut found = dive.run(&within(steps.len() as u64 + QUICKLY[1]), meter);
    if let Found::Undecided { .. } = found {
        if survey.is_distinct {
            return None;
        }
        found = dive.run(&within(2 * steps.len() as u64 + QUICKLY[0]), meter);
    }
    let judged = Judged {
        engine: "search",
        steps: dive.spent(),
        ..NONE
    };
    match found {
        Found::Linearizable => Some(valid((steps, None), &dive.order(), judged)),
        Found::Stuck { time } => Some(stuck(time, judged)),
        Found::Undecided { .. } => {
            let (time, few) = (dive.furthest(), within(HERE));
            let back = |ends| (ends <= NEAR).then(|| dive.back(ends));
            let kept;
            let steps = match survey.unknown {
                0 => steps,
                _ => {
                    kept = survey.useful(steps);
                    &kept
                }
            };
            let (wrong, spent) = is_wrong_here(steps, time, back, &few, meter);
            let steps = judged.steps + spent;
            wrong.then(|| stuck(time, Judged { steps, ..judged }))
        }
    }
}

/// No way leads past this time.
fn stuck(time: u32, judged: Judged) -> Judged {
    Judged {
        valid: Valid::No,
        wrong_at: Some(time),
        proved: time - 1,
        ..judged
    }
}

/// A part that is searched by two engines in turn: sets of configurations are better at what is wrong, one
/// configuration at a time at what is right.
struct Open<'a> {
    /// Which part, and which stretch of it.
    at: (usize, usize),
    segment: &'a Segment,
    beam: Beam<'a>,
    dive: Option<Dive<'a>>,
}

impl Open<'_> {
    fn bytes(&self) -> usize {
        self.beam.bytes() + self.dive.as_ref().map_or(0, Dive::bytes)
    }

    /// A slice of both; and whether more would not help.
    fn go_on(&mut self, within: &Limits, meter: &Meter<'_>) -> (Judged, bool) {
        let wanted = (&self.segment.steps[..], self.segment.ends_in);
        let dived = self.dive.as_ref().map_or(0, Dive::bytes);
        let own = Limits {
            bytes: within.bytes.saturating_sub(dived),
            ..*within
        };
        let mut judged = by_beam(&mut self.beam, wanted, &own, meter);
        if judged.valid != Valid::Unknown {
            return (judged, true);
        }
        let mut ended = self.beam.is_exhausted() || self.beam.spent() < within.steps;
        let Some(dive) = &mut self.dive else {
            return (judged, ended);
        };
        let own = Limits {
            steps: within.steps / 2,
            bytes: within.bytes.saturating_sub(self.beam.bytes()),
            ..*within
        };
        let found = dive.run(&own, meter);
        let together = Judged {
            steps: judged.steps + dive.spent(),
            ..judged.clone()
        };
        ended &= dive.spent() < own.steps;
        match found {
            Found::Linearizable => {
                let order = dive.order();
                (valid(wanted, &order, together), true)
            }
            Found::Stuck { time } => (stuck(time, together), true),
            Found::Undecided { proved } => {
                judged = Judged {
                    proved: proved.max(judged.proved),
                    ..together
                };
                (judged, ended)
            }
        }
    }
}

/// Searches what is open, stretch by stretch, in slices: as many at a time as there are threads.
fn search_open(looks: Vec<Look>, limits: Limits, meter: &Meter<'_>) -> Vec<Judged> {
    let mut judged: Vec<Judged> = Vec::with_capacity(looks.len());
    let mut searched: Vec<(usize, Survey, Vec<Segment>)> = Vec::new();
    for (at, look) in looks.into_iter().enumerate() {
        judged.push(match look {
            Look::Judged(judged) => judged,
            Look::Open(steps, survey) => {
                let segments = segments(steps, &survey, WORTH_IT);
                searched.push((at, survey, segments));
                OPEN_YET
            }
        });
    }
    let mut stretches: Vec<Vec<Judged>> = Vec::with_capacity(searched.len());
    let mut open: Vec<Mutex<Open<'_>>> = Vec::new();
    for (at, (_, survey, segments)) in searched.iter().enumerate() {
        stretches.push(vec![OPEN_YET; segments.len()]);
        for (place, segment) in segments.iter().enumerate() {
            open.push(Mutex::new(Open {
                at: (at, place),
                segment,
                beam: Beam::new(&segment.steps),
                dive: Dive::new(&segment.steps, survey),
            }));
        }
    }
    let mut slice = SLICE.min(limits.steps);
    while !open.is_empty() {
        let size = |open: &Mutex<Open<'_>>| match slice {
            SLICE => lock(open).segment.steps.len(),
            _ => slice as usize,
        };
        let threads = threads::worth(open.iter().map(size), meter);
        let held: usize = open.iter().map(|open| lock(open).bytes()).sum();
        let memory = Memory {
            all: limits.bytes,
            threads,
            taken: AtomicUsize::new(held),
        };
        let go_on = |_: &mut (), open: &Mutex<Open<'_>>, meter: &Meter<'_>| {
            if meter.is_over() {
                return None;
            }
            let mut part = lock(open);
            let (before, more) = (part.bytes(), memory.take());
            let within = Limits {
                steps: slice,
                bytes: before + more,
                ..limits
            };
            let (found, ended) = part.go_on(&within, meter);
            memory.give_back(before + more, part.bytes());
            let goes_on = found.valid == Valid::Unknown && !ended && slice < limits.steps;
            Some((part.at, found, goes_on))
        };
        let found = threads::each(&open, size, meter, || (), go_on, |_| false);
        let mut left = Vec::new();
        for (open, found) in open.into_iter().zip(found) {
            if let Some(((at, place), found, goes_on)) = found.flatten() {
                stretches[at][place] = found;
                left.extend(goes_on.then_some(open));
            }
        }
        // What comes after a wrong stretch cannot make it right.
        let is_wrong = |judged: &Judged| judged.valid == Valid::No;
        let first_wrong = |all: &Vec<Judged>| all.iter().position(is_wrong).unwrap_or(usize::MAX);
        let first_wrong: Vec<usize> = stretches.iter().map(first_wrong).collect();
        left.retain(|open| {
            let (at, place) = lock(open).at;
            place < first_wrong[at]
        });
        open = left;
        let all = || stretches.iter().flatten();
        let wrong = all().chain(&judged).any(is_wrong);
        let spent: u64 = all().map(|judged| judged.steps).sum();
        if spent >= limits.steps.saturating_mul(TOGETHER) || wrong && slice >= AFTER_WRONG {
            break;
        }
        slice = slice.saturating_mul(GROWTH).min(limits.steps);
    }
    for ((at, _, segments), stretches) in searched.iter().zip(stretches) {
        judged[*at] = together(segments, stretches);
    }
    judged
}

/// What is known of a part of which so much is known of each stretch.
fn together(segments: &[Segment], stretches: Vec<Judged>) -> Judged {
    let steps = stretches.iter().map(|judged| judged.steps).sum();
    let certified = stretches.iter().all(|judged| judged.certified);
    let all = stretches.into_iter().zip(segments);
    let all = all.map(|(judged, segment)| Judged {
        cut: segment.cut,
        proved: judged.proved.max(segment.cut.since),
        ..judged
    });
    // The first that is not right tells how much is proved, the first that is wrong the rest.
    let mut open = all.filter(|judged| judged.valid != Valid::Yes);
    let Some(first) = open.next() else {
        return Judged {
            steps,
            engine: "search",
            certified,
            ..NONE
        };
    };
    let proved = first.proved;
    let wrong = std::iter::once(first.clone()).chain(open);
    let mut wrong = wrong.filter(|judged| judged.valid == Valid::No);
    Judged {
        steps,
        proved,
        ..wrong.next().unwrap_or(first)
    }
}

/// Nobody waits for another: each part is one thread's at a time. Where one has panicked, the panic goes on anyway.
fn lock<'a, 'b>(open: &'b Mutex<Open<'a>>) -> MutexGuard<'b, Open<'a>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes that all parts may hold together.
struct Memory {
    all: usize,
    threads: usize,
    /// Held, or promised.
    taken: AtomicUsize,
}

impl Memory {
    /// A share of what is left: all of it, where there is one thread.
    fn take(&self) -> usize {
        let share = |taken: usize| self.all.saturating_sub(taken) / self.threads;
        let taken = self.taken.fetch_update(Relaxed, Relaxed, |taken| {
            Some(taken.saturating_add(share(taken)))
        });
        share(taken.unwrap_or(self.all))
    }

    /// So much is held after all of what was promised.
    fn give_back(&self, promised: usize, held: usize) {
        let back = |taken: usize| Some((taken + held).saturating_sub(promised));
        let _ = self.taken.fetch_update(Relaxed, Relaxed, back);
    }
}

/// What can be told of a part without much search.
pub fn look(part: &Part, limits: Limits, meter: &Meter<'_>) -> Look {
    let impossible = part
        .steps
        .iter()
        .filter(|step| step.must && step.action == Action::Impossible);
    let unwritten = unwritten(&part.steps, part.values);
    let by = match (impossible.map(|step| step.end).min(), unwritten) {
        (None, None) => return look_at_possible(&part.steps, part.values, limits, meter),
        (Some(time), Some((earlier, _))) if earlier < time => unwritten,
        (Some(_), _) => None,
        (None, unwritten) => unwritten,
    };
    let time = by.map(|(time, _)| time).or(part
        .steps
        .iter()
        .filter(|step| step.must && step.action == Action::Impossible)
        .map(|step| step.end)
        .min());
    let time = time.unwrap_or(NEVER);
    meter.wrong();
    // What nobody could answer is wrong by itself, unless something was wrong before.
    let before = prefix(&part.steps, time - 1);
    let few = Limits {
        steps: limits.steps / 8,
        ..limits
    };
    let before = match look_at_possible(&before, part.values, few, meter) {
        Look::Judged(judged) => judged,
        Look::Open(steps, _) => from_anew(&steps, &few, meter),
    };
    if before.valid == Valid::No {
        return Look::Judged(before);
    }
    let steps = prefix(&part.steps, time);
    let at = |wanted: &dyn Fn(&Step) -> bool| steps.iter().position(wanted).unwrap_or(0) as u32;
    let contradiction = match by {
        Some((_, operation)) => Contradiction::Unwritten {
            by: at(&|step| step.operation == operation),
        },
        None => Contradiction::Impossible {
            by: at(&|step| step.action == Action::Impossible),
        },
    };
    Look::Judged(Judged {
        valid: Valid::No,
        wrong_at: Some(time),
        contradiction: Some(contradiction),
        engine: "values",
        ..before
    })
}

/// The first to end of those that found what nobody had begun to write by then: its end, and its operation. O(steps).
fn unwritten(steps: &[Step], values: usize) -> Option<(u32, u32)> {
    let survey = Survey::of(steps, values);
    let found = (survey.unanswerable(steps)).filter(|step| step.action != Action::Impossible);
    found.map(|step| (step.end, step.operation)).min()
}

const NONE: Judged = Judged {
    valid: Valid::Yes,
    engine: "zones",
    wrong_at: None,
    contradiction: None,
    cut: Cut {
        since: 0,
        writer: None,
    },
    proved: NEVER,
    steps: 0,
    certified: false,
};

/// Nothing is known yet.
const OPEN_YET: Judged = Judged {
    valid: Valid::Unknown,
    proved: 0,
    engine: "none",
    ..NONE
};

fn look_at_possible(steps: &[Step], values: usize, limits: Limits, meter: &Meter<'_>) -> Look {
    let survey = Survey::of(steps, values);
    match quickly(steps, &survey, limits, meter) {
        Some(judged) if judged.valid == Valid::Yes => return Look::Judged(judged),
        _ => {}
    }
    let judged = match zones(steps, values) {
        Zones::Linearizable(order) => valid((steps, None), &order, NONE),
        Zones::Contradiction(contradiction) => {
            meter.wrong();
            let (time, contradiction) = shortest(steps, values, contradiction, meter);
            let before = prefix(steps, time - 1);
            if zones(&before, values) == Zones::Undecided {
                let before = Survey::of(&before, values).useful(&before);
                let earlier = from_anew(&before, &limits, meter);
                if earlier.valid == Valid::No {
                    return Look::Judged(earlier);
                }
            }
            Judged {
                valid: Valid::No,
                wrong_at: Some(time),
                contradiction: Some(contradiction),
                proved: time.saturating_sub(1),
                ..NONE
            }
        }
        Zones::NotDistinct | Zones::Undecided => {
            return Look::Open(survey.useful(steps), survey);
        }
    };
    Look::Judged(judged)
}

/// Steps, and what their order must end with, if that is certain.
type Wanted<'a> = (&'a [Step], Option<Interned>);

/// A valid verdict rests on an order that has been verified; one that does not hold would be a fault of ours, and
/// then nothing is claimed.
fn valid((steps, end): Wanted<'_>, order: &[u32], judged: Judged) -> Judged {
    let ends = ends_in(steps, order, INITIAL);
    match ends.is_some_and(|value| end.is_none_or(|end| end == value)) {
        true => Judged {
            valid: Valid::Yes,
            proved: NEVER,
            certified: true,
            ..judged
        },
        false => Judged {
            valid: Valid::Unknown,
            proved: 0,
            ..judged
        },
    }
}

/// A search by sets alone.
fn from_anew(steps: &[Step], limits: &Limits, meter: &Meter<'_>) -> Judged {
    by_beam(&mut Beam::new(steps), (steps, None), limits, meter)
}

/// Lets a search go on within `limits` (counted from its beginning).
fn by_beam(beam: &mut Beam<'_>, wanted: Wanted<'_>, limits: &Limits, meter: &Meter<'_>) -> Judged {
    let found = beam.run(limits, meter);
    let judged = Judged {
        engine: "search",
        steps: beam.spent(),
        ..NONE
    };
    match found {
        Found::Linearizable => valid(wanted, &beam.order().unwrap_or_default(), judged),
        Found::Stuck { time } => stuck(time, judged),
        Found::Undecided { proved } => Judged {
            valid: Valid::Unknown,
            proved,
            ..judged
        },
    }
}

/// The shortest wrong prefix: what is wrong stays wrong. Mostly it ends where the last of those ends that contradict
/// each other; else by bisection over the ends. O(n log² n).
fn shortest(
    steps: &[Step],
    values: usize,
    whole: Contradiction,
    meter: &Meter<'_>,
) -> (u32, Contradiction) {
    let mut ends: Vec<u32> = steps
        .iter()
        .map(|step| step.end)
        .filter(|end| *end != NEVER)
        .collect();
    ends.sort_unstable();
    let last = ends.last().copied().unwrap_or(0);
    let wrong = |at: usize| match zones(&prefix(steps, *ends.get(at)?), values) {
        Zones::Contradiction(contradiction) => Some((ends[at], contradiction)),
        _ => None,
    };
    let (mut low, mut high) = (0, ends.len());
    let mut found = None;
    let members = whole
        .members()
        .into_iter()
        .filter_map(|at| steps.get(at as usize));
    let guess = members
        .map(|step| step.end)
        .filter(|end| *end != NEVER)
        .max();
    if let Some(guess) = guess.and_then(|guess| ends.binary_search(&guess).ok())
        && let Some(some) = wrong(guess)
    {
        (found, high) = (Some(some), guess);
        match guess.checked_sub(1).and_then(wrong) {
            Some(some) => (found, high) = (Some(some), guess - 1),
            None => low = high,
        }
    }
    while low < high && !meter.spent(steps.len() as u64) {
        let middle = low + (high - low) / 2;
        match wrong(middle) {
            Some(some) => {
                found = Some(some);
                high = middle;
            }
            None => low = middle + 1,
        }
    }
    found.unwrap_or((last, whole))
}
