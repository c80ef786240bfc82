//! Depth first for any register: one configuration at a time, back to the last choice where it sticks.
//!
//! Wing and Gong, "Testing and verifying concurrent objects", 1993, search depth first; Lowe, "Testing for
//! linearizability", 2017, adds that what led nowhere is remembered, and that an operation need not take effect before
//! an end forces it. Here both, over the open operations alone, with what [`super::search`] says of reads, hidden writes,
//! equal operations and unknown outcomes. Mostly the first way is right: then no set of configurations is ever made,
//! and the cost is that of walking along the history once. Where all ways are tried in vain, the furthest end that was
//! come to is wrong.

use super::limits::{Limits, Meter};
use super::search::Found;
use super::survey::Survey;
use super::tally::{self, Tally, Used};
use super::timeline::{Mask, Timeline, bits};
use crate::hash::Set;
use crate::models::register::{Action, INITIAL, Interned, NEVER, Step};

/// More classes of unknown outcomes are not for this engine.
const CLASSES: usize = 64;

/// How far it looks ahead for whom a value may be wanted by, in moments.
const AHEAD: usize = 48;

/// For so many moments after a choice what is forced is done again rather than noted.
const FORCED: usize = 128;

/// Choices that there is room for at first.
const EXPECTED: usize = 16;

/// Nothing was written yet.
const NOTHING: u32 = u32::MAX;

/// What may have happened.
#[derive(Clone, Copy, Debug)]
struct Now {
    state: Interned,
    /// Where in the order the last blind write stands.
    blind: u32,
    /// Open operations that took effect.
    done: Mask,
    /// Open writes that the last blind write may hide.
    hidden: Mask,
    /// Which operations of unknown outcome took effect.
    used: Used,
    /// Nobody has seen the last write yet, so that another one is of no use.
    idle: bool,
}

/// An end that some operation must take effect before.
#[derive(Clone, Copy, Debug)]
struct Choice {
    now: Now,
    moment: u32,
    /// How long the order was, and how many were hidden.
    order: u32,
    behind: u32,
    left: Left,
}

/// What was not tried yet.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// Open operations to try.
    movers: Mask,
    /// Classes of unknown outcomes to try.
    classes: Mask,
    /// Whether the write that ends may be left hidden.
    hide: bool,
}

enum Way {
    Hide,
    Open(usize),
    Unknown(usize),
}

/// What unknown outcomes there are that do the same.
struct Class {
    action: Action,
    /// How many there are, and where the first of them stands among the members of all classes.
    size: u32,
    first: u32,
    /// How many of them were invoked.
    begun: u32,
}

/// The moment, the state, what is done, what is hidden, what was used, whether idle.
type Dead = (u32, Interned, Mask, Mask, Used, bool);

/// A search that can be interrupted.
pub struct Dive<'a> {
    steps: &'a [Step],
    line: Timeline,
    /// Steps by place.
    open_steps: [u32; Mask::BITS as usize],
    open: Mask,
    reads: Mask,
    writes: Mask,
    moment: usize,
    furthest: usize,
    now: Now,
    order: Vec<u32>,
    /// Writes that nobody saw, and where in the order what hides them stands.
    behind: Vec<(u32, u32)>,
    choices: Vec<Choice>,
    dead: Set<Dead>,
    classes: Vec<Class>,
    /// Of all classes, one class after the other.
    members: Vec<u32>,
    tally: Tally,
    survey: &'a Survey,
    made: u64,
    found: Option<Found>,
}

