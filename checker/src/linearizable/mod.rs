//! Linearizability of registers, key by key: yes, no with the reason, or not decided within the limits.

mod anomaly;
pub mod beam;
mod chain;
pub mod clusters;
pub mod configuration;
pub mod containers;
pub mod counters;
pub mod depth;
pub mod dive;
pub mod exact;
pub mod general;
pub mod grow_sets;
pub mod limits;
pub mod locks;
pub mod logs;
pub mod objects;
pub mod order;
pub mod portfolio;
pub mod priorities;
pub mod queue_orders;
pub mod queues;
pub mod reduce;
mod refusals;
mod revisions;
pub mod search;
pub mod segments;
mod shorten;
pub mod shrink;
pub mod stacks;
pub mod stuck;
mod summaries;
pub mod survey;
mod tally;
pub mod things;
pub mod threads;
pub mod timeline;
pub mod trail;
mod transactions;
mod trees;
pub mod unknowns;
pub mod window;
pub mod zones;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

pub use limits::{Limits, Meter};

use crate::enough::{Minimum, WorkDone};
use crate::history::History;
use crate::models::register::{Action, INITIAL, Interned, NEVER, Part, Step, prefix, some_parts};
use crate::promises::Promises;
use crate::verdict::{Checker, Involved, Valid, Verdict, Violation};
use crate::words::{name_key, show};
use limits::NO_END;
use portfolio::{Judged, judge_all};
use reduce::Reduced;

/// How many violations are explained; the others are only counted.
const EXPLAINED: usize = 10;

/// Above this many operations a violation is told by the last of them.
const TELLABLE: usize = 16;

/// Above this many possible states they are not told in the explanation.
const TELLABLE_STATES: usize = 6;

/// How many operations are shown around the essential ones.
const NEIGHBOURS: usize = 4;

/// Judges whether a history of registers is linearizable (Herlihy and Wing, TOPLAS 1990), key by key: an
/// object made of parts is linearizable iff each part is.
///
/// Verbs: `read`, `write`, `cas`. Near-linear where no value is written twice; otherwise a search within
/// [`Limits`] a key, above which the verdict is unknown.
#[derive(Clone, Copy, Debug)]
pub struct Linearizable {
    /// What may be tried for each key whose values repeat.
    pub limits: Limits,
    /// Below it nothing is called valid.
    pub minimum: Minimum,
}

impl Default for Linearizable {
    /// About ten seconds a key at worst, on a machine of 2026.
    fn default() -> Self {
        Linearizable {
            limits: Limits {
                configurations: 1 << 18,
                steps: 30_000_000,
                bytes: 1 << 30,
            },
            minimum: Minimum::default(),
        }
    }
}

/// [`Verdict::details`] of [`Linearizable`], as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// Operations judged, those that say nothing included.
    pub operations: u64,
    /// Of these, with an unknown outcome.
    pub unknown_outcomes: u64,
    /// By key, in the order of first use.
    pub keys: Vec<KeyDetails>,
    /// Where something is not linearizable: what the system gives all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promises: Option<Promises>,
}

/// One key in [`Details`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyDetails {
    /// The key.
    pub key: Option<SmolStr>,
    /// The answer about it.
    pub valid: Valid,
    /// Operations judged.
    pub operations: u64,
    /// Of these, with an unknown outcome.
    pub unknown_outcomes: u64,
    /// `values`, `zones` or `search`: see [`Judged::engine`].
    pub engine: String,
    /// The prefix up to this event, itself included, is proved linearizable; `None`: all is, or nothing.
    pub proved_to_event: Option<u64>,
    /// Configurations that the search made.
    pub search_steps: u64,
    /// True: a linearization was found and verified once more by the definition.
    pub certified: bool,
    /// Where it is not linearizable: what the key can have held right before the event with which the shortest wrong prefix
    /// ends; of many, some. Only of keys that are explained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<Value>,
}

impl Checker for Linearizable {
    fn name(&self) -> &'static str {
        "linearizable"
    }

    fn check(&self, history: &History) -> Verdict {
        let meter = Meter::new(NO_END).with_threads(threads::available());
        self.check_within(history, &meter)
    }
}

