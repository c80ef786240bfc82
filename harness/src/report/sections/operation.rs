//! Operations in words.

use checker::Involved;
use serde_json::Value;

use super::super::html::{Html, text};
use super::super::units;

/// What was asked and answered: `read → 3`, `write 5`, `cas 3 to 5, but found 4`.
pub fn words(operation: &Involved) -> String {
    if let Some(words) = &operation.words {
        return words.clone();
    }
    let f = operation.f.as_str();
    let ended_ok = operation.outcome == "ok";
    let arguments = match (&operation.value, f) {
        (answer, "read") if ended_ok => format!("{f} → {}", value(answer)),
        (_, "read") => f.to_string(),
        (Value::Array(pair), "cas") if pair.len() == 2 => {
            format!("{f} {} to {}", value(&pair[0]), value(&pair[1]))
        }
        (Value::Null, _) => f.to_string(),
        (argument, _) => format!("{f} {}", value(argument)),
    };
    match &operation.current {
        Some(found) => format!("{arguments}, but found {}", value(found)),
        None => arguments,
    }
}

/// A value as people write it: text without quotes.
fn value(value: &Value) -> String {
    const LONGEST: usize = 80;
    let words = match value {
        Value::Null => "no value".to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if words.chars().count() <= LONGEST {
        return words;
    }
    let begin: String = words.chars().take(LONGEST).collect();
    format!("{begin}…")
}

/// From when to when; open where its outcome is unknown.
pub fn span(operation: &Involved) -> String {
    let from = units::moment(operation.start_ns);
    match operation.end_ns {
        Some(end) => format!("{from} – {}", units::moment(end)),
        None => format!("{from} – never known"),
    }
}

/// Who asked whom: `process 7 at n1`.
pub fn actor(operation: &Involved) -> String {
    match &operation.node {
        Some(node) => format!("process {} at {node}", operation.process),
        None => format!("process {}", operation.process),
    }
}

/// An outcome with its colour.
pub fn outcome(outcome: &str) -> Html {
    let class = match outcome {
        "ok" => "ok",
        "fail" => "fail",
        _ => "info",
    };
    Html::raw(format!(
        "<span class=\"outcome {class}\">{}</span>",
        text(outcome)
    ))
}
