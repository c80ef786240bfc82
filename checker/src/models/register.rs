//! A register with read, write and compare-and-set, and its operations as the engines want them.

use smol_str::SmolStr;

use crate::hash::Map;
use crate::history::{Datum, History, Operation, Outcome};
use crate::linearizable::limits::{Meter, NO_END};
use crate::linearizable::threads;

/// A value, interned: equal values of one part have equal numbers.
pub type Interned = u32;

/// What every register holds at first: JSON's `null`, "no value".
pub const INITIAL: Interned = 0;

/// The end of an operation that has none: it may take effect at any later time, or never.
pub const NEVER: u32 = u32::MAX;

/// What an operation says about the register, or does to it, at the moment it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The register holds this. A read, or a failed compare-and-set that told what it found.
    Read(Interned),
    /// The register holds anything but this: a failed compare-and-set that did not tell what it found.
    Differs(Interned),
    /// From now on it holds this.
    Write(Interned),
    /// It holds the first, from now on the second.
    Cas(Interned, Interned),
    /// No register could answer so: a compare-and-set failed although it found what it asked for.
    Impossible,
}

impl Action {
    /// The value that must be there for the action to take effect.
    pub fn needs(self) -> Option<Interned> {
        match self {
            Action::Read(value) | Action::Cas(value, _) => Some(value),
            _ => None,
        }
    }

    /// The value that is there afterwards because of the action.
    pub fn installs(self) -> Option<Interned> {
        match self {
            Action::Write(value) | Action::Cas(_, value) => Some(value),
            _ => None,
        }
    }

    /// The state after the action took effect in `state`; `None`: it cannot.
    pub fn step(self, state: Interned) -> Option<Interned> {
        match self {
            Action::Read(value) => (state == value).then_some(state),
            Action::Differs(value) => (state != value).then_some(state),
            Action::Write(value) => Some(value),
            Action::Cas(old, new) => (state == old).then_some(new),
            Action::Impossible => None,
        }
    }
}

/// An operation reduced to what a judge needs. Times are event indices plus one; 0 is before everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in [`History::operations`].
    pub operation: u32,
    /// When it was invoked.
    pub start: u32,
    /// When it completed, or [`NEVER`].
    pub end: u32,
    /// False: it may have happened between `start` and `end`, or not at all.
    pub must: bool,
    /// What it does.
    pub action: Action,
}

/// The operations of one key, in the order of their invocations.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The key.
    pub key: Option<SmolStr>,
    /// All operations that say or do something.
    pub steps: Vec<Step>,
    /// Values are numbered below this.
    pub values: usize,
    /// How many operations were taken in, those that say nothing included.
    pub operations: u64,
    /// How many of them had an unknown outcome.
    pub unknown: u64,
}

/// Numbers the values of one part after the other.
#[derive(Default)]
struct Interner {
    /// Small whole numbers, the usual case: the part that spoke of one last, and its number there.
    small: Vec<(u32, Interned)>,
    small_limit: i64,
    words: Map<u64, Interned>,
    lists: Map<String, Interned>,
    part: u32,
    next: Interned,
}

impl Interner {
    /// Begins with another part, counted from 1.
    fn begin(&mut self, part: u32) {
        self.words.clear();
        self.lists.clear();
        (self.part, self.next) = (part, 0);
    }

    #[inline]
    fn intern(&mut self, value: Datum<'_>) -> Interned {
        if let Some(number) = value.cell().as_i64()
            && let Some((part, known)) = self.small.get_mut(number as usize)
            && *part == self.part
        {
            return *known;
        }
        self.intern_first(value)
    }

    /// The same for one that this part has not spoken of, or that is no small number.
    #[inline(never)]
    fn intern_first(&mut self, value: Datum<'_>) -> Interned {
        let cell = value.cell();
        let small = cell
            .as_i64()
            .filter(|number| (0..self.small_limit).contains(number));
        if let Some(number) = small {
            let at = number as usize;
            if self.small.len() <= at {
                self.small
                    .resize(at.next_multiple_of(64) + 64, (0, INITIAL));
            }
            self.next += 1;
            self.small[at] = (self.part, self.next);
            return self.next;
        }
        if cell.is_null() {
            return INITIAL;
        }
        let slot = match cell.tells() {
            true => self.words.entry(cell.word()).or_default(),
            false => self.lists.entry(value.to_string()).or_default(),
        };
        if *slot == INITIAL {
            self.next += 1;
            *slot = self.next;
        }
        *slot
    }
}

/// A key, and the numbers of its operations.
pub(crate) type Key = (Option<SmolStr>, Vec<u32>);

/// The operations of each key by number, and the keys in the order of first use. O(operations).
pub(crate) fn by_key(history: &History) -> Vec<Key> {
    by_some_keys(history, |_| true)
}

