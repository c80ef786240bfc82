//! One injury: what was going to be done to whom, and what it did. A line of `injuries.jsonl`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault as it was inflicted once. Written twice under the same `id`: before it is inflicted, and after
/// the heal with the rest filled in. Times are nanoseconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Injury {
    /// Position in the run, from 0.
    pub id: u64,
    /// The fault: `partition`, `kill`, `pause`, `clock-skew`, `disk-full`, `membership`.
    pub fault: String,
    /// Its shape: `isolate-leader`, `halves`, `one-way`, `power-loss`, `+3600s` …
    pub shape: String,
    /// The nodes that it is aimed at, such as `n1`.
    pub targets: Vec<String>,
    /// In words, a clause that can follow "while": `n1 was cut off from n2, n3 and n4`.
    pub description: String,
    /// All that is needed to inflict it again.
    pub parameters: Value,
    /// When it was to begin and to end, as drawn.
    pub planned_ns: [u64; 2],
    /// When injecting began and was done.
    pub injected_ns: Option<[u64; 2]>,
    /// When healing began and was done.
    pub healed_ns: Option<[u64; 2]>,
    /// What it did, measured: `312 frames dropped on 8 links`. `None`: nothing measurable, so it does not count.
    pub effect: Option<String>,
    /// Why it could not be inflicted or healed, where it could not.
    pub error: Option<String>,
}
