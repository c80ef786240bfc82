//! Sequential consistency of one register: an order in which each client's operations keep their own, whatever the clock
//! says.
//!
//! Lamport, "How to make a multiprocessor computer that correctly executes multiprocess programs", 1979. A history whose
//! keys have one each need not have one over all keys (it is no local property), so this is told key by key.
//!
//! **Where values are written once** it is decided exactly: a value, with the compare-and-sets that follow it, is there for
//! one contiguous stretch of any order (`linearizable/zones.rs`), a block. Inside a block the order of values is given, and
//! each client must meet them in it. Between blocks the clients say which comes first; these blocks have an order iff
//! what they say has no circle, and then any topological order, blocks written out, will do. O(n).
//!
//! **Elsewhere**, and where failed compares do not tell what they found, it is searched, depth first, with what led nowhere remembered: which client goes next, what reads goes as
//! soon as it fits. That is NP-complete (Gibbons and Korach, "Testing shared memories", 1997), so the search has a budget.

use crate::hash::{Map, Set};
use crate::linearizable::clusters::{Clusters, Contradiction, NOBODY, clusters};
use crate::linearizable::limits::{Meter, NO_END};
use crate::models::register::{INITIAL, Interned, Step};

/// Ways that a search may try.
const BUDGET: usize = 100_000;

/// What is known of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// There is an order: these steps, one after the other.
    Yes(Vec<u32>),
    /// There is none; these steps contradict each other, where that is known.
    No(Vec<u32>),
    /// Not decided.
    Unknown,
}

/// Judges the steps of a register that holds nothing at first; `clients` tells whose each is, and each has at most one at
/// a time. Values are numbered below `values`.
pub fn judge(steps: &[Step], clients: &[u64], values: usize) -> Ordered {
    judge_within(steps, clients, values, &Meter::new(NO_END))
}

/// As [`judge`], until the meter says stop.
pub fn judge_within(steps: &[Step], clients: &[u64], values: usize, meter: &Meter<'_>) -> Ordered {
    let found = match clusters(steps, values) {
        Some(Err(why)) => by_values(why),
        Some(Ok(clusters)) => by_blocks(steps, clients, &clusters, meter),
        None => search(steps, clients, meter),
    };
    match found {
        Ordered::Yes(order) if !keeps(steps, clients, &order) => Ordered::Unknown,
        found => found,
    }
}

/// True if `order` (positions) is one: all that must happen is in it once, each client's steps in their own order, and
/// each fits the state that it finds. O(steps).
pub fn keeps(steps: &[Step], clients: &[u64], order: &[u32]) -> bool {
    let mut seen = vec![false; steps.len()];
    let mut last: Map<u64, u32> = Map::default();
    let mut state = INITIAL;
    for &at in order {
        let Some(step) = steps.get(at as usize) else {
            return false;
        };
        let before = last.insert(clients[at as usize], at);
        if std::mem::replace(&mut seen[at as usize], true)
            || before.is_some_and(|before| before > at)
        {
            return false;
        }
        match step.action.step(state) {
            Some(next) => state = next,
            None => return false,
        }
    }
    (steps.iter().zip(seen)).all(|(step, seen)| seen || !step.must)
}

/// What the values alone contradict, no order mends.
fn by_values(why: Contradiction) -> Ordered {
    Ordered::No(why.members())
}

