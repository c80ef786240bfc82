//! Names a contradiction and says in words why no order of the operations fits.

mod distinct;
mod general;

use super::clusters::{Contradiction, NOBODY};
use super::reduce::Reduced;
use crate::history::History;
use crate::models::register::{Action, Step};
use crate::words::{Words, show};

/// A contradiction as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The anomaly's name.
    pub name: &'static str,
    /// Why no order fits.
    pub text: String,
}

const FAILED_CAS: &str = "compare-and-set that should have succeeded";
const WRONG_CAS: &str = "compare-and-set that should have failed";

/// Explains what [`super::reduce`] left of `steps`, a prefix of one part; `all` are the part's steps.
pub fn explain(history: &History, all: &[Step], steps: &[Step], reduced: &Reduced) -> Explained {
    let telling = Telling {
        words: Words::new(
            history,
            reduced
                .essential
                .iter()
                .map(|at| steps[*at as usize].operation as usize),
        ),
        history,
        all,
        steps,
    };
    match &reduced.contradiction {
        None => telling.in_general(&reduced.essential),
        Some(Contradiction::Unwritten { by }) => telling.unwritten(*by),
        Some(Contradiction::Impossible { by }) => Explained {
            name: FAILED_CAS,
            text: format!(
                "{} That is the very value it had asked for.",
                telling.sentence(*by)
            ),
        },
        Some(Contradiction::Replaced { first, second }) => telling.replaced(*first, *second),
        Some(Contradiction::Circle { steps }) => Explained {
            name: "circular compare-and-sets",
            text: format!(
                "{} Each found the value that another of them installed, and nobody else wrote these values: none can have been first.",
                telling.list(steps)
            ),
        },
        Some(Contradiction::Reversed { first, then }) => telling.reversed(*first, *then),
        Some(Contradiction::Throughout { by, before, after }) => {
            telling.throughout(*by, *before, *after)
        }
        Some(Contradiction::Crossed {
            a_ends,
            a_starts,
            b_ends,
            b_starts,
        }) => {
            // The side that is seen last is the one that should have been gone.
            // The initial value always is, and nobody wrote it.
            let end = |at: &u32| telling.step(*at).map_or(0, |step| step.end);
            let a_is_old = match (*a_ends, *b_ends) {
                (NOBODY, _) => true,
                (_, NOBODY) => false,
                _ => end(a_starts) >= end(b_starts),
            };
            match a_is_old {
                true => telling.crossed([*a_ends, *a_starts], [*b_ends, *b_starts]),
                false => telling.crossed([*b_ends, *b_starts], [*a_ends, *a_starts]),
            }
        }
    }
}

struct Telling<'a> {
    words: Words<'a>,
    history: &'a History,
    all: &'a [Step],
    steps: &'a [Step],
}

impl Telling<'_> {
    fn step(&self, at: u32) -> Option<&Step> {
        self.steps.get(at as usize)
    }

    fn number(&self, at: u32) -> usize {
        self.steps[at as usize].operation as usize
    }

    fn sentence(&self, at: u32) -> String {
        self.words.sentence(self.number(at))
    }

    fn noun(&self, at: u32) -> String {
        self.words.noun(self.number(at))
    }

    fn list(&self, steps: &[u32]) -> String {
        steps
            .iter()
            .map(|at| self.sentence(*at))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The value that a step speaks of: found, or installed.
    fn value(&self, at: u32) -> String {
        let number = self.number(at);
        let operation = &self.history.operations()[number];
        let invocation = self.history.invocation(operation);
        let completion = self.history.completion(operation);
        match self.steps[at as usize].action {
            Action::Read(_) => match completion.and_then(|event| event.current) {
                Some(found) => show(&found),
                None => show(&self.history.value(operation)),
            },
            Action::Write(_) => show(&invocation.value),
            Action::Cas(..) => show(&invocation.value[1]),
            _ => show(&invocation.value[0]),
        }
    }

    /// The value that a step found, in words.
    fn found(&self, at: u32) -> String {
        match self.steps[at as usize].action {
            Action::Cas(..) => {
                let operation = &self.history.operations()[self.number(at)];
                show(&self.history.invocation(operation).value[0])
            }
            _ => self.value(at),
        }
    }

    /// `process 2's write of 43 had been acknowledged at 11.990 s`.
    fn had_ended(&self, at: u32) -> String {
        let number = self.number(at);
        match self.step(at).is_some_and(|step| step.must) {
            true => format!(
                "{} had been {} at {}",
                self.noun(at),
                self.words.participle(number),
                self.words.ended(number)
            ),
            false => self.noun(at),
        }
    }
}