/// Judges those keys whose numbers are wanted.
pub(crate) fn judged_parts(
    history: &History,
    limits: Limits,
    meter: &Meter<'_>,
    wanted: impl Fn(u32) -> bool,
) -> Result<Vec<Judged>, String> {
    let parts = some_parts(history, wanted, meter)?;
    Ok(judge_all(&parts, limits, meter))
}

impl Linearizable {
    /// As [`Checker::check`], until the meter says stop; what is not decided by then is unknown.
    pub fn check_within(&self, history: &History, meter: &Meter<'_>) -> Verdict {
        let unknown = |reason: String| Verdict {
            checker: "linearizable".into(),
            valid: Valid::Unknown,
            summary: format!("Unknown: {reason}."),
            violations: Vec::new(),
            details: serde_json::to_value(Details::default()).unwrap_or_default(),
        };
        // What the operations take once they are sorted by key.
        if history
            .operations()
            .len()
            .saturating_mul(2 * size_of::<Step>())
            > self.limits.bytes
        {
            return unknown("the history is too large for the given memory".into());
        }
        let parts = match some_parts(history, |_| true, meter) {
            Ok(parts) => parts,
            Err(reason) => return unknown(reason),
        };
        let judged = judge_all(&parts, self.limits, meter);
        let mut details = details(&parts, &judged);
        if judged.iter().any(|judged| judged.valid == Valid::No) {
            meter.wrong();
        }
        let mut wrong: Vec<(u32, usize)> = (0..parts.len())
            .filter_map(|at| Some((judged[at].wrong_at?, at)))
            .collect();
        wrong.sort_by_key(|(time, _)| *time);
        let mut violations = Vec::new();
        for &(time, at) in wrong.iter().take(EXPLAINED) {
            let part = &parts[at];
            let few = self.limits.explaining();
            let steps = judged[at].stretch(part, time, few, meter);
            let wrong = (&steps[..], &judged[at], time);
            let mut told = violation(history, part, wrong, self.limits, meter);
            let states = stuck::states(&steps, part.values, time, few, meter);
            let values: Vec<Value> = (states.values.iter())
                .map(|value| value_of(history, part, *value))
                .collect();
            if states.is_all && values.len() <= TELLABLE_STATES {
                told.explanation += &could_hold(&values);
            }
            details.keys[at].states = values;
            violations.push(told);
        }
        if !wrong.is_empty() {
            let is_wrong = |at: usize| judged[at].valid == Valid::No;
            details.promises = Promises::of(history, &parts, is_wrong, meter);
        }
        let valid = judged
            .iter()
            .map(|judged| judged.valid)
            .max()
            .unwrap_or(Valid::Yes);
        let lacks = WorkDone::of(history).lacks(&Minimum {
            faults_that_acted: 0,
            ..self.minimum
        });
        let (valid, summary) = match (valid, violations.first(), lacks) {
            (Valid::No, Some(first), _) => (valid, {
                let name = name_key(first.key.as_deref());
                let told = [name.as_str(), &first.anomaly];
                summaries::invalid([wrong.len(), parts.len()], "key", told, meter)
            }),
            (_, _, Some(reason)) => (Valid::Unknown, format!("Unknown: {reason}.")),
            (Valid::Yes, ..) => (
                valid,
                summaries::valid(
                    details.operations,
                    parts.len(),
                    ["key", ""],
                    &format!(" ({} with an unknown outcome)", details.unknown_outcomes),
                ),
            ),
            _ => (
                Valid::Unknown,
                undecided(history, &details, self.limits, meter),
            ),
        };
        let details = serde_json::to_value(&details).unwrap_or_default();
        Verdict {
            checker: "linearizable".into(),
            valid,
            summary,
            violations,
            details,
        }
    }
}

fn details(parts: &[Part], judged: &[Judged]) -> Details {
    let key = |(part, judged): (&Part, &Judged)| KeyDetails {
        key: part.key.clone(),
        valid: judged.valid,
        operations: part.operations,
        unknown_outcomes: part.unknown,
        engine: judged.engine.into(),
        proved_to_event: (1..NEVER)
            .contains(&judged.proved)
            .then(|| u64::from(judged.proved) - 1),
        search_steps: judged.steps,
        certified: judged.certified,
        states: Vec::new(),
    };
    Details {
        operations: parts.iter().map(|part| part.operations).sum(),
        unknown_outcomes: parts.iter().map(|part| part.unknown).sum(),
        keys: parts.iter().zip(judged).map(key).collect(),
        promises: None,
    }
}

