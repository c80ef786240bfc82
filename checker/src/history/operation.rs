//! A history whose events have been paired into operations; ill-formed ones are refused here.

use std::fmt;
use std::num::NonZeroU32;

use serde_json::Value;
use smol_str::SmolStr;

use super::cell::Datum;
use super::columns::{Columns, Said};
use super::event::{Event, Kind, Process};
use crate::hash::Map;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Unknown, or still open when the history ended.
    Info,
}

/// An invocation and, where there is one, its completion. Refers to events by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    invoke: u32,
    /// Never 0: something was invoked before.
    complete: Option<NonZeroU32>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Operation {
    /// Index of the invocation among the events.
    pub fn invoke(&self) -> usize {
        self.invoke as usize
    }

    /// Index of the completion; `None` where the history ended first.
    pub fn complete(&self) -> Option<usize> {
        self.complete.map(|at| at.get() as usize)
    }
}

/// A well-formed history, in columns: about forty bytes an event. The only ways to one are [`History::new`] and
/// [`Recorder`].
#[derive(Clone, Debug, Default)]
pub struct History {
    columns: Columns,
    operations: Vec<Operation>,
}

/// Why a list of events is not a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Index of the offending event.
    pub index: usize,
    /// What is wrong with it, in a sentence.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {}", self.index, self.reason)
    }
}

impl std::error::Error for Malformed {}

/// Nothing is open.
const FREE: u32 = 0;

/// Never acts again.
const GONE: u32 = u32::MAX;

/// Processes below this have a place of their own, the others are looked up.
const NEAR: u64 = 1 << 22;

/// What an event says that may complete an operation.
struct Completed<'a> {
    key: Option<&'a str>,
    is_null: bool,
    /// Whether its value is this one.
    same: &'a dyn Fn(Datum<'_>) -> bool,
}

/// Builds a history event by event, as they happen.
///
/// ```
/// use checker::history::Recorder;
/// use checker::{Kind, Process};
///
/// let mut recorder = Recorder::default();
/// recorder.record(&checker::Event::new(0, Process::Client(3), Kind::Invoke, "read", ().into()))?;
/// recorder.record(&checker::Event::new(1, Process::Client(3), Kind::Ok, "read", 7.into()))?;
/// assert_eq!(recorder.history().operations().len(), 1);
/// # Ok::<(), checker::Malformed>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    history: History,
    /// By process: [`FREE`], [`GONE`], or the number of its open operation plus one.
    near: Vec<u32>,
    far: Map<u64, u32>,
}