fn by_blocks(steps: &[Step], clients: &[u64], clusters: &Clusters, meter: &Meter<'_>) -> Ordered {
    // By value: its block, and its place there.
    let mut place: Vec<(u32, u32)> = vec![(NOBODY, 0); clusters.of.len()];
    let mut roots: Vec<Interned> = Vec::new();
    for value in 0..clusters.of.len() as u32 {
        let installer = clusters.of[value as usize].installer;
        let is_root = value == INITIAL
            || clusters.held(value) && steps[installer as usize].action.needs().is_none();
        if is_root {
            for (at, value) in (0..).zip(clusters.chain(steps, value)) {
                place[value as usize] = (roots.len() as u32, at);
            }
            roots.push(value);
        }
    }
    // Where each step that took effect stands: block, place, and whether it reads.
    let stand = |at: usize| {
        let action = steps[at].action;
        let value = action.installs().or(action.needs())?;
        let (block, stage) = place[value as usize];
        let known = clusters.taken[at] && block != NOBODY;
        known.then_some((block, stage, action.installs().is_none()))
    };
    let mut last: Map<u64, u32> = Map::default();
    // By block: to which others it leads, and by which two steps.
    let mut leads: Vec<Vec<Lead>> = vec![Vec::new(); roots.len()];
    for (at, client) in clients.iter().enumerate() {
        let Some(here) = stand(at) else { continue };
        let Some(before) = last.insert(*client, at as u32) else {
            continue;
        };
        let Some(there) = stand(before as usize) else {
            continue;
        };
        if there.0 != here.0 {
            leads[there.0 as usize].push((here.0, [before, at as u32]));
        } else if (there.1, there.2) > (here.1, here.2) {
            return Ordered::No(vec![before, at as u32]);
        }
        // The initial value is there before all others.
        if here.0 == 0 && there.0 != 0 {
            return Ordered::No(vec![before, at as u32]);
        }
    }
    // A chain of compare-and-sets that has no beginning is in no block.
    let lost = (0..steps.len()).find(|at| {
        let value = steps[*at].action.installs();
        clusters.taken[*at] && value.is_some_and(|value| place[value as usize].0 == NOBODY)
    });
    if let Some(lost) = lost {
        return Ordered::No(vec![lost as u32]);
    }
    let order = match topological(&leads) {
        Ok(order) => order,
        Err(mut circle) => {
            circle.sort_unstable();
            circle.dedup();
            return Ordered::No(circle);
        }
    };
    // Failed compares that do not tell what they found have no place yet.
    if !clusters.differs.is_empty() {
        return search(steps, clients, meter);
    }
    let mut whole = Vec::with_capacity(steps.len());
    for block in order {
        for value in clusters.chain(steps, roots[block as usize]) {
            let installer = clusters.of[value as usize].installer;
            whole.extend(Some(installer).filter(|at| *at != NOBODY));
            whole.extend(clusters.reads(value));
        }
    }
    Ordered::Yes(whole)
}

/// To, or from, which block, and the two steps of one client that say so.
type Lead = (u32, [u32; 2]);

/// The blocks in an order that all leads keep, the first block first; or the steps of a circle.
fn topological(leads: &[Vec<Lead>]) -> Result<Vec<u32>, Vec<u32>> {
    let mut waits = vec![0_u32; leads.len()];
    for (to, _) in leads.iter().flatten() {
        waits[*to as usize] += 1;
    }
    let free = (0..leads.len() as u32).rev();
    let mut free: Vec<u32> = free.filter(|block| waits[*block as usize] == 0).collect();
    let mut order = Vec::with_capacity(leads.len());
    while let Some(block) = free.pop() {
        order.push(block);
        for (to, _) in &leads[block as usize] {
            waits[*to as usize] -= 1;
            if waits[*to as usize] == 0 {
                free.push(*to);
            }
        }
    }
    if order.len() == leads.len() {
        return Ok(order);
    }
    // Who still waits is waited for by one that waits, too: backwards, until one comes again.
    let mut by: Vec<Option<Lead>> = vec![None; leads.len()];
    for (from, all) in (0..)
        .zip(leads)
        .filter(|(from, _)| waits[*from as usize] > 0)
    {
        for (to, steps) in all.iter().filter(|(to, _)| waits[*to as usize] > 0) {
            by[*to as usize] = Some((from, *steps));
        }
    }
    let back = |block: u32| by[block as usize].unwrap_or((block, [0, 0]));
    let mut at = (waits.iter().position(|waits| *waits > 0)).unwrap_or(0) as u32;
    let mut seen = vec![false; leads.len()];
    while !std::mem::replace(&mut seen[at as usize], true) {
        at = back(at).0;
    }
    let (first, mut circle) = (at, Vec::new());
    loop {
        let (before, steps) = back(at);
        circle.extend(steps);
        at = before;
        if at == first {
            return Err(circle);
        }
    }
}