/// As [`by_key`], of those keys whose numbers (in [`crate::history::Columns::key_number`]) are wanted.
fn by_some_keys(history: &History, wanted: impl Fn(u32) -> bool) -> Vec<Key> {
    let columns = history.columns();
    let operations = history.operations();
    // The last place is that of "no key".
    let last = columns.key_numbers();
    let place = |one: &Operation| (columns.key_number(one.invoke()) as usize).min(last);
    let mut counts = vec![0_u32; last + 1];
    let mut order = Vec::new();
    for operation in operations {
        let count = &mut counts[place(operation)];
        if *count == 0 {
            order.push(operation);
        }
        *count += 1;
    }
    order.retain(|first| wanted(columns.key_number(first.invoke())));
    // Where each part stands, or after all of them, what nobody wants.
    let mut part_of = vec![order.len() as u32; last + 1];
    let mut parts = Vec::with_capacity(order.len());
    for (part, first) in (0..).zip(order) {
        let at = place(first);
        part_of[at] = part;
        let numbers = Vec::with_capacity(counts[at] as usize);
        parts.push((history.key(first).cloned(), numbers));
    }
    for (number, operation) in (0..).zip(operations) {
        if let Some((_, numbers)) = parts.get_mut(part_of[place(operation)] as usize) {
            numbers.push(number);
        }
    }
    parts
}

/// Splits a history by key and reduces its operations. O(operations).
///
/// Says nothing, and is left out: a read that failed or whose outcome is unknown; a write that failed; a
/// compare-and-set that failed for another reason than the value (it carries an `error` and no `current`).
///
/// # Errors
/// A verb that a register does not know, or an argument that is none; with the event, in a sentence.
pub fn parts(history: &History) -> Result<Vec<Part>, String> {
    some_parts(history, |_| true, &Meter::new(NO_END))
}

/// As [`parts`], of those keys whose numbers are wanted, on as many threads as `meter` allows.
pub(crate) fn some_parts(
    history: &History,
    wanted: impl Fn(u32) -> bool,
    meter: &Meter<'_>,
) -> Result<Vec<Part>, String> {
    if let Some(key) = only_key(history).filter(|key| wanted(*key)) {
        let numbers = history.operations().iter().enumerate();
        let numbers = numbers.map(|(number, operation)| (number as u32, operation));
        let key = history.columns().key_of_number(key).cloned();
        let part = Reducer::of(history).part(history, key, numbers)?;
        return Ok(vec![part]);
    }
    let all = history.operations();
    let keys = by_some_keys(history, wanted);
    let part = |reducer: &mut Reducer, (key, numbers): &Key, _: &Meter<'_>| {
        let numbers = numbers.iter();
        let operations = numbers.map(|number| (*number, &all[*number as usize]));
        reducer.part(history, key.clone(), operations)
    };
    let (size, make) = (|(_, numbers): &Key| numbers.len(), || Reducer::of(history));
    let parts = threads::each(&keys, size, meter, make, part, |_| false);
    parts.into_iter().flatten().collect()
}

/// The key's number, if all operations are of one.
fn only_key(history: &History) -> Option<u32> {
    let columns = history.columns();
    let mut keys = (history.operations().iter()).map(|one| columns.key_number(one.invoke()));
    let first = keys.next()?;
    keys.all(|key| key == first).then_some(first)
}

/// When an operation began and ended, as in [`Step`], and whether it certainly happened if it did not fail.
#[inline]
pub(crate) fn times(operation: &Operation) -> (u32, u32, bool) {
    let must = operation.outcome != Outcome::Info;
    let end = operation.complete().filter(|_| must);
    let time = |event: usize| event as u32 + 1;
    (time(operation.invoke()), end.map_or(NEVER, time), must)
}

/// Reduces the operations of one key after the other.
struct Reducer {
    interner: Interner,
    verbs: Verbs,
    /// Parts begun so far.
    begun: u32,
}

impl Reducer {
    fn of(history: &History) -> Reducer {
        Reducer {
            interner: Interner {
                small_limit: 4 * history.columns().len() as i64 + 1024,
                ..Interner::default()
            },
            verbs: Verbs::default(),
            begun: 0,
        }
    }

