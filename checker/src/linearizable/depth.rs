//! Depth first for any model: as [`super::dive`] for registers, but that states are the model's own.
//!
//! Lowe's just-in-time linearization with a stack: where an operation ends that did not take effect, it does so now, or
//! others do before it; what changes no state takes effect as soon as it fits; of equal operations the first to end goes
//! first; unknown outcomes are classes of equal ones. What led nowhere is remembered. Which way is tried first is told
//! by [`Model::leads`]: whether the state after it can still become one in which the next to be answered is answered so.

use std::hash::{BuildHasher, BuildHasherDefault};

use super::general::Found;
use super::limits::{Limits, Meter};
use super::tally::{self, Tally, Used};
use super::timeline::{Mask, Timeline, bits};
use crate::hash::{Map, Quick};
use crate::models::register::NEVER;
use crate::models::{Call, Model};

/// More classes of unknown outcomes are not for this engine.
const CLASSES: usize = 64;

/// How far it looks ahead for who is answered next, in moments.
const AHEAD: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Now {
    /// Open calls that took effect.
    done: Mask,
    /// Which calls of unknown outcome took effect.
    used: Used,
    /// Where the state stands among the states.
    state: u32,
}

/// An end that some call must take effect before, and what was not tried yet.
#[derive(Clone, Copy, Debug)]
struct Choice {
    now: Now,
    moment: u32,
    order: u32,
    movers: Mask,
    classes: Mask,
}

/// Whether it leads astray, whether it is another one than that which ends, when it ends, its place.
type Rank = (bool, bool, u32, usize);

enum Way {
    Open(usize),
    Unknown(usize),
}

/// The calls of unknown outcome that do the same, and how many of them were invoked.
struct Class {
    members: Vec<u32>,
    begun: u32,
}

/// A moment, what is done, what was used, and the state: nothing leads on from there.
type Dead<S> = (u32, Mask, Used, S);

/// A search that can be interrupted.
pub struct Depth<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Op, M::Reply>],
    line: Timeline,
    open_calls: [u32; Mask::BITS as usize],
    open: Mask,
    /// Open calls that change no state.
    observers: Mask,
    moment: usize,
    furthest: usize,
    now: Now,
    states: Vec<M::State>,
    order: Vec<u32>,
    choices: Vec<Choice>,
    /// By their hash.
    dead: Map<u64, Vec<Dead<M::State>>>,
    /// Bytes that states hold beside themselves, and what is dead.
    held: usize,
    classes: Vec<Class>,
    /// By call; for those of unknown outcome, and those that do the same as one of these.
    class_of: Map<u32, u32>,
    tally: Tally,
    /// States only grow towards what is told.
    grows: bool,
    made: u64,
}

impl<'a, M: Model> Depth<'a, M> {
    /// For calls in the order of their starts. `None`: too much is open at once, or unknown, or what is unknown has an end.
    pub fn new(model: &'a M, calls: &'a [Call<M::Op, M::Reply>]) -> Option<Self> {
        if calls.iter().any(|call| call.must != (call.end != NEVER)) {
            return None;
        }
        let line = Timeline::of(calls.iter().map(|call| (call.start, call.end)))?;
        let mut depth = Depth {
            model,
            calls,
            line,
            open_calls: [0; Mask::BITS as usize],
            open: 0,
            observers: 0,
            moment: 0,
            furthest: 0,
            now: Now {
                done: 0,
                used: tally::NONE,
                state: 0,
            },
            states: vec![model.init()],
            order: Vec::with_capacity(calls.len()),
            choices: Vec::new(),
            dead: Map::default(),
            held: 0,
            classes: Vec::new(),
            class_of: Map::default(),
            tally: Tally::default(),
            grows: false,
            made: 0,
        };
        depth.classify().then_some(depth)
    }

