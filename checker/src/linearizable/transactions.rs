//! Transactions that contradict each other by the revisions they tell: found at once, and told in few words.
//!
//! A store's revision rises by one with every transaction that writes. So answers place their transactions in one order,
//! and most of what is wrong shows in two of them. What does not is left to the search.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::exact::Exact;
use super::revisions;
use crate::history::History;
use crate::models::container::Item;
use crate::models::txn::{Act, Compare, Op, Reply, Txn};
use crate::models::{Call, Calls};
use crate::words::transaction::pair;

/// Two that wrote told the same revision.
pub(super) const SAME_REVISION: &str = "two transactions at one revision";
/// One that began after another had ended told of an older store.
pub(super) const STALE: &str = "stale transaction";
/// What one transaction wrote was seen under another revision than it told.
pub(super) const TWICE: &str = "transaction done twice";
/// One of two writes of a transaction was seen, the other was not.
pub(super) const HALF: &str = "half a transaction";
/// A value was seen that had been overwritten.
pub(super) const OVERWRITTEN: &str = "overwritten value in a transaction";
/// A condition held that by then did not.
pub(super) const CONDITION: &str = "condition that no longer held";

/// What two of them contradict each other in, with the key and the revisions; `None`: what is said of all must do.
pub(super) fn point(history: &History, anomaly: &str, pair: [usize; 2]) -> Option<String> {
    match anomaly {
        TWICE => pair::twice(history, pair),
        HALF => pair::unseen(history, pair).map(|point| {
            format!("{point} Another key it saw as that transaction had set it: half of it.")
        }),
        OVERWRITTEN => pair::unseen(history, pair),
        CONDITION => pair::condition(history, pair),
        _ => None,
    }
}

/// An order by revisions, or what contradicts each other if two answers do.
pub(super) fn judge(model: &Txn, calls: &Calls<Txn>) -> Exact {
    match contradiction(calls) {
        None => revisions::order(model, calls)
            .map_or(Exact::NotForThis, |order| Exact::Linearizable(Some(order))),
        Some(wrong) => wrong,
    }
}

fn contradiction(calls: &Calls<Txn>) -> Option<Exact> {
    let answered: Vec<Answered<'_>> = (calls.iter().enumerate())
        .filter_map(|(at, call)| Answered::of(at as u32, call))
        .collect();
    same_revision(&answered)
        .or_else(|| done_twice(calls, &answered))
        .or_else(|| unseen_writes(calls, &answered))
        .or_else(|| out_of_order(&answered))
}

fn wrong(calls: [&Answered<'_>; 2], name: &'static str) -> Option<Exact> {
    let calls = calls.map(|answered| answered.at).to_vec();
    Some(Exact::Wrong { calls, name })
}

/// A transaction that certainly happened, with what it told.
pub(super) struct Answered<'a> {
    at: u32,
    call: &'a Call<Op, Reply>,
    pub(super) reply: &'a Reply,
    acts: &'a [Act],
    /// It raised the revision, for certain: a delete may have found nothing.
    pub(super) wrote: bool,
}

impl<'a> Answered<'a> {
    pub(super) fn of(at: u32, call: &'a Call<Op, Reply>) -> Option<Answered<'a>> {
        let reply = call.reply.as_ref().filter(|_| call.must)?;
        let acts = call.op.acts(reply.succeeded);
        Some(Answered {
            at,
            call,
            reply,
            acts,
            wrote: acts.iter().any(|act| matches!(act, Act::Put(..))),
        })
    }

    /// The keys that hold a value of its own when it ends.
    fn puts(&self) -> Vec<Item> {
        let mut keys = Vec::new();
        for act in self.acts {
            match act {
                Act::Put(key, _) => keys.push(*key),
                Act::Delete(key) => keys.retain(|put| put != key),
                Act::Get(_) => {}
            }
        }
        keys
    }

    /// It only looked, for certain.
    fn only_read(&self) -> bool {
        self.acts.iter().all(|act| matches!(act, Act::Get(_)))
    }

    /// The revision of the store that it found; `None`: a delete leaves it open.
    pub(super) fn found(&self) -> Option<u64> {
        match (self.wrote, self.only_read()) {
            (true, _) => self.reply.revision.checked_sub(1),
            (_, true) => Some(self.reply.revision),
            _ => None,
        }
    }

    /// What it saw of keys before it wrote them itself: the key, and the revision that wrote it.
    pub(super) fn seen(&self) -> Vec<(Item, u64)> {
        let (mut own, mut seen, mut got) = (Vec::new(), Vec::new(), self.reply.got.iter());
        for act in self.acts {
            match act {
                Act::Get(key) => {
                    let by = got.next().copied().flatten().map_or(0, |(_, by)| by);
                    if !own.contains(key) {
                        seen.push((*key, by));
                    }
                }
                Act::Put(key, _) | Act::Delete(key) => own.push(*key),
            }
        }
        seen
    }

    /// By which revision its conditions were, where they held and tell.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (Item, u64)> {
        let held = self.reply.succeeded;
        self.call
            .op
            .compares
            .iter()
            .filter_map(move |compare| match compare {
                Compare::Mod(key, by) if held => Some((*key, *by)),
                _ => None,
            })
    }
}

