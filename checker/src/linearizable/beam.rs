//! A search with few configurations that goes back where it is stuck, and a proof where it was right to be stuck.
//!
//! What is right mostly shows with the most promising configurations alone. Where these come to nothing, the search
//! goes back some way and tries more of them, further back and more each time. And it asks whether the place is wrong
//! whatever was before: the last operations alone, from *any* state, with all that was open earlier as optional; if
//! even that is stuck then the history is wrong, and since the configurations had come so far, it is wrong from
//! exactly here. So neither a hard stretch long ago nor one yet to come stands in the way of a verdict.

use super::limits::{Limits, Meter};
use super::search::{Engine, Found, Front, Went, search_within};
use super::trail::Trail;
use crate::models::register::{Action, INITIAL, Interned, NEVER, Step};

/// Configurations kept at first.
const NARROW: usize = 12;

/// Ends between two places to go back to.
const STRIDE: usize = 16;

/// How far it goes back at first, in ends.
const BACK: usize = 8;

/// How many of the last ends are looked at alone, at first.
const ALONE: usize = 4;

/// A search that can be interrupted.
pub struct Beam<'a> {
    steps: &'a [Step],
    engine: Engine<'a>,
    front: Front,
    places: Vec<Front>,
    /// Configurations kept at first, and now.
    narrow: usize,
    width: usize,
    /// The furthest end at which it was stuck, and how often it was.
    stuck: Option<(usize, u32)>,
    /// Steps spent on proofs that a place is wrong.
    aside: u64,
    proved: u32,
    /// Nothing is left to try.
    exhausted: bool,
}

