//! Which model a history speaks of: named, or recognised by its verbs.

use std::fmt;
use std::str::FromStr;

use crate::history::History;

/// The models that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// `read`, `write`, `cas`.
    Register,
    /// `get`, `put`, `append` of texts.
    Kv,
    /// `add`, `remove`, `contains`, `read` of a list.
    Set,
    /// `enqueue`, `dequeue`.
    Queue,
    /// `push`, `pop`.
    Stack,
    /// `insert`, `delete-min`.
    PriorityQueue,
    /// `add`, `inc`, `dec`, `read` of a number.
    Counter,
    /// `acquire`, `release`.
    Lock,
    /// `append`, `read` of a list.
    Log,
    /// `acquire`, `release` with tokens; to be named.
    FencedLock,
    /// `acquire`, `release` of so many permits in all; to be named, as `semaphore:3`.
    Semaphore(u32),
    /// `txn` on a store with revisions.
    Txn,
}

impl ModelKind {
    const NAMES: [(&'static str, ModelKind); 12] = [
        ("register", ModelKind::Register),
        ("kv", ModelKind::Kv),
        ("set", ModelKind::Set),
        ("queue", ModelKind::Queue),
        ("stack", ModelKind::Stack),
        ("priority-queue", ModelKind::PriorityQueue),
        ("counter", ModelKind::Counter),
        ("lock", ModelKind::Lock),
        ("log", ModelKind::Log),
        ("fenced-lock", ModelKind::FencedLock),
        ("txn", ModelKind::Txn),
        ("mutex", ModelKind::Lock),
    ];

    /// Tells the model from the verbs; a register where there are none. A set and a counter both know `add`
    /// and `read`: they differ in what is read. O(events up to the first verb that tells).
    pub fn recognise(history: &History) -> ModelKind {
        let mut said = history.operations().iter();
        let mut reads = history
            .operations()
            .iter()
            .filter(|operation| history.verb(operation) == "read")
            .filter_map(|operation| history.answer(operation));
        let told = said.find_map(|operation| match history.verb(operation).as_str() {
            "write" | "cas" => Some(ModelKind::Register),
            "get" | "put" => Some(ModelKind::Kv),
            "enqueue" | "dequeue" => Some(ModelKind::Queue),
            "push" | "pop" => Some(ModelKind::Stack),
            "insert" | "delete-min" | "extract-min" => Some(ModelKind::PriorityQueue),
            "acquire" | "release" | "lock" | "unlock" => Some(ModelKind::Lock),
            "inc" | "increment" | "dec" | "decrement" => Some(ModelKind::Counter),
            "contains" | "remove" => Some(ModelKind::Set),
            "txn" => Some(ModelKind::Txn),
            "add" => Some(match reads.find(|read| !read.is_null()) {
                Some(read) if read.as_i64().is_some() => ModelKind::Counter,
                _ => ModelKind::Set,
            }),
            "append" => {
                let reads_lists = reads.any(|read| read.list().is_some());
                let is_text = history.argument(operation).as_str().is_some();
                Some(match reads_lists || !is_text {
                    true => ModelKind::Log,
                    false => ModelKind::Kv,
                })
            }
            _ => None,
        });
        told.unwrap_or(ModelKind::Register)
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ModelKind::Semaphore(permits) = self {
            return write!(f, "semaphore:{permits}");
        }
        let name = ModelKind::NAMES.iter().find(|(_, kind)| kind == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for ModelKind {
    type Err = String;

    fn from_str(text: &str) -> Result<ModelKind, String> {
        if let Some(permits) = text.strip_prefix("semaphore:") {
            let permits = permits.parse();
            return permits
                .map(ModelKind::Semaphore)
                .map_err(|_| format!("{text}: expected a number of permits, as in semaphore:3"));
        }
        let found = ModelKind::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<&str> = ModelKind::NAMES.iter().map(|(name, _)| *name).collect();
            format!(
                "{text} is no model; use one of {}, semaphore:N, or leave it out",
                names.join(", ")
            )
        })
    }
}
