//! Just-in-time linearization for any model: the set of all configurations, moved along the history.
//!
//! Lowe, "Testing for linearizability", Concurrency and Computation 29(4), 2017, section 3: an operation takes
//! effect only when an end forces it, so that a configuration is a state and the set of *open* operations that
//! took effect; memory for configurations does not grow with the history. Added here:
//!
//! - what changes no state takes effect as soon as it fits, which never hurts;
//! - of equal open operations the one that ends first goes first: in a linearization where a later-ending one
//!   goes first, both open at that time, the two can be swapped. So locks and counters stay small;
//! - unknown outcomes are classes of equal ones with counts, the one invoked first goes first;
//! - an unknown outcome waits for those that do the same and have to happen anyway, by the same swap;
//! - a configuration in which fewer reads took effect, or more unknown outcomes, than in an otherwise equal one is
//!   dropped; and where [`Model::makes_up`] says so, one whose rest can be done by the rest of another.
//!
//! Each configuration knows how it came to be, so that the answer "linearizable" comes with the order.

use std::hash::Hash;

use super::limits::{Limits, Meter, NO_END};
use crate::hash::{Map, Set};
use crate::models::register::NEVER;
use crate::models::{Call, Model};

/// One bit for each open operation.
type Mask = u128;

/// No link before, no state, no class.
const NONE: u32 = u32::MAX;

/// Where the search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// In this order (positions in the calls).
    Linearizable(Vec<u32>),
    /// No configuration survives the end of an operation at this time: the shortest wrong prefix.
    Stuck {
        /// When.
        time: u32,
    },
    /// The limits were reached; up to this time all is proved right.
    Undecided {
        /// When.
        proved: u32,
    },
}

/// The answer and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// The answer.
    pub found: Found,
    /// Configurations made.
    pub steps: u64,
}

/// Judges calls, which must be in the order of their invocations.
pub fn search<M: Model>(model: &M, calls: &[Call<M::Op, M::Reply>], limits: Limits) -> Searched {
    search_within(model, calls, limits, &Meter::new(NO_END))
}

/// As [`search`], until the meter says stop.
pub fn search_within<M: Model>(
    model: &M,
    calls: &[Call<M::Op, M::Reply>],
    limits: Limits,
    meter: &Meter<'_>,
) -> Searched {
    Search::new(model, calls, limits, meter).searched()
}

/// As [`search_within`], but that it looks at what is told later where [`Model::only_grows`]: less is tried, and where it is
/// stuck a shorter prefix may still be right.
pub fn search_ahead<M: Model>(
    model: &M,
    calls: &[Call<M::Op, M::Reply>],
    limits: Limits,
    meter: &Meter<'_>,
) -> Searched {
    let mut search = Search::new(model, calls, limits, meter);
    search.tellers = tellers(model, calls);
    search.searched()
}

