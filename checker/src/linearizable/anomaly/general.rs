//! Contradictions that only the search could find.

use super::{Explained, FAILED_CAS, Telling, WRONG_CAS};
use crate::models::register::{Action, INITIAL, Step};

impl Telling<'_> {
    pub(super) fn in_general(&self, essential: &[u32]) -> Explained {
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
    pub(super) fn first(&self, essential: &[u32], last: u32) -> u32 {
        essential
            .iter()
            .copied()
            .min_by_key(|at| self.steps[*at as usize].start)
            .unwrap_or(last)
    }

    /// Who else, from the first essential operation on, might have made the answer of `last` right.
    pub(super) fn open_writers(&self, essential: &[u32], last: u32) -> Vec<u32> {
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
    pub(super) fn sources(&self, essential: &[u32], last: u32) -> String {
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
        let value = match needs {
            INITIAL => "null".to_string(),
            _ => self.found(last),
        };
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