impl<'a> Beam<'a> {
    /// For steps in the order of their starts, of a register that holds nothing at first.
    pub fn new(steps: &'a [Step]) -> Beam<'a> {
        Beam::narrow(steps, NARROW)
    }

    /// As [`Beam::new`], with so many configurations at first.
    pub fn narrow(steps: &'a [Step], narrow: usize) -> Beam<'a> {
        let engine = Engine::new(steps, Some(Trail::default()));
        let front = engine.begin(&[INITIAL], false);
        Beam {
            steps,
            engine,
            places: vec![front.clone()],
            front,
            narrow,
            width: narrow,
            stuck: None,
            aside: 0,
            proved: 0,
            exhausted: false,
        }
    }

    /// Configurations made so far.
    pub fn spent(&self) -> u64 {
        self.engine.made + self.aside
    }

    /// Goes on until it knows, or up to these limits (steps are counted from the beginning).
    pub fn run(&mut self, limits: &Limits, meter: &Meter<'_>) -> Found {
        while !self.exhausted {
            let own = Limits {
                steps: limits.steps.saturating_sub(self.aside),
                ..*limits
            };
            match self
                .engine
                .advance(&mut self.front, self.width, &own, meter)
            {
                Went::Done => return Found::Linearizable,
                Went::TooMuch => {
                    // The end was not finished: it is taken up again from the last place.
                    self.front = self.places[self.places.len() - 1].clone();
                    return Found::Undecided {
                        proved: self.proved,
                    };
                }
                Went::On { time } => {
                    self.proved = self.proved.max(time);
                    self.keep_place();
                }
                Went::Stuck { time } => {
                    if self.front.complete || self.is_wrong(time, limits, meter) {
                        return Found::Stuck { time };
                    }
                    self.exhausted = !self.go_back(limits);
                }
            }
        }
        Found::Undecided {
            proved: self.proved,
        }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.engine.trail.as_ref().map_or(0, Trail::bytes) + self.engine.beside + self.front.bytes()
    }

    /// True where more steps would not help.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// The linearization that was found; to be verified.
    pub fn order(&self) -> Option<Vec<u32>> {
        let (_, link) = self.front.configurations.first()?;
        let trail = self.engine.trail.as_ref()?;
        Some(trail.order(*link, self.steps))
    }

    fn keep_place(&mut self) {
        let ended = self.front.ended;
        if self.stuck.is_none_or(|(at, _)| ended > at) {
            self.width = (self.width / 2).max(self.narrow);
        }
        if !ended.is_multiple_of(STRIDE)
            || self.places.last().is_some_and(|place| place.ended >= ended)
        {
            return;
        }
        self.places.push(self.front.clone());
        // Few of the old ones: each twice as far back as the next.
        let (mut kept, mut least) = (Vec::new(), 0);
        while let Some(place) = self.places.pop() {
            let distance = ended - place.ended;
            if distance >= least || self.places.is_empty() {
                least = (distance * 3 / 2).max(STRIDE);
                kept.push(place);
            }
        }
        kept.reverse();
        self.places = kept;
        self.engine.beside = self.places.iter().map(Front::bytes).sum();
        if let Some(trail) = self.engine.trail.as_mut().filter(|trail| trail.is_full()) {
            let fronts = self.places.iter_mut().chain([&mut self.front]);
            trail.forget(
                fronts.flat_map(|front| front.configurations.iter_mut().map(|(_, link)| link)),
            );
        }
    }

    /// Back to where there may have been another way. False: everything was tried that may be.
    fn go_back(&mut self, limits: &Limits) -> bool {
        let ended = self.front.ended;
        let tries = match self.stuck {
            Some((at, tries)) if ended <= at => tries + 1,
            _ => 0,
        };
        self.stuck = Some((self.stuck.map_or(ended, |(at, _)| at.max(ended)), tries));
        let width = self.narrow << (2 * (tries + 1)).min(40);
        if self.width >= limits.configurations && self.places.len() == 1 {
            return false;
        }
        self.width = width.min(limits.configurations);
        let distance = BACK << (2 * tries).min(40);
        let back = ended.saturating_sub(distance);
        // With all the width there is, from the very beginning.
        let back = if width > limits.configurations {
            0
        } else {
            back
        };
        while self.places.len() > 1 && self.places.last().is_some_and(|place| place.ended > back) {
            self.places.pop();
        }
        self.front = self.places[self.places.len() - 1].clone();
        true
    }

    /// True if the end at `time`, where the front is stuck, is wrong whatever was long before.
    fn is_wrong(&mut self, time: u32, limits: &Limits, meter: &Meter<'_>) -> bool {
        let tries = match self.stuck {
            Some((at, _)) if self.front.ended < at => return false,
            Some((at, tries)) if self.front.ended == at => tries + 1,
            _ => 0,
        };
        let allowance = limits.steps.saturating_sub(self.spent());
        let within = Limits {
            steps: (4096_u64 << (3 * tries).min(40)).min(allowance),
            ..*limits
        };
        let ends = &self.engine.ends[..self.front.ended];
        let back = |length: usize| Some(ends.len().checked_sub(length).map_or(0, |at| ends[at].0));
        let (wrong, spent) = is_wrong_here(self.steps, time, back, &within, meter);
        self.aside += spent;
        wrong
    }
}

/// True if the end at `time` is wrong whatever was long before; and the steps that this took. `back` tells when the
/// last but so many ends before that was, 0 where there are not so many, `None` where that is too far.
pub(super) fn is_wrong_here(
    steps: &[Step],
    time: u32,
    back: impl Fn(usize) -> Option<u32>,
    limits: &Limits,
    meter: &Meter<'_>,
) -> (bool, u64) {
    let (mut length, mut spent) = (ALONE, 0);
    // The first that is looked at ends here; all that began before is optional.
    while let Some(from) = back(length) {
        let (some, states) = alone(steps, from, time);
        for reuse in [true, false] {
            let within = Limits {
                steps: limits.steps.saturating_sub(spent),
                ..*limits
            };
            let searched = search_within(&some, &states, within, reuse, meter);
            spent += searched.steps;
            if matches!(searched.found, Found::Stuck { .. }) {
                return (true, spent);
            }
            if spent >= limits.steps || meter.is_over() {
                return (false, spent);
            }
        }
        if from == 0 {
            break;
        }
        length *= 2;
    }
    (false, spent)
}

/// What had begun by `time` and not ended before `from`: what began before `from` may have happened before that too,
/// or after it. And all the states that it can tell apart.
pub(super) fn alone(steps: &[Step], from: u32, time: u32) -> (Vec<Step>, Vec<Interned>) {
    let mut some: Vec<Step> = Vec::new();
    for step in steps.iter().take_while(|step| step.start < time) {
        if step.end < from || step.start < from && step.action.installs().is_none() {
            continue;
        }
        // What ends after `time` is open.
        let (end, must) = match step.end > time {
            true => (NEVER, false),
            false => (step.end, step.must && step.start >= from),
        };
        if must || step.action.installs().is_some() {
            some.push(Step { end, must, ..*step });
        }
    }
    let mut states: Vec<Interned> = some
        .iter()
        .filter_map(|step| match step.action {
            Action::Differs(value) => Some(value),
            action => action.needs(),
        })
        .collect();
    states.push(Interned::MAX);
    states.sort_unstable();
    states.dedup();
    (some, states)
}
