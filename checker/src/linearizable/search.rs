//! Just-in-time linearization for any register: the set of all configurations, moved along the history.
//!
//! Lowe, "Testing for linearizability", Concurrency and Computation 29(4), 2017, section 3 ("just-in-time
//! linearization"): an operation takes effect only when some end forces it, so a configuration is a state
//! and the set of *open* operations that took effect, and memory does not grow with the history. Added here:
//!
//! - reads (and failed compares) take effect as soon as they can: that changes no state, hence never hurts;
//! - a write that nobody must see hides right before any other write that comes while it is open; so a
//!   visible write marks all open ones as `hidden` (done, or to be done yet, whichever is needed);
//! - two writes in a row, the first seen by nobody, need not be tried: the first would have been hidden;
//! - unknown outcomes are classes of equal actions with counts: which of two equal ones was used is no matter;
//! - a configuration that another one dominates is dropped.

use std::collections::{HashMap, HashSet};

use super::configuration::{Configuration, Mask, SLOTS};
use crate::models::register::{Action, Interned, NEVER, Step};

/// Groups larger than this are not compared pairwise.
const PAIRWISE: usize = 192;

/// How much may be tried. Numbers, not seconds: the same history gets the same verdict everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Configurations kept at once; the least promising are dropped above that (then "invalid" is not proved).
    pub configurations: usize,
    /// Configurations made in all.
    pub steps: u64,
}

/// Where the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A linearization exists.
    Linearizable,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searched {
    /// The answer.
    pub found: Found,
    /// Configurations made.
    pub steps: u64,
}

/// Searches from any of the states in `initial`. With `reuse`, unknown outcomes may be used any number of
/// times: cheaper, and what is stuck even so is not linearizable, though perhaps a shorter prefix is not.
pub fn search(steps: &[Step], initial: &[Interned], limits: Limits, reuse: bool) -> Searched {
    let mut search = Search::new(steps, initial, limits, reuse);
    let found = search.run(steps);
    Searched {
        found,
        steps: search.made,
    }
}

struct Search {
    limits: Limits,
    reuse: bool,
    made: u64,
    complete: bool,
    configurations: Vec<Configuration>,
    /// Open operations by slot.
    slots: Vec<Option<Step>>,
    open: Mask,
    reads: Mask,
    writes: Mask,
    differs: Mask,
    /// By value: open reads of it, and open failed compares with it.
    reads_of: HashMap<Interned, Mask>,
    differs_of: HashMap<Interned, Mask>,
    /// Unknown outcomes by class: what they do and how many were invoked.
    classes: Vec<(Action, u32)>,
    class_of: HashMap<Action, u32>,
    /// Classes whose value somebody may still ask for, and those that all serve as "something else".
    live: Vec<u32>,
    dead: Vec<u32>,
    /// By value: until when somebody may ask for it; and until when somebody asks for anything else at all.
    wanted: HashMap<Interned, u32>,
    refused: u32,
    now: u32,
}

impl Search {
    fn new(steps: &[Step], initial: &[Interned], limits: Limits, reuse: bool) -> Search {
        let mut wanted: HashMap<Interned, u32> = HashMap::new();
        let mut refused = 0;
        for step in steps {
            if let Action::Differs(_) = step.action {
                refused = refused.max(step.end);
            }
            if let Action::Read(value) | Action::Cas(value, _) | Action::Differs(value) =
                step.action
            {
                let until = wanted.entry(value).or_default();
                *until = step.end.max(*until);
            }
        }
        Search {
            live: Vec::new(),
            dead: Vec::new(),
            wanted,
            refused,
            now: 0,
            limits,
            reuse,
            made: 0,
            complete: true,
            configurations: initial
                .iter()
                .map(|state| Configuration::new(*state))
                .collect(),
            slots: vec![None; SLOTS],
            open: 0,
            reads: 0,
            writes: 0,
            differs: 0,
            reads_of: HashMap::new(),
            differs_of: HashMap::new(),
            classes: Vec::new(),
            class_of: HashMap::new(),
        }
    }

    fn run(&mut self, steps: &[Step]) -> Found {
        let mut ends: Vec<(u32, usize)> = (0..steps.len())
            .filter(|at| steps[*at].end != NEVER)
            .map(|at| (steps[at].end, at))
            .collect();
        ends.sort_unstable();
        let mut slot_of = vec![SLOTS; steps.len()];
        let mut proved = 0;
        let mut next = 0;
        for (end, at) in ends {
            while next < steps.len() && steps[next].start < end {
                match self.begin(&steps[next]) {
                    Some(slot) => slot_of[next] = slot,
                    None => return Found::Undecided { proved },
                }
                next += 1;
            }
            let slot = slot_of[at];
            self.now = end;
            if slot < SLOTS && !self.end(slot, steps[at].must) {
                return Found::Undecided { proved };
            }
            self.close(slot);
            if self.configurations.is_empty() {
                return if self.complete {
                    Found::Stuck { time: end }
                } else {
                    Found::Undecided { proved }
                };
            }
            if self.complete {
                proved = end;
            }
        }
        Found::Linearizable
    }

