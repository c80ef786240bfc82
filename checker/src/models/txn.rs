//! A store of several keys with transactions, as etcd's: compares, then one of two lists of operations, and a revision
//! that every transaction that wrote raises by one.
//!
//! A transaction is `f` `txn` with three lists, `[compares, then, else]`:
//!
//! - compares: `["value", key, v]` (equal; no key is `null`) and `["mod", key, r]` (the revision that wrote it last, 0
//!   where it is not there);
//! - operations: `["get", key]`, `["put", key, v]`, `["delete", key]`.
//!
//! Its answer is `[succeeded, revision, answers]`: whether all compares held, the store's revision afterwards, and for
//! each operation of the list that was carried out `null`, but for a get `[v, r]`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::container::{Item, Items, SaidOf};
use super::model::{Model, Spoken, Told};
use crate::history::Datum;

/// Empty at first, at revision 1.
#[derive(Clone, Debug, Default)]
pub struct Txn {
    /// The keys and values that were ever spoken of.
    pub items: Items,
    /// What all answers that were heard tell of revisions; `None`: nothing was heard.
    told: Option<Revisions>,
}

/// Who made which revision, as answers tell. A transaction of unknown outcome can only have made one that nobody else did.
#[derive(Clone, Debug, Default)]
struct Revisions {
    /// Those that answered transactions made.
    made: HashSet<u64>,
    /// By revision a key and the value that it wrote there.
    wrote: HashMap<u64, (Item, Item)>,
    /// By key and value the revision that wrote it.
    written: HashMap<(Item, Item), u64>,
    /// How many transactions would write a value to a key.
    writers: HashMap<(Item, Item), u32>,
    /// No answer tells of a later one, so nobody needs any.
    latest: u64,
}

impl Revisions {
    fn ask(&mut self, op: &Op) {
        for act in op.then.iter().chain(&op.otherwise) {
            if let Act::Put(key, value) = act {
                *self.writers.entry((*key, *value)).or_default() += 1;
            }
        }
    }

    fn hear(&mut self, op: &Op, reply: &Reply) {
        self.latest = self.latest.max(reply.revision);
        let acts = op.acts(reply.succeeded);
        if acts.iter().any(|act| matches!(act, Act::Put(..))) {
            self.made.insert(reply.revision);
        }
        let keys = acts.iter().filter_map(|act| match act {
            Act::Get(key) => Some(*key),
            Act::Put(..) | Act::Delete(_) => None,
        });
        for (key, got) in keys.zip(&reply.got) {
            if let Some((value, by)) = got {
                self.wrote.insert(*by, (key, *value));
                self.written.insert((key, *value), *by);
            }
        }
    }

    /// Can a transaction that nobody answered have made this revision, by doing this?
    fn leaves_room(&self, revision: u64, acts: &[Act]) -> bool {
        let writes = |(key, value): &(Item, Item)| acts.contains(&Act::Put(*key, *value));
        // What was seen under another revision, and nobody else wrote, was made there.
        let elsewhere = |act: &Act| match act {
            Act::Put(key, value) if self.writers.get(&(*key, *value)) == Some(&1) => {
                (self.written.get(&(*key, *value))).is_some_and(|by| *by != revision)
            }
            _ => false,
        };
        revision <= self.latest
            && !self.made.contains(&revision)
            && self.wrote.get(&revision).is_none_or(writes)
            && !acts.iter().any(elsewhere)
    }
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// The key has this value, or, `None`, is not there.
    Value(Item, Option<Item>),
    /// The key was written last by this revision; 0: it is not there.
    Mod(Item, u64),
}

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Tell value and revision.
    Get(Item),
    /// From now on it is this.
    Put(Item, Item),
    /// From now on it is not there.
    Delete(Item),
}

/// A transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Op {
    /// All must hold.
    pub compares: Vec<Compare>,
    /// Then these are carried out in order,
    pub then: Vec<Act>,
    /// else these.
    pub otherwise: Vec<Act>,
}

impl Op {
    /// What is carried out where the compares held, or did not.
    pub fn acts(&self, held: bool) -> &[Act] {
        if held { &self.then } else { &self.otherwise }
    }
}

/// What a get told: the value and the revision that wrote it; `None` where the key is not there.
pub type Got = Option<(Item, u64)>;

/// What a transaction answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    /// All compares held.
    pub succeeded: bool,
    /// The store's revision afterwards.
    pub revision: u64,
    /// What its gets told, in order.
    pub got: Vec<Got>,
}

/// What a store holds: by key the value and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    revision: u64,
    keys: BTreeMap<Item, (Item, u64)>,
}

impl Store {
    /// How many transactions have written, and one.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Value(key, value) => self.keys.get(key).map(|(value, _)| *value) == *value,
            Compare::Mod(key, by) => self.keys.get(key).map_or(0, |(_, by)| *by) == *by,
        }
    }

    /// Carries out a transaction, and what it answers.
    pub(crate) fn carry_out(&mut self, op: &Op) -> Reply {
        let succeeded = op.compares.iter().all(|compare| self.holds(compare));
        let acts = op.acts(succeeded);
        let revision = self.revision + 1;
        let (mut got, mut wrote) = (Vec::new(), false);
        for act in acts {
            match act {
                Act::Get(key) => got.push(self.keys.get(key).copied()),
                Act::Put(key, value) => {
                    self.keys.insert(*key, (*value, revision));
                    wrote = true;
                }
                // What is not there is not deleted, and makes no revision.
                Act::Delete(key) => wrote |= self.keys.remove(key).is_some(),
            }
        }
        self.revision += u64::from(wrote);
        Reply {
            succeeded,
            revision: self.revision,
            got,
        }
    }
}

