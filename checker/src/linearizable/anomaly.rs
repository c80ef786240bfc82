//! Names a contradiction and says in words why no order of the operations fits.

use super::clusters::{Contradiction, NOBODY};
use super::reduce::Reduced;
use crate::history::{History, Outcome};
use crate::models::register::{Action, INITIAL, Step};
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
            let end = |at: &u32| telling.step(*at).map_or(0, |step| step.end);
            match end(a_starts) >= end(b_starts) {
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
            Action::Read(_) => match completion.and_then(|event| event.current.as_ref()) {
                Some(found) => show(found),
                None => show(self.history.value(operation)),
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

    fn unwritten(&self, by: u32) -> Explained {
        let needs = self.steps[by as usize].action.needs();
        let told = self.sentence(by);
        let value = self.found(by);
        let later = self
            .all
            .iter()
            .find(|step| needs.is_some() && step.action.installs() == needs);
        if let Some(later) = later {
            let number = later.operation as usize;
            let text = format!(
                "{told} But {value} was written only by {}, which began at {}, after that had ended.",
                self.words.noun(number),
                self.words.begun(number)
            );
            return Explained {
                name: "read from the future",
                text,
            };
        }
        match self.failed_writer(by) {
            Some(number) => Explained {
                name: "read of a failed write",
                text: format!(
                    "{told} But {}, the only one of {value}, had failed at {}: it must not have happened.",
                    self.words.noun(number),
                    self.words.ended(number)
                ),
            },
            None => Explained {
                name: "read of a value nobody wrote",
                text: format!("{told} But nobody ever wrote {value}."),
            },
        }
    }

    fn failed_writer(&self, by: u32) -> Option<usize> {
        let operations = self.history.operations();
        let reader = &operations[self.number(by)];
        let found = match (
            self.steps[by as usize].action,
            self.history.completion(reader),
        ) {
            (Action::Cas(..), _) => &self.history.invocation(reader).value[0],
            (_, Some(event)) => event.current.as_ref().unwrap_or(&event.value),
            _ => return None,
        };
        operations.iter().position(|operation| {
            let invocation = self.history.invocation(operation);
            let written = match invocation.f.as_str() {
                "write" => &invocation.value,
                "cas" => &invocation.value[1],
                _ => return false,
            };
            operation.outcome == Outcome::Fail
                && self.history.key(operation) == self.history.key(reader)
                && written == found
        })
    }

    fn replaced(&self, first: u32, second: u32) -> Explained {
        let value = self.found(first);
        let once = match self.steps[first as usize].action.needs() {
            Some(INITIAL) => "The key holds no value only until the first write".to_string(),
            _ => format!("{value} was written only once"),
        };
        Explained {
            name: "lost update",
            text: format!(
                "{} {} {once}, so after the first of these two it was no longer there, and the second should have failed.",
                self.sentence(first),
                self.sentence(second)
            ),
        }
    }

    fn reversed(&self, first: u32, then: u32) -> Explained {
        let wrote = self.steps[first as usize].action.installs();
        let asked = self.steps[then as usize].action.needs();
        if wrote.is_some() && wrote == asked {
            let text = format!(
                "{} But {} was written only by {}, which began at {}, after that had ended.",
                self.sentence(then),
                self.found(then),
                self.noun(first),
                self.words.begun(self.number(first))
            );
            return Explained {
                name: "read from the future",
                text,
            };
        }
        let name = match self.steps[first as usize].action {
            Action::Read(_) => "stale read",
            Action::Cas(..) => WRONG_CAS,
            _ => "not linearizable",
        };
        let text = format!(
            "{} But by then {}: {} was written only once, and compare-and-sets had replaced it, step by step, by {}.",
            self.sentence(first),
            self.had_ended(then),
            self.found(first),
            self.value(then),
        );
        Explained { name, text }
    }

    /// `old` is [ended first, began last] of the value that should have been gone, `new` of the other.
    fn crossed(
        &self,
        [old_ends, old_starts]: [u32; 2],
        [new_ends, new_starts]: [u32; 2],
    ) -> Explained {
        let new = self.value(new_ends.min(new_starts));
        let mut text = self.sentence(old_starts);
        text += &format!(
            " But by then {new} was there: {}.",
            self.had_ended(new_ends)
        );
        text += &match old_ends {
            NOBODY => " The key holds no value only until the first write".to_string(),
            _ if new_starts == new_ends || old_ends != old_starts => format!(
                " And {} was older: {}, before {} began at {}. It was written only once",
                self.value(old_ends),
                self.had_ended(old_ends),
                self.noun(new_starts),
                self.words.begun(self.number(new_starts))
            ),
            _ => format!(" And {} was written only once", self.value(old_ends)),
        };
        text += ", so nothing could bring it back.";
        let name = match self.steps[old_starts as usize].action {
            Action::Read(_) if self.is_lost(old_starts, new_ends) => "lost write",
            Action::Read(_) => "stale read",
            Action::Cas(..) => WRONG_CAS,
            _ => "not linearizable",
        };
        Explained { name, text }
    }

    /// True if nobody ever saw what `write` wrote, while the older value of `read` was seen again after
    /// `read`, with nothing else in between: the write is gone, not merely late for one reader.
    fn is_lost(&self, read: u32, write: u32) -> bool {
        let written = self.steps[write as usize].action.installs();
        let stale = self.steps[read as usize];
        let seen = |step: &Step| step.must && step.action.needs() == written;
        if written.is_none() || self.all.iter().any(seen) {
            return false;
        }
        let after = self
            .all
            .iter()
            .filter(|step| step.start > stale.end && step.must);
        let next = after.filter_map(|step| step.action.needs()).next();
        next.is_some() && next == stale.action.needs()
    }

    fn throughout(&self, by: u32, before: u32, after: u32) -> Explained {
        let value = self.value(by);
        let since = match before {
            NOBODY => "it was there from the start".into(),
            _ => format!("it was there before, since {}", self.had_ended(before)),
        };
        let text = format!(
            "{} But {value} was there all the time: {since}, and {} found it still, which began at {}. It was written only once.",
            self.sentence(by),
            self.noun(after),
            self.words.begun(self.number(after))
        );
        Explained {
            name: FAILED_CAS,
            text,
        }
    }

    fn in_general(&self, essential: &[u32]) -> Explained {
        let last = essential
            .iter()
            .copied()
            .max_by_key(|at| self.steps[*at as usize].end);
        let Some(last) = last else {
            return Explained {
                name: "not linearizable",
                text: "No order of the operations fits.".into(),
            };
        };
        let step = self.steps[last as usize];
        // Another value was there before, and nobody was bringing this one back.
        let replaced = essential.iter().any(|at| {
            let other = &self.steps[*at as usize];
            let value = other.action.installs().or(other.action.needs());
            other.end < step.start && value.is_some() && value != step.action.needs()
        }) && self.open_writers(essential, last).is_empty();
        let name = match step.action {
            Action::Read(_) if replaced => "stale read",
            Action::Cas(..) if replaced => WRONG_CAS,
            Action::Differs(_) => FAILED_CAS,
            _ => "not linearizable",
        };
        let others: Vec<u32> = essential.iter().copied().filter(|at| *at != last).collect();
        let mut text = self.sentence(last);
        if others.is_empty() {
            text += " No state that the register can have had by then allows that.";
        } else {
            text += &format!(" But: {}", self.list(&others));
        }
        text += &self.sources(essential, last);
        Explained { name, text }
    }

    /// The essential operation that began first.
    fn first(&self, essential: &[u32], last: u32) -> u32 {
        essential
            .iter()
            .copied()
            .min_by_key(|at| self.steps[*at as usize].start)
            .unwrap_or(last)
    }

    /// Who else, from the first essential operation on, might have made the answer of `last` right.
    fn open_writers(&self, essential: &[u32], last: u32) -> Vec<u32> {
        let since = self.steps[self.first(essential, last) as usize].start;
        let action = self.steps[last as usize].action;
        let helps = |step: &Step| match (step.action.installs(), action) {
            (Some(value), Action::Differs(refused)) => value != refused,
            (Some(value), _) => action.needs() == Some(value),
            (None, _) => false,
        };
        let others =
            (0..self.steps.len() as u32).filter(|at| *at != last && !essential.contains(at));
        others
            .filter(|at| self.steps[*at as usize].end >= since && helps(&self.steps[*at as usize]))
            .collect()
    }

    /// Where the value that `last` found could have come from.
    fn sources(&self, essential: &[u32], last: u32) -> String {
        let first = self.first(essential, last);
        let since = self.steps[first as usize].start;
        let open = self.open_writers(essential, last);
        let Some(needs) = self.steps[last as usize].action.needs() else {
            return match open.is_empty() {
                true => format!(
                    " And from {} on nobody wrote anything else.",
                    self.words.begun(self.number(first))
                ),
                false => String::new(),
            };
        };
        let value = self.found(last);
        let writers = || {
            (0..self.steps.len() as u32)
                .filter(|at| self.steps[*at as usize].action.installs() == Some(needs))
        };
        let open: Vec<String> = open.into_iter().map(|at| self.noun(at)).collect();
        let moment = self.words.begun(self.number(first));
        let gone = writers().filter(|at| self.steps[*at as usize].end < since);
        match (
            open.as_slice(),
            gone.max_by_key(|at| self.steps[*at as usize].end),
        ) {
            ([], None) if needs == INITIAL => {
                " The key holds no value only until the first write.".into()
            }
            ([], Some(writer)) => format!(
                " And from {moment} on nobody was writing {value}: the last to do so was {}, which had ended at {}.",
                self.noun(writer),
                self.words.ended(self.number(writer))
            ),
            ([], None) => format!(" And from {moment} on nobody was writing {value}."),
            (some, _) if some.len() <= 4 => format!(
                " From {moment} on, {value} could have come only from {}; in no order of these that fits all answers.",
                some.join(", ")
            ),
            (some, _) => format!(
                " From {moment} on, {value} could have come only from {} other operations; in no order of these that fits all answers.",
                some.len()
            ),
        }
    }
}