    /// Looks at what is told later where [`Model::only_grows`]: less is tried, and where it is stuck a shorter prefix may still
    /// be right.
    pub fn ahead(mut self) -> Self {
        let mut ops = self.calls.iter().map(|call| &call.op);
        self.grows = self.model.only_grows(&mut ops);
        self
    }

    fn classify(&mut self) -> bool {
        let mut known: Map<(&M::Op, Option<&M::Reply>), u32> = Map::default();
        for (at, call) in (0..).zip(self.calls) {
            if call.must || !self.model.changes(&call.op) {
                continue;
            }
            let next = self.classes.len() as u32;
            let class = *known.entry((&call.op, call.reply.as_ref())).or_insert(next);
            if class == next {
                self.classes.push(Class {
                    members: Vec::new(),
                    begun: 0,
                });
            }
            self.classes[class as usize].members.push(at);
            self.class_of.insert(at, class);
        }
        for (at, call) in (0..).zip(self.calls).filter(|(_, call)| call.must) {
            if let Some(class) = known.get(&(&call.op, call.reply.as_ref())) {
                self.class_of.insert(at, *class);
            }
        }
        let sizes = self.classes.iter().map(|class| class.members.len());
        self.tally = Tally::of(sizes);
        self.classes.len() <= CLASSES
    }

    /// Configurations made so far.
    pub fn spent(&self) -> u64 {
        self.made
    }

    /// Bytes held, about.
    fn bytes(&self) -> usize {
        self.choices.capacity() * size_of::<Choice>()
            + self.states.capacity() * size_of::<M::State>()
            + self.held
            + self.tally.bytes()
            + 16 * self.calls.len()
    }

    /// Goes on until it knows, or up to these limits (steps are counted from the beginning).
    pub fn run(&mut self, limits: &Limits, meter: &Meter<'_>) -> Found {
        loop {
            if self.made > limits.steps || self.bytes() > limits.bytes || meter.is_over() {
                let proved = self.proved();
                return Found::Undecided { proved };
            }
            let before = self.made;
            while self.made - before < 16 && self.made <= limits.steps {
                let went = match self.walk() {
                    None => return Found::Linearizable(self.order.clone()),
                    Some(went) => went,
                };
                if went && self.go_on() || self.go_back() {
                    continue;
                }
                let end = self.line.moments[self.furthest].at();
                let time = self.calls[end].end;
                return Found::Stuck { time };
            }
            meter.spent(4 * (self.made - before));
        }
    }

    /// When all before the furthest moment is proved right.
    fn proved(&self) -> u32 {
        let last = self.line.moments[..self.furthest].last();
        last.map_or(0, |moment| {
            let call = &self.calls[moment.at()];
            if moment.is_end() {
                call.end
            } else {
                call.start
            }
        })
    }

    fn state(&self) -> &M::State {
        &self.states[self.now.state as usize]
    }

    /// The state after a call; `None`: it does not fit.
    fn after(&self, at: u32) -> Option<M::State> {
        let call = &self.calls[at as usize];
        let reply = call.reply.as_ref();
        self.model.step(self.state(), &call.op, reply)
    }

    /// To the next end that something must be done for, where a choice is noted; `None`: there is none. False: nothing
    /// leads on from there.
    fn walk(&mut self) -> Option<bool> {
        while let Some(&moment) = self.line.moments.get(self.moment) {
            let at = moment.at();
            if !moment.is_end() {
                self.begin(at);
                self.moment += 1;
                continue;
            }
            let bit: Mask = 1 << self.line.places[at];
            if self.now.done & bit == 0 {
                self.furthest = self.furthest.max(self.moment);
                return Some(self.choose());
            }
            self.now.done &= !bit;
            self.close(bit);
            self.moment += 1;
        }
        None
    }

    fn begin(&mut self, at: usize) {
        if !self.calls[at].must {
            self.count(at, 1);
            return;
        }
        let bit = self.reopen(at);
        if self.observers & bit != 0 && self.after(at as u32).is_some() {
            self.now.done |= bit;
            self.order.push(at as u32);
        }
    }

