//! Generators: the source of operations. They are asked for the next one, and told every event.

use std::collections::VecDeque;
use std::time::Duration;

use checker::Event;

use crate::op::Op;

/// Who asks, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Since the run began.
    pub time: Duration,
    /// The worker that is free, from 0.
    pub worker: usize,
}

/// An operation, and whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub op: Op,
    /// Of which node; `None`: the worker's own.
    pub node: Option<u16>,
}

/// A generator's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Do this.
    Invoke(Request),
    /// Nothing right now: ask again after the next event.
    Pending,
    /// Nothing ever again.
    Done,
}

/// A source of operations.
pub trait Generator: Send {
    /// The next operation for a free worker.
    fn next(&mut self, context: &Context) -> Next;
    /// Tells of an event; most generators don't mind.
    fn update(&mut self, _event: &Event) {}
}

/// A list of requests, each asked once.
pub struct Once {
    /// Those that are left.
    pub requests: VecDeque<Request>,
}

impl Generator for Once {
    fn next(&mut self, _context: &Context) -> Next {
        self.requests.pop_front().map_or(Next::Done, Next::Invoke)
    }
}