    fn part<'a>(
        &mut self,
        history: &History,
        key: Option<SmolStr>,
        operations: impl ExactSizeIterator<Item = (u32, &'a Operation)>,
    ) -> Result<Part, String> {
        self.begun += 1;
        self.interner.begin(self.begun);
        let mut part = Part {
            key,
            operations: operations.len() as u64,
            steps: Vec::with_capacity(operations.len()),
            ..Part::default()
        };
        for (number, operation) in operations {
            let (start, end, must) = times(operation);
            part.unknown += u64::from(!must);
            let action = action(history, operation, &mut self.interner, &mut self.verbs)?;
            let Some(action) = action else {
                continue;
            };
            part.steps.push(Step {
                operation: number,
                start,
                end,
                must,
                action,
            });
        }
        part.values = self.interner.next as usize + 1;
        Ok(part)
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Read,
    Write,
    Cas,
}

/// The verbs by their numbers, which are compared quicker than texts.
#[derive(Default)]
struct Verbs {
    /// Those with small numbers, mostly all.
    near: [Option<Verb>; 16],
    far: Vec<(u32, Verb)>,
}

impl Verbs {
    #[inline]
    fn of(&mut self, history: &History, operation: &Operation) -> Result<Verb, String> {
        let number = history.columns().verb_number(operation.invoke());
        if let Some(Some(verb)) = self.near.get(number as usize) {
            return Ok(*verb);
        }
        self.meet(history, operation, number)
    }

    #[cold]
    fn meet(
        &mut self,
        history: &History,
        operation: &Operation,
        number: u32,
    ) -> Result<Verb, String> {
        if let Some((_, verb)) = self.far.iter().find(|(known, _)| *known == number) {
            return Ok(*verb);
        }
        let verb = match history.verb(operation).as_str() {
            "read" => Verb::Read,
            "write" => Verb::Write,
            "cas" => Verb::Cas,
            other => {
                return Err(format!(
                    "event {}: a register knows read, write and cas, but not {other}",
                    operation.invoke()
                ));
            }
        };
        match self.near.get_mut(number as usize) {
            Some(near) => *near = Some(verb),
            None => self.far.push((number, verb)),
        }
        Ok(verb)
    }
}

#[inline(always)]
fn action(
    history: &History,
    operation: &Operation,
    interner: &mut Interner,
    verbs: &mut Verbs,
) -> Result<Option<Action>, String> {
    let columns = history.columns();
    let outcome = operation.outcome;
    Ok(match verbs.of(history, operation)? {
        Verb::Read => history
            .answer(operation)
            .map(|value| Action::Read(interner.intern(value))),
        Verb::Write => (outcome != Outcome::Fail)
            .then(|| Action::Write(interner.intern(history.argument(operation)))),
        Verb::Cas => {
            let argument = history.argument(operation);
            let Some([old, new]) = argument.pair() else {
                return Err(no_pair(operation, argument));
            };
            let (old, new) = (interner.intern(old), interner.intern(new));
            match (outcome, operation.complete()) {
                (Outcome::Fail, Some(at)) => match columns.current(at) {
                    Some(found) => match interner.intern(found) {
                        found if found == old => Some(Action::Impossible),
                        found => Some(Action::Read(found)),
                    },
                    None if columns.error(at).is_some() => None,
                    None => Some(Action::Differs(old)),
                },
                _ => Some(Action::Cas(old, new)),
            }
        }
    })
}

#[cold]
fn no_pair(operation: &Operation, argument: Datum<'_>) -> String {
    let event = operation.invoke();
    format!("event {event}: a cas has the value {argument}, expected [old, new]")
}

/// What was known when the event at `time` had just been recorded: later operations are left out, open
/// ones may or may not take effect. O(steps).
pub fn prefix(steps: &[Step], time: u32) -> Vec<Step> {
    let known = steps.iter().take_while(|step| step.start <= time);
    known
        .filter(|step| step.end <= time || step.action.installs().is_some())
        .map(|step| match step.end <= time {
            true => *step,
            false => Step {
                end: NEVER,
                must: false,
                ..*step
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Kind, Process, Recorder};
    use serde_json::{Value, json};

    #[test]
    fn verbs_that_are_met_after_many_keys_are_still_told_apart() {
        let mut recorder = Recorder::default();
        let mut say = |f: &str, key: &str, told: [Value; 2]| {
            for (kind, value) in [Kind::Invoke, Kind::Ok].into_iter().zip(told) {
                let index = recorder.history().columns().len() as u64;
                let event = Event::new(index, Process::Client(0), kind, f, value);
                let key = Some(key.into());
                recorder.record(&Event { key, ..event }).unwrap();
            }
        };
        for key in 0..40 {
            say("write", &format!("k{key}"), [json!(1), json!(1)]);
        }
        say("read", "k0", [json!(null), json!(1)]);
        say("cas", "k0", [json!([1, 2]), json!([1, 2])]);
        say("read", "k0", [json!(null), json!(2)]);
        say("cas", "k0", [json!([2, 3]), json!([2, 3])]);
        let parts = parts(recorder.history()).unwrap();
        let actions: Vec<Action> = parts[0].steps.iter().map(|step| step.action).collect();
        use Action::{Cas, Read, Write};
        assert_eq!(actions, [Write(1), Read(1), Cas(1, 2), Read(2), Cas(2, 3)]);
    }
}