impl<'a> Dive<'a> {
    /// For steps in the order of their starts, and a survey of these or of more, of a register that holds nothing at first.
    /// `None`: too much is open at once, or unknown, or what is unknown has an end.
    pub fn new(steps: &'a [Step], survey: &'a Survey) -> Option<Dive<'a>> {
        let line = Timeline::of(steps.iter().map(|step| (step.start, step.end)))?;
        let mut dive = Dive {
            steps,
            line,
            open_steps: [0; Mask::BITS as usize],
            open: 0,
            reads: 0,
            writes: 0,
            moment: 0,
            furthest: 0,
            now: Now {
                state: INITIAL,
                blind: NOTHING,
                done: 0,
                hidden: 0,
                used: tally::NONE,
                idle: false,
            },
            order: Vec::with_capacity(steps.len()),
            behind: Vec::new(),
            choices: Vec::with_capacity(EXPECTED),
            dead: Set::default(),
            classes: Vec::new(),
            members: Vec::new(),
            tally: Tally::default(),
            survey,
            made: 0,
            found: None,
        };
        dive.classify().then_some(dive)
    }

    /// Sorts unknown outcomes into classes. False: there are too many, or what may have happened has an end.
    fn classify(&mut self) -> bool {
        // Step and class, then by class.
        let mut unknown: Vec<(u32, usize)> = Vec::with_capacity(self.survey.unknown);
        for (at, step) in (0..).zip(self.steps) {
            if step.must != (step.end != NEVER) {
                return false;
            }
            if step.must || !self.survey.matters(step.action) {
                continue;
            }
            let known = (self.classes.iter()).position(|class| class.action == step.action);
            let class = known.unwrap_or(self.classes.len());
            if class == CLASSES {
                return false;
            }
            if known.is_none() {
                if self.classes.is_empty() {
                    self.classes.reserve(EXPECTED);
                }
                self.classes.push(Class {
                    action: step.action,
                    size: 0,
                    first: 0,
                    begun: 0,
                });
            }
            self.classes[class].size += 1;
            unknown.push((at, class));
        }
        if unknown.is_empty() {
            return true;
        }
        let mut next = 0;
        for class in &mut self.classes {
            class.first = next;
            next += class.size;
        }
        let mut next: [u32; CLASSES] = [0; CLASSES];
        self.members = vec![0; unknown.len()];
        for (at, class) in unknown {
            self.members[(self.classes[class].first + next[class]) as usize] = at;
            next[class] += 1;
        }
        let sizes = self.classes.iter().map(|class| class.size as usize);
        self.tally = Tally::of(sizes);
        true
    }

    /// Configurations made so far.
    pub fn spent(&self) -> u64 {
        self.made
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.choices.capacity() * size_of::<Choice>()
            + self.dead.capacity() * (size_of::<Dead>() + 1)
            + self.tally.bytes()
            + 16 * self.steps.len()
    }

    /// Goes on until it knows, or up to these limits (steps are counted from the beginning).
    pub fn run(&mut self, limits: &Limits, meter: &Meter<'_>) -> Found {
        if let Some(found) = self.found {
            return found;
        }
        loop {
            let proved = self.proved();
            if self.made > limits.steps || self.bytes() > limits.bytes || meter.is_over() {
                return Found::Undecided { proved };
            }
            // A stretch between two looks at the limits.
            let before = self.made;
            while self.made - before < 64 && self.made <= limits.steps {
                let went = match self.walk() {
                    None => {
                        meter.spent(self.moment as u64 / 8);
                        return *self.found.insert(Found::Linearizable);
                    }
                    Some(choice) => choice,
                };
                if went && self.go_on() || self.go_back() {
                    continue;
                }
                let end = self.line.moments[self.furthest].at();
                let time = self.steps[end].end;
                return *self.found.insert(Found::Stuck { time });
            }
            meter.spent(self.made - before);
        }
    }

    /// The furthest end that it came to.
    pub fn furthest(&self) -> u32 {
        let moment = self.line.moments.get(self.furthest);
        moment.map_or(0, |moment| self.steps[moment.at()].end)
    }

    /// When the last but so many ends before the furthest one was; 0 where there are not so many.
    pub fn back(&self, ends: usize) -> u32 {
        let before = self.line.moments[..self.furthest].iter().rev();
        let mut before = before.filter(|moment| moment.is_end());
        let end = ends.checked_sub(1).and_then(|skip| before.nth(skip));
        end.map_or(0, |moment| self.steps[moment.at()].end)
    }

    /// When all before the furthest moment is proved right.
    fn proved(&self) -> u32 {
        let before = self.line.moments[..self.furthest].iter().rev();
        let last = before.take(1).map(|moment| {
            let step = &self.steps[moment.at()];
            if moment.is_end() {
                step.end
            } else {
                step.start
            }
        });
        last.max().unwrap_or(0)
    }

    /// Along the history to the next end that something must be done for, where a choice is noted; `None`: there is none.
    /// False: that choice is known to lead nowhere.
    fn walk(&mut self) -> Option<bool> {
        while let Some(&moment) = self.line.moments.get(self.moment) {
            let at = moment.at();
            if !moment.is_end() {
                self.begin(at);
                self.moment += 1;
                continue;
            }
            let place = self.line.places[at];
            let bit: Mask = 1 << place;
            if self.now.done & bit == 0 {
                self.furthest = self.furthest.max(self.moment);
                if self.go_the_only_way(bit) {
                    continue;
                }
                return Some(self.choose(bit));
            }
            self.now.done &= !bit;
            self.now.idle = false;
            self.close(bit);
            self.moment += 1;
        }
        None
    }

    /// Where nothing but one open operation can take effect, it does, and no choice is noted; false: there may be more
    /// ways, or none. Too far from the last choice one is noted all the same, so that coming back costs little.
    fn go_the_only_way(&mut self, ending: Mask) -> bool {
        let movers = self.movers();
        let near = (self.choices.last())
            .is_none_or(|choice| self.moment - (choice.moment as usize) < FORCED);
        let hides = self.now.hidden & ending != 0;
        if !movers.is_power_of_two() || hides || !self.classes.is_empty() || !near {
            return false;
        }
        let place = movers.trailing_zeros() as usize;
        let step = &self.steps[self.open_steps[place] as usize];
        if step.action.step(self.now.state).is_none() {
            return false;
        }
        self.made += 1;
        self.take_open(place);
        true
    }

    /// Open operations that may change the state: from a value that nobody has seen another blind write is of no use.
    fn movers(&self) -> Mask {
        let blind = if self.now.idle { self.writes } else { 0 };
        self.open & !self.reads & !self.now.done & !blind
    }

    /// An open operation takes effect.
    fn take_open(&mut self, place: usize) {
        self.now.done |= 1 << place;
        self.now.hidden &= !(1 << place);
        self.take(self.open_steps[place]);
    }

    fn begin(&mut self, at: usize) {
        let step = &self.steps[at];
        if !step.must {
            self.count(at, 1);
            return;
        }
        let bit = self.reopen(at);
        if self.reads & bit != 0 && step.action.step(self.now.state).is_some() {
            self.now.done |= bit;
            self.now.idle = false;
            self.order.push(at as u32);
        }
    }

    fn reopen(&mut self, at: usize) -> Mask {
        let place = self.line.places[at];
        let bit: Mask = 1 << place;
        self.open_steps[usize::from(place)] = at as u32;
        self.open |= bit;
        match self.steps[at].action {
            Action::Write(_) => self.writes |= bit,
            Action::Read(_) | Action::Differs(_) => self.reads |= bit,
            // Replacing a value by itself changes nothing.
            Action::Cas(old, new) if old == new => self.reads |= bit,
            Action::Cas(..) | Action::Impossible => {}
        }
        bit
    }

    fn close(&mut self, bit: Mask) {
        self.open &= !bit;
        self.reads &= !bit;
        self.writes &= !bit;
        self.now.hidden &= !bit;
    }

    /// An unknown outcome was invoked (1), or not yet after all (-1).
    fn count(&mut self, at: usize, change: i32) {
        let action = self.steps[at].action;
        // Those that do not matter are of none.
        let class = self.classes.iter_mut().find(|class| class.action == action);
        if let Some(class) = class {
            class.begun = class.begun.wrapping_add_signed(change);
        }
    }

    fn choose(&mut self, ending: Mask) -> bool {
        let Now {
            done, hidden, idle, ..
        } = self.now;
        if !self.dead.is_empty() && self.dead.contains(&self.name(&self.now)) {
            return false;
        }
        let mut left = Left {
            movers: self.movers(),
            classes: 0,
            hide: hidden & ending != 0,
        };
        let end = self.steps[self.line.moments[self.moment].at()].end;
        for (number, class) in self.classes.iter().enumerate() {
            let is_blind = matches!(class.action, Action::Write(_));
            let is_left = class.begun > 0 && class.begun > self.tally.uses(self.now.used, number);
            // From a value that nobody asks for any more only another write leads on.
            let of_use = !is_blind
                || !idle
                    && (self.survey.differs
                        || (class.action.installs())
                            .is_some_and(|value| self.survey.is_asked_for(value, end)));
            let hides = self.writes & !(done | hidden) != 0;
            let next = class.action.step(self.now.state);
            let moves = next.is_some_and(|next| next != self.now.state || is_blind && hides);
            if is_left && of_use && moves {
                left.classes |= 1 << number;
            }
        }
        self.choices.push(Choice {
            now: self.now,
            moment: self.moment as u32,
            order: self.order.len() as u32,
            behind: self.behind.len() as u32,
            left,
        });
        true
    }

    fn name(&self, now: &Now) -> Dead {
        let moment = self.moment as u32;
        (moment, now.state, now.done, now.hidden, now.used, now.idle)
    }

    /// Tries the next way from the last choice. False: there is none.
    fn go_on(&mut self) -> bool {
        let Some(choice) = self.choices.last() else {
            return false;
        };
        let mut left = choice.left;
        let Some(way) = self.pick(choice.now.state, &mut left) else {
            // Whoever comes here again need not try.
            let name = self.name(&choice.now);
            self.choices.pop();
            if self.dead.is_empty() {
                self.dead.reserve(EXPECTED);
            }
            self.dead.insert(name);
            return false;
        };
        if let Some(choice) = self.choices.last_mut() {
            choice.left = left;
        }
        self.made += 1;
        let ends = self.line.moments[self.moment].at();
        match way {
            Way::Hide => {
                self.behind.push((self.now.blind, ends as u32));
                self.now.done |= 1 << self.line.places[ends];
            }
            Way::Open(place) => self.take_open(place),
            Way::Unknown(class) => {
                let uses = self.tally.uses(self.now.used, class);
                let at = self.members[(self.classes[class].first + uses) as usize];
                self.now.used = self.tally.spend(self.now.used, class);
                self.take(at);
            }
        }
        true
    }

    /// Lets a step take effect that changes the state, and all reads that fit then.
    fn take(&mut self, at: u32) {
        let action = self.steps[at as usize].action;
        let blind = matches!(action, Action::Write(_));
        if blind {
            self.now.hidden |= self.writes & !self.now.done;
            self.now.blind = self.order.len() as u32;
        }
        self.order.push(at);
        self.now.state = action.step(self.now.state).unwrap_or(self.now.state);
        self.now.idle = blind;
        for place in bits(self.reads & !self.now.done) {
            let read = self.open_steps[place];
            let fits = self.steps[read as usize].action.step(self.now.state);
            if fits.is_some() {
                self.now.done |= 1 << place;
                self.now.idle = false;
                self.order.push(read);
            }
        }
    }

    /// Back to the last choice that has another way, and along that. False: everything was tried.
    fn go_back(&mut self) -> bool {
        while let Some(choice) = self.choices.last().copied() {
            while self.moment > choice.moment as usize {
                self.moment -= 1;
                let moment = self.line.moments[self.moment];
                let at = moment.at();
                if moment.is_end() {
                    self.reopen(at);
                } else if self.steps[at].must {
                    self.close(1 << self.line.places[at]);
                } else {
                    self.count(at, -1);
                }
            }
            self.now = choice.now;
            self.order.truncate(choice.order as usize);
            self.behind.truncate(choice.behind as usize);
            if self.go_on() {
                return true;
            }
        }
        false
    }

    /// The most promising way that was not tried yet; those that do the same are crossed off with it.
    fn pick(&self, state: Interned, left: &mut Left) -> Option<Way> {
        let ends = self.line.moments[self.moment].at();
        let target = self.steps[ends].action.needs();
        // How promising, when it ends, its place.
        let mut best: Option<(u32, u32, usize)> = None;
        for place in bits(left.movers) {
            let at = self.open_steps[place] as usize;
            let step = &self.steps[at];
            let Some(next) = step.action.step(state) else {
                continue;
            };
            let blind = self.writes >> place & 1 == 1;
            let rank = match (blind, at == ends, Some(next) == target) {
                (false, true, _) => 1,
                (false, _, true) => 2,
                // A value is about to be written over: who can still replace it should.
                (false, ..) => 4,
                (true, true, _) | (true, _, true) => 6,
                (true, ..) => 10,
            };
            let this = (rank, step.end, place);
            best = Some(best.map_or(this, |best| best.min(this)));
        }
        let mut unknown: Option<(u32, usize)> = None;
        for class in bits(left.classes) {
            let action = self.classes[class].action;
            let leads = target.is_some() && action.installs() == target;
            let this = (if leads { 8 } else { 12 }, class);
            unknown = Some(unknown.map_or(this, |best| best.min(this)));
        }
        if left.hide {
            let rank = if self.is_wanted(ends) { 7 } else { 0 };
            if best.is_none_or(|best| rank < best.0) && unknown.is_none_or(|best| rank < best.0) {
                left.hide = false;
                return Some(Way::Hide);
            }
        }
        match (best, unknown) {
            (Some((rank, ..)), Some((other, class))) if other < rank => {
                left.classes &= !(1 << class);
                Some(Way::Unknown(class))
            }
            (Some((.., place)), _) => {
                let action = self.steps[self.open_steps[place] as usize].action;
                for other in bits(left.movers) {
                    if self.steps[self.open_steps[other] as usize].action == action {
                        left.movers &= !(1 << other);
                    }
                }
                Some(Way::Open(place))
            }
            (None, Some((_, class))) => {
                left.classes &= !(1 << class);
                Some(Way::Unknown(class))
            }
            (None, None) => None,
        }
    }

    /// Whether the value of the write that ends is wanted before the one that is there.
    fn is_wanted(&self, ends: usize) -> bool {
        let value = self.steps[ends].action.installs();
        let wants = |at: usize, value: Option<Interned>| {
            self.steps[at].must && value.is_some() && self.steps[at].action.needs() == value
        };
        let state = Some(self.now.state);
        if state == value {
            return false;
        }
        if bits(self.reads & !self.now.done)
            .any(|place| wants(self.open_steps[place] as usize, value))
        {
            return true;
        }
        let ahead = self.line.moments[self.moment..].iter().take(AHEAD);
        let mut begins = ahead.filter(|moment| !moment.is_end());
        let first = begins.find(|moment| wants(moment.at(), state) || wants(moment.at(), value));
        first.is_some_and(|moment| wants(moment.at(), value))
    }

    /// The linearization that was found; to be verified.
    pub fn order(&mut self) -> Vec<u32> {
        if self.behind.is_empty() {
            return std::mem::take(&mut self.order);
        }
        self.behind.sort_by_key(|(before, _)| *before);
        let mut hidden = self.behind.iter().peekable();
        let mut whole = Vec::with_capacity(self.order.len() + self.behind.len());
        for (at, step) in (0..).zip(&self.order) {
            while let Some((_, write)) = hidden.next_if(|(before, _)| *before == at) {
                whole.push(*write);
            }
            whole.push(*step);
        }
        whole
    }
}
