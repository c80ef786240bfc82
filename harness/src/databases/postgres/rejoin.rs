//! Brings nodes to the primary: tells standbys whom to follow, and builds those anew whose past is another.
//!
//! What a deposed primary had written and nobody received is in no other's history, so its folder is made anew by a
//! base backup. The same goes for a standby that could stream, as its way to the primary is open, and does not for
//! [`ASTRAY_FOR`]: it has received what the new primary had not.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::install::Install;
use super::state::State;
use super::supervisor::{ANSWER_WITHIN, States};
use super::wire::Session;
use crate::cluster::{Cluster, SUPERVISOR};
use crate::site::NodeId;

/// How long a standby may not stream over an open way before it is told, or told already, built anew.
const ASTRAY_FOR: Duration = Duration::from_secs(2);
/// How long a base backup may take. Over a link that is cut it would never end.
const COPIED_WITHIN: Duration = Duration::from_secs(20);

/// See the head of this file.
pub(super) struct Rejoin {
    cluster: Arc<Cluster>,
    install: Arc<Install>,
    /// Nodes whose past was given up: they are built anew.
    strangers: BTreeSet<NodeId>,
    /// Base backups that go on.
    copies: BTreeMap<NodeId, Copy>,
    /// Standbys that do not stream from the primary though they could.
    astray: BTreeMap<NodeId, Astray>,
    /// Whom all this is about.
    primary: Option<NodeId>,
}

/// What is known of a standby that does not stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Astray {
    /// Since when its way was open and it did not stream.
    since: Instant,
    /// It has been told whom to follow.
    told: bool,
}

/// What to do about a standby.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It streams what the primary writes.
    LeaveAlone,
    /// Whom to follow.
    Tell,
    /// Whether its way to the primary is open, and for how long.
    Watch(Astray),
    /// Its past is another.
    GiveUp,
}

fn step(state: &State, leads: &State, known: Option<Astray>) -> Step {
    match known {
        // It leads without having been asked to: it was deposed while nobody could see it.
        _ if !state.standby => Step::GiveUp,
        _ if state.streams && state.timeline == leads.timeline => Step::LeaveAlone,
        Some(astray) if !astray.told => Step::Tell,
        Some(astray) => Step::Watch(astray),
        None => Step::Tell,
    }
}

/// What is known of a standby that was told, after a look at its way; `None`: it could have streamed for long enough.
fn watched(astray: Astray, open: bool) -> Option<Astray> {
    let since = if open { astray.since } else { Instant::now() };
    (since.elapsed() <= ASTRAY_FOR).then_some(Astray { since, ..astray })
}

/// A base backup that goes on; it ends with this.
struct Copy {
    program: Child,
    since: Instant,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // One that has ended already needs no signal.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Rejoin {
    pub(super) fn new(cluster: Arc<Cluster>, install: Arc<Install>) -> Rejoin {
        Rejoin {
            cluster,
            install,
            strangers: BTreeSet::new(),
            copies: BTreeMap::new(),
            astray: BTreeMap::new(),
            primary: None,
        }
    }

    /// Nodes whose past was given up.
    pub(super) fn strangers(&self) -> &BTreeSet<NodeId> {
        &self.strangers
    }

    /// A primary that is none any more.
    pub(super) fn deposed(&mut self, node: NodeId) {
        self.strangers.insert(node);
    }

    /// A step towards all nodes following the primary.
    pub(super) async fn mind(&mut self, primary: NodeId, states: &States) {
        if self.primary.replace(primary) != Some(primary) {
            // Copies of another are of no use any more, and everybody has to be told.
            self.copies.clear();
            self.astray.clear();
        }
        self.strangers.remove(&primary);
        let Some((_, leads)) = states.iter().find(|(node, _)| *node == primary) else {
            return;
        };
        for (node, state) in states.iter().filter(|(node, _)| *node != primary) {
            if !self.strangers.contains(node) {
                self.mind_standby(*node, state, primary, leads).await;
            }
        }
        for node in self.strangers.clone() {
            self.mind_stranger(node, primary);
        }
    }

