//! Every operation as the interactive plots need it, and as words.

use std::collections::HashMap;

use checker::availability::is_served;
use checker::explain;
use checker::{History, Operation, Outcome, Process};
use serde_json::Value;

use crate::report::samples::Answer;

/// The longest words of one operation, in letters.
const LONGEST: usize = 120;

/// One operation. Times are nanoseconds since the run began; names are positions in [`Operations`].
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// When it was invoked.
    pub start_ns: u64,
    /// When it completed, or when the history ended.
    pub end_ns: u64,
    /// How it ended.
    pub answer: Answer,
    /// Its verb.
    pub verb: u32,
    /// The node that was asked.
    pub node: u32,
    /// The key that it touched.
    pub key: u32,
    /// The logical client.
    pub process: u64,
    /// Why it did not end well: a position in the errors, counted from 1; 0 for none.
    pub error: u32,
    /// A read at the end, after everything was healed.
    pub is_final: bool,
    /// Index of its invocation in the history.
    pub invoke: u64,
    /// Its position among the history's operations.
    pub number: usize,
}

impl Default for Op {
    fn default() -> Op {
        Op {
            start_ns: 0,
            end_ns: 0,
            answer: Answer::Ok,
            verb: 0,
            node: 0,
            key: 0,
            process: 0,
            error: 0,
            is_final: false,
            invoke: 0,
            number: 0,
        }
    }
}

impl Op {
    /// From invocation to completion.
    pub fn latency_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// Names in the order in which they were first met.
#[derive(Debug, Default)]
pub struct Names<'a> {
    /// All names.
    pub all: Vec<&'a str>,
    known: HashMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a str) -> u32 {
        *self.known.entry(name).or_insert_with(|| {
            self.all.push(name);
            self.all.len() as u32 - 1
        })
    }
}

/// All operations of clients, final reads too, in the order of invocations.
#[derive(Debug, Default)]
pub struct Operations<'a> {
    /// The operations.
    pub all: Vec<Op>,
    /// Verbs.
    pub verbs: Names<'a>,
    /// Nodes that were asked.
    pub nodes: Names<'a>,
    /// Keys.
    pub keys: Names<'a>,
    /// Errors.
    pub errors: Names<'a>,
}

impl<'a> Operations<'a> {
    /// Reads a history. O(operations).
    pub fn new(history: &'a History) -> Operations<'a> {
        let columns = history.columns();
        let mut out = Operations::default();
        // Clients wait for an answer while the main phase lasts, not while the final reads do.
        let main_end_ns = (0..columns.len())
            .rfind(|event| !columns.is_final(*event))
            .map_or(0, |event| columns.time_ns(event));
        let last = columns.len().checked_sub(1);
        let end_ns = last.map_or(0, |event| columns.time_ns(event));
        let name = |name: Option<&'a smol_str::SmolStr>| name.map_or("–", |n| n.as_str());
        for (number, operation) in history.operations().iter().enumerate() {
            let (invoke, complete) = (operation.invoke(), operation.complete());
            let is_final = columns.is_final(invoke);
            let open_to = if is_final { end_ns } else { main_end_ns };
            let start_ns = columns.time_ns(invoke);
            out.all.push(Op {
                start_ns,
                end_ns: complete.map_or(open_to.max(start_ns), |event| columns.time_ns(event)),
                answer: match operation.outcome {
                    Outcome::Ok => Answer::Ok,
                    Outcome::Fail if is_served(history, operation) => Answer::Unequal,
                    Outcome::Fail => Answer::Fail,
                    Outcome::Info => Answer::Info,
                },
                verb: out.verbs.number(columns.verb(invoke).as_str()),
                node: out.nodes.number(name(columns.node(invoke))),
                key: out.keys.number(name(columns.key(invoke))),
                process: match columns.process(invoke) {
                    Process::Client(process) => process,
                    Process::Nemesis => 0,
                },
                error: complete
                    .and_then(|event| columns.error(event))
                    .map_or(0, |error| 1 + out.errors.number(error.as_str())),
                is_final,
                invoke: invoke as u64,
                number,
            });
        }
        out
    }
}

/// What was asked and answered, without the verb: `→ 3`, `5`, `3 to 5, found 4`; on one line.
pub fn words(history: &History, operation: &Operation) -> String {
    let invocation = history.invocation(operation);
    let answer = history.completion(operation);
    let asked = &invocation.value;
    let ok = operation.outcome == Outcome::Ok;
    let transaction = explain::transaction(history, operation);
    let mut words = match (asked, invocation.f.as_str()) {
        _ if transaction.is_some() => transaction.unwrap_or_default(),
        (Value::Array(pair), "cas") if pair.len() == 2 => {
            format!("{} to {}", value(&pair[0]), value(&pair[1]))
        }
        (Value::Null, _) => match &answer {
            Some(event) if ok => format!("→ {}", value(&event.value)),
            _ => String::new(),
        },
        (asked, _) => match &answer {
            Some(event) if ok && event.value != *asked && event.value != Value::Null => {
                format!("{} → {}", value(asked), value(&event.value))
            }
            _ => value(asked),
        },
    };
    if let Some(found) = answer.as_ref().and_then(|event| event.current.as_ref()) {
        words.push_str(&format!(", found {}", value(found)));
    }
    if let Some(entry) = answer.as_ref().and_then(|event| event.entry.as_ref()) {
        words.push_str(&format!(" [{entry}]"));
    }
    let mut words: String = (words.chars())
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LONGEST + 1)
        .collect();
    if words.chars().count() > LONGEST {
        words.pop();
        words.push('…');
    }
    words
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "no value".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn operations_are_those_of_the_history_in_words() {
        let run = fixture::invalid();
        let operations = Operations::new(&run.history);
        assert_eq!(operations.all.len(), run.history.operations().len());
        assert_eq!(operations.verbs.all.len(), 3);
        assert!(operations.keys.all.contains(&"k3"));
        let read = (run.history.operations().iter())
            .find(|o| run.history.invocation(o).f == "read" && o.outcome == Outcome::Ok);
        let read = words(&run.history, read.expect("a read"));
        assert!(read.starts_with("→ "), "{read}");
        let write = (run.history.operations().iter())
            .find(|o| run.history.invocation(o).f == "write" && o.outcome == Outcome::Ok);
        let write = words(&run.history, write.expect("a write"));
        assert!(write.ends_with("@1000]"), "{write}");
    }
}
