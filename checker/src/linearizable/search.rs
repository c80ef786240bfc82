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
//! - of open operations that do the same the one that ends first goes first: where a later-ending one goes first
//!   the two can be swapped, or, if the other one is hidden, trade places;
//! - unknown outcomes are classes of equal actions with counts: which of two equal ones was used is no matter;
//! - a configuration that another one dominates is dropped.

use super::configuration::{Configuration, Mask, SLOTS, Usages};
use super::limits::{Limits, Meter, NO_END};
use super::trail::{Mover, START, Trail};
use super::unknowns::Unknowns;
use super::window::Window;
use crate::hash::Map;
use crate::models::register::{Action, Interned, NEVER, Step};

/// Groups larger than this are not compared pairwise.
const PAIRWISE: usize = 192;

/// Where a search ended.
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

/// Searches from any of the states in `initial`, dropping nothing before the limits. With `reuse`, unknown outcomes
/// may be used any number of times: cheaper, and what is stuck even so is not linearizable, though perhaps a
/// shorter prefix is not.
pub fn search(steps: &[Step], initial: &[Interned], limits: Limits, reuse: bool) -> Searched {
    search_within(steps, initial, limits, reuse, &Meter::new(NO_END))
}

/// As [`search`], until the meter says stop.
pub fn search_within(
    steps: &[Step],
    initial: &[Interned],
    limits: Limits,
    reuse: bool,
    meter: &Meter<'_>,
) -> Searched {
    let mut engine = Engine::new(steps, None);
    let mut front = engine.begin(initial, reuse);
    let mut proved = 0;
    let found = loop {
        match engine.advance(&mut front, limits.configurations, &limits, meter) {
            Went::On { time } if front.complete => proved = time,
            Went::On { .. } => {}
            Went::Done => break Found::Linearizable,
            Went::Stuck { time } if front.complete => break Found::Stuck { time },
            Went::Stuck { .. } | Went::TooMuch => break Found::Undecided { proved },
        }
    };
    Searched {
        found,
        steps: engine.made,
    }
}

/// How one step of the search went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// The operation that ended at this time took effect in some configuration.
    On {
        /// When.
        time: u32,
    },
    /// In none.
    Stuck {
        /// When.
        time: u32,
    },
    /// Nothing ends any more.
    Done,
    /// The limits are reached.
    TooMuch,
}

/// How far a search has come.
#[derive(Clone, Debug)]
pub struct Front {
    /// What may have happened, with the link that tells how.
    pub configurations: Vec<(Configuration, u32)>,
    /// False: some were dropped, so that being stuck proves nothing.
    pub complete: bool,
    /// How many operations have ended.
    pub ended: usize,
    begun: usize,
    window: Window,
    unknowns: Unknowns,
    usages: Usages,
}

impl Front {
    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.configurations.capacity() * size_of::<(Configuration, u32)>()
            + self.usages.bytes()
            + 16_384
    }
}

/// Moves fronts along one history.
pub struct Engine<'a> {
    steps: &'a [Step],
    /// When which step ends, in order.
    pub ends: Vec<(u32, u32)>,
    slot_of: Vec<u8>,
    /// How configurations came to be, where that is wanted.
    pub trail: Option<Trail>,
    /// Configurations made.
    pub made: u64,
    /// Bytes that are held beside.
    pub beside: usize,
    /// What was reached already, whether idle; the last of its entries in `used`, each with the one before.
    seen: Map<(Mask, Mask, Interned, bool), u32>,
    used: Vec<(u32, u32)>,
    /// What is to be tried, by how many more unknown outcomes it used than others.
    levels: Vec<Vec<(Configuration, u32, bool)>>,
    queue: Vec<(Configuration, Mover, bool)>,
    usable: Vec<(u32, Action)>,
}