    async fn mind_standby(&mut self, node: NodeId, state: &State, primary: NodeId, leads: &State) {
        let known = self.astray.get(&node).copied();
        match step(state, leads, known) {
            Step::LeaveAlone => {
                self.astray.remove(&node);
            }
            Step::GiveUp => self.give_up(node),
            Step::Tell => {
                let told = self.tell(node, primary).await;
                let since = Instant::now();
                self.astray.insert(node, Astray { since, told });
            }
            Step::Watch(astray) => {
                let open = self.way_is_open(node, primary).await;
                match watched(astray, open) {
                    Some(astray) => {
                        self.astray.insert(node, astray);
                    }
                    None => self.give_up(node),
                }
            }
        }
    }

    fn give_up(&mut self, node: NodeId) {
        self.astray.remove(&node);
        self.strangers.insert(node);
    }

    /// Tells a standby whom to follow; false: it could not be told.
    async fn tell(&self, node: NodeId, primary: NodeId) -> bool {
        let conninfo = self.install.primary_conninfo(node, primary);
        let told = async {
            let address = self.cluster.site().client(node);
            let mut session = Session::open(address, ANSWER_WITHIN).await?;
            let change = format!("ALTER SYSTEM SET primary_conninfo = '{conninfo}'");
            session.query(&change).await?;
            session.query("SELECT pg_reload_conf()").await
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN * 2, told).await;
        matches!(answer, Ok(Ok(_)))
    }

    /// Could the node speak with the primary, over its link?
    async fn way_is_open(&self, node: NodeId, primary: NodeId) -> bool {
        let way = self.install.way(node, primary);
        let dialling = self.cluster.dial_as(node, way, ANSWER_WITHIN);
        Session::over(dialling, ANSWER_WITHIN).await.is_ok()
    }

    /// Copies the primary's folder; when that is done the node may start. What failed is tried again.
    fn mind_stranger(&mut self, node: NodeId, primary: NodeId) {
        let Some(copy) = self.copies.get_mut(&node) else {
            if self.cluster.kill(SUPERVISOR, node).is_ok()
                && let Ok(mut backup) = self.install.copy(node, primary)
                && let Ok(program) = self.cluster.in_network_of(node, || backup.spawn())
            {
                let since = Instant::now();
                self.copies.insert(node, Copy { program, since });
            }
            return;
        };
        let copied = match copy.program.try_wait() {
            Ok(None) if copy.since.elapsed() < COPIED_WITHIN => return,
            Ok(Some(status)) => status.success(),
            Ok(None) | Err(_) => false,
        };
        self.copies.remove(&node);
        if copied && self.install.follow(node, primary).is_ok() {
            self.strangers.remove(&node);
            // A start that fails shows as a node that is down.
            let _ = self.cluster.revive(SUPERVISOR, node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standby_is_told_before_it_is_given_up_and_given_up_only_after_a_while() {
        let state = |standby: bool, streams: bool, timeline: u64| State {
            standby,
            streams,
            timeline,
            received: 9,
            applied: 9,
            settled: true,
            started: 0,
        };
        let leads = state(false, false, 2);
        let next = |follows: State, known| step(&follows, &leads, known);
        let known = |told, ago: Duration| Astray {
            since: Instant::now() - ago,
            told,
        };
        let long = ASTRAY_FOR * 2;
        assert_eq!(next(state(true, true, 2), None), Step::LeaveAlone);
        let told = known(true, long);
        assert_eq!(next(state(true, true, 2), Some(told)), Step::LeaveAlone);
        // What it streams is the log of a primary that is none any more.
        assert_eq!(next(state(true, true, 1), None), Step::Tell);
        assert_eq!(next(state(true, false, 2), None), Step::Tell);
        let untold = known(false, long);
        assert_eq!(next(state(true, false, 2), Some(untold)), Step::Tell);
        assert_eq!(next(state(true, false, 2), Some(told)), Step::Watch(told));
        assert_eq!(next(state(false, false, 2), None), Step::GiveUp);
        // Time counts only while its way is open.
        assert_eq!(watched(told, true), None);
        assert!(watched(told, false).is_some_and(|now| now.since > told.since));
        let soon = known(true, Duration::ZERO);
        assert_eq!(watched(soon, true), Some(soon));
    }
}
