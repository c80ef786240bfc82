//! Judges registers while the run goes on: is a violation certain by now?
//!
//! A history is wrong for good as soon as a prefix of it is, with what is open taken as unknown. So the same judge is
//! asked about the prefix, for the keys that something was heard of since the last time.

use crate::enough::Minimum;
use crate::hash::Set;
use crate::history::{Event, History, Malformed, Process, Recorder};
use crate::linearizable::limits::{Limits, Meter, NO_END};
use crate::linearizable::{Linearizable, judged_parts};
use crate::verdict::{Valid, Verdict};

/// A judge that listens. Memory: about forty bytes an event.
///
/// ```
/// use checker::online::Online;
/// use checker::{Event, Kind::{Invoke, Ok as Done}, Process::Client, Valid};
///
/// let mut judge = Online::default();
/// let mut hear = |index, client, kind, f, value: Option<u32>| {
///     judge.hear(&Event::new(index, Client(client), kind, f, value.into())).map(|()| judge.verdict())
/// };
/// assert!(hear(0, 1, Invoke, "write", Some(7))?.is_none());
/// assert!(hear(1, 1, Done, "write", Some(7))?.is_none());
/// assert!(hear(2, 2, Invoke, "read", None)?.is_none());
/// let verdict = hear(3, 2, Done, "read", None)?.expect("7 was there");
/// assert_eq!(verdict.valid, Valid::No);
/// # Ok::<(), checker::Malformed>(())
/// ```
#[derive(Debug, Default)]
pub struct Online {
    recorder: Recorder,
    /// Numbers of the keys that something was heard of since the last verdict.
    touched: Set<u32>,
    wrong: bool,
}

/// What may be tried for each key at a time: a tenth of a second or so; at the end all is judged once more.
const LIMITS: Limits = Limits {
    configurations: 4096,
    steps: 1_000_000,
    bytes: 1 << 26,
};

impl Online {
    /// Hears an event. O(1).
    ///
    /// # Errors
    /// As [`History::new`].
    pub fn hear(&mut self, event: &Event) -> Result<(), Malformed> {
        self.recorder.record(event)?;
        if let Process::Client(_) = event.process {
            let columns = self.recorder.history().columns();
            self.touched.insert(columns.key_number(columns.len() - 1));
        }
        Ok(())
    }

    /// What was heard.
    pub fn history(&self) -> &History {
        self.recorder.history()
    }

    /// The verdict, if it is certain by now that something is wrong; told once. Linear in what was heard of the keys
    /// that were touched since it was asked last, so best asked a few times a second.
    pub fn verdict(&mut self) -> Option<Verdict> {
        if self.wrong || self.touched.is_empty() {
            return None;
        }
        let history = self.recorder.history();
        let touched = std::mem::take(&mut self.touched);
        let meter = Meter::new(NO_END);
        // A completion may leave the key out; then it can be any.
        let any = touched.contains(&u32::MAX);
        let wanted = |key: u32| any || touched.contains(&key);
        let judged = judged_parts(history, LIMITS, &meter, wanted).ok()?;
        if !judged.iter().any(|judged| judged.valid == Valid::No) {
            return None;
        }
        self.wrong = true;
        let judge = Linearizable {
            limits: LIMITS,
            minimum: Minimum::default(),
        };
        let verdict = judge.check_within(history, &meter);
        (verdict.valid == Valid::No).then_some(verdict)
    }
}