impl<'a> Engine<'a> {
    /// For steps in the order of their starts.
    pub fn new(steps: &'a [Step], trail: Option<Trail>) -> Engine<'a> {
        let mut ends: Vec<(u32, u32)> = (0..)
            .zip(steps)
            .filter(|(_, step)| step.end != NEVER)
            .map(|(at, step)| (step.end, at))
            .collect();
        ends.sort_unstable();
        Engine {
            steps,
            ends,
            slot_of: vec![0; steps.len()],
            trail,
            made: 0,
            beside: 0,
            seen: Map::default(),
            used: Vec::new(),
            levels: Vec::new(),
            queue: Vec::new(),
            usable: Vec::new(),
        }
    }

    /// The front before everything.
    pub fn begin(&self, initial: &[Interned], reuse: bool) -> Front {
        let begin = |state: &Interned| (Configuration::new(*state), START);
        Front {
            configurations: initial.iter().map(begin).collect(),
            complete: true,
            ended: 0,
            begun: 0,
            window: Window::new(),
            unknowns: Unknowns::new(self.steps, reuse),
            usages: Usages::default(),
        }
    }

    /// Up to the next end and past it, with at most `width` configurations.
    pub fn advance(
        &mut self,
        front: &mut Front,
        width: usize,
        limits: &Limits,
        meter: &Meter<'_>,
    ) -> Went {
        let Some(&(end, at)) = self.ends.get(front.ended) else {
            return Went::Done;
        };
        while let Some(step) = self.steps.get(front.begun)
            && step.start < end
        {
            if !self.open(front, step) {
                return Went::TooMuch;
            }
            front.begun += 1;
        }
        let slot = usize::from(self.slot_of[at as usize]);
        let must = self.steps[at as usize].must;
        if !self.end(front, slot, must, end, width, limits, meter) {
            return Went::TooMuch;
        }
        front.window.close(slot);
        for (configuration, _) in &mut front.configurations {
            configuration.done &= !(1 << slot);
            configuration.hidden &= !(1 << slot);
        }
        thin_out(front, width);
        if front.usages.is_full() {
            let mut all: Vec<Configuration> =
                front.configurations.iter().map(|(c, _)| *c).collect();
            let unknowns = &mut front.unknowns;
            front
                .usages
                .settle(&mut all, |class, count| unknowns.settle(class, count));
            for ((old, _), new) in front.configurations.iter_mut().zip(all) {
                *old = new;
            }
        }
        front.ended += 1;
        match front.configurations.is_empty() {
            true => Went::Stuck { time: end },
            false => Went::On { time: end },
        }
    }

    /// An operation was invoked. False: too many are open.
    fn open(&mut self, front: &mut Front, step: &Step) -> bool {
        if step.end == NEVER {
            front.unknowns.add(step.action);
            return true;
        }
        let Some(slot) = front.window.begin(step, front.begun as u32) else {
            return false;
        };
        debug_assert!(slot < SLOTS);
        self.slot_of[front.begun] = slot as u8;
        let bit: Mask = 1 << slot;
        let free = front.window.free_writes() & bit;
        let reads = step.action.installs().is_none();
        for (configuration, _) in &mut front.configurations {
            if reads {
                configuration.done |= front.window.absorbs(configuration.state) & bit;
            }
            // A write that need not happen is as good as hidden.
            configuration.hidden |= free;
        }
        true
    }

    /// The operation in `slot` has ended: keeps the configurations in which it took effect, and those that
    /// can be reached from the others so that it did; the others too, unless it must have. False: the limits
    /// are reached.
    #[allow(clippy::too_many_arguments)]
    fn end(
        &mut self,
        front: &mut Front,
        slot: usize,
        must: bool,
        now: u32,
        width: usize,
        limits: &Limits,
        meter: &Meter<'_>,
    ) -> bool {
        let bit: Mask = 1 << slot;
        let mut kept = Vec::new();
        self.seen.clear();
        self.used.clear();
        self.levels.iter_mut().for_each(Vec::clear);
        let sums = front
            .configurations
            .iter()
            .map(|(c, _)| front.usages.sum(c.used));
        let least = sums.min().unwrap_or(0);
        for (configuration, link) in std::mem::take(&mut front.configurations) {
            if configuration.done & bit != 0 {
                kept.push((configuration, link));
                continue;
            }
            // Hidden is good enough, but now is also the last moment for it to be seen.
            if configuration.hidden & bit != 0 || !must {
                kept.push((configuration, link));
            }
            let level = front.usages.sum(configuration.used) - least;
            self.put(level, (configuration, link, false));
        }
        if self.levels.iter().any(|level| !level.is_empty()) {
            front.unknowns.bury(now);
        }
        // Those first that used few unknown outcomes, and among them short ways.
        let (mut level, mut tried) = (0, 0);
        while level < self.levels.len() {
            // First what is possible without any more of them, and only if that is not enough, with one more.
            for more in [false, true] {
                if more && !self.levels[level].is_empty() && kept.len() >= width {
                    front.complete = false;
                    front.configurations = kept;
                    return true;
                }
                let mut next = 0;
                while let Some(&(from, link, idle)) = self.levels[level].get(next) {
                    next += 1;
                    tried += 1;
                    if tried > width.saturating_mul(16) {
                        // Too many ways at once: go on with what was found, and remember that it is not all.
                        front.complete = false;
                        front.configurations = kept;
                        return true;
                    }
                    self.queue.clear();
                    if !more {
                        self.successors(front, from, idle);
                    }
                    // What costs nothing leads to the same level.
                    if more != front.unknowns.are_free() {
                        self.unknown_successors(front, from, idle, now);
                    }
                    let made = self.queue.len() as u64 + 1;
                    self.made += made;
                    let bytes = (kept.capacity() + 2 * self.seen.capacity())
                        * size_of::<(Configuration, u32, bool)>();
                    let trail = self.trail.as_ref().map_or(0, Trail::bytes);
                    if self.made > limits.steps
                        || bytes + trail + self.beside + front.usages.bytes() > limits.bytes
                        || meter.spent(made)
                    {
                        return false;
                    }
                    for at in 0..self.queue.len() {
                        let (successor, mover, idle) = self.queue[at];
                        let is_done = successor.done & bit != 0;
                        if !is_done && !self.is_new(&successor, idle, &front.usages) {
                            continue;
                        }
                        let link = (self.trail.as_mut())
                            .map_or(link, |trail| trail.push(mover, now, link));
                        if is_done || successor.hidden & bit != 0 {
                            kept.push((successor, link));
                        }
                        if !is_done {
                            let level = front.usages.sum(successor.used) - least;
                            self.put(level, (successor, link, idle));
                        }
                    }
                }
            }
            level += 1;
        }
        front.configurations = kept;
        true
    }

    fn put(&mut self, level: u32, some: (Configuration, u32, bool)) {
        let level = level as usize;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.levels[level].push(some);
    }

    /// True unless an equal one, that used no more unknown outcomes, was there before.
    fn is_new(&mut self, some: &Configuration, idle: bool, usages: &Usages) -> bool {
        let head = self
            .seen
            .entry((some.done, some.hidden, some.state, idle))
            .or_insert(START);
        let mut at = *head;
        while let Some((used, before)) = self.used.get(at as usize) {
            if usages.is_within(*used, some.used) {
                return false;
            }
            at = *before;
        }
        self.used.push((some.used, *head));
        *head = self.used.len() as u32 - 1;
        true
    }

    /// Queues all configurations that one more change of state leads to. `idle`: the last change was a write that
    /// nobody has seen yet, so that another write is of no use.
    fn successors(&mut self, front: &Front, from: Configuration, idle: bool) {
        for (slot, action, at) in front.window.movers(from.state, from.done, idle) {
            let next = apply(&front.window, &from, action, Some(slot));
            self.queue
                .extend(next.map(|(new, idle)| (new, Mover::Step(at), idle)));
        }
    }

    /// Those to which an operation of unknown outcome leads.
    fn unknown_successors(&mut self, front: &mut Front, from: Configuration, idle: bool, now: u32) {
        front
            .unknowns
            .usable(from, &front.usages, now, &mut self.usable);
        for &(class, action) in &self.usable {
            if idle && matches!(action, Action::Write(_)) {
                continue;
            }
            if let Some((mut new, idle)) = apply(&front.window, &from, action, None) {
                if !front.unknowns.are_free() {
                    new.used = front.usages.spend(new.used, class);
                }
                self.queue.push((new, Mover::Unknown(action), idle));
            }
        }
    }
}

fn apply(
    window: &Window,
    from: &Configuration,
    action: Action,
    slot: Option<usize>,
) -> Option<(Configuration, bool)> {
    let blind = matches!(action, Action::Write(_));
    let state = action.step(from.state)?;
    let mut new = Configuration { state, ..*from };
    if let Some(slot) = slot {
        new.done |= 1 << slot;
        new.hidden &= !(1 << slot);
    }
    if blind {
        new.hidden |= window.writes & !new.done;
    }
    let absorbed = window.absorbs(state) & !new.done;
    new.done |= absorbed;
    // An unknown outcome that changes nothing and hides nothing is no use either.
    let useless = slot.is_none() && state == from.state && new.hidden == from.hidden;
    (!useless).then_some((new, blind && absorbed == 0))
}

/// Forgets configurations that others dominate, and the least promising above `width`.
fn thin_out(front: &mut Front, width: usize) {
    if front.configurations.len() < 2 {
        return;
    }
    let (reads, writes, open) = (front.window.reads, front.window.writes, front.window.open);
    let usages = &front.usages;
    // Smaller is likelier to survive: few unknown outcomes used, few operations that must happen yet, many writes
    // that may.
    let promise = |c: &Configuration| {
        let due = (open & !(c.done | c.hidden)).count_ones();
        (usages.sum(c.used), due, Mask::BITS - c.hidden.count_ones())
    };
    // The rest of the order only makes it the same in every run.
    let order = |c: &Configuration| (promise(c), c.state, c.done, c.hidden, c.used);
    let group = |c: &Configuration| (c.state, c.done & !(reads | writes));
    let all = &mut front.configurations;
    all.sort_unstable_by_key(|(a, _)| (group(a), order(a)));
    let mut kept: Vec<(Configuration, u32)> = Vec::with_capacity(all.len().min(2 * width));
    let mut first = 0;
    for (configuration, link) in all.drain(..) {
        if kept
            .get(first)
            .is_some_and(|(other, _)| group(other) != group(&configuration))
        {
            first = kept.len();
        }
        // The promising ones come first: they dominate, and are seldom dominated.
        let compared = &kept[first..kept.len().min(first + PAIRWISE)];
        let equal = kept.last().is_some_and(|(last, _)| *last == configuration);
        let dominated = |(better, _): &(Configuration, u32)| {
            better.dominates(&configuration, reads, writes, usages)
        };
        if !equal && !compared.iter().any(dominated) {
            kept.push((configuration, link));
        }
    }
    if kept.len() > width {
        front.complete = false;
        kept.sort_unstable_by_key(|(a, _)| order(a));
        // Every state keeps its best ones.
        let mut ranks: Map<Interned, u32> = Map::default();
        let mut ranked: Vec<(u32, u32)> = (0..)
            .zip(&kept)
            .map(|(at, (configuration, _))| {
                let rank = ranks.entry(configuration.state).or_default();
                *rank += 1;
                (*rank, at)
            })
            .collect();
        ranked.sort_unstable();
        ranked.truncate(width);
        kept = ranked
            .into_iter()
            .map(|(_, at)| kept[at as usize])
            .collect();
    }
    *all = kept;
}
