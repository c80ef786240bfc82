//! A history whose events have been paired into operations; ill-formed ones are refused here.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;
use smol_str::SmolStr;

use super::event::{Event, Kind, Process};

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
    /// Index of the invocation in [`History::events`].
    pub invoke: usize,
    /// Index of the completion; `None` where the history ended first.
    pub complete: Option<usize>,
    /// How it ended.
    pub outcome: Outcome,
}

/// A well-formed history. The only way to one is [`History::new`].
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Event>,
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

impl History {
    /// Pairs invocations with completions. O(events).
    ///
    /// # Errors
    /// A completion without an invocation, a process with two open operations, a process that acts after
    /// its operation ended in info, an index out of order, or time that goes back.
    pub fn new(events: Vec<Event>) -> Result<History, Malformed> {
        let mut operations = Vec::with_capacity(events.len() / 2);
        let mut open: HashMap<u64, usize> = HashMap::new();
        let mut gone: std::collections::HashSet<u64> = std::collections::HashSet::new();
        let mut last = Duration::ZERO;
        for (position, event) in events.iter().enumerate() {
            let refuse = |reason: String| {
                Err(Malformed {
                    index: position,
                    reason,
                })
            };
            if event.index != position as u64 {
                return refuse(format!("its index is {}, expected {position}", event.index));
            }
            if event.time < last {
                return refuse("time goes back".into());
            }
            last = event.time;
            let Process::Client(process) = event.process else {
                continue;
            };
            if event.kind == Kind::Invoke {
                if gone.contains(&process) {
                    return refuse(format!(
                        "process {process} acts again after an unknown outcome"
                    ));
                }
                if open.insert(process, operations.len()).is_some() {
                    return refuse(format!("process {process} has two operations open"));
                }
                operations.push(Operation {
                    invoke: position,
                    complete: None,
                    outcome: Outcome::Info,
                });
                continue;
            }
            let Some(number) = open.remove(&process) else {
                return refuse(format!("process {process} completes what it never invoked"));
            };
            let operation: &mut Operation = &mut operations[number];
            operation.complete = Some(position);
            operation.outcome = match event.kind {
                Kind::Ok => Outcome::Ok,
                Kind::Fail => Outcome::Fail,
                _ => {
                    gone.insert(process);
                    Outcome::Info
                }
            };
            if events[operation.invoke].f != event.f {
                return refuse(format!(
                    "process {process} completes {} but had invoked {}",
                    event.f, events[operation.invoke].f
                ));
            }
        }
        Ok(History { events, operations })
    }

    /// All events, the nemesis' too, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// All operations of clients, in the order of their invocations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The invocation of an operation.
    pub fn invocation(&self, operation: &Operation) -> &Event {
        &self.events[operation.invoke]
    }

    /// The completion of an operation, if it has one.
    pub fn completion(&self, operation: &Operation) -> Option<&Event> {
        operation.complete.map(|at| &self.events[at])
    }

    /// The key that an operation touches.
    pub fn key(&self, operation: &Operation) -> Option<&SmolStr> {
        self.events[operation.invoke].key.as_ref()
    }

    /// What a completed read returned, or what an invocation asked for.
    pub fn value(&self, operation: &Operation) -> &Value {
        match self.completion(operation) {
            Some(event) if event.kind == Kind::Ok => &event.value,
            _ => &self.events[operation.invoke].value,
        }
    }
}