impl Model for Txn {
    type Op = Op;
    type Reply = Reply;
    type State = Store;

    fn init(&self) -> Store {
        Store {
            revision: 1,
            keys: BTreeMap::new(),
        }
    }

    fn weight(&self, store: &Store) -> usize {
        32 * store.keys.len()
    }

    fn step(&self, store: &Store, op: &Op, reply: Option<&Reply>) -> Option<Store> {
        // The answer's revision is known before the work: only one that fits is worth a copy.
        let fits =
            |told: &Reply| told.revision >= store.revision && told.revision - store.revision <= 1;
        if !reply.is_none_or(fits) {
            return None;
        }
        let mut next = store.clone();
        self.apply(&mut next, op, reply).then_some(next)
    }

    fn apply(&self, store: &mut Store, op: &Op, reply: Option<&Reply>) -> bool {
        let before = store.revision;
        let answer = store.carry_out(op);
        match (reply, &self.told) {
            (Some(told), _) => *told == answer,
            (None, Some(told)) if answer.revision > before => {
                told.leaves_room(answer.revision, op.acts(answer.succeeded))
            }
            (None, _) => true,
        }
    }

    fn changes(&self, op: &Op) -> bool {
        let writes = |act: &Act| !matches!(act, Act::Get(_));
        op.then.iter().chain(&op.otherwise).any(writes)
    }
}

impl Txn {
    fn optional(&mut self, value: Datum<'_>) -> Option<Item> {
        (!value.is_null()).then(|| self.items.number(value))
    }

    fn compare(&mut self, said: Datum<'_>) -> Option<Compare> {
        let [what, key, value] = three(said)?;
        let key = self.items.number(key);
        match what.as_str()?.as_str() {
            "value" => Some(Compare::Value(key, self.optional(value))),
            "mod" => Some(Compare::Mod(key, revision(value)?)),
            _ => None,
        }
    }

    fn act(&mut self, said: Datum<'_>) -> Option<Act> {
        let mut parts = said.list()?;
        let what = parts.next()?;
        let key = self.items.number(parts.next()?);
        let value = parts.next();
        match (what.as_str()?.as_str(), value) {
            ("get", None) => Some(Act::Get(key)),
            ("delete", None) => Some(Act::Delete(key)),
            ("put", Some(value)) => Some(Act::Put(key, self.items.number(value))),
            _ => None,
        }
    }

    fn op(&mut self, said: Datum<'_>) -> Option<Op> {
        let [compares, then, otherwise] = three(said)?;
        Some(Op {
            compares: compares
                .list()?
                .map(|one| self.compare(one))
                .collect::<Option<_>>()?,
            then: then
                .list()?
                .map(|one| self.act(one))
                .collect::<Option<_>>()?,
            otherwise: otherwise
                .list()?
                .map(|one| self.act(one))
                .collect::<Option<_>>()?,
        })
    }

    fn reply(&mut self, op: &Op, said: Datum<'_>) -> Option<Reply> {
        let [succeeded, at, answers] = three(said)?;
        let succeeded = succeeded.as_bool()?;
        let acts = op.acts(succeeded);
        let mut answers = answers.list()?;
        let mut got = Vec::new();
        for act in acts {
            let answer = answers.next()?;
            match act {
                Act::Get(_) if answer.is_null() => got.push(None),
                Act::Get(_) => {
                    let [value, by] = answer.pair()?;
                    got.push(Some((self.items.number(value), revision(by)?)));
                }
                Act::Put(..) | Act::Delete(_) => {}
            }
        }
        answers.next().is_none().then_some(Reply {
            succeeded,
            revision: revision(at)?,
            got,
        })
    }
}

fn three(said: Datum<'_>) -> Option<[Datum<'_>; 3]> {
    let mut parts = said.list()?;
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

fn revision(value: Datum<'_>) -> Option<u64> {
    value.as_i64().and_then(|number| u64::try_from(number).ok())
}

impl Spoken for Txn {
    fn hear(&mut self, told: &Told<'_>) -> SaidOf<Self> {
        if told.verb() != "txn" {
            return told.unknown_verb("a store with transactions knows txn");
        }
        let Some(op) = self.op(told.argument()) else {
            return told.wrong_value("[compares, then, else]");
        };
        self.told.get_or_insert_default().ask(&op);
        match told.answer() {
            None => Ok(Some((op, None))),
            Some(answer) => match self.reply(&op, answer) {
                Some(reply) => {
                    self.told.get_or_insert_default().hear(&op, &reply);
                    Ok(Some((op, Some(reply))))
                }
                None => told.wrong_value("[succeeded, revision, answers]"),
            },
        }
    }
}
