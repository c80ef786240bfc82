//! Cuts a register's history where its state is certain, or about to be written over: each stretch is judged by itself.

use std::borrow::Cow;

use super::survey::Survey;
use crate::models::register::{Action, INITIAL, Interned, Step};

/// Fewer steps are not worth a cut.
pub const WORTH_IT: usize = 256;

/// Where a stretch begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// All that certainly happened before had ended by then, and the rest had begun; all else begins later. 0: the stretch is the first.
    pub since: u32,
    /// Who wrote what is there then, where that is not written over at once.
    pub writer: Option<Step>,
}

/// Steps that can be judged apart from those before and after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins.
    pub cut: Cut,
    /// In the order of their starts; the first is the writer of what is there, if that must be known.
    pub steps: Vec<Step>,
    /// What must be there at the end, if the next stretch relies on it.
    pub ends_in: Option<Interned>,
}

impl Cut {
    /// Of all steps of the history, those of this stretch and the later ones.
    pub fn of(self, steps: &[Step]) -> Cow<'_, [Step]> {
        if self.since == 0 {
            return Cow::Borrowed(steps);
        }
        let later = steps.partition_point(|step| step.start <= self.since);
        let later = steps[later..].iter().copied();
        Cow::Owned(self.writer.into_iter().chain(later).collect())
    }
}

/// Cuts steps in the order of their starts, of which those of unknown outcome matter, into stretches of at least so many;
/// the survey is of all that the register did. The history is linearizable if and only if each stretch is, and ends as told. O(steps).
///
/// A cut is made where nothing that certainly happened is open, and nobody who ends later asks for what an unknown
/// outcome before may have written (who takes effect after the cut for nobody's sake can be left out: what comes next writes), and
///
/// - either all that can have been written last wrote the same, and no unknown outcome in the stretch can have come after it:
///   then all orders of the stretch end with that value, and the next one begins with it;
/// - or the next operation writes, and has ended before another begins: then it does not matter what was there.
pub fn segments(steps: Vec<Step>, survey: &Survey, least: usize) -> Vec<Segment> {
    let mut found = Vec::new();
    let (mut from, mut scan) = (0, Scan::default());
    for (at, step) in steps.iter().enumerate() {
        if at - from >= least && scan.closed < step.start && scan.asked < step.start {
            let is_next = |next: &Step| next.start < step.end;
            let alone = matches!(step.action, Action::Write(_))
                && step.must
                && !steps.get(at + 1).is_some_and(is_next);
            let (known, certain) = (scan.writer(), !scan.unknown);
            let next = match known {
                Some(writer) if certain => Some((writer, Some(value_of(writer)))),
                _ if alone => Some((None, None)),
                _ => None,
            };
            if let Some((writer, ends_in)) = next {
                found.push(scan.segment(&steps[from..at], ends_in));
                (from, scan) = (at, scan.after(step.start - 1, writer));
            }
        }
        scan.take(step, survey);
    }
    if found.is_empty() {
        let cut = Cut::default();
        return vec![Segment {
            cut,
            steps,
            ends_in: None,
        }];
    }
    found.push(scan.segment(&steps[from..], None));
    found
}

fn value_of(writer: Option<Step>) -> Interned {
    writer.map_or(INITIAL, |writer| {
        writer.action.installs().unwrap_or(INITIAL)
    })
}

/// What is known of the stretch that is being gone through.
#[derive(Default)]
struct Scan {
    cut: Cut,
    /// When all that certainly happened had ended.
    closed: u32,
    /// When nobody asks any more for what unknown outcomes can have written.
    asked: u32,
    /// One of them began in this stretch.
    unknown: bool,
    /// Those that certainly wrote, without those that another certainly followed.
    last: Vec<Step>,
}

impl Scan {
    fn take(&mut self, step: &Step, survey: &Survey) {
        let installs = step.action.installs();
        if !step.must {
            self.unknown = true;
            let until = |value| survey.asked_until(value);
            self.asked = self.asked.max(installs.map_or(0, until));
            return;
        }
        self.closed = self.closed.max(step.end);
        if installs.is_some() {
            self.last.retain(|earlier| earlier.end > step.start);
            self.last.push(*step);
        }
    }

    /// Who wrote what is there now, if nothing is open: one of those that wrote the same. `None`: that is not certain.
    fn writer(&self) -> Option<Option<Step>> {
        let Some((first, others)) = self.last.split_first() else {
            return Some(self.cut.writer);
        };
        let value = first.action.installs()?;
        let same = |other: &Step| other.action.installs() == Some(value);
        let action = Action::Write(value);
        (others.iter().all(same)).then_some(Some(Step { action, ..*first }))
    }

    fn segment(&self, steps: &[Step], ends_in: Option<Interned>) -> Segment {
        Segment {
            cut: self.cut,
            steps: self.cut.writer.iter().chain(steps).copied().collect(),
            ends_in,
        }
    }

    /// Begins the next stretch.
    fn after(self, since: u32, writer: Option<Step>) -> Scan {
        Scan {
            cut: Cut { since, writer },
            closed: self.closed,
            asked: self.asked,
            unknown: false,
            last: Vec::new(),
        }
    }
}
