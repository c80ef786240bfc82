//! What faults that end processes have in common: when the nodes come back, and what it cost.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::{Kind, Order, Setting, TARGETS, View, millis, targets, time};
use crate::cluster::{Cluster, Tally};
use crate::injury::Injury;
use crate::site::NodeId;

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and time to end.
    Term,
}

/// How long a process that was refused something may take to say so and end, on a busy machine.
pub const LAST_WORDS: Duration = Duration::from_millis(500);
/// A process that was asked to end has to within this.
const TERM_WITHIN: Duration = Duration::from_secs(5);

/// How often each kind of victims is drawn.
pub(super) const WEIGHTS: [(&str, u32); 5] = [
    ("leader", 35),
    ("one", 15),
    ("minority", 15),
    ("majority", 15),
    ("all", 20),
];

pub(super) const RESTART: Setting = Setting {
    name: "restart",
    kind: Kind::WordsOrTime(&["heal", "at-once"]),
    default: "",
    about: "when they come back: at the heal, at once, after a time",
};

pub(super) const SETTINGS: &[Setting] = &[
    TARGETS,
    RESTART,
    Setting {
        name: "stagger",
        kind: Kind::Time,
        default: "",
        about: "pause between one victim and the next",
    },
    Setting {
        name: "loop",
        kind: Kind::Words(&["no", "yes"]),
        default: "",
        about: "again and again while it lasts",
    },
    Setting {
        name: "up",
        kind: Kind::Time,
        default: "50-500ms",
        about: "in a loop, how long they are up in between",
    },
];

/// Draws how long after their end they come back; `None`: at the heal.
pub(super) fn restart(view: &View, order: &Order, rng: &mut StdRng) -> Option<Duration> {
    let often = if view.leader_aware { 70 } else { 20 };
    let drawn = [("heal", 90 - often), ("at-once", 10), ("5-400ms", often)];
    let drawn = drawn.choose_weighted(rng, |(_, weight)| *weight);
    let restart = match order.text("restart") {
        "" => drawn.map_or("heal", |(restart, _)| *restart),
        chosen => chosen,
    };
    let mut chosen = order.clone();
    chosen.settings.insert("restart".into(), restart.into());
    match restart {
        "heal" => None,
        "at-once" => Some(Duration::ZERO),
        _ => chosen.time("restart", rng),
    }
}

/// `, restarted after 20 ms`; nothing where they come back at the heal.
pub(super) fn restarted(restart: Option<Duration>) -> String {
    match restart {
        Some(Duration::ZERO) => ", restarted at once".into(),
        Some(after) => format!(", restarted after {:.0} ms", millis(after)),
        None => String::new(),
    }
}

/// Draws when and how: `restart_ms` (absent: at the heal), `stagger_ms`, `loop`, `up_ms`; and in words.
pub(super) fn draw(view: &View, order: &Order, rng: &mut StdRng) -> (Value, String) {
    let restart = restart(view, order, rng);
    let stagger = match order.text("stagger") {
        "" if rng.random_bool(0.1) => Duration::from_millis(rng.random_range(1..300)),
        "" => Duration::ZERO,
        _ => order.time("stagger", rng).unwrap_or_default(),
    };
    let again = match order.text("loop") {
        "" => rng.random_bool(0.05),
        chosen => chosen == "yes",
    };
    let up = order.time("up", rng).unwrap_or_default();
    // In a loop they have to come back before the heal.
    let restart = restart.or(again.then_some(Duration::from_millis(100)));
    let mut words = String::new();
    if !stagger.is_zero() {
        words += " one by one";
    }
    if again {
        words += " again and again";
    }
    words += &restarted(restart);
    let parameters = json!({
        "restart_ms": restart.map(millis), "stagger_ms": millis(stagger), "loop": again, "up_ms": millis(up),
    });
    (parameters, words)
}

/// What the victims' tallies were before.
pub(super) fn before(cluster: &Cluster, injury: &Injury) -> Value {
    let tallies = targets(injury).into_iter();
    json!({ "tallies": tallies.map(|node| (node.to_string(), cluster.tally(node))).collect::<std::collections::BTreeMap<_, _>>() })
}

/// What happened to each victim since.
pub(super) fn since(cluster: &Cluster, injury: &Injury, before: &Value) -> Vec<Tally> {
    let one = |node: NodeId| {
        let earlier = before["tallies"].get(node.to_string())?;
        Some(cluster.tally(node) - serde_json::from_value(earlier.clone()).ok()?)
    };
    targets(injury).into_iter().filter_map(one).collect()
}

/// Takes the victims down and up as drawn, for as long as it is polled.
pub(super) async fn act(cluster: &Cluster, injury: &Injury, how: How) -> Result<(), String> {
    let parameters = &injury.parameters;
    let restart = parameters["restart_ms"].as_f64();
    loop {
        for (position, node) in targets(injury).into_iter().enumerate() {
            if position > 0 {
                pause(time(parameters, "stagger_ms")).await;
            }
            take_down(cluster, injury.id, node, how).await?;
        }
        if restart.is_none() {
            return std::future::pending().await;
        }
        pause(time(parameters, "restart_ms")).await;
        for node in targets(injury) {
            cluster.revive(injury.id, node)?;
        }
        if parameters["loop"] != json!(true) {
            return std::future::pending().await;
        }
        pause(time(parameters, "up_ms").max(Duration::from_millis(1))).await;
    }
}

/// Ends one node; it stays down until it is revived. False: it was not running.
pub(super) async fn take_down(
    cluster: &Cluster,
    owner: u64,
    node: NodeId,
    how: How,
) -> Result<bool, String> {
    match how {
        How::Kill => cluster.kill(owner, node),
        How::Term => cluster.term(owner, node, TERM_WITHIN).await,
    }
}

/// Sleeps, but for no time not at all.
pub(super) async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// Brings all victims back.
fn revive(cluster: &Cluster, injury: &Injury) -> Result<(), String> {
    let problems: Vec<String> = targets(injury)
        .into_iter()
        .filter_map(|node| cluster.revive(injury.id, node).err())
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("; "))
    }
}

/// Brings all victims back; answers what it cost, in words.
pub(super) async fn heal(
    cluster: &Cluster,
    injury: &Injury,
    before: &Value,
) -> Result<Option<String>, String> {
    // Those that are still ending would be taken for alive.
    let mut slow = Ok(());
    for node in targets(injury) {
        slow = slow.and(cluster.finish(injury.id, node, TERM_WITHIN).await);
    }
    revive(cluster, injury)?;
    slow?;
    Ok(effect(cluster, &since(cluster, injury, before)))
}

/// What it cost, in words; `None`: nobody was down.
pub(super) fn effect(cluster: &Cluster, tallies: &[Tally]) -> Option<String> {
    let nodes = tallies.iter().filter(|tally| tally.ends > 0).count();
    let ends: u64 = tallies.iter().map(|tally| tally.ends).sum();
    let longest = tallies.iter().map(|tally| tally.down_ns).max().unwrap_or(0) as f64 / 1e9;
    let times = if ends > nodes as u64 {
        format!(" in {ends} ends")
    } else {
        String::new()
    };
    (ends > 0).then(|| {
        format!(
            "{nodes} of {} nodes down for {longest:.2} s{times}",
            cluster.size()
        )
    })
}
