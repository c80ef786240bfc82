//! The baseline: the algorithm of Porcupine, written anew and plainly.
//!
//! Wing and Gong, "Testing and verifying concurrent objects", 1993: depth-first over a list of calls and returns,
//! lifting out what took effect. Lowe, "Testing for linearizability", 2017: a cache of what took effect together
//! with the state. As in Porcupine (github.com/anishathalye/porcupine): parts by key, one bit for every operation
//! of the part, the cache hashed by those bits, an operation of unknown outcome returns after all others.

use std::collections::HashMap;
use std::time::Duration;

use checker::history::Outcome;
use checker::linearizable::exact::Judged;
use checker::models::register::{self, Step};
use checker::models::{Call, Calls, ModelKind, Told};
use checker::{History, Valid};
use smol_str::SmolStr;

use super::measure::cpu;

/// Seconds of processor time and bytes of cache after which it gives up.
#[derive(Clone, Copy)]
pub struct Budget {
    pub seconds: f64,
    /// Threads that ours may use; with more than one the time is that which passes, not the processor's.
    pub threads: usize,
    pub bytes: usize,
}

/// One part, ready to be searched: the algorithm is timed, not the reading.
pub trait Part {
    fn check(&self, budget: &mut Running) -> Valid;
}

/// What is left of a budget.
pub struct Running {
    until: Duration,
    bytes: usize,
    asked: u32,
}

impl Running {
    pub fn new(budget: Budget) -> Running {
        Running {
            until: cpu() + Duration::from_secs_f64(budget.seconds),
            bytes: budget.bytes,
            asked: 0,
        }
    }

    fn is_over(&mut self, cached: usize) -> bool {
        self.asked += 1;
        cached > self.bytes || self.asked.is_multiple_of(256) && cpu() > self.until
    }
}

/// All parts of a history.
pub fn parts(history: &History, kind: ModelKind) -> Vec<Box<dyn Part>> {
    use checker::models::{
        counter, fenced_lock, kv, lock, log, priority_queue, queue, semaphore, set, stack, txn,
    };
    match kind {
        ModelKind::Register => (register::parts(history).unwrap_or_default().into_iter())
            .map(|part| Box::new(part.steps) as Box<dyn Part>)
            .collect(),
        ModelKind::Kv => spoken(history, kv::Kv::default),
        ModelKind::Set => spoken(history, set::Set::default),
        ModelKind::Queue => spoken(history, queue::Queue::default),
        ModelKind::Stack => spoken(history, stack::Stack::default),
        ModelKind::PriorityQueue => spoken(history, priority_queue::PriorityQueue::default),
        ModelKind::Counter => spoken(history, counter::Counter::default),
        ModelKind::Lock => spoken(history, lock::Lock::default),
        ModelKind::Log => spoken(history, log::Log::default),
        ModelKind::FencedLock => spoken(history, fenced_lock::FencedLock::default),
        ModelKind::Semaphore(permits) => spoken(history, || semaphore::Semaphore { permits }),
        ModelKind::Txn => spoken(history, txn::Txn::default),
    }
}

/// The answer about all parts; the first wrong one decides.
pub fn check(parts: &[Box<dyn Part>], budget: Budget) -> Valid {
    let mut running = Running::new(budget);
    let mut worst = Valid::Yes;
    for part in parts {
        match part.check(&mut running) {
            Valid::No => return Valid::No,
            Valid::Unknown => worst = Valid::Unknown,
            Valid::Yes => {}
        }
    }
    worst
}

/// The calls of one key, as its model heard them.
struct Heard<M: Judged> {
    model: M,
    calls: Calls<M>,
}

fn spoken<M: Judged + 'static>(history: &History, model: impl Fn() -> M) -> Vec<Box<dyn Part>> {
    let mut parts: Vec<(Option<SmolStr>, Heard<M>)> = Vec::new();
    let mut places: HashMap<Option<SmolStr>, usize> = HashMap::new();
    for (number, operation) in (0..).zip(history.operations()) {
        let key = history.key(operation).cloned();
        let place = *places.entry(key.clone()).or_insert_with(|| {
            let (model, calls) = (model(), Vec::new());
            parts.push((key, Heard { model, calls }));
            parts.len() - 1
        });
        let part = &mut parts[place].1;
        if operation.outcome == Outcome::Fail {
            continue;
        }
        let said = part.model.hear(&Told { history, operation });
        let Some((op, reply)) = said.expect("the history fits its model") else {
            continue;
        };
        let must = operation.outcome != Outcome::Info;
        let ended = operation.complete().filter(|_| must);
        part.calls.push(Call {
            operation: number,
            start: operation.invoke() as u32 + 1,
            end: ended.map_or(register::NEVER, |at| at as u32 + 1),
            must,
            op,
            reply,
        });
    }
    (parts.into_iter())
        .map(|(_, part)| Box::new(part) as Box<dyn Part>)
        .collect()
}

