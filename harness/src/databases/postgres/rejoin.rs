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
    /// Standbys that do not stream from the primary though they could, since when, and whether they were told.
    astray: BTreeMap<NodeId, (Instant, bool)>,
    /// Whom all this is about.
    primary: Option<NodeId>,
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
        if !state.standby {
            // It leads without having been asked to: it was deposed while nobody could see it.
            self.strangers.insert(node);
            return;
        }
        if state.streams && state.timeline == leads.timeline {
            self.astray.remove(&node);
            return;
        }
        let (since, told) = *self.astray.entry(node).or_insert((Instant::now(), false));
        if !told {
            let told = self.tell(node, primary).await;
            self.astray.insert(node, (Instant::now(), told));
        } else if !self.way_is_open(node, primary).await {
            self.astray.insert(node, (Instant::now(), true));
        } else if since.elapsed() > ASTRAY_FOR {
            self.astray.remove(&node);
            self.strangers.insert(node);
        }
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
        let link = self.cluster.site().link(node, primary);
        Session::open(link, ANSWER_WITHIN).await.is_ok()
    }

    /// Copies the primary's folder; when that is done the node may start. What failed is tried again.
    fn mind_stranger(&mut self, node: NodeId, primary: NodeId) {
        let Some(copy) = self.copies.get_mut(&node) else {
            if self.cluster.kill(SUPERVISOR, node).is_ok()
                && let Ok(program) = self.install.copy(node, primary)
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
