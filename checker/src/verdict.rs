//! What a checker says: valid, unknown or invalid, and why.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use crate::history::{Datum, History, Outcome};

/// The worst of many is the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Valid {
    /// Proved right.
    Yes,
    /// Too little happened, or the budget ended first.
    Unknown,
    /// Proved wrong.
    No,
}

/// One checker's answer about one history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which checker spoke: `linearizable`, `availability` …
    pub checker: String,
    /// Its answer.
    pub valid: Valid,
    /// The answer in one sentence.
    pub summary: String,
    /// What is wrong, worst first; empty unless invalid.
    pub violations: Vec<Violation>,
    /// Figures of this checker's own (documented where it is).
    pub details: Value,
}

/// A proof that the history is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The part that is wrong.
    pub key: Option<SmolStr>,
    /// The anomaly's name: `stale read`, `lost update` … or `not linearizable` where none fits better.
    pub anomaly: String,
    /// In words: which operations, and why no order fits.
    pub explanation: String,
    /// Index of the event with which the shortest wrong prefix ends.
    pub prefix_end: u64,
    /// The operations that matter, in the order of their invocations.
    pub operations: Vec<Involved>,
}

/// An operation as a violation shows it: self-contained, so that a report needs no history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Involved {
    /// Index of the invocation.
    pub invoke: u64,
    /// Index of the completion; `None`: open to the end.
    pub complete: Option<u64>,
    /// The logical client.
    pub process: u64,
    /// The node that was asked.
    pub node: Option<SmolStr>,
    /// The verb.
    pub f: SmolStr,
    /// Argument or answer, as [`History::value`] gives it.
    pub value: Value,
    /// What was asked and answered on one line, where verb and value do not say it: a transaction's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// On a compare-and-set that failed: what it found, where the system told.
    pub current: Option<Value>,
    /// `ok`, `fail` or `info`.
    pub outcome: String,
    /// When it was invoked, in nanoseconds since the run began.
    pub start_ns: u64,
    /// When it completed; `None`: open to the end.
    pub end_ns: Option<u64>,
    /// True for the operations that the contradiction needs; false for those shown around it.
    pub essential: bool,
}

impl Involved {
    /// Copies what a reader needs of operation number `number` of `history`.
    pub fn new(history: &History, number: usize, essential: bool) -> Involved {
        let operation = &history.operations()[number];
        let columns = history.columns();
        let invoke = operation.invoke();
        // An unknown outcome has a completion event, but no end: it may take effect at any later time.
        let ended = operation
            .complete()
            .filter(|_| operation.outcome != Outcome::Info);
        Involved {
            invoke: invoke as u64,
            complete: ended.map(|event| event as u64),
            process: match columns.process(invoke) {
                crate::history::Process::Client(id) => id,
                crate::history::Process::Nemesis => u64::MAX,
            },
            node: columns.node(invoke).cloned(),
            f: columns.verb(invoke).clone(),
            value: history.value(operation),
            words: crate::words::transaction::of(history, operation),
            current: operation
                .complete()
                .and_then(|event| columns.current(event))
                .map(Datum::to_value),
            outcome: match operation.outcome {
                Outcome::Ok => "ok",
                Outcome::Fail => "fail",
                Outcome::Info => "info",
            }
            .into(),
            start_ns: columns.time_ns(invoke),
            end_ns: ended.map(|event| columns.time_ns(event)),
            essential,
        }
    }
}

/// Judges a history. Pure: the same history gets the same verdict.
pub trait Checker {
    /// The checker's name, as verdicts and reports show it.
    fn name(&self) -> &'static str;
    /// Judges.
    fn check(&self, history: &History) -> Verdict;
}
