//! Contradictions among values that are written once.

use super::{Explained, FAILED_CAS, Telling, WRONG_CAS};
use crate::history::Outcome;
use crate::linearizable::clusters::NOBODY;
use crate::models::register::{Action, INITIAL, Step};

impl Telling<'_> {
    pub(super) fn unwritten(&self, by: u32) -> Explained {
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

    pub(super) fn failed_writer(&self, by: u32) -> Option<usize> {
        let (history, columns) = (self.history, self.history.columns());
        let operations = history.operations();
        let reader = &operations[self.number(by)];
        let found = match (self.steps[by as usize].action, reader.complete()) {
            (Action::Cas(..), _) => history.argument(reader).pair()?[0],
            (_, Some(event)) => columns
                .current(event)
                .unwrap_or_else(|| columns.value(event)),
            _ => return None,
        };
        operations.iter().position(|operation| {
            let argument = history.argument(operation);
            let written = match history.verb(operation).as_str() {
                "write" => Some(argument),
                "cas" => argument.pair().map(|[_, new]| new),
                _ => None,
            };
            operation.outcome == Outcome::Fail
                && history.key(operation) == history.key(reader)
                && written.is_some_and(|written| written.cell() == found.cell())
        })
    }

    pub(super) fn replaced(&self, first: u32, second: u32) -> Explained {
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

    pub(super) fn reversed(&self, first: u32, then: u32) -> Explained {
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
        // "No value" is never written: it is there until something is.
        let once = match self.steps[first as usize].action.needs() {
            Some(INITIAL) => "the key holds no value only until the first write".to_string(),
            _ => format!("{} was written only once", self.found(first)),
        };
        let text = format!(
            "{} But by then {}: {once}, and compare-and-sets had replaced it, step by step, by {}.",
            self.sentence(first),
            self.had_ended(then),
            self.value(then),
        );
        Explained { name, text }
    }

    /// `old` is [ended first, began last] of the value that should have been gone, `new` of the other.
    pub(super) fn crossed(
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
            NOBODY if self.steps[old_starts as usize].action.needs() == Some(INITIAL) => {
                " The key holds no value only until the first write".to_string()
            }
            NOBODY => format!(
                " Compare-and-sets had made {} of no value, which the key holds only until the first write",
                self.found(old_starts)
            ),
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
    pub(super) fn is_lost(&self, read: u32, write: u32) -> bool {
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

    pub(super) fn throughout(&self, by: u32, before: u32, after: u32) -> Explained {
        let value = self.value(by);
        let (was, once) = match self.steps[by as usize].action {
            Action::Differs(INITIAL) => (
                "the key held no value".to_string(),
                "It does so only until the first write",
            ),
            _ => (format!("{value} was there"), "It was written only once"),
        };
        let since = match before {
            NOBODY => "it was there from the start".into(),
            _ => format!("it was there before, since {}", self.had_ended(before)),
        };
        let text = format!(
            "{} But {was} all the time: {since}, and {} found it still, which began at {}. {once}.",
            self.sentence(by),
            self.noun(after),
            self.words.begun(self.number(after))
        );
        Explained {
            name: FAILED_CAS,
            text,
        }
    }
}