/// True if `order` (positions in `calls`) is a linearization. O(calls), the model's steps apart.
///
/// Herlihy and Wing, "Linearizability", TOPLAS 1990: this is the definition, read off.
pub fn certifies<M: Model>(model: &M, calls: &[Call<M::Op, M::Reply>], order: &[u32]) -> bool {
    let mut seen = vec![false; calls.len()];
    let (mut state, mut latest_start) = (model.init(), 0);
    for &at in order {
        let Some(call) = calls.get(at as usize) else {
            return false;
        };
        if std::mem::replace(&mut seen[at as usize], true) || call.end < latest_start {
            return false;
        }
        latest_start = latest_start.max(call.start);
        if !model.apply(&mut state, &call.op, call.reply.as_ref()) {
            return false;
        }
    }
    let mut all = calls.iter().zip(&seen);
    all.all(|(call, seen)| *seen || !call.must)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Configuration {
    state: u32,
    done: Mask,
    used: Vec<(u32, u32)>,
}

struct Slot {
    class: u32,
    end: u32,
    call: u32,
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Op, M::Reply>],
    limits: Limits,
    meter: &'a Meter<'a>,
    made: u64,
    /// Bytes that states hold beside themselves, and what a configuration holds.
    weights: usize,
    /// By class: its first call, and whether it changes states.
    classes: Vec<(u32, bool)>,
    class_of: Vec<u32>,
    states: Vec<M::State>,
    state_ids: Map<M::State, u32>,
    steps: Map<(u32, u32), u32>,
    slots: Vec<Option<Slot>>,
    open: Mask,
    observers: Mask,
    /// Where states only grow towards what is told: from each call on, the first that must happen and changes nothing.
    tellers: Vec<u32>,
    begun: usize,
    /// By class: calls of unknown outcome that were invoked.
    unknown: Map<u32, Vec<u32>>,
    unknown_classes: Vec<u32>,
    /// How each configuration came to be: a call, and the link before.
    links: Vec<(u32, u32)>,
    configurations: Vec<(Configuration, u32)>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(
        model: &'a M,
        calls: &'a [Call<M::Op, M::Reply>],
        limits: Limits,
        meter: &'a Meter<'a>,
    ) -> Self {
        let mut known: Map<(&M::Op, Option<&M::Reply>), u32> = Map::default();
        let mut classes = Vec::new();
        let class_of = (calls.iter().enumerate())
            .map(|(at, call)| {
                *known
                    .entry((&call.op, call.reply.as_ref()))
                    .or_insert_with(|| {
                        classes.push((at as u32, model.changes(&call.op)));
                        classes.len() as u32 - 1
                    })
            })
            .collect();
        let init = model.init();
        Search {
            model,
            calls,
            limits,
            meter,
            made: 0,
            weights: 0,
            classes,
            class_of,
            state_ids: Map::from_iter([(init.clone(), 0)]),
            states: vec![init],
            steps: Map::default(),
            slots: (0..Mask::BITS).map(|_| None).collect(),
            open: 0,
            observers: 0,
            tellers: Vec::new(),
            begun: 0,
            unknown: Map::default(),
            unknown_classes: Vec::new(),
            links: Vec::new(),
            configurations: vec![(
                Configuration {
                    state: 0,
                    done: 0,
                    used: Vec::new(),
                },
                NONE,
            )],
        }
    }

    fn searched(mut self) -> Searched {
        let found = self.run();
        let steps = self.made;
        Searched { found, steps }
    }

    fn run(&mut self) -> Found {
        let mut ends: Vec<(u32, usize)> = (0..self.calls.len())
            .filter(|at| self.calls[*at].must && self.calls[*at].end != NEVER)
            .map(|at| (self.calls[at].end, at))
            .collect();
        ends.sort_unstable();
        let mut slot_of = vec![usize::MAX; self.calls.len()];
        let (mut proved, mut next) = (0, 0);
        for (end, at) in ends {
            while next < self.calls.len() && self.calls[next].start < end {
                if !self.begin(next, &mut slot_of) {
                    return Found::Undecided { proved };
                }
                next += 1;
            }
            self.begun = next;
            match self.end(slot_of[at]) {
                None => return Found::Undecided { proved },
                Some(false) => return Found::Stuck { time: end },
                Some(true) => proved = end,
            }
        }
        let mut order = Vec::new();
        let mut link = self.configurations.first().map_or(NONE, |(_, link)| *link);
        while let Some((call, before)) = self.links.get(link as usize) {
            order.push(*call);
            link = *before;
        }
        order.reverse();
        Found::Linearizable(order)
    }

    /// A call was invoked. False: too many are open.
    fn begin(&mut self, at: usize, slot_of: &mut [usize]) -> bool {
        let call = &self.calls[at];
        let class = self.class_of[at];
        let changes = self.classes[class as usize].1;
        if !call.must || call.end == NEVER {
            if changes {
                let known = self.unknown.entry(class).or_default();
                if known.is_empty() {
                    self.unknown_classes.push(class);
                }
                known.push(at as u32);
            }
            return true;
        }
        let slot = (!self.open).trailing_zeros() as usize;
        if slot >= self.slots.len() {
            return false;
        }
        slot_of[at] = slot;
        self.open |= 1 << slot;
        self.slots[slot] = Some(Slot {
            class,
            end: call.end,
            call: at as u32,
        });
        if !changes {
            self.observers |= 1 << slot;
            let mut all = std::mem::take(&mut self.configurations);
            for (configuration, link) in &mut all {
                self.absorb(configuration, link, 1 << slot);
            }
            self.configurations = all;
        }
        true
    }

    /// The call in `slot` has ended. `None`: limits; false: nothing survives.
    fn end(&mut self, slot: usize) -> Option<bool> {
        let bit: Mask = 1 << slot;
        let mut kept: Vec<(Configuration, u32)> = Vec::new();
        let mut todo: Vec<(Configuration, u32)> = Vec::new();
        let mut seen: Set<Configuration> = Set::default();
        for (configuration, link) in std::mem::take(&mut self.configurations) {
            match configuration.done & bit != 0 {
                true => kept.push((configuration, link)),
                false => todo.push((configuration, link)),
            }
        }
        while let Some((from, link)) = todo.pop() {
            if self.observers & bit != 0 && !self.reaches(slot, &from) || self.is_beyond(&from) {
                continue;
            }
            let mut next = Vec::new();
            self.expand(&from, link, &mut next);
            for (new, link) in next {
                self.made += 1;
                if seen.contains(&new) {
                    continue;
                }
                seen.insert(new.clone());
                match new.done & bit != 0 {
                    true => kept.push((new, link)),
                    false => todo.push((new, link)),
                }
            }
            let many = kept.len() + todo.len();
            if self.made > self.limits.steps
                || many > self.limits.configurations
                || self.bytes(many + 2 * seen.len()) > self.limits.bytes
                || self.meter.spent(4)
            {
                return None;
            }
        }
        self.open &= !bit;
        self.observers &= !bit;
        self.slots[slot] = None;
        for (configuration, _) in &mut kept {
            configuration.done &= !bit;
        }
        self.configurations = self.thin_out(kept);
        self.forget();
        Some(!self.configurations.is_empty())
    }

    /// True where states only grow, and this one has grown beyond what somebody is still to be told.
    fn is_beyond(&self, from: &Configuration) -> bool {
        if self.tellers.is_empty() {
            return false;
        }
        let state = &self.states[from.state as usize];
        let beyond = |at: u32| {
            let call = self.calls.get(at as usize);
            call.is_some_and(|call| !self.model.leads(state, &call.op, call.reply.as_ref()))
        };
        let mut waiting = self.observers & self.open & !from.done;
        while waiting != 0 {
            let slot = waiting.trailing_zeros() as usize;
            waiting &= waiting - 1;
            if self.slots[slot]
                .as_ref()
                .is_some_and(|open| beyond(open.call))
            {
                return true;
            }
        }
        self.tellers.get(self.begun).is_some_and(|at| beyond(*at))
    }

    /// Whether what ends in `slot`, and changes nothing, may be answered as it was.
    fn reaches(&self, slot: usize, from: &Configuration) -> bool {
        let call = |slot: usize| {
            let open = self.slots[slot].as_ref();
            open.map(|open| &self.calls[open.call as usize])
        };
        let Some(told) = call(slot) else { return true };
        let mut pending = self.open & !from.done & !self.observers;
        let movers = std::iter::from_fn(move || {
            let slot = pending.trailing_zeros() as usize;
            pending &= pending.wrapping_sub(1);
            let open = if slot < Mask::BITS as usize {
                call(slot)
            } else {
                None
            };
            open.map(|call| (&call.op, 1))
        });
        let unknown = self.unknown_classes.iter().map(|class| {
            let used = from.used.iter().find(|(other, _)| other == class);
            let members = &self.unknown[class];
            let left = members.len() as u32 - used.map_or(0, |(_, count)| *count);
            (&self.calls[members[0] as usize].op, left)
        });
        let state = &self.states[from.state as usize];
        let (op, reply) = (&told.op, told.reply.as_ref());
        (self.model).reaches(state, op, reply, movers.chain(unknown))
    }

    /// Bytes held, about, with so many configurations.
    fn bytes(&self, configurations: usize) -> usize {
        let state = 2 * size_of::<M::State>() + 32;
        configurations * 2 * size_of::<(Configuration, u32)>()
            + self.states.len() * state
            + self.weights
            + self.links.capacity() * size_of::<(u32, u32)>()
            + self.steps.len() * 24
    }

    /// All configurations one change of state further on.
    fn expand(&mut self, from: &Configuration, link: u32, next: &mut Vec<(Configuration, u32)>) {
        let mut pending = self.open & !from.done & !self.observers;
        let mut first: Vec<(u32, u32, usize)> = Vec::new();
        while pending != 0 {
            let slot = pending.trailing_zeros() as usize;
            pending &= pending - 1;
            if let Some(open) = &self.slots[slot] {
                match first.iter_mut().find(|(class, ..)| *class == open.class) {
                    Some((_, end, best)) if open.end < *end => (*end, *best) = (open.end, slot),
                    Some(_) => {}
                    None => first.push((open.class, open.end, slot)),
                }
            }
        }
        for &(class, _, slot) in &first {
            let call = self.slots[slot].as_ref().map_or(NONE, |open| open.call);
            let done = from.done | 1 << slot;
            self.go(from, link, class, call, done, None, next);
        }
        for at in 0..self.unknown_classes.len() {
            let class = self.unknown_classes[at];
            let used = from
                .used
                .iter()
                .find(|(other, _)| *other == class)
                .map_or(0, |(_, count)| *count);
            // One that does the same and has to happen anyway goes first: the two can be swapped.
            let must = first.iter().any(|(other, ..)| *other == class);
            let call = self.unknown[&class].get(used as usize).copied();
            if let Some(call) = call.filter(|_| !must) {
                self.go(from, link, class, call, from.done, Some(class), next);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn go(
        &mut self,
        from: &Configuration,
        link: u32,
        class: u32,
        call: u32,
        done: Mask,
        spend: Option<u32>,
        next: &mut Vec<(Configuration, u32)>,
    ) {
        let state = self.step(from.state, class);
        // An unknown outcome that changes nothing is no use.
        if state == NONE || spend.is_some() && state == from.state {
            return;
        }
        let mut new = Configuration {
            state,
            done,
            used: from.used.clone(),
        };
        if let Some(class) = spend {
            match new.used.binary_search_by_key(&class, |(class, _)| *class) {
                Ok(at) => new.used[at].1 += 1,
                Err(at) => new.used.insert(at, (class, 1)),
            }
        }
        let mut link = self.link(call, link);
        let pending = self.observers & self.open & !done;
        self.absorb(&mut new, &mut link, pending);
        next.push((new, link));
    }

    /// Lets those of the observers in `pending` take effect that fit.
    fn absorb(&mut self, configuration: &mut Configuration, link: &mut u32, mut pending: Mask) {
        while pending != 0 {
            let slot = pending.trailing_zeros() as usize;
            pending &= pending - 1;
            let Some((class, call)) = self.slots[slot]
                .as_ref()
                .map(|open| (open.class, open.call))
            else {
                continue;
            };
            if self.step(configuration.state, class) != NONE {
                configuration.done |= 1 << slot;
                *link = self.link(call, *link);
            }
        }
    }

    fn link(&mut self, call: u32, before: u32) -> u32 {
        self.links.push((call, before));
        self.links.len() as u32 - 1
    }

    fn step(&mut self, state: u32, class: u32) -> u32 {
        if let Some(next) = self.steps.get(&(state, class)) {
            return *next;
        }
        let call = &self.calls[self.classes[class as usize].0 as usize];
        let next = self
            .model
            .step(&self.states[state as usize], &call.op, call.reply.as_ref());
        let next = match next {
            None => NONE,
            Some(_) if !self.classes[class as usize].1 => state,
            Some(next) => match self.state_ids.get(&next) {
                Some(id) => *id,
                None => {
                    let id = self.states.len() as u32;
                    // A state that is large takes long to make, too.
                    let weight = 2 * self.model.weight(&next);
                    self.weights += weight;
                    self.meter.spent(weight as u64 / 64);
                    self.states.push(next.clone());
                    self.state_ids.insert(next, id);
                    id
                }
            },
        };
        self.steps.insert((state, class), next);
        next
    }

    /// Drops configurations that can do no more than another in the same state with the same calls in effect: in which
    /// fewer observers took effect, and more of the unknown outcomes were used. Where rests make up for each other,
    /// other calls may be in effect.
    fn thin_out(&self, all: Vec<(Configuration, u32)>) -> Vec<(Configuration, u32)> {
        let mut groups: Map<(u32, Mask), Vec<usize>> = Map::default();
        let mut drop = vec![false; all.len()];
        for (at, (new, _)) in all.iter().enumerate() {
            let movers = match M::TRADES {
                true => 0,
                false => new.done & !self.observers,
            };
            let group = groups.entry((new.state, movers)).or_default();
            if group.iter().any(|other| self.covers(&all[*other].0, new)) {
                drop[at] = true;
                continue;
            }
            group.retain(|other| {
                drop[*other] = self.covers(new, &all[*other].0);
                !drop[*other]
            });
            group.push(at);
        }
        let kept = all.into_iter().zip(drop).filter(|(_, drop)| !drop);
        kept.map(|(configuration, _)| configuration).collect()
    }

    /// True if whatever leads on from `b` also leads on from `a`, which is in the same state.
    fn covers(&self, a: &Configuration, b: &Configuration) -> bool {
        if b.done & !a.done != 0 {
            return false;
        }
        if !M::TRADES {
            return uses_no_more(&a.used, &b.used);
        }
        let op = |class: u32| &self.calls[self.classes[class as usize].0 as usize].op;
        // What only b can still do, and what only a can.
        let (mut lost, mut kept) = (Vec::new(), Vec::new());
        let mut more = |class: u32, by_a: u32, by_b: u32| {
            lost.extend((by_a > by_b).then(|| (op(class), by_a - by_b)));
            kept.extend((by_b > by_a).then(|| (op(class), by_b - by_a)));
        };
        let count = |used: &[(u32, u32)], class: u32| {
            let found = used.iter().find(|(other, _)| *other == class);
            found.map_or(0, |(_, count)| *count)
        };
        for (class, by_a) in &a.used {
            more(*class, *by_a, count(&b.used, *class));
        }
        for (class, by_b) in &b.used {
            if count(&a.used, *class) == 0 {
                more(*class, 0, *by_b);
            }
        }
        let mut ahead = a.done & !b.done & !self.observers;
        while ahead != 0 {
            let slot = ahead.trailing_zeros() as usize;
            ahead &= ahead - 1;
            if let Some(open) = &self.slots[slot] {
                lost.push((op(open.class), 1));
            }
        }
        lost.is_empty() || self.model.makes_up(&lost, &kept)
    }

    /// Forgets states that no configuration is in, when they are most of all.
    fn forget(&mut self) {
        if self.states.len() < 1024 + 4 * self.configurations.len() {
            return;
        }
        let mut states = Vec::new();
        let mut new_id: Map<u32, u32> = Map::default();
        for (configuration, _) in &mut self.configurations {
            configuration.state = *new_id.entry(configuration.state).or_insert_with(|| {
                states.push(self.states[configuration.state as usize].clone());
                states.len() as u32 - 1
            });
        }
        self.steps.clear();
        self.weights = states
            .iter()
            .map(|state| 2 * self.model.weight(state))
            .sum();
        self.state_ids = (states.iter().cloned()).zip(0..).collect();
        self.states = states;
    }
}

/// True if `a` used each class of unknown outcomes at most as often as `b`. O(classes used).
fn uses_no_more(a: &[(u32, u32)], b: &[(u32, u32)]) -> bool {
    let mut others = b.iter();
    a.iter()
        .all(|(class, count)| others.any(|(other, more)| other == class && count <= more))
}

/// From each call on, the first that must happen and changes nothing; none where states do not only grow. O(calls).
fn tellers<M: Model>(model: &M, calls: &[Call<M::Op, M::Reply>]) -> Vec<u32> {
    if !model.only_grows(calls.iter().map(|call| &call.op)) {
        return Vec::new();
    }
    let mut next = NONE;
    let mut tellers: Vec<u32> = (0..calls.len() as u32)
        .rev()
        .map(|at| {
            let call = &calls[at as usize];
            if call.must && call.end != NEVER && !model.changes(&call.op) {
                next = at;
            }
            next
        })
        .collect();
    tellers.reverse();
    tellers
}