    /// An operation was invoked. Its slot ([`SLOTS`]: it needs none); `None`: too many are open.
    fn begin(&mut self, step: &Step) -> Option<usize> {
        if step.end == NEVER {
            let (classes, live) = (&mut self.classes, &mut self.live);
            let class = *self.class_of.entry(step.action).or_insert_with(|| {
                live.push(classes.len() as u32);
                classes.push((step.action, 0));
                classes.len() as u32 - 1
            });
            self.classes[class as usize].1 += 1;
            return Some(SLOTS);
        }
        let slot = (!self.open).trailing_zeros() as usize;
        if slot >= SLOTS {
            return None;
        }
        let bit: Mask = 1 << slot;
        self.open |= bit;
        self.slots[slot] = Some(*step);
        match step.action {
            Action::Read(value) => {
                self.reads |= bit;
                *self.reads_of.entry(value).or_default() |= bit;
            }
            Action::Differs(value) => {
                self.differs |= bit;
                *self.differs_of.entry(value).or_default() |= bit;
            }
            Action::Write(_) => self.writes |= bit,
            Action::Cas(..) | Action::Impossible => return Some(slot),
        }
        for configuration in &mut self.configurations {
            if step.action.installs().is_none() && step.action.step(configuration.state).is_some() {
                configuration.done |= bit;
            }
        }
        Some(slot)
    }

    /// The operation in `slot` has ended: keeps the configurations in which it took effect, and those that
    /// can be reached from the others so that it did; the others too, unless it must have. False: the limits
    /// are reached.
    fn end(&mut self, slot: usize, must: bool) -> bool {
        let bit: Mask = 1 << slot;
        let mut kept = Vec::new();
        let mut todo = Vec::new();
        for configuration in std::mem::take(&mut self.configurations) {
            if configuration.done & bit != 0 {
                kept.push(configuration);
                continue;
            }
            // Hidden is good enough, but now is also the last moment for it to be seen.
            if configuration.hidden & bit != 0 || !must {
                kept.push(configuration.clone());
            }
            todo.push((configuration, false));
        }
        if !todo.is_empty() {
            self.bury();
        }
        let mut seen: HashSet<(Configuration, bool)> = HashSet::new();
        let mut next = Vec::new();
        while let Some((configuration, idle)) = todo.pop() {
            if seen.len() > self.limits.configurations.saturating_mul(8) {
                // Too many ways at once: go on with what was found, and remember that it is not all.
                self.complete = false;
                break;
            }
            self.successors(&configuration, idle, &mut next);
            self.made += next.len() as u64;
            if self.made > self.limits.steps {
                return false;
            }
            for (successor, idle) in next.drain(..) {
                if successor.done & bit != 0 {
                    kept.push(successor);
                    continue;
                }
                if successor.hidden & bit != 0 {
                    kept.push(successor.clone());
                }
                if seen.insert((successor.clone(), idle)) {
                    todo.push((successor, idle));
                }
            }
        }
        self.configurations = kept;
        true
    }

    /// All configurations that one more change of state leads to. `idle`: the last change was a write that
    /// nobody has seen yet, so that another write is of no use.
    fn successors(&self, from: &Configuration, idle: bool, next: &mut Vec<(Configuration, bool)>) {
        let pending = self.open & !from.done & !(self.reads | self.differs);
        let mut rest = pending;
        while rest != 0 {
            let slot = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if let Some(step) = &self.slots[slot] {
                self.apply(from, idle, step.action, Some(slot), next);
            }
        }
        let available =
            |class: &&u32| self.reuse || from.uses(**class) < self.classes[**class as usize].1;
        // One dead class is as good as another; and none is of use where nobody asks for "something else".
        let dead = self
            .dead
            .iter()
            .find(available)
            .filter(|_| self.refused >= self.now);
        for &class in self.live.iter().filter(available).chain(dead) {
            let made = next.len();
            self.apply(from, idle, self.classes[class as usize].0, None, next);
            if !self.reuse {
                next[made..]
                    .iter_mut()
                    .for_each(|(new, _)| new.spend(class));
            }
        }
    }

