//! Places transactions by the revisions that they tell; what is missing between is filled with those of unknown outcome.
//!
//! Depth first, revision by revision: only a gap leaves a choice, and what was seen later rules most of it out. An order
//! that is found is proved by the definition; where none is found, nothing is said.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::general::certifies;
use super::transactions::Answered;
use crate::models::container::Item;
use crate::models::txn::{Act, Op, Reply, Store, Txn};
use crate::models::{Call, Calls, Model};

/// So many transactions are carried out for each of them at most.
const TRIES: usize = 200;

/// A linearization, if one is found soon.
pub(super) fn order(model: &Txn, calls: &Calls<Txn>) -> Option<Vec<u32>> {
    let mut dive = Dive::new(model, calls);
    let order = dive.run()?;
    certifies(model, calls, &order).then_some(order)
}

/// A gap that was filled: where to go back to, and what is to be tried next.
struct Choice {
    revision: u64,
    store: Store,
    placed: usize,
    next: usize,
}

struct Dive<'a> {
    model: &'a Txn,
    calls: &'a [Call<Op, Reply>],
    /// By revision who made it, for certain.
    makers: HashMap<u64, u32>,
    /// By revision who told of it without having made it for certain, in the order of their invocations.
    seers: HashMap<u64, Vec<u32>>,
    /// Who may or may not have happened; who began last comes first.
    unknown: Vec<u32>,
    /// By revision the end of the first to end of those that tell of it or of a later one.
    until: BTreeMap<u64, u32>,
    /// By key: when the store was at a revision, the key was of that one.
    observed: HashMap<Item, BTreeMap<u64, u64>>,
    latest: u64,
    used: Vec<bool>,
    order: Vec<u32>,
    tries: usize,
}

impl<'a> Dive<'a> {
    fn new(model: &'a Txn, calls: &'a [Call<Op, Reply>]) -> Dive<'a> {
        let mut dive = Dive {
            model,
            calls,
            makers: HashMap::new(),
            seers: HashMap::new(),
            unknown: Vec::new(),
            until: BTreeMap::new(),
            observed: HashMap::new(),
            latest: model.init().revision(),
            used: vec![false; calls.len()],
            order: Vec::with_capacity(calls.len()),
            tries: TRIES * calls.len(),
        };
        for (at, call) in calls.iter().enumerate() {
            let at = at as u32;
            let Some(answered) = Answered::of(at, call) else {
                if !call.must && model.changes(&call.op) {
                    dive.unknown.push(at);
                }
                continue;
            };
            let revision = answered.reply.revision;
            dive.latest = dive.latest.max(revision);
            let until = dive.until.entry(revision).or_insert(call.end);
            *until = call.end.min(*until);
            match answered.wrote {
                true => drop(dive.makers.insert(revision, at)),
                false => dive.seers.entry(revision).or_default().push(at),
            }
            if let Some(found) = answered.found() {
                for (key, by) in answered.seen().into_iter().chain(answered.conditions()) {
                    dive.observed.entry(key).or_default().insert(found, by);
                }
            }
        }
        let start = |at: &u32| calls[*at as usize].start;
        dive.unknown.sort_by_key(|at| std::cmp::Reverse(start(at)));
        for seers in dive.seers.values_mut() {
            seers.sort_by_key(start);
        }
        let mut least = u32::MAX;
        for until in dive.until.values_mut().rev() {
            least = least.min(*until);
            *until = least;
        }
        dive
    }

    fn run(&mut self) -> Option<Vec<u32>> {
        let mut store = self.model.init();
        let mut choices: Vec<Choice> = Vec::new();
        let mut fits = self.see(&mut store);
        while self.tries > 0 {
            if fits && store.revision() == self.latest {
                return Some(std::mem::take(&mut self.order));
            }
            let revision = store.revision() + 1;
            match self.makers.get(&revision) {
                Some(at) if fits => {
                    fits = self.place(&mut store, *at, revision) && self.see(&mut store);
                    continue;
                }
                None if fits => choices.push(Choice {
                    revision,
                    store: store.clone(),
                    placed: self.order.len(),
                    next: 0,
                }),
                _ => {}
            }
            // The last gap that leaves something to try.
            let choice = choices.last_mut()?;
            for at in self.order.drain(choice.placed..) {
                self.used[at as usize] = false;
            }
            store = choice.store.clone();
            fits = match self.fill(&mut store, choice.revision, choice.next) {
                Some(next) => {
                    choice.next = next;
                    self.see(&mut store)
                }
                None => {
                    choices.pop();
                    false
                }
            };
        }
        None
    }

    /// Fills a gap with the candidate number `next` or a later one, and says which comes after it.
    fn fill(&mut self, store: &mut Store, revision: u64, next: usize) -> Option<usize> {
        let deletes = self.seers.get(&revision).map_or(0, Vec::len);
        for number in next..deletes + self.unknown.len() {
            let at = match number.checked_sub(deletes) {
                None => self.seers[&revision][number],
                Some(number) => self.unknown[number],
            };
            let mut after = store.clone();
            if !self.used[at as usize]
                && self.may_fill(at, revision)
                && self.place(&mut after, at, revision)
            {
                *store = after;
                return Some(number + 1);
            }
        }
        None
    }

    /// Began early enough, and wrote nothing that was seen to be older afterwards.
    fn may_fill(&self, at: u32, revision: u64) -> bool {
        let call = &self.calls[at as usize];
        let until = self.until.range(revision..).next();
        if until.is_some_and(|(_, until)| *until < call.start) {
            return false;
        }
        // Both lists have to be possible: which one is carried out is not known yet.
        let seen_older = |act: &Act| match act {
            Act::Put(key, _) => {
                let after = (Bound::Included(revision), Bound::Unbounded);
                let next = self
                    .observed
                    .get(key)
                    .and_then(|seen| seen.range(after).next());
                next.is_some_and(|(_, by)| *by != 0 && *by < revision)
            }
            Act::Get(_) | Act::Delete(_) => false,
        };
        !(call
            .op
            .otherwise
            .iter()
            .all(|act| matches!(act, Act::Get(_)))
            && call.op.then.iter().any(seen_older))
    }

    /// Carries one out that is to make a revision.
    fn place(&mut self, store: &mut Store, at: u32, revision: u64) -> bool {
        self.tries = self.tries.saturating_sub(1);
        let call = &self.calls[at as usize];
        let fits = self.model.apply(store, &call.op, call.reply.as_ref());
        if !fits || store.revision() != revision {
            return false;
        }
        self.used[at as usize] = true;
        self.order.push(at);
        true
    }

    /// Everybody who told of this revision has to have seen what the store is now.
    fn see(&mut self, store: &mut Store) -> bool {
        let revision = store.revision();
        let seers = self.seers.get(&revision).map_or(&[][..], Vec::as_slice);
        for at in seers {
            if self.used[*at as usize] {
                continue;
            }
            self.tries = self.tries.saturating_sub(1);
            let call = &self.calls[*at as usize];
            let fits = self.model.apply(store, &call.op, call.reply.as_ref());
            if !fits || store.revision() != revision {
                return false;
            }
            self.used[*at as usize] = true;
            self.order.push(*at);
        }
        true
    }
}
