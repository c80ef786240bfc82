//! Faults: what kinds of harm there are. To add one: a file here, a `mod` line, a row in [`FAULTS`].

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::databases::Future_;
use crate::injury::Injury;
use crate::links::Way;
use crate::site::NodeId;

mod bandwidth;
mod bit_flip;
mod client_partition;
mod clock_rate;
mod clock_skew;
mod corrupt;
mod disk_full;
mod down;
mod duplicate;
mod fd_exhaustion;
mod flaky;
mod half_open;
mod hold;
mod kill;
mod latency;
mod links;
mod loss;
mod membership;
mod memory;
mod messages;
mod of_messages;
mod order;
mod partition;
mod pause;
mod readings;
mod reorder;
mod reset;
mod rolling_restart;
mod slow_cpu;
mod swizzle;
mod sync_error;
mod targets;
mod term;

pub use order::{Kind, Order, Setting, TARGETS, moment};
use readings::{grown, readings};
use targets::{SHAPES, cast, follower, victims};

/// What a fault may know of the cluster when it chooses its victims.
#[derive(Clone, Debug)]
pub struct View {
    /// All nodes.
    pub nodes: Vec<NodeId>,
    /// Who leads, as far as the harness saw last.
    pub leader: Option<NodeId>,
    /// All that say they lead, the last one known included.
    pub primaries: Vec<NodeId>,
    /// Aim at leaders more often.
    pub leader_aware: bool,
    /// What SIGKILL stands for.
    pub kill_is_power_loss: bool,
}

/// What a fault would do: decided, but not inflicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// A name for the kind of victims or harm: `isolate-leader`, `majority`, `+60s` …
    pub shape: String,
    /// Whom it is aimed at.
    pub targets: Vec<NodeId>,
    /// In words, as a clause that can follow "while": `n1 was cut off from n2 and n3`.
    pub description: String,
    /// All that is needed to do it again.
    pub parameters: Value,
}

/// What a fault needs of the system and of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Signals to the nodes' processes.
    Signals,
    /// `prlimit(2)` on the nodes' processes.
    Limits,
    /// The same for memory, of a program that does not take more than it uses.
    Memory,
    /// Peers that speak to each other through the harness' proxies.
    Links,
    /// Clients that speak to nodes through the harness' proxies.
    Clients,
    /// Links between nodes, in frames of which the harness knows the form: those of `node`.
    Frames,
    /// A way to change who votes while the cluster runs.
    Membership,
    /// A program that is linked dynamically, for a preloaded library.
    Preload,
    /// A program that refuses damaged files, whose form the harness knows.
    Checksums,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Signals => "signals",
            Need::Limits => "prlimit",
            Need::Memory => "prlimit, no Go",
            Need::Links => "links",
            Need::Clients => "clients' links",
            Need::Frames => "frames of node",
            Need::Membership => "changes of voters",
            Need::Preload => "a dynamic program",
            Need::Checksums => "files of node",
        })
    }
}

/// A kind of harm. Faults of one kind never overlap; faults of different kinds may.
pub trait Fault: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// One sentence for lists.
    fn about(&self) -> &'static str;
    /// What it needs.
    fn needs(&self) -> Need;
    /// Does it act on links of packets, whose streams nobody takes apart? Asked of those that act on links.
    fn acts_on_packets(&self) -> bool {
        true
    }
    /// What can be chosen of it; the first can be given without its name.
    fn settings(&self) -> &'static [Setting] {
        &[TARGETS]
    }
    /// Why it is pointless in a cluster of this size.
    fn makes_no_sense(&self, _nodes: u16) -> Option<String> {
        None
    }
    /// So many of its victims it has down at a time, ended or stopped, or that may end by what it does to them.
    fn takes_down(&self, _draft: &Draft) -> usize {
        0
    }
    /// Chooses victims and harm, as ordered and otherwise by chance.
    fn plan(&self, view: &View, order: &Order, rng: &mut StdRng) -> Draft;
    /// Does it. The answer is what [`Fault::heal`] needs to measure the effect.
    fn inject<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
    ) -> Future_<'a, Result<Value, String>>;
    /// What goes on while it lasts. Dropped at any await when the time is over; [`Fault::heal`] follows.
    fn act<'a>(
        &'a self,
        _cluster: &'a Cluster,
        _injury: &'a Injury,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(std::future::pending())
    }
    /// Undoes it, also after half an inject, also twice. Answers what the injury did, measured;
    /// `None`: nothing that could be measured.
    fn heal<'a>(
        &'a self,
        cluster: &'a Cluster,
        injury: &'a Injury,
        before: &'a Value,
    ) -> Future_<'a, Result<Option<String>, String>>;
}