    /// Sorts out the classes whose value nobody can ask for any more. From there only a blind write leads
    /// on, so that a dead class helps nobody but a failed compare that wants to see anything else.
    fn bury(&mut self) {
        let (classes, wanted, now) = (&self.classes, &self.wanted, self.now);
        let dead = &mut self.dead;
        self.live.retain(|class| {
            let action = classes[*class as usize].0;
            let lives = action
                .installs()
                .and_then(|value| wanted.get(&value))
                .is_some_and(|until| *until >= now);
            if !lives && matches!(action, Action::Write(_)) {
                dead.push(*class);
            }
            lives || !matches!(action, Action::Write(_))
        });
    }

    fn apply(
        &self,
        from: &Configuration,
        idle: bool,
        action: Action,
        slot: Option<usize>,
        next: &mut Vec<(Configuration, bool)>,
    ) {
        let blind = matches!(action, Action::Write(_));
        if blind && idle {
            return;
        }
        let Some(state) = action.step(from.state) else {
            return;
        };
        let mut new = Configuration {
            state,
            ..from.clone()
        };
        if let Some(slot) = slot {
            new.done |= 1 << slot;
            new.hidden &= !(1 << slot);
        }
        if blind {
            new.hidden |= self.writes & self.open & !new.done;
        }
        let seen_by = self.reads_of.get(&state).copied().unwrap_or_default()
            | (self.differs & !self.differs_of.get(&state).copied().unwrap_or_default());
        let absorbed = seen_by & !new.done;
        new.done |= absorbed;
        // A write of unknown outcome that changes nothing and hides nothing is no use either.
        if slot.is_none() && new.state == from.state && new.hidden == from.hidden {
            return;
        }
        next.push((new, blind && absorbed == 0));
    }

    /// Frees a slot, and forgets configurations that others dominate.
    fn close(&mut self, slot: usize) {
        let bit: Mask = 1 << slot;
        if let Some(step) = self.slots[slot].take() {
            match step.action {
                Action::Read(value) => forget(&mut self.reads_of, value, bit),
                Action::Differs(value) => forget(&mut self.differs_of, value, bit),
                _ => {}
            }
        }
        self.open &= !bit;
        self.reads &= !bit;
        self.writes &= !bit;
        self.differs &= !bit;
        for configuration in &mut self.configurations {
            configuration.done &= !bit;
            configuration.hidden &= !bit;
        }
        if self.configurations.len() > 1 {
            self.thin_out();
        }
        self.settle_accounts();
    }

    fn thin_out(&mut self) {
        let (reads, writes) = (self.reads | self.differs, self.writes);
        let mut groups: HashMap<(Interned, Mask), Vec<Configuration>> = HashMap::new();
        let unique: HashSet<Configuration> = self.configurations.drain(..).collect();
        for configuration in unique {
            let cas = configuration.done & !(reads | writes);
            groups
                .entry((configuration.state, cas))
                .or_default()
                .push(configuration);
        }
        let mut all = Vec::new();
        for (_, mut group) in groups {
            // The promising ones first: they dominate, and are seldom dominated.
            group.sort_unstable_by(order);
            let mut kept: Vec<Configuration> = Vec::new();
            for configuration in group {
                let compared = kept.len().min(PAIRWISE);
                if !kept[..compared]
                    .iter()
                    .any(|better| better.dominates(&configuration, reads, writes))
                {
                    kept.push(configuration);
                }
            }
            all.append(&mut kept);
        }
        all.sort_unstable_by(order);
        if all.len() > self.limits.configurations {
            all.truncate(self.limits.configurations);
            self.complete = false;
        }
        self.configurations = all;
    }

    /// What every configuration has used is gone for good: subtracted, so that the lists stay short.
    fn settle_accounts(&mut self) {
        let Some(first) = self
            .configurations
            .first()
            .filter(|first| !first.used.is_empty())
        else {
            return;
        };
        for (class, count) in first.used.clone() {
            let common = self
                .configurations
                .iter()
                .map(|other| other.uses(class))
                .min()
                .unwrap_or(0)
                .min(count);
            if common > 0 {
                self.classes[class as usize].1 -= common;
                for configuration in &mut self.configurations {
                    configuration.used.retain_mut(|(other, count)| {
                        *count -= if *other == class { common } else { 0 };
                        *count > 0
                    });
                }
            }
        }
    }
}

/// Promising first; the rest of the order only makes it the same in every run.
fn order(a: &Configuration, b: &Configuration) -> std::cmp::Ordering {
    let key = |c: &Configuration| (c.promise(), c.state, c.done, c.hidden);
    key(a).cmp(&key(b)).then_with(|| a.used.cmp(&b.used))
}

fn forget(masks: &mut HashMap<Interned, Mask>, value: Interned, bit: Mask) {
    if let Some(mask) = masks.get_mut(&value) {
        *mask &= !bit;
        if *mask == 0 {
            masks.remove(&value);
        }
    }
}