impl<M: Judged> Part for Heard<M> {
    fn check(&self, budget: &mut Running) -> Valid {
        let times = self.calls.iter().map(|call| (call.start, call.end));
        let weight = |state: &M::State| self.model.weight(state);
        search(
            times.collect(),
            self.model.init(),
            weight,
            budget,
            |state, at| {
                let call = &self.calls[at];
                let next = self.model.step(state, &call.op, call.reply.as_ref());
                // What may not have happened fits everywhere.
                next.or_else(|| (!call.must).then(|| state.clone()))
            },
        )
    }
}

impl Part for Vec<Step> {
    fn check(&self, budget: &mut Running) -> Valid {
        let times = self.iter().map(|step| (step.start, step.end));
        search(
            times.collect(),
            register::INITIAL,
            |_| 0,
            budget,
            |state, at| {
                let step = &self[at];
                step.action.step(*state).or((!step.must).then_some(*state))
            },
        )
    }
}

/// A call or its return, in a list.
#[derive(Clone, Copy)]
struct Entry {
    operation: usize,
    matching: usize,
    is_return: bool,
    before: usize,
    after: usize,
}

/// The place before the first entry; also "no entry".
const HEAD: usize = 0;

fn lift(list: &mut [Entry], at: usize) {
    for at in [at, list[at].matching] {
        let Entry { before, after, .. } = list[at];
        list[before].after = after;
        if after != HEAD {
            list[after].before = before;
        }
    }
}

fn unlift(list: &mut [Entry], at: usize) {
    for at in [list[at].matching, at] {
        let Entry { before, after, .. } = list[at];
        list[before].after = at;
        if after != HEAD {
            list[after].before = at;
        }
    }
}

fn entries(times: &[(u32, u32)]) -> Vec<Entry> {
    let mut order: Vec<(u32, bool, usize)> = Vec::with_capacity(2 * times.len());
    for (at, (start, end)) in times.iter().enumerate() {
        order.extend([(*start, false, at), (*end, true, at)]);
    }
    order.sort_unstable();
    let mut list = vec![
        Entry {
            operation: 0,
            matching: HEAD,
            is_return: false,
            before: HEAD,
            after: HEAD,
        };
        order.len() + 1
    ];
    let mut calls = vec![HEAD; times.len()];
    for (at, (_, is_return, operation)) in (1..).zip(order) {
        list[at - 1].after = at;
        list[at] = Entry {
            operation,
            matching: calls[operation],
            is_return,
            before: at - 1,
            after: HEAD,
        };
        match is_return {
            true => list[calls[operation]].matching = at,
            false => calls[operation] = at,
        }
    }
    list
}

fn search<S: Clone + Eq>(
    times: Vec<(u32, u32)>,
    init: S,
    weight: impl Fn(&S) -> usize,
    budget: &mut Running,
    step: impl Fn(&S, usize) -> Option<S>,
) -> Valid {
    let mut list = entries(&times);
    let mut done = vec![0_u64; times.len().div_ceil(64)];
    let mut cache: HashMap<u64, Vec<(Vec<u64>, S)>> = HashMap::new();
    let mut cached = 0;
    let mut calls: Vec<(usize, S)> = Vec::new();
    let (mut state, mut at) = (init, list[HEAD].after);
    while list[HEAD].after != HEAD {
        if budget.is_over(cached) {
            return Valid::Unknown;
        }
        let entry = list[at];
        let bit = 1 << (entry.operation % 64);
        if !entry.is_return {
            let Some(next) = step(&state, entry.operation) else {
                at = entry.after;
                continue;
            };
            done[entry.operation / 64] |= bit;
            let known = cache.entry(hash(&done)).or_default();
            if known
                .iter()
                .any(|(bits, old)| *bits == done && *old == next)
            {
                done[entry.operation / 64] &= !bit;
                at = entry.after;
                continue;
            }
            cached += 8 * done.len() + size_of::<(Vec<u64>, S)>() + weight(&next);
            known.push((done.clone(), next.clone()));
            calls.push((at, std::mem::replace(&mut state, next)));
            lift(&mut list, at);
            at = list[HEAD].after;
        } else {
            let Some((last, before)) = calls.pop() else {
                return Valid::No;
            };
            state = before;
            let operation = list[last].operation;
            done[operation / 64] &= !(1 << (operation % 64));
            unlift(&mut list, last);
            at = list[last].after;
        }
    }
    Valid::Yes
}

/// By the finalizer's constant of MurmurHash3, word by word.
fn hash(words: &[u64]) -> u64 {
    let mix = |hash: u64, word: &u64| (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    words.iter().fold(0, mix)
}
