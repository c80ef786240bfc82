//! Faults at fixed times: read from a file, or from the injuries of an earlier run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit::{self, Failure};
use crate::faults::{self, Draft, Order};
use crate::injury::Injury;
use crate::site::NodeId;
use crate::store;

/// One injury that is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it begins, counted from when work and faults begin.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// The fault and what is chosen of it.
    pub order: Order,
    /// Victims and harm, where an earlier run drew them already.
    pub drawn: Option<Draft>,
}

/// The file's form: a list of tables named `injury`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    injury: Vec<BTreeMap<String, toml::Value>>,
}

/// Faults that have one state for each node: two at a time would put each other right.
const ALONE: &[&str] = &[
    "bit-flip",
    "clock-rate",
    "clock-skew",
    "disk-full",
    "fd-exhaustion",
    "memory",
    "sync-error",
];

/// Reads a schedule for a run of so many nodes and such a length.
///
/// # Errors
/// The file is missing (66) or makes no sense (64); the text says where and what would.
pub fn read(path: &Path, nodes: u16, time: Duration) -> Result<Vec<Entry>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            exit::MISSING,
            format!("cannot read the schedule {}: {error}", path.display()),
        )
    })?;
    parse(&text, nodes, time)
        .map_err(|problem| Failure::new(exit::USAGE, format!("{}: {problem}", path.display())))
}

fn parse(text: &str, nodes: u16, time: Duration) -> Result<Vec<Entry>, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].lines().count().max(1));
        format!("line {line}: {}", error.message())
    })?;
    if file.injury.is_empty() {
        return Err("it has no [[injury]]: give each at, for and fault".into());
    }
    let mut entries = Vec::new();
    for (position, table) in file.injury.into_iter().enumerate() {
        let one = entry(table, nodes, time)
            .map_err(|problem| format!("injury {}: {problem}", position + 1))?;
        entries.push(one);
    }
    entries.sort_by_key(|entry| entry.at);
    for (position, entry) in entries.iter().enumerate() {
        let name = entry.order.fault.as_str();
        let meets = |other: &&Entry| other.order.fault == name && other.at < entry.at + entry.lasts;
        if ALONE.contains(&name) && entries[position + 1..].iter().find(meets).is_some() {
            return Err(format!(
                "two {name} overlap from {:?} on: let one end before the next begins",
                entry.at
            ));
        }
    }
    Ok(entries)
}

fn entry(
    mut table: BTreeMap<String, toml::Value>,
    nodes: u16,
    time: Duration,
) -> Result<Entry, String> {
    let mut take = |key: &str| {
        let value = table.remove(key);
        value.map(words).ok_or_else(|| format!("{key} is missing"))
    };
    let fault = take("fault")?;
    let (at, lasts) = (moment("at", &take("at")?)?, moment("for", &take("for")?)?);
    let order = Order {
        fault,
        settings: table.into_iter().map(|(key, v)| (key, words(v))).collect(),
    };
    order.check()?;
    if let Some(reason) = order.row()?.makes_no_sense(nodes) {
        return Err(format!("{} makes no sense here: {reason}", order.fault));
    }
    let stranger = |node: &NodeId| !(1..=nodes).contains(&node.0);
    if let Some(node) = order.nodes().into_iter().find(stranger) {
        return Err(format!("there is no {node}: the nodes are n1 to n{nodes}"));
    }
    if at >= time {
        return Err(format!(
            "it would begin at {at:?}, but the run ends after {time:?}: give it more --time"
        ));
    }
    Ok(Entry {
        at,
        lasts,
        order,
        drawn: None,
    })
}

/// A value as it would be written on the command line.
fn words(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(list) => list.into_iter().map(words).collect::<Vec<_>>().join("+"),
        toml::Value::Boolean(true) => "yes".into(),
        toml::Value::Boolean(false) => "no".into(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Datetime(moment) => moment.to_string(),
        // No setting is a table, so whatever this is called it is refused.
        toml::Value::Table(_) => "a table".into(),
    }
}

fn moment(key: &str, text: &str) -> Result<Duration, String> {
    faults::moment(text)
        .ok_or_else(|| format!("{key} = \"{text}\": give a time such as 500ms or 12s"))
}