/// Who asked for each key to be deleted: since when, and the revision that was told, if any.
struct Deletes(HashMap<Item, Vec<(u32, Option<u64>)>>);

impl Deletes {
    fn of(calls: &Calls<Txn>) -> Deletes {
        let mut deletes: HashMap<Item, Vec<(u32, Option<u64>)>> = HashMap::new();
        for call in calls {
            let told = call.reply.as_ref().filter(|_| call.must);
            for act in call.op.then.iter().chain(&call.op.otherwise) {
                if let Act::Delete(key) = act {
                    let told = told.map(|reply| reply.revision);
                    deletes.entry(*key).or_default().push((call.start, told));
                }
            }
        }
        Deletes(deletes)
    }

    /// One that began before `end` may have made a later revision than `after`.
    fn may_explain(&self, key: Item, after: u64, end: u32) -> bool {
        let all = self.0.get(&key).map_or(&[][..], Vec::as_slice);
        let may = |(start, told): &(u32, Option<u64>)| {
            *start < end && told.is_none_or(|revision| revision > after)
        };
        all.iter().any(may)
    }
}

fn same_revision(answered: &[Answered<'_>]) -> Option<Exact> {
    let mut by: HashMap<u64, &Answered<'_>> = HashMap::new();
    let writers = answered.iter().filter(|answered| answered.wrote);
    for one in writers {
        if let Some(other) = by.insert(one.reply.revision, one) {
            return wrong([other, one], SAME_REVISION);
        }
    }
    None
}

/// Somebody saw a value that only one transaction can have written, of another revision than that one made.
fn done_twice(calls: &Calls<Txn>, answered: &[Answered<'_>]) -> Option<Exact> {
    let mut writers: HashMap<(Item, Item), u32> = HashMap::new();
    let asked = calls
        .iter()
        .flat_map(|call| call.op.then.iter().chain(&call.op.otherwise));
    for act in asked {
        if let Act::Put(key, value) = act {
            *writers.entry((*key, *value)).or_default() += 1;
        }
    }
    let mut made: HashMap<(Item, Item), &Answered<'_>> = HashMap::new();
    for one in answered {
        for act in one.acts {
            if let Act::Put(key, value) = act {
                made.insert((*key, *value), one);
            }
        }
    }
    for one in answered {
        let keys = one.acts.iter().filter_map(|act| match act {
            Act::Get(key) => Some(*key),
            Act::Put(..) | Act::Delete(_) => None,
        });
        for (key, got) in keys.zip(&one.reply.got) {
            let Some((value, by)) = *got else { continue };
            let only = writers.get(&(key, value)) == Some(&1);
            let writer = made.get(&(key, value)).filter(|_| only);
            if let Some(writer) = writer.filter(|writer| writer.reply.revision != by) {
                return wrong([writer, one], TWICE);
            }
        }
    }
    None
}

/// Somebody saw a key as it was before a transaction that, by the revision it tells, had written it.
fn unseen_writes(calls: &Calls<Txn>, answered: &[Answered<'_>]) -> Option<Exact> {
    let mut puts: HashMap<Item, BTreeMap<u64, &Answered<'_>>> = HashMap::new();
    for one in answered.iter().filter(|answered| answered.wrote) {
        for key in one.puts() {
            puts.entry(key).or_default().insert(one.reply.revision, one);
        }
    }
    let deletes = Deletes::of(calls);
    for one in answered {
        let Some(found) = one.found() else { continue };
        let seen = one.seen();
        let missed = |key: &Item, by: u64| {
            // What is told to be newer than all that was found is left to the search.
            if by >= found {
                return None;
            }
            let after = (Bound::Excluded(by), Bound::Included(found));
            // What was not there may have been deleted since the last write.
            let (revision, writer) = puts.get(key)?.range(after).next_back()?;
            let gone = by == 0 && deletes.may_explain(*key, *revision, one.call.end);
            (!gone).then_some(*writer)
        };
        for (key, by) in &seen {
            let Some(writer) = missed(key, *by) else {
                continue;
            };
            let half = seen.iter().any(|(_, by)| *by == writer.reply.revision);
            return wrong([writer, one], if half { HALF } else { OVERWRITTEN });
        }
        for (key, by) in one.conditions() {
            if let Some(writer) = missed(&key, by) {
                return wrong([writer, one], CONDITION);
            }
        }
    }
    None
}

/// Somebody began after another had ended, and told of an older store. O(n log n).
fn out_of_order(answered: &[Answered<'_>]) -> Option<Exact> {
    let mut by_start: Vec<&Answered<'_>> = answered.iter().collect();
    by_start.sort_by_key(|answered| answered.call.start);
    let mut by_end = by_start.clone();
    by_end.sort_by_key(|answered| answered.call.end);
    let mut ended = by_end.into_iter().peekable();
    let mut newest: Option<&Answered<'_>> = None;
    for one in by_start {
        while let Some(other) = ended.next_if(|other| other.call.end < one.call.start) {
            if newest.is_none_or(|newest| newest.reply.revision < other.reply.revision) {
                newest = Some(other);
            }
        }
        let least = |newest: &Answered<'_>| newest.reply.revision + u64::from(one.wrote);
        if let Some(newest) = newest.filter(|newest| one.reply.revision < least(newest)) {
            return wrong([newest, one], STALE);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizable::general::{Found, search};
    use crate::linearizable::limits::Limits;
    use crate::models::Model as _;
    use crate::models::register::NEVER;

    fn call(
        start: u32,
        end: u32,
        then: Vec<Act>,
        revision: u64,
        got: &[Option<(Item, u64)>],
    ) -> Call<Op, Reply> {
        let op = Op {
            then,
            ..Op::default()
        };
        let reply = Reply {
            succeeded: true,
            revision,
            got: got.to_vec(),
        };
        Call {
            operation: start,
            start,
            end,
            must: true,
            op,
            reply: Some(reply),
        }
    }

    fn named(calls: &[Call<Op, Reply>]) -> Option<&'static str> {
        match contradiction(&calls.to_vec()) {
            Some(Exact::Wrong { name, .. }) => Some(name),
            _ => None,
        }
    }

    fn both(start: u32, end: u32, revision: u64) -> Call<Op, Reply> {
        call(
            start,
            end,
            vec![Act::Put(1, 10), Act::Put(2, 20)],
            revision,
            &[],
        )
    }

    fn look(start: u32, end: u32, revision: u64, got: [Option<(Item, u64)>; 2]) -> Call<Op, Reply> {
        call(start, end, vec![Act::Get(1), Act::Get(2)], revision, &got)
    }

    #[test]
    fn what_is_whole_and_in_order_contradicts_nothing() {
        let seen = [Some((10, 2)), Some((20, 2))];
        assert_eq!(named(&[both(1, 2, 2), look(3, 4, 2, seen)]), None);
        assert_eq!(named(&[look(1, 4, 1, [None, None]), both(2, 3, 2)]), None);
        // What it reads of its own is no sign of another.
        let own = call(
            3,
            4,
            vec![Act::Put(1, 11), Act::Get(1)],
            3,
            &[Some((11, 3))],
        );
        assert_eq!(named(&[both(1, 2, 2), own]), None);
    }

    #[test]
    fn each_contradiction_has_its_name() {
        let half = [Some((10, 2)), None];
        assert_eq!(named(&[both(1, 4, 2), look(2, 3, 2, half)]), Some(HALF));
        assert_eq!(
            named(&[both(1, 4, 2), look(2, 3, 2, [None, None])]),
            Some(OVERWRITTEN)
        );
        assert_eq!(
            named(&[both(1, 2, 2), look(3, 4, 1, [None, None])]),
            Some(STALE)
        );
        assert_eq!(named(&[both(1, 2, 2), both(3, 4, 2)]), Some(SAME_REVISION));
        let again = look(3, 4, 3, [Some((10, 3)), Some((20, 3))]);
        assert_eq!(named(&[both(1, 2, 2), again]), Some(TWICE));
        let mut late = both(3, 4, 3);
        late.op.compares = vec![Compare::Mod(1, 0)];
        assert_eq!(named(&[both(1, 2, 2), late]), Some(CONDITION));
    }

    #[test]
    fn what_was_deleted_is_not_there() {
        let delete = |revision| call(3, 4, vec![Act::Delete(1)], revision, &[]);
        let gone = look(5, 6, 3, [None, Some((20, 2))]);
        assert_eq!(named(&[both(1, 2, 2), delete(3), gone.clone()]), None);
        let mut lost = delete(3);
        (lost.must, lost.reply) = (false, None);
        assert_eq!(named(&[both(1, 2, 2), lost, gone.clone()]), None);
        // One that came before the write took nothing of it away.
        assert_eq!(named(&[delete(1), both(1, 2, 2), gone]), Some(HALF));
    }

    #[test]
    fn what_may_not_have_happened_proves_nothing() {
        let mut lost = both(1, 2, 2);
        lost.must = false;
        assert_eq!(named(&[lost, look(3, 4, 2, [None, None])]), None);
    }

    /// Small stores that work, each with one answer perhaps spoilt and some never told.
    #[test]
    fn whatever_is_found_the_search_finds_too() {
        let limits = Limits {
            configurations: 1 << 16,
            steps: 1 << 20,
            bytes: 1 << 26,
        };
        let (mut found, mut placed, mut dice) = (0, 0, 7_u64);
        let mut below = |n: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % n
        };
        for round in 0..4000 {
            let mut calls = Vec::new();
            let mut store = Txn::default().init();
            let spoilt = below(12);
            for number in 0..8_u32 {
                let mut act = || {
                    let key = below(2) as Item;
                    match below(4) {
                        0 => Act::Delete(key),
                        1 => Act::Put(key, number),
                        _ => Act::Get(key),
                    }
                };
                let then = vec![act(), act()];
                let compares = match below(4) {
                    0 => vec![Compare::Mod(below(2) as Item, below(4))],
                    _ => Vec::new(),
                };
                let op = Op {
                    compares,
                    then,
                    otherwise: vec![Act::Get(0)],
                };
                let mut reply = store.carry_out(&op);
                if u64::from(number) == spoilt {
                    reply.revision = (reply.revision + below(3)).saturating_sub(1);
                    for got in &mut reply.got {
                        *got = (below(2) == 0).then(|| (below(8) as Item, below(5)));
                    }
                }
                let must = below(6) > 0;
                calls.push(Call {
                    operation: number,
                    // No two moments are the same.
                    start: 32 * (1 + 4 * number - (below(4) as u32).min(2 * number)) + number,
                    end: if must {
                        32 * (3 + 4 * number + below(8) as u32) + 16 + number
                    } else {
                        NEVER
                    },
                    must,
                    op,
                    reply: must.then_some(reply),
                });
            }
            let searched = search(&Txn::default(), &calls, limits).found;
            let is_wrong = matches!(searched, Found::Stuck { .. });
            let says_wrong = match judge(&Txn::default(), &calls) {
                Exact::Wrong { .. } => {
                    found += 1;
                    true
                }
                Exact::Linearizable(_) => {
                    placed += 1;
                    false
                }
                // No two answers contradict each other, but all of them do.
                _ => true,
            };
            assert_eq!(says_wrong, is_wrong, "{round}: {calls:?}");
        }
        assert!(found > 500 && placed > 500, "{found} {placed}");
    }
}
