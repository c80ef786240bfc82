//! Operations in words, for readers who know nothing of the run.

pub mod transaction;

use std::time::Duration;

use serde_json::Value;

use crate::history::{Event, History, Outcome, Process};

/// `1 key`, `2 keys`.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Speaks about a few operations of one history.
pub struct Words<'a> {
    history: &'a History,
    /// Digits after the second; `None` where the history carries no real times: then events are named.
    digits: Option<usize>,
}

impl<'a> Words<'a> {
    /// Words about `operations` of `history`.
    pub fn new(history: &'a History, operations: impl Iterator<Item = usize>) -> Self {
        let mut times: Vec<Duration> = operations
            .map(|number| &history.operations()[number])
            .flat_map(|operation| {
                [
                    Some(history.invocation(operation)),
                    history.completion(operation),
                ]
            })
            .flatten()
            .map(|event| event.time)
            .collect();
        times.sort_unstable();
        let columns = history.columns();
        let span = columns
            .len()
            .checked_sub(1)
            .map_or(Duration::ZERO, |last| columns.time(last));
        Words {
            history,
            digits: (span >= Duration::from_millis(1)).then(|| digits(&times)),
        }
    }

    /// A moment: `12.204 s`, or `event 17`.
    pub fn moment(&self, event: &Event) -> String {
        match self.digits {
            Some(digits) => format!("{:.digits$} s", event.time.as_secs_f64()),
            None => format!("event {}", event.index),
        }
    }

    /// A clause: `process 7 read 41 from n3 between 12.204 s and 12.206 s`.
    pub fn clause(&self, number: usize) -> String {
        let operation = &self.history.operations()[number];
        let invocation = self.history.invocation(operation);
        let completion = self.history.completion(operation);
        let process = process(&invocation);
        let (from, through) = match &invocation.node {
            Some(node) => (format!(" from {node}"), format!(" through {node}")),
            None => (String::new(), String::new()),
        };
        let begun = self.moment(&invocation);
        let (Some(completion), true) = (completion, operation.outcome != Outcome::Info) else {
            let noun = self.deed(number);
            return format!(
                "{process} began {noun}{through} at {begun} and never learned the outcome"
            );
        };
        let ended = self.moment(&completion);
        let when = match begun == ended {
            true => format!("at {begun}"),
            false => format!("between {begun} and {ended}"),
        };
        if let Some(deeds) = transaction(&invocation, &completion) {
            return format!("{process}'s transaction{through} {when} {deeds}");
        }
        let (old, new) = pair(&invocation.value);
        match (
            invocation.f.as_str(),
            operation.outcome,
            &completion.current,
        ) {
            ("read", ..) => format!("{process} read {}{from} {when}", show(&completion.value)),
            ("write", ..) => format!(
                "{process} wrote {}{through} {when}",
                show(&invocation.value)
            ),
            (f, Outcome::Ok, _) if f != "cas" => {
                let answer = &completion.value;
                let told = match (invocation.value.is_null(), answer.is_null()) {
                    (true, true) if ["acquire", "release", "lock", "unlock"].contains(&f) => {
                        String::new()
                    }
                    (true, true) => " and got nothing".into(),
                    (true, false) => format!(" and got {}", show(answer)),
                    _ if *answer == invocation.value => format!(" of {}", show(answer)),
                    (false, true) => format!(" of {}", show(&invocation.value)),
                    _ => format!(" of {} and got {}", show(&invocation.value), show(answer)),
                };
                format!("{process} did {}{through}{told} {when}", article(f))
            }
            (_, Outcome::Ok, _) if invocation.value[0].is_null() => format!(
                "{process} put {new}{through} where there was no value (a compare-and-set) {when}"
            ),
            (_, Outcome::Ok, _) => {
                format!("{process} replaced {old} by {new}{through} (a compare-and-set) {when}")
            }
            (_, _, Some(found)) => format!(
                "{process}'s compare-and-set from {old} to {new}{through} {when} failed and said that it found {}",
                show(found)
            ),
            _ => format!(
                "{process}'s compare-and-set from {old} to {new}{through} {when} failed, as if the value were another one"
            ),
        }
    }