/// The injuries of the run in `folder`, to be inflicted again as they were drawn, when they were planned.
///
/// # Errors
/// Files are missing (66) or damaged (65), or the run had no faults (64).
pub fn replay(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let lines: Vec<Injury> = store::read_lines(&folder.join(store::INJURIES))?;
    // The first line of each is what was drawn; a later one only adds what came of it.
    let mut drawn = BTreeMap::new();
    for injury in lines {
        drawn.entry(injury.id).or_insert(injury);
    }
    let mut entries: Vec<Entry> = drawn.into_values().map(again).collect();
    if entries.is_empty() {
        let text = format!("{} has no injuries to replay", folder.display());
        return Err(Failure::new(exit::USAGE, text));
    }
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

fn again(injury: Injury) -> Entry {
    let [begin, end] = injury.planned_ns;
    Entry {
        at: Duration::from_nanos(injury.at_ns),
        lasts: Duration::from_nanos(end.saturating_sub(begin)),
        order: Order::plain(&injury.fault),
        drawn: Some(Draft {
            shape: injury.shape,
            targets: injury
                .targets
                .iter()
                .filter_map(|n| faults::node(n))
                .collect(),
            description: injury.description,
            parameters: injury.parameters,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(30);

    #[test]
    fn a_schedule_is_read_in_the_order_of_its_times() {
        let text = r#"
            [[injury]]
            at = "13s"
            for = "2s"
            fault = "kill"
            targets = "leader"
            loop = true

            [[injury]]
            at = "12s"
            for = "4s"
            fault = "partition"
            cut = "n1|n2,n3"
        "#;
        let entries = parse(text, 3, TIME).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].order.to_string(), "partition:cut=n1|n2,n3");
        assert_eq!(entries[0].at, Duration::from_secs(12));
        assert_eq!(entries[1].order.to_string(), "kill:loop=yes:targets=leader");
        assert_eq!(entries[1].lasts, Duration::from_secs(2));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let injury = |rest: &str| format!("[[injury]]\nat = \"1s\"\nfor = \"1s\"\n{rest}");
        for (text, said) in [
            (String::new(), "no [[injury]]"),
            ("[[fault]]".into(), "line 1"),
            ("[[injury]]\nat = 12s".into(), "line 2"),
            (
                "[[injury]]\nfault = \"kill\"\nfor = \"1s\"".into(),
                "at is missing",
            ),
            (injury("fault = \"comet\""), "comet"),
            (injury("fault = \"kill\"\ncolor = \"red\""), "color"),
            (
                injury("fault = \"kill\"\ntargets = \"n4\""),
                "there is no n4",
            ),
            (
                injury("fault = \"partition\"\ncut = \"n1|n9\""),
                "there is no n9",
            ),
            (
                "[[injury]]\nat = \"31s\"\nfor = \"1s\"\nfault = \"kill\"".into(),
                "--time",
            ),
            (
                "[[injury]]\nat = \"soon\"\nfor = \"1s\"\nfault = \"kill\"".into(),
                "12s",
            ),
            (
                injury("fault = \"disk-full\"\n") + &injury("fault = \"disk-full\""),
                "overlap",
            ),
        ] {
            let problem = parse(&text, 3, TIME).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }

    #[test]
    fn an_injury_is_repeated_as_it_was_drawn() {
        let injury = Injury {
            id: 0,
            fault: "kill".into(),
            shape: "leader".into(),
            targets: vec!["n2".into()],
            description: "n2 lost power".into(),
            parameters: serde_json::json!({ "restart_ms": 5.0 }),
            at_ns: 3_000_000_000,
            planned_ns: [4_000_000_000, 4_500_000_000],
            injected_ns: None,
            healed_ns: None,
            effect: None,
            error: None,
        };
        let entry = again(injury.clone());
        assert_eq!(entry.at, Duration::from_secs(3));
        assert_eq!(entry.lasts, Duration::from_millis(500));
        let drawn = entry.drawn.unwrap();
        assert_eq!(drawn.targets, [NodeId(2)]);
        assert_eq!(drawn.parameters, injury.parameters);
    }
}