    fn reopen(&mut self, at: usize) -> Mask {
        let place = self.line.places[at];
        let bit: Mask = 1 << place;
        self.open_calls[usize::from(place)] = at as u32;
        self.open |= bit;
        if !self.model.changes(&self.calls[at].op) {
            self.observers |= bit;
        }
        bit
    }

    fn close(&mut self, bit: Mask) {
        self.open &= !bit;
        self.observers &= !bit;
    }

    /// A call of unknown outcome was invoked (1), or not yet after all (-1).
    fn count(&mut self, at: usize, change: i32) {
        if let Some(class) = self.class_of.get(&(at as u32)) {
            let begun = &mut self.classes[*class as usize].begun;
            *begun = begun.wrapping_add_signed(change);
        }
    }

    fn choose(&mut self) -> bool {
        if !self.dead.is_empty() {
            let known = self.dead.get(&self.name());
            let here = |(moment, done, used, state): &Dead<M::State>| {
                (*moment as usize, *done, *used) == (self.moment, self.now.done, self.now.used)
                    && state == self.state()
            };
            if known.is_some_and(|all| all.iter().any(here)) {
                return false;
            }
        }
        let ends = self.line.moments[self.moment].at();
        if self.observers >> self.line.places[ends] & 1 == 1 && !self.reaches(&self.calls[ends]) {
            return false;
        }
        let told = self.next_told().filter(|_| self.grows);
        if let Some(Call { op, reply, .. }) = told
            && !self.model.leads(self.state(), op, reply.as_ref())
        {
            return false;
        }
        let mut classes = 0;
        for (number, class) in self.classes.iter().enumerate() {
            if class.begun > self.tally.uses(self.now.used, number) {
                classes |= 1 << number;
            }
        }
        let movers = self.open & !self.observers & !self.now.done;
        // What does the same and has to happen anyway goes first: the two can be swapped.
        for place in bits(if classes == 0 { 0 } else { movers }) {
            if let Some(class) = self.class_of.get(&self.open_calls[place]) {
                classes &= !(1 << class);
            }
        }
        self.choices.push(Choice {
            now: self.now,
            moment: self.moment as u32,
            order: self.order.len() as u32,
            movers,
            classes,
        });
        true
    }

    fn reaches(&self, told: &Call<M::Op, M::Reply>) -> bool {
        let movers = bits(self.open & !self.observers & !self.now.done);
        let movers = movers.map(|place| (&self.calls[self.open_calls[place] as usize].op, 1));
        let classes = self.classes.iter().enumerate().map(|(number, class)| {
            let left = class.begun - self.tally.uses(self.now.used, number);
            (&self.calls[class.members[0] as usize].op, left)
        });
        let (op, reply) = (&told.op, told.reply.as_ref());
        (self.model).reaches(self.state(), op, reply, movers.chain(classes))
    }

    fn name(&self) -> u64 {
        let whole = (self.moment, self.now.done, self.now.used, self.state());
        BuildHasherDefault::<Quick>::default().hash_one(whole)
    }

    /// Tries the next way from the last choice. False: there is none.
    fn go_on(&mut self) -> bool {
        let Some(mut choice) = self.choices.pop() else {
            return false;
        };
        let Some((way, next)) = self.pick(&mut choice) else {
            self.bury();
            return false;
        };
        self.choices.push(choice);
        self.made += 1;
        let at = match way {
            Way::Open(place) => {
                self.now.done |= 1 << place;
                self.open_calls[place]
            }
            Way::Unknown(class) => {
                let uses = self.tally.uses(self.now.used, class);
                self.now.used = self.tally.spend(self.now.used, class);
                self.classes[class].members[uses as usize]
            }
        };
        self.order.push(at);
        self.held += self.model.weight(&next);
        self.states.push(next);
        self.now.state = self.states.len() as u32 - 1;
        for place in bits(self.observers & !self.now.done) {
            let at = self.open_calls[place];
            if self.after(at).is_some() {
                self.now.done |= 1 << place;
                self.order.push(at);
            }
        }
        true
    }

