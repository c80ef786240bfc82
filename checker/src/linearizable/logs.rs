//! Exact and near-linear for logs to which each entry is appended once, and which are read as a whole.
//!
//! A log only grows at its end, so all reads are prefixes of the longest one, which tells the order of all that was
//! read: entry by entry, each followed by the reads that end with it, then the appends that nobody read. Reads of one
//! length do not disturb each other, nor do appends that nobody read: they go in the order of their starts. An
//! unknown append that nobody read is left out. A linearization exists iff this order keeps real time.

use std::collections::{HashMap, HashSet};

use super::exact::Exact;
use crate::models::Call;
use crate::models::container::Item;
use crate::models::log::Op;

/// Judges appends and reads; what is wrong, and where, is left to a search. O(entries told, n log n).
pub fn judge(calls: &[Call<Op, Vec<Item>>]) -> Exact {
    let told = |call: &Call<Op, Vec<Item>>| call.reply.as_ref().map_or(0, Vec::len);
    let longest = calls.iter().max_by_key(|call| told(call));
    let longest = longest.and_then(|call| call.reply.as_deref());
    let longest = longest.unwrap_or_default();
    let places: HashMap<Item, usize> = longest.iter().copied().zip(0..).collect();
    let (mut appended, mut seen) = (0, HashSet::new());
    // Place in the order, start, position in the calls.
    let mut order: Vec<(usize, u32, u32)> = Vec::with_capacity(calls.len());
    for (at, call) in (0..).zip(calls) {
        let place = match (&call.op, &call.reply) {
            (Op::Append(item), _) => {
                if !seen.insert(*item) {
                    return Exact::NotForThis;
                }
                match places.get(item) {
                    Some(place) => {
                        appended += 1;
                        2 * place + 1
                    }
                    None if call.must => 2 * longest.len() + 1,
                    None => continue,
                }
            }
            (Op::Read, Some(all)) if longest.starts_with(all) => 2 * all.len(),
            (Op::Read, Some(_)) => return Exact::NotForThis,
            (Op::Read, None) => continue,
        };
        order.push((place, call.start, at));
    }
    order.sort_unstable();
    let mut latest_start = 0;
    let keeps_time = order.iter().all(|&(_, start, at)| {
        latest_start = latest_start.max(start);
        calls[at as usize].end >= latest_start
    });
    // Equal entries in the longest read have one place only.
    match keeps_time && appended == longest.len() && places.len() == longest.len() {
        true => Exact::Linearizable(Some(order.into_iter().map(|(.., at)| at).collect())),
        false => Exact::NotForThis,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizable::Limits;
    use crate::linearizable::general::{Found, certifies, search};
    use crate::models::log::Log;
    use crate::models::register::NEVER;

    /// Appends and reads that overlap, of which some are right by chance.
    fn drawn(seed: u64) -> Vec<Call<Op, Vec<Item>>> {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = move |n: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % n
        };
        let (mut log, mut calls) = (Vec::new(), Vec::new());
        for number in 0..2 + below(6) as u32 {
            let start = 2 * number + 1;
            let (op, reply) = match below(2) {
                0 => (Op::Append(number), None),
                _ => {
                    let many = log.len().saturating_sub(below(2) as usize);
                    (Op::Read, Some(log[..many].to_vec()))
                }
            };
            if let Op::Append(item) = op {
                let at = log.len() - (below(4) == 0 && !log.is_empty()) as usize;
                if below(6) > 0 {
                    log.insert(at, item);
                }
            }
            let must = op == Op::Read || below(4) > 0;
            let end = if must {
                start + 1 + 2 * below(4) as u32
            } else {
                NEVER
            };
            calls.push(Call {
                operation: number,
                start,
                end,
                must,
                op,
                reply,
            });
        }
        calls
    }

    #[test]
    fn it_says_yes_where_a_search_does_and_can_prove_it() {
        let (mut yes, mut no) = (0, 0);
        let limits = Limits {
            configurations: 1 << 12,
            steps: 1 << 20,
            bytes: 1 << 28,
        };
        for seed in 1..20_000 {
            let calls = drawn(seed);
            let model = Log::default();
            let found = search(&model, &calls, limits).found;
            match judge(&calls) {
                Exact::Linearizable(Some(order)) => {
                    yes += 1;
                    assert!(certifies(&model, &calls, &order), "{calls:?}");
                }
                other => {
                    no += 1;
                    assert_eq!(other, Exact::NotForThis);
                    assert!(matches!(found, Found::Stuck { .. }), "{calls:?}");
                }
            }
        }
        assert!(yes > 1000 && no > 1000, "{yes} {no}");
    }
}