/// Says what was not decided, and what is proved all the same.
fn undecided(history: &History, details: &Details, limits: Limits, meter: &Meter<'_>) -> String {
    let open: Vec<&KeyDetails> = details
        .keys
        .iter()
        .filter(|key| key.valid == Valid::Unknown)
        .collect();
    let proved = open.iter().map(|key| key.proved_to_event).min().flatten();
    let moment = |event: u64| history.columns().time(event as usize).as_secs_f64();
    summaries::unknown(
        [open.len(), details.keys.len()],
        ["key", ""],
        (limits, meter),
        proved.map(|event| format!("event {event} ({:.3} s)", moment(event))),
    )
}

fn violation(
    history: &History,
    part: &Part,
    (steps, judged, time): (&[Step], &Judged, u32),
    limits: Limits,
    meter: &Meter<'_>,
) -> Violation {
    let steps = prefix(steps, time);
    let reduced = match &judged.contradiction {
        Some(contradiction) => reduce::from_zones_within(&steps, part.values, contradiction, meter),
        None => shrink::from_search_within(&steps, limits.explaining(), meter),
    };
    let reduced = tellable(&steps, reduced, time);
    let explained = anomaly::explain(history, &part.steps, &steps, &reduced);
    let mut shown: Vec<(usize, bool)> = reduced
        .essential
        .iter()
        .map(|at| (steps[*at as usize].operation as usize, true))
        .collect();
    shown.extend(
        neighbours(&steps, &reduced)
            .into_iter()
            .map(|operation| (operation, false)),
    );
    shown.sort_unstable();
    Violation {
        key: part.key.clone(),
        anomaly: explained.name.into(),
        explanation: explained.text,
        prefix_end: u64::from(time) - 1,
        operations: shown
            .into_iter()
            .map(|(number, essential)| Involved::new(history, number, essential))
            .collect(),
    }
}

/// The value with a number, as its writer said it.
fn value_of(history: &History, part: &Part, value: Interned) -> Value {
    let wrote = part
        .steps
        .iter()
        .find(|step| step.action.installs() == Some(value));
    let Some(step) = wrote.filter(|_| value != INITIAL) else {
        return Value::Null;
    };
    let argument = history.argument(&history.operations()[step.operation as usize]);
    match (step.action, argument.pair()) {
        (Action::Cas(..), Some([_, new])) => new.to_value(),
        _ => argument.to_value(),
    }
}

/// A sentence about the point where a history sticks.
fn could_hold(values: &[Value]) -> String {
    let all: Vec<String> = values.iter().map(show).collect();
    match all.split_last() {
        None => String::new(),
        Some((only, [])) => format!(" Right before that answer the key can only have held {only}."),
        Some((last, others)) => format!(
            " Right before that answer the key can only have held {} or {last}.",
            others.join(", ")
        ),
    }
}

/// Nobody reads many operations: where the budget ended before they were few, the one with whose end it became
/// certain stands for them.
fn tellable(steps: &[Step], mut reduced: Reduced, time: u32) -> Reduced {
    if reduced.essential.len() > TELLABLE && reduced.contradiction.is_none() {
        reduced
            .essential
            .retain(|at| steps[*at as usize].end == time);
    }
    reduced
}

/// The operations of the key that were under way, or ended last, when the contradiction became certain.
fn neighbours(steps: &[Step], reduced: &Reduced) -> Vec<usize> {
    let last = reduced
        .essential
        .iter()
        .max_by_key(|at| steps[**at as usize].end);
    let Some(&last) = last else { return Vec::new() };
    let step = &steps[last as usize];
    // How far an operation is from overlapping the last one; then the later the better.
    let distance = |other: &Step| (step.start.saturating_sub(other.end), u32::MAX - other.start);
    let essential: BTreeSet<u32> = reduced.essential.iter().copied().collect();
    let mut others: Vec<&Step> = (0..)
        .zip(steps)
        .filter(|(at, _)| !essential.contains(at))
        .map(|(_, other)| other)
        .filter(|other| other.must)
        .collect();
    others.sort_by_key(|other| distance(other));
    others.truncate(NEIGHBOURS);
    others
        .into_iter()
        .map(|other| other.operation as usize)
        .collect()
}