    /// Whoever comes here again need not try.
    fn bury(&mut self) {
        let state = self.state().clone();
        self.held += 2 * size_of::<Dead<M::State>>() + 48 + self.model.weight(&state);
        let name = self.name();
        let Now { done, used, .. } = self.now;
        let dead = (self.moment as u32, done, used, state);
        self.dead.entry(name).or_default().push(dead);
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
                } else if self.calls[at].must {
                    self.close(1 << self.line.places[at]);
                } else {
                    self.count(at, -1);
                }
            }
            self.now = choice.now;
            self.order.truncate(choice.order as usize);
            for state in self.states.drain(choice.now.state as usize + 1..) {
                self.held = self.held.saturating_sub(self.model.weight(&state));
            }
            if self.go_on() {
                return true;
            }
        }
        false
    }

    /// Who is answered next: of the open ones the first to end, else the next to begin.
    fn next_told(&self) -> Option<&'a Call<M::Op, M::Reply>> {
        let calls = self.calls;
        let open = bits(self.observers & !self.now.done);
        let open = open.map(|place| &calls[self.open_calls[place] as usize]);
        open.min_by_key(|call| call.end).or_else(|| {
            let ahead = self.line.moments[self.moment..].iter().take(AHEAD);
            let mut begins = ahead.filter(|moment| !moment.is_end());
            let told = |call: &Call<M::Op, M::Reply>| call.must && !self.model.changes(&call.op);
            let next = begins.find(|moment| told(&calls[moment.at()]));
            next.map(|moment| &calls[moment.at()])
        })
    }

    /// The most promising way that was not tried yet, and the state that it leads to; those that do the same are crossed
    /// off with it, and those that do not fit.
    fn pick(&self, choice: &mut Choice) -> Option<(Way, M::State)> {
        let ends = self.line.moments[self.moment].at();
        let told = self.next_told();
        let leads = |state: &M::State| {
            told.is_none_or(|call| (self.model).leads(state, &call.op, call.reply.as_ref()))
        };
        let mut best: Option<(Rank, M::State)> = None;
        let own: Mask = 1 << self.line.places[ends];
        // The one that ends comes first; where it leads on the others can wait.
        let movers = [choice.movers & own, choice.movers & !own];
        for place in movers.into_iter().flat_map(bits) {
            let at = self.open_calls[place];
            let Some(next) = self.after(at) else {
                choice.movers &= !(1 << place);
                continue;
            };
            let (is_other, end) = (at as usize != ends, self.calls[at as usize].end);
            let rank = (!leads(&next), is_other, end, place);
            if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                best = Some((rank, next));
            }
            if best
                .as_ref()
                .is_some_and(|((astray, other, ..), _)| !astray && !other)
            {
                break;
            }
        }
        // Unknown outcomes are spared, unless nothing else leads on.
        if best.as_ref().is_none_or(|((astray, ..), _)| *astray) {
            for class in bits(choice.classes) {
                let at = self.classes[class].members[0];
                let next = self.after(at).filter(|next| next != self.state());
                let Some(next) = next else {
                    choice.classes &= !(1 << class);
                    continue;
                };
                if best.is_none() || leads(&next) {
                    choice.classes &= !(1 << class);
                    return Some((Way::Unknown(class), next));
                }
            }
        }
        let ((.., place), next) = best?;
        let call = &self.calls[self.open_calls[place] as usize];
        for other in bits(choice.movers) {
            let twin = &self.calls[self.open_calls[other] as usize];
            if twin.op == call.op && twin.reply == call.reply {
                choice.movers &= !(1 << other);
            }
        }
        Some((Way::Open(place), next))
    }
}
