//! What counters of the victims said before a fault, for its heal to tell what it did.

use serde_json::{Map, Value, json};

use super::targets;
use crate::injury::Injury;
use crate::site::NodeId;

/// Reads a counter of each victim, by its name.
pub(super) fn readings(injury: &Injury, mut of: impl FnMut(NodeId) -> u64) -> Value {
    let read = |node: NodeId| (node.to_string(), json!(of(node)));
    let readings: Map<String, Value> = targets(injury).into_iter().map(read).collect();
    Value::Object(readings)
}

/// By how much the counters have grown in all since [`readings`], and at how many victims.
pub(super) fn grown(
    injury: &Injury,
    before: &Value,
    mut of: impl FnMut(NodeId) -> u64,
) -> (u64, usize) {
    let by = targets(injury).into_iter().map(|node| {
        let now = of(node);
        let earlier = before[node.to_string()].as_u64();
        now.saturating_sub(earlier.unwrap_or(now))
    });
    let by: Vec<u64> = by.filter(|by| *by > 0).collect();
    (by.iter().sum(), by.len())
}