impl Recorder {
    /// Appends an event. O(1).
    ///
    /// # Errors
    /// As [`History::new`]. The event is then left out.
    pub fn record(&mut self, event: &Event) -> Result<(), Malformed> {
        let index = self.history.columns.len();
        if event.index != index as u64 {
            return Err(Malformed {
                index,
                reason: format!("its index is {}, expected {index}", event.index),
            });
        }
        let time = u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX);
        let same = |asked: Datum<'_>| asked.to_value() == event.value;
        let completed = Completed {
            key: event.key.as_deref(),
            is_null: event.value.is_null(),
            same: &same,
        };
        let operation = self.pair(event.process, event.kind, (&event.f, time), completed)?;
        self.history.columns.push_event(event);
        self.keep(operation);
        Ok(())
    }

    /// Appends what a parser has read.
    pub(super) fn record_said(&mut self, said: &Said<'_>) -> Result<(), Malformed> {
        // Equal lists may be stored in different cells: those are only compared where they are short.
        let same = |asked: Datum<'_>| asked.cell() == said.value || !said.value.tells();
        let completed = Completed {
            key: said.key,
            is_null: said.value.is_null(),
            same: &same,
        };
        let operation = self.pair(said.process, said.kind, (said.f, said.time), completed)?;
        self.history.columns.push(said);
        self.keep(operation);
        Ok(())
    }

    /// What was recorded so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What was recorded.
    pub fn into_history(self) -> History {
        self.history
    }

    pub(super) fn columns_mut(&mut self) -> &mut Columns {
        &mut self.history.columns
    }

    fn keep(&mut self, operation: Option<Operation>) {
        self.history.operations.extend(operation);
    }

    /// Checks an event and pairs a completion with its invocation; the operation that begins, if one does.
    fn pair(
        &mut self,
        process: Process,
        kind: Kind,
        (f, time): (&str, u64),
        told: Completed<'_>,
    ) -> Result<Option<Operation>, Malformed> {
        let History {
            columns,
            operations,
        } = &mut self.history;
        let index = columns.len();
        let refuse = |reason: String| Err(Malformed { index, reason });
        if index >= u32::MAX as usize - 1 {
            return refuse("there are too many events".into());
        }
        if index > 0 && time < columns.time_ns(index - 1) {
            return refuse("time goes back".into());
        }
        let Process::Client(process) = process else {
            return Ok(None);
        };
        let slot = match process < NEAR {
            true => {
                let at = process as usize;
                if self.near.len() <= at {
                    self.near.resize(at + 1, FREE);
                }
                &mut self.near[at]
            }
            false => self.far.entry(process).or_insert(FREE),
        };
        if kind == Kind::Invoke {
            match *slot {
                FREE => {}
                GONE => {
                    return refuse(format!(
                        "process {process} acts again after an unknown outcome"
                    ));
                }
                _ => return refuse(format!("process {process} has two operations open")),
            }
            *slot = operations.len() as u32 + 1;
            return Ok(Some(Operation {
                invoke: index as u32,
                complete: None,
                outcome: Outcome::Info,
            }));
        }
        if *slot == FREE || *slot == GONE {
            return refuse(format!("process {process} completes what it never invoked"));
        }
        let operation = &mut operations[*slot as usize - 1];
        let invoked = columns.verb(operation.invoke());
        if invoked != f {
            return refuse(format!(
                "process {process} completes {f} but had invoked {invoked}"
            ));
        }
        let invoke = operation.invoke();
        if let (Some(key), asked) = (told.key, columns.key(invoke))
            && asked.is_none_or(|asked| asked != key)
        {
            let asked = asked.map_or("no key", SmolStr::as_str);
            return refuse(format!(
                "process {process} completes {f} of the key {key} but had invoked it of {asked}"
            ));
        }
        // What failed, or may have, sometimes tells why in its value.
        let tells = kind == Kind::Ok && matches!(f, "write" | "cas") && !told.is_null;
        if tells && !(told.same)(columns.value(invoke)) {
            return refuse(format!(
                "process {process} completes a {f} of another value than it had invoked"
            ));
        }
        operation.complete = NonZeroU32::new(index as u32);
        operation.outcome = match kind {
            Kind::Ok => Outcome::Ok,
            Kind::Fail => Outcome::Fail,
            _ => Outcome::Info,
        };
        *slot = match kind {
            Kind::Info => GONE,
            _ => FREE,
        };
        Ok(None)
    }
}

impl History {
    /// Pairs invocations with completions. O(events).
    ///
    /// # Errors
    /// A completion without an invocation, or of another key, or of a write of another value; a process with two open operations, a process that acts after
    /// its operation ended in info, an index out of order, or time that goes back.
    pub fn new(events: impl IntoIterator<Item = Event>) -> Result<History, Malformed> {
        let mut recorder = Recorder::default();
        events
            .into_iter()
            .try_for_each(|event| recorder.record(&event))?;
        Ok(recorder.into_history())
    }

    /// All events, the nemesis' too, by column.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// All events in order, each copied out of the columns.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event> + DoubleEndedIterator + '_ {
        (0..self.columns.len()).map(|at| self.columns.event(at))
    }

    /// All operations of clients, in the order of their invocations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The invocation of an operation, copied out.
    pub fn invocation(&self, operation: &Operation) -> Event {
        self.columns.event(operation.invoke())
    }

    /// The completion of an operation, if it has one, copied out.
    pub fn completion(&self, operation: &Operation) -> Option<Event> {
        operation.complete().map(|at| self.columns.event(at))
    }

    /// The verb of an operation.
    pub fn verb(&self, operation: &Operation) -> &SmolStr {
        self.columns.verb(operation.invoke())
    }

    /// The key that an operation touches.
    pub fn key(&self, operation: &Operation) -> Option<&SmolStr> {
        self.columns.key(operation.invoke())
    }

    /// What an operation asked for.
    pub fn argument(&self, operation: &Operation) -> Datum<'_> {
        self.columns.value(operation.invoke())
    }

    /// What was answered, if it happened.
    pub fn answer(&self, operation: &Operation) -> Option<Datum<'_>> {
        let complete = operation
            .complete()
            .filter(|_| operation.outcome == Outcome::Ok);
        complete.map(|at| self.columns.value(at))
    }

    /// What a completed read returned, or what an invocation asked for.
    pub fn value(&self, operation: &Operation) -> Value {
        let datum = self
            .answer(operation)
            .unwrap_or_else(|| self.argument(operation));
        datum.to_value()
    }
}