/// All faults, sorted by name.
pub const FAULTS: &[&dyn Fault] = &[
    &links::OnLinks(bandwidth::Bandwidth),
    &bit_flip::BitFlip,
    &client_partition::ClientPartition,
    &clock_rate::ClockRate,
    &clock_skew::ClockSkew,
    &links::OnLinks(corrupt::CORRUPT),
    &disk_full::DiskFull,
    &links::OnLinks(duplicate::DUPLICATE),
    &fd_exhaustion::FdExhaustion,
    &flaky::Flaky,
    &links::OnLinks(half_open::HalfOpen),
    &links::OnLinks(hold::Hold),
    &kill::Kill,
    &links::OnLinks(latency::Latency),
    &links::OnLinks(loss::LOSS),
    &membership::Membership,
    &memory::Memory,
    &links::OnLinks(messages::Messages),
    &partition::Partition,
    &pause::Pause,
    &links::OnLinks(reorder::REORDER),
    &reset::Reset,
    &rolling_restart::RollingRestart,
    &slow_cpu::SlowCpu,
    &swizzle::Swizzle,
    &sync_error::SyncError,
    &term::Term,
];

/// The fault of that name.
pub fn find(name: &str) -> Option<&'static dyn Fault> {
    FAULTS.iter().copied().find(|fault| fault.name() == name)
}

/// Does a fault act on links that are made of this? `None`: as on proxies, or links are nothing to it.
pub fn by_way(fault: &dyn Fault, way: Way) -> Option<bool> {
    let on_links = matches!(fault.needs(), Need::Links | Need::Frames | Need::Clients);
    match way {
        Way::None if on_links => Some(false),
        // Packets of any system are lost as whole messages are; what is within them nobody knows.
        Way::Packets if on_links => Some(fault.acts_on_packets()),
        _ => None,
    }
}

/// `n1, n2 and n3`.
fn list(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "nobody".into(),
    }
}

/// `was` or `were`.
fn was(nodes: &[NodeId]) -> &'static str {
    if nodes.len() == 1 { "was" } else { "were" }
}

/// The injury's victims.
fn targets(injury: &Injury) -> Vec<NodeId> {
    injury
        .targets
        .iter()
        .filter_map(|name| node(name))
        .collect()
}

/// A time as it is kept in parameters: milliseconds with a fraction.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A time from parameters, in milliseconds; zero where there is none.
fn time(parameters: &Value, name: &str) -> Duration {
    let ms = parameters[name].as_f64().unwrap_or_default();
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// `n3` as a node.
pub fn node(name: &str) -> Option<NodeId> {
    name.strip_prefix('n')?.parse().ok().map(NodeId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn view(nodes: u16) -> View {
        View {
            nodes: (1..=nodes).map(NodeId).collect(),
            leader: Some(NodeId(1)),
            primaries: vec![NodeId(1)],
            leader_aware: false,
            kill_is_power_loss: true,
        }
    }

    #[test]
    fn every_fault_plans_the_same_from_the_same_seed() {
        for fault in FAULTS {
            let order = Order::plain(fault.name());
            for nodes in (1..=9).filter(|nodes| fault.makes_no_sense(*nodes).is_none()) {
                let draw =
                    |seed| fault.plan(&view(nodes), &order, &mut StdRng::seed_from_u64(seed));
                assert_eq!(draw(5), draw(5), "{} at {nodes}", fault.name());
                assert!(!draw(5).targets.is_empty(), "{} at {nodes}", fault.name());
            }
        }
    }

    #[test]
    fn every_fault_hits_whom_it_is_told_to() {
        for fault in FAULTS {
            if fault
                .settings()
                .iter()
                .all(|setting| setting.name != "targets")
            {
                continue;
            }
            let mut order = Order::plain(fault.name());
            order.settings.insert("targets".into(), "n2+n3".into());
            let mut rng = StdRng::seed_from_u64(1);
            let draft = fault.plan(&view(5), &order, &mut rng);
            assert_eq!(draft.targets, [NodeId(2), NodeId(3)], "{}", fault.name());
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(
            FAULTS
                .windows(2)
                .all(|pair| pair[0].name() < pair[1].name())
        );
    }
}
