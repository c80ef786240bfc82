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
use super::unknowns::Unknowns;
use super::window::Window;
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
    made: u64,
    complete: bool,
    now: u32,
    configurations: Vec<Configuration>,
    window: Window,
    unknowns: Unknowns,
}

impl Search {
    fn new(steps: &[Step], initial: &[Interned], limits: Limits, reuse: bool) -> Search {
        Search {
            limits,
            made: 0,
            complete: true,
            now: 0,
            configurations: initial
                .iter()
                .map(|state| Configuration::new(*state))
                .collect(),
            window: Window::new(),
            unknowns: Unknowns::new(steps, reuse),
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
            if !self.end(slot, steps[at].must) {
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
            self.unknowns.add(step.action);
            return Some(SLOTS);
        }
        let slot = self.window.begin(step)?;
        if step.action.installs().is_none() {
            for configuration in &mut self.configurations {
                configuration.done |= self.window.absorbs(configuration.state) & (1 << slot);
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
            self.unknowns.bury(self.now);
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
        let pending = self.window.open & !from.done & !self.window.reads;
        for (slot, action) in self.window.actions(pending) {
            next.extend(self.apply(from, idle, action, Some(slot)));
        }
        for (class, action) in self.unknowns.usable(from, self.now) {
            if let Some((mut new, idle)) = self.apply(from, idle, action, None) {
                self.unknowns.spend(class, &mut new);
                next.push((new, idle));
            }
        }
    }

    fn apply(
        &self,
        from: &Configuration,
        idle: bool,
        action: Action,
        slot: Option<usize>,
    ) -> Option<(Configuration, bool)> {
        let blind = matches!(action, Action::Write(_));
        if blind && idle {
            return None;
        }
        let state = action.step(from.state)?;
        let mut new = Configuration {
            state,
            ..from.clone()
        };
        if let Some(slot) = slot {
            new.done |= 1 << slot;
            new.hidden &= !(1 << slot);
        }
        if blind {
            new.hidden |= self.window.writes & !new.done;
        }
        let absorbed = self.window.absorbs(state) & !new.done;
        new.done |= absorbed;
        // An unknown outcome that changes nothing and hides nothing is no use either.
        let useless = slot.is_none() && state == from.state && new.hidden == from.hidden;
        (!useless).then_some((new, blind && absorbed == 0))
    }

    /// Frees a slot, and forgets configurations that others dominate.
    fn close(&mut self, slot: usize) {
        self.window.close(slot);
        for configuration in &mut self.configurations {
            configuration.done &= !(1 << slot);
            configuration.hidden &= !(1 << slot);
        }
        if self.configurations.len() > 1 {
            self.thin_out();
        }
        self.unknowns.settle(&mut self.configurations);
    }

    fn thin_out(&mut self) {
        let (reads, writes) = (self.window.reads, self.window.writes);
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
}

/// Promising first; the rest of the order only makes it the same in every run.
fn order(a: &Configuration, b: &Configuration) -> std::cmp::Ordering {
    let key = |c: &Configuration| (c.promise(), c.state, c.done, c.hidden);
    key(a).cmp(&key(b)).then_with(|| a.used.cmp(&b.used))
}
