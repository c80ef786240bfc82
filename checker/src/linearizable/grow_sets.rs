//! Exact and near-linear for sets to which elements are added, and which are read as a whole.
//!
//! A set only grows, so of two reads one tells a subset of the other: all reads, by size, form a chain of groups
//! of equal ones, and in any linearization a smaller one comes before a larger one. An element's first add comes
//! after the last group without it and before the first one with it. So the order is fixed: adds of what the first group
//! tells, its reads, adds of what the next group tells more, its reads, and so on, then what nobody tells.
//! Within such a layer adds do not disturb each other, nor do reads: they go in the order of their starts. A
//! linearization exists iff this order keeps real time: nothing ends before something starts that must come
//! earlier; a running maximum of starts tells.
//!
//! Of several adds of one element the one that started first is the first one: if another one could be, this one
//! can, since both must come after the last group without the element. The others change nothing, and have a
//! place iff they end after all that comes before the layer has started: any legal order of the rest has room
//! for one that begins later than the first add. An unknown add of what nobody tells is left out.

use std::collections::HashMap;

use super::exact::Exact;
use crate::models::Call;
use crate::models::container::Item;
use crate::models::set::{Op, Reply};

/// Judges adds and reads. O(elements told, n log n).
pub fn judge(calls: &[Call<Op, Reply>]) -> Exact {
    let mut reads: Vec<(&[Item], u32)> = Vec::new();
    let mut adds: HashMap<Item, Vec<u32>> = HashMap::new();
    for (at, call) in (0..).zip(calls) {
        match (&call.op, &call.reply) {
            (Op::Add(item), _) => adds.entry(*item).or_default().push(at),
            (Op::Read, Some(Reply::All(all))) => reads.push((all, at)),
            (Op::Read, _) => {}
            _ => return Exact::NotForThis,
        }
    }
    let wrong = |name, calls: &[u32]| Exact::Wrong {
        calls: calls.to_vec(),
        name,
    };
    reads.sort_unstable_by_key(|(all, at)| (all.len(), *all, *at));
    let mut layer_of: HashMap<Item, usize> = HashMap::new();
    let mut layers: Vec<Layer> = Vec::new();
    for (at, &(all, call)) in reads.iter().enumerate() {
        if all.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("element read twice", &[call]);
        }
        let before = at.checked_sub(1).map_or(&[][..], |before| reads[before].0);
        if at > 0 && all == before {
            if let Some(layer) = layers.last_mut() {
                layer.reads.push(call);
            }
            continue;
        }
        let mut rest = before.iter().peekable();
        for item in all {
            if rest.next_if_eq(&item).is_none() {
                layer_of.insert(*item, layers.len());
                if !adds.contains_key(item) {
                    return wrong("read of an element nobody added", &[call]);
                }
            }
        }
        if rest.next().is_some() {
            return wrong("reads that contradict each other", &[reads[at - 1].1, call]);
        }
        layers.push(Layer {
            adds: Vec::new(),
            reads: vec![call],
        });
    }
    layers.push(Layer::default());
    // By layer, the adds that change nothing.
    let mut again: Vec<Vec<u32>> = vec![Vec::new(); layers.len()];
    for (item, adds) in adds {
        let seen = layer_of.get(&item).copied();
        let layer = seen.unwrap_or(layers.len() - 1);
        let certain = |at: &u32| seen.is_some() || calls[*at as usize].must;
        let mut adds = adds.into_iter().filter(certain);
        layers[layer].adds.extend(adds.next());
        again[layer].extend(adds.filter(|at| calls[*at as usize].must));
    }
    let (mut order, mut latest) = (Vec::new(), (0, 0));
    for (layer, mut again) in layers.iter_mut().zip(again) {
        again.sort_unstable();
        let late = again.iter().find(|at| calls[**at as usize].end < latest.0);
        if let Some(&at) = late {
            return out_of_order(calls, &reads, at, latest.1);
        }
        layer.adds.sort_unstable();
        layer.reads.sort_unstable();
        for &at in layer.adds.iter().chain(&layer.reads) {
            let call = &calls[at as usize];
            if call.end < latest.0 {
                return out_of_order(calls, &reads, at, latest.1);
            }
            latest = latest.max((call.start, at));
            order.push(at);
        }
        // With adds that change nothing this is no complete order: then none is given.
        if !again.is_empty() {
            order.push(u32::MAX);
        }
    }
    let complete = !order.contains(&u32::MAX);
    Exact::Linearizable(complete.then_some(order))
}

#[derive(Default)]
struct Layer {
    adds: Vec<u32>,
    reads: Vec<u32>,
}

/// `ended` must come after `began`, but had ended before that began.
fn out_of_order(
    calls: &[Call<Op, Reply>],
    reads: &[(&[Item], u32)],
    ended: u32,
    began: u32,
) -> Exact {
    let of = |at: u32| calls[at as usize].op;
    let mut involved = vec![ended, began];
    let name = match (of(ended), of(began)) {
        (Op::Add(_), Op::Read) => "lost element",
        (Op::Read, Op::Add(_)) => "read from the future",
        (Op::Add(missing), Op::Add(told)) => {
            let tells = |all: &[Item], item: &Item| all.binary_search(item).is_ok();
            let between = reads
                .iter()
                .find(|(all, _)| tells(all, &told) && !tells(all, &missing));
            involved.extend(between.map(|(_, at)| *at));
            "element that appears too late"
        }
        _ => "stale read",
    };
    Exact::Wrong {
        calls: involved,
        name,
    }
}
