//! A register with read, write and compare-and-set, and its operations as the engines want them.

use std::collections::HashMap;

use serde_json::Value;
use smol_str::SmolStr;

use crate::history::{Event, History, Outcome};

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

/// Numbers the values of one part; integers, the usual case, without formatting them.
#[derive(Default)]
struct Interner {
    integers: HashMap<i64, Interned>,
    others: HashMap<String, Interned>,
    next: Interned,
}

impl Interner {
    fn intern(&mut self, value: &Value) -> Interned {
        if value.is_null() {
            return INITIAL;
        }
        let slot = match value.as_i64() {
            Some(integer) => self.integers.entry(integer).or_default(),
            None => self.others.entry(value.to_string()).or_default(),
        };
        if *slot == INITIAL {
            self.next += 1;
            *slot = self.next;
        }
        *slot
    }
}

/// Splits a history by key and reduces its operations. O(operations).
///
/// Says nothing, and is left out: a read that failed or whose outcome is unknown; a write that failed; a
/// compare-and-set that failed for another reason than the value (it carries an `error` and no `current`).
///
/// # Errors
/// A verb that a register does not know, or an argument that is none; with the event, in a sentence.
pub fn parts(history: &History) -> Result<Vec<Part>, String> {
    let mut parts: Vec<(Part, Interner)> = Vec::new();
    let mut by_key: HashMap<Option<&SmolStr>, usize> = HashMap::new();
    for (number, operation) in history.operations().iter().enumerate() {
        let invocation = history.invocation(operation);
        let (part, interner) = {
            let at = *by_key.entry(history.key(operation)).or_insert_with(|| {
                let part = Part {
                    key: invocation.key.clone(),
                    ..Part::default()
                };
                parts.push((part, Interner::default()));
                parts.len() - 1
            });
            &mut parts[at]
        };
        part.operations += 1;
        part.unknown += u64::from(operation.outcome == Outcome::Info);
        let completion = history.completion(operation);
        let Some(action) = action(invocation, completion, operation.outcome, interner)? else {
            continue;
        };
        let must = operation.outcome != Outcome::Info;
        part.steps.push(Step {
            operation: number as u32,
            start: operation.invoke as u32 + 1,
            end: operation
                .complete
                .filter(|_| must)
                .map_or(NEVER, |at| at as u32 + 1),
            must,
            action,
        });
    }
    Ok(parts
        .into_iter()
        .map(|(part, interner)| Part {
            values: interner.next as usize + 1,
            ..part
        })
        .collect())
}

fn action(
    invocation: &Event,
    completion: Option<&Event>,
    outcome: Outcome,
    interner: &mut Interner,
) -> Result<Option<Action>, String> {
    Ok(match invocation.f.as_str() {
        "read" => match (outcome, completion) {
            (Outcome::Ok, Some(event)) => Some(Action::Read(interner.intern(&event.value))),
            _ => None,
        },
        "write" => {
            (outcome != Outcome::Fail).then(|| Action::Write(interner.intern(&invocation.value)))
        }
        "cas" => {
            let Some([old, new]) = invocation.value.as_array().map(Vec::as_slice) else {
                return Err(format!(
                    "event {}: a cas has the value {}, expected [old, new]",
                    invocation.index, invocation.value
                ));
            };
            let (old, new) = (interner.intern(old), interner.intern(new));
            match (outcome, completion) {
                (
                    Outcome::Fail,
                    Some(Event {
                        current: Some(found),
                        ..
                    }),
                ) => match interner.intern(found) {
                    found if found == old => Some(Action::Impossible),
                    found => Some(Action::Read(found)),
                },
                (Outcome::Fail, Some(Event { error: Some(_), .. })) => None,
                (Outcome::Fail, _) => Some(Action::Differs(old)),
                _ => Some(Action::Cas(old, new)),
            }
        }
        other => {
            return Err(format!(
                "event {}: a register knows read, write and cas, but not {other}",
                invocation.index
            ));
        }
    })
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
