//! What a judge must know of an object: its states, and what each operation does to them.

use std::fmt::Debug;
use std::hash::Hash;

use crate::history::{Datum, History, Operation, Process};

/// A sequential specification. A user's own is judged by [`crate::linearizable::general::search`]:
///
/// ```
/// use checker::linearizable::general::{Found, search};
/// use checker::linearizable::Limits;
/// use checker::models::{Call, Model};
///
/// /// A switch that tells how it stood before.
/// struct Switch;
/// impl Model for Switch {
///     type Op = ();
///     type Reply = bool;
///     type State = bool;
///     fn init(&self) -> bool {
///         false
///     }
///     fn step(&self, on: &bool, _: &(), was: Option<&bool>) -> Option<bool> {
///         was.is_none_or(|was| was == on).then_some(!on)
///     }
/// }
///
/// let flip = |start, end, was| Call { operation: 0, start, end, must: true, op: (), reply: Some(was) };
/// let limits = Limits { configurations: 1000, steps: 1000, bytes: 1 << 20 };
/// let twice_off = [flip(1, 2, false), flip(3, 4, false)];
/// assert_eq!(search(&Switch, &twice_off, limits).found, Found::Stuck { time: 4 });
/// ```
pub trait Model {
    /// What is asked for.
    type Op: Clone + Eq + Hash + Debug;
    /// What is answered, where that says something of the state.
    type Reply: Clone + Eq + Hash + Debug;
    /// All that later answers depend on.
    type State: Clone + Eq + Hash;

    /// The state before everything.
    fn init(&self) -> Self::State;

    /// The state after `op`; `None`: in `state` it would not have answered so. Without a reply any answer fits.
    fn step(
        &self,
        state: &Self::State,
        op: &Self::Op,
        reply: Option<&Self::Reply>,
    ) -> Option<Self::State>;

    /// As [`Model::step`], in place; for states that are large. False: `state` may be anything afterwards.
    fn apply(&self, state: &mut Self::State, op: &Self::Op, reply: Option<&Self::Reply>) -> bool {
        match self.step(state, op, reply) {
            Some(next) => {
                *state = next;
                true
            }
            None => false,
        }
    }

    /// Bytes that a state holds beside its own size, about: it counts against the budget of memory.
    fn weight(&self, _state: &Self::State) -> usize {
        0
    }

    /// A guess: false if from `state` on the next to be told so is hardly ever `op`, answered by `reply`. It decides what
    /// is tried first; the verdict only where [`Model::only_grows`].
    fn leads(&self, _state: &Self::State, _op: &Self::Op, _reply: Option<&Self::Reply>) -> bool {
        true
    }

    /// True if among these calls [`Model::leads`] is no guess: where it says no, nothing that follows leads there any more.
    fn only_grows<'a>(&self, _ops: impl Iterator<Item = &'a Self::Op>) -> bool
    where
        Self::Op: 'a,
    {
        false
    }

    /// False only if no choice and order of the calls in `others` (each with how often there is one) leads from `state` to
    /// one in which `op`, that changes nothing, is answered by `reply`: then nothing of that kind is tried.
    fn reaches<'a>(
        &self,
        _state: &Self::State,
        _op: &Self::Op,
        _reply: Option<&Self::Reply>,
        _others: impl Iterator<Item = (&'a Self::Op, u32)>,
    ) -> bool
    where
        Self::Op: 'a,
    {
        true
    }

    /// Does [`Model::makes_up`] ever say yes to something? Then more configurations are compared with each other.
    const TRADES: bool = false;

    /// True only if whoever can do `kept`, each so often, can do all that whoever can do `lost` can, in whatever state and at
    /// whatever times: some of `kept`, one after the other at once, in place of each of `lost`. None of them is answered.
    fn makes_up(&self, _lost: &[(&Self::Op, u32)], _kept: &[(&Self::Op, u32)]) -> bool {
        false
    }

    /// False for what leaves every state as it is, such as a read: it may take effect as soon as it fits.
    fn changes(&self, _op: &Self::Op) -> bool {
        true
    }
}

/// An operation as a judge needs it. Times are event indices plus one; 0 is before everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<O, R> {
    /// Its number in [`crate::History::operations`].
    pub operation: u32,
    /// When it was invoked.
    pub start: u32,
    /// When it completed, or [`super::register::NEVER`].
    pub end: u32,
    /// False: it may have happened at any time after `start`, or not at all.
    pub must: bool,
    /// What was asked.
    pub op: O,
    /// What was answered.
    pub reply: Option<R>,
}

/// The calls of a model.
pub type Calls<M> = Vec<Call<<M as Model>::Op, <M as Model>::Reply>>;

/// A call as a history tells it: verb and argument, the answer, and how it ended. Never one that failed: what
/// certainly did not happen is told to nobody.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The history.
    pub history: &'a History,
    /// The operation.
    pub operation: &'a Operation,
}

impl<'a> Told<'a> {
    /// The verb.
    pub fn verb(&self) -> &'a str {
        self.history.verb(self.operation)
    }

    /// The argument.
    pub fn argument(&self) -> Datum<'a> {
        self.history.argument(self.operation)
    }

    /// The answer, if there was one.
    pub fn answer(&self) -> Option<Datum<'a>> {
        self.history.answer(self.operation)
    }

    /// The logical client; the nemesis calls nothing.
    pub fn client(&self) -> u64 {
        match self.history.columns().process(self.operation.invoke()) {
            Process::Client(id) => id,
            Process::Nemesis => u64::MAX,
        }
    }

    /// The sentence that refuses a verb which the model does not know.
    pub fn unknown_verb<T>(&self, knows: &str) -> Result<T, String> {
        Err(format!(
            "event {}: {knows}, but not {}",
            self.operation.invoke(),
            self.verb()
        ))
    }

    /// The sentence that refuses an argument or an answer.
    pub fn wrong_value<T>(&self, expected: &str) -> Result<T, String> {
        Err(format!(
            "event {}: {} has the value {}, expected {expected}",
            self.operation.complete().unwrap_or(self.operation.invoke()),
            self.verb(),
            self.answer().unwrap_or_else(|| self.argument())
        ))
    }
}

/// What a call says: the operation, and its reply where there is one.
pub type Said<M> = (<M as Model>::Op, Option<<M as Model>::Reply>);

/// A model that understands the verbs of a history.
pub trait Spoken: Model {
    /// One call; `None`: it says nothing.
    ///
    /// # Errors
    /// A verb that the model does not know, or a value that is none; in a sentence.
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String>;
}