    /// The same as a sentence of its own.
    pub fn sentence(&self, number: usize) -> String {
        let clause = self.clause(number);
        let mut letters = clause.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).chain(['.']).collect()
    }

    /// Process and deed: `process 2's write of 43`.
    pub fn noun(&self, number: usize) -> String {
        let invocation = self.history.invocation(&self.history.operations()[number]);
        let deed = self.deed(number);
        let deed = deed.split_once(' ').map_or(deed.as_str(), |(_, rest)| rest);
        format!("{}'s {deed}", process(&invocation))
    }

    /// When it was invoked.
    pub fn begun(&self, number: usize) -> String {
        self.moment(&self.history.invocation(&self.history.operations()[number]))
    }

    /// When it ended; empty where it did not.
    pub fn ended(&self, number: usize) -> String {
        let completion = self.history.completion(&self.history.operations()[number]);
        completion
            .map(|event| self.moment(&event))
            .unwrap_or_default()
    }

    /// `acknowledged`, or `answered` for what only asks.
    pub fn participle(&self, number: usize) -> &'static str {
        let operation = &self.history.operations()[number];
        match self.history.invocation(operation).f == "read" || operation.outcome != Outcome::Ok {
            true => "answered",
            false => "acknowledged",
        }
    }

    fn deed(&self, number: usize) -> String {
        let operation = &self.history.operations()[number];
        let invocation = self.history.invocation(operation);
        let (old, new) = pair(&invocation.value);
        match invocation.f.as_str() {
            "txn" => transaction::noun(&invocation.value).unwrap_or_else(|| article("txn")),
            "read" => format!("a read of {}", show(&self.history.value(operation))),
            "write" => format!("a write of {}", show(&invocation.value)),
            f if f != "cas" && invocation.value.is_null() => article(f),
            f if f != "cas" => format!("{} of {}", article(f), show(&invocation.value)),
            _ => format!("a compare-and-set from {old} to {new}"),
        }
    }
}

fn transaction(invocation: &Event, completion: &Event) -> Option<String> {
    let is_one = invocation.f == "txn";
    is_one.then(|| transaction::deeds(&invocation.value, &completion.value))?
}

/// How many digits after the second tell these times apart: 3 to 6. `times` must be sorted.
pub fn digits(times: &[Duration]) -> usize {
    let closest = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|gap| !gap.is_zero())
        .min();
    match closest.map_or(u128::MAX, |gap| gap.as_micros()) {
        1000.. => 3,
        100.. => 4,
        10.. => 5,
        _ => 6,
    }
}

/// Values longer than this are cut.
const LONG: usize = 120;

/// A value as people read it.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "no value".into(),
        other => match other.to_string() {
            short if short.chars().count() <= LONG => short,
            long => {
                let begin: String = long.chars().take(LONG / 2).collect();
                match other.as_array() {
                    Some(all) => format!("{begin}… ({} in all)", all.len()),
                    None => format!("{begin}… ({} characters)", long.chars().count()),
                }
            }
        },
    }
}

/// The key in a sentence: `key "x"`, or `the register` where a history has but one.
pub fn name_key(key: Option<&str>) -> String {
    key.map_or_else(|| "the register".into(), |key| format!("key {key}"))
}

fn article(verb: &str) -> String {
    match verb.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => format!("an {verb}"),
        false => format!("a {verb}"),
    }
}

fn pair(value: &Value) -> (String, String) {
    match value.as_array().map(Vec::as_slice) {
        Some([old, new]) => (show(old), show(new)),
        _ => (show(value), "?".into()),
    }
}

fn process(event: &Event) -> String {
    match event.process {
        Process::Client(id) => format!("process {id}"),
        Process::Nemesis => "the nemesis".into(),
    }
}
