//! One line of a history: something began, or ended, or a fault acted.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use smol_str::SmolStr;

/// What a line says about its operation (Jepsen's four types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The operation began.
    Invoke,
    /// It ended, and happened.
    Ok,
    /// It ended, and certainly did not happen.
    Fail,
    /// Nobody knows: it may have happened, may yet happen, or never.
    Info,
}

/// Who acted: a logical client, or the one who injects faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Process {
    /// A logical client: it has at most one operation open at a time.
    Client(u64),
    /// The source of faults. Its events describe the run and are never judged.
    Nemesis,
}

/// One event, one line of `history.jsonl`.
///
/// The shape is Jepsen's: `index`, `time` (nanoseconds since the run began), `process` (a number or
/// `"nemesis"`), `type`, `f`, `key`, `value`, `error`, `node`; and three that Jepsen has not, each left
/// out where it says nothing: `current`, `entry`, `final`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the history, from 0, without gaps. Order is decided by this, never by `time`.
    pub index: u64,
    /// Since the run began. Written as whole nanoseconds.
    #[serde(with = "nanos")]
    pub time: Duration,
    /// Who acted.
    pub process: Process,
    /// What the line says about the operation.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The verb: `read`, `write`, `cas` … or the name of a fault.
    pub f: SmolStr,
    /// The independent part that the operation touches; absent where a history has but one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SmolStr>,
    /// Argument of an invocation, answer of a completion: a read's value, a written value, `[old, new]`
    /// of a compare-and-set. `null` is "no value".
    #[serde(default)]
    pub value: Value,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<SmolStr>,
    /// The node that was asked, such as `n1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<SmolStr>,
    /// On a compare-and-set that failed because the value was another one: the value that was found
    /// (`Some(Value::Null)`: the key was absent). `None` where the system did not tell.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub current: Option<Value>,
    /// On an acknowledged write: the log entry that carries it, such as `5@3` (index@term).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<SmolStr>,
    /// True for the reads at the end, after everything was healed.
    #[serde(default, rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}

impl Event {
    /// An event that says no more than this, at time 0.
    pub fn new(index: u64, process: Process, kind: Kind, f: &str, value: Value) -> Event {
        Event {
            index,
            time: Duration::ZERO,
            process,
            kind,
            f: f.into(),
            key: None,
            value,
            error: None,
            node: None,
            current: None,
            entry: None,
            is_final: false,
        }
    }
}

/// Keeps `"current": null` apart from no `current` at all.
pub(super) fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(d).map(Some)
}

mod nanos {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_nanos)
    }
}

impl Serialize for Process {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Process::Client(id) => s.serialize_u64(*id),
            Process::Nemesis => s.serialize_str("nemesis"),
        }
    }
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Value::deserialize(d)? {
            Value::Number(n) if n.is_u64() => Ok(Process::Client(n.as_u64().unwrap_or_default())),
            Value::String(s) if s == "nemesis" => Ok(Process::Nemesis),
            other => Err(serde::de::Error::custom(format!(
                "process must be a whole number or \"nemesis\", not {other}"
            ))),
        }
    }
}