/// A place, how much had been ordered by then, and the clients that are still to be tried, the last first.
type Open = (Place, usize, Option<Vec<usize>>);

/// How far each client is, and what the register holds.
type Place = (Vec<u32>, Interned);

fn search(steps: &[Step], clients: &[u64], meter: &Meter<'_>) -> Ordered {
    let mut number: Map<u64, usize> = Map::default();
    let mut of: Vec<Vec<u32>> = Vec::new();
    for (at, client) in (0..).zip(clients) {
        let next = of.len();
        let number = *number.entry(*client).or_insert(next);
        if number == next {
            of.push(Vec::new());
        }
        of[number].push(at);
    }
    let head = |place: &Place, client: usize| {
        let at = *of[client].get(place.0[client] as usize)?;
        Some((at, &steps[at as usize]))
    };
    // Reads, and whatever else changes nothing, as soon as they fit.
    let absorb = |place: &mut Place, order: &mut Vec<u32>| {
        for client in 0..of.len() {
            while let Some((at, step)) = head(place, client)
                && step.action.step(place.1) == Some(place.1)
                && step.action.installs().is_none()
            {
                order.push(at);
                place.0[client] += 1;
            }
        }
    };
    let is_over = |place: &Place| {
        (0..of.len()).all(|client| head(place, client).is_none_or(|(_, step)| !step.must))
    };
    let mut order: Vec<u32> = Vec::new();
    let mut start: Place = (vec![0; of.len()], INITIAL);
    absorb(&mut start, &mut order);
    let mut dead: Set<Place> = Set::default();
    let mut stack: Vec<Open> = vec![(start, order.len(), None)];
    let mut tried = 0;
    while let Some((place, length, ways)) = stack.last_mut() {
        if is_over(place) {
            order.truncate(*length);
            return Ordered::Yes(order);
        }
        order.truncate(*length);
        let ways = ways.get_or_insert_with(|| {
            let fits = |client: &usize| {
                head(place, *client).is_some_and(|(_, step)| step.action.step(place.1).is_some())
            };
            let mut wanted: Vec<Interned> = (0..of.len())
                .filter_map(|client| head(place, client)?.1.action.needs())
                .collect();
            // There may be as many clients as operations.
            wanted.sort_unstable();
            wanted.dedup();
            let mut ways: Vec<usize> = (0..of.len()).filter(fits).collect();
            // What somebody waits for, then what began first.
            ways.sort_by_cached_key(|client| {
                let (at, value) = head(place, *client)
                    .map_or((0, None), |(at, step)| (at, step.action.installs()));
                let helps = value.is_some_and(|value| wanted.binary_search(&value).is_ok());
                std::cmp::Reverse((!helps, at))
            });
            ways
        });
        let Some(client) = ways.pop() else {
            let (place, ..) = stack.pop().unwrap_or_default();
            dead.insert(place);
            continue;
        };
        tried += 1;
        // What a place holds, and what is looked at to leave it.
        if tried > BUDGET || meter.spent(of.len() as u64) {
            return Ordered::Unknown;
        }
        let mut next = place.clone();
        let Some((at, step)) = head(&next, client) else {
            continue;
        };
        next.1 = step.action.step(next.1).unwrap_or(next.1);
        next.0[client] += 1;
        order.push(at);
        absorb(&mut next, &mut order);
        if !dead.contains(&next) {
            let length = order.len();
            stack.push((next, length, None));
        }
    }
    Ordered::No(Vec::new())
}
