//! Watches the primary, fences it when it is lost, promotes the standby that has most, and brings the old one back.
//!
//! It sees what clients see: it asks every server directly, not over the links. The primary counts as lost when it does not
//! answer, or when it does and none of the standbys that answer streams from it, for [`PATIENCE`]. Then, in this order:
//! it needs as many standbys as make sure that one of them has every acknowledged write (all but those that acknowledge,
//! plus one); it kills the old primary, so that nobody is served by two (fencing); it promotes the standby that received
//! most; it sends the other standbys to it. The old primary is built anew from the new one, as a standby.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Shared;
use super::install::Install;
use super::wire::Session;
use crate::cluster::{Cluster, SUPERVISOR};
use crate::observation::NodeStatus;
use crate::site::NodeId;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a primary has to be lost before it is given up.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long one question may take.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);
/// How long a promotion may take.
const PROMOTED_WITHIN: Duration = Duration::from_secs(10);
/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    standby: bool,
    /// Bytes of log that are on its disk.
    received: u64,
    /// Bytes of log that are applied.
    applied: u64,
    /// Its timeline; 0 on a standby that does not stream.
    timeline: u64,
}

impl State {
    /// In the harness' words.
    pub(super) fn status(&self, node: NodeId, primary: NodeId) -> NodeStatus {
        let (role, leader) = match (self.standby, self.timeline) {
            (false, _) => ("leader", Some(node)),
            (true, 0) => ("follower", None),
            (true, _) => ("follower", Some(primary)),
        };
        NodeStatus {
            role: role.into(),
            term: self.timeline,
            leader: leader.map(|leader| leader.to_string()),
            commit: self.received,
            applied: self.applied,
            last: self.received,
            clock_offset_ms: None,
            disk_full: false,
            followers: Vec::new(),
        }
    }
}

/// Asks a server about itself, in a session that is kept while it works.
pub(super) async fn state(
    session: &mut Option<Session>,
    address: SocketAddr,
    timeout: Duration,
) -> Option<State> {
    const QUESTION: &str = "SELECT pg_is_in_recovery(), \
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0', \
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0', \
        CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming') \
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END";
    // Taken out while it is in use: if this is dropped half-way, the session is gone too.
    let mut open = match session.take() {
        Some(open) => open,
        None => Session::open(address, timeout).await.ok()?,
    };
    let asked = tokio::time::timeout(timeout, open.query(QUESTION)).await;
    let rows = asked.ok()?.ok()?.rows;
    *session = Some(open);
    read(rows.first()?)
}

fn read(row: &[Option<String>]) -> Option<State> {
    let number = |at: usize| {
        let text = row.get(at)?.as_deref().unwrap_or("0");
        text.parse::<u64>().ok()
    };
    Some(State {
        standby: row.first()?.as_deref()? == "t",
        received: number(1)?.max(number(2)?),
        applied: number(2)?,
        timeline: number(3)?,
    })
}

/// A node that is built anew.
struct Rebuilding {
    node: NodeId,
    /// From which primary.
    from: NodeId,
    work: JoinHandle<Result<(), String>>,
}

/// See the head of this file.
pub(super) struct Supervisor {
    cluster: Arc<Cluster>,
    install: Arc<Install>,
    shared: Arc<Shared>,
    sessions: Vec<Option<Session>>,
    /// Since when the primary is lost.
    lost_since: Option<Instant>,
    /// A primary with a standby was seen: before that nothing can be lost.
    begun: bool,
    /// Nodes whose data is of a past that was given up.
    outdated: Vec<NodeId>,
    /// The one of them that is built anew right now.
    rebuilding: Option<Rebuilding>,
}

impl Supervisor {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        install: Arc<Install>,
        shared: Arc<Shared>,
    ) -> Supervisor {
        Supervisor {
            sessions: cluster.nodes().iter().map(|_| None).collect(),
            cluster,
            install,
            shared,
            lost_since: None,
            begun: false,
            outdated: Vec::new(),
            rebuilding: None,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let states = self.look().await;
            self.mind_primary(&states).await;
            self.mind_outdated().await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn address(&self, node: NodeId) -> SocketAddr {
        self.shared.site.client(node)
    }

    /// What every node says; those that are silent are left out.
    async fn look(&mut self) -> Vec<(NodeId, State)> {
        let mut states = Vec::new();
        for (position, node) in self.cluster.nodes().into_iter().enumerate() {
            let address = self.address(node);
            let session = &mut self.sessions[position];
            if let Some(state) = state(session, address, ANSWER_WITHIN).await {
                states.push((node, state));
            }
        }
        states
    }

    async fn mind_primary(&mut self, states: &[(NodeId, State)]) {
        let primary = self.shared.primary();
        if !lost(primary, states) {
            self.begun |= states.iter().any(|(_, state)| state.standby);
            self.lost_since = None;
            return;
        }
        if !self.begun {
            return;
        }
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        let standbys = states
            .iter()
            .filter(|(node, state)| *node != primary && state.standby);
        let standbys: Vec<&(NodeId, State)> = standbys
            .filter(|(node, _)| !self.outdated.contains(node))
            .collect();
        // So many cannot all be without a write that was acknowledged.
        let enough = match self.install.acknowledging() {
            0 => 1,
            acknowledging => self.cluster.size() - acknowledging,
        };
        let best = standbys.iter().max_by_key(|(_, state)| state.received);
        if let Some((best, _)) = best
            && since.elapsed() >= PATIENCE
            && standbys.len() >= enough
        {
            self.fail_over(primary, *best, &standbys).await;
        }
    }

    async fn fail_over(&mut self, old: NodeId, new: NodeId, standbys: &[&(NodeId, State)]) {
        if self.cluster.kill(SUPERVISOR, old).is_err() {
            return;
        }
        if !self.outdated.contains(&old) {
            self.outdated.push(old);
        }
        let promoted = async {
            let mut session = Session::open(self.address(new), ANSWER_WITHIN).await?;
            session.query("SELECT pg_promote(true, 10)").await
        };
        if !matches!(
            tokio::time::timeout(PROMOTED_WITHIN, promoted).await,
            Ok(Ok(_))
        ) {
            return;
        }
        self.shared.primary.store(new.0, Ordering::Relaxed);
        self.lost_since = None;
        for (node, _) in standbys.iter().filter(|(node, _)| *node != new) {
            let conninfo = self.install.primary_conninfo(*node, new);
            let follow = async {
                let mut session = Session::open(self.address(*node), ANSWER_WITHIN).await?;
                let change = format!("ALTER SYSTEM SET primary_conninfo = '{conninfo}'");
                session.query(&change).await?;
                session.query("SELECT pg_reload_conf()").await
            };
            // One that cannot be told is built anew.
            if !matches!(
                tokio::time::timeout(ANSWER_WITHIN * 4, follow).await,
                Ok(Ok(_))
            ) {
                self.outdated.push(*node);
            }
        }
    }

    /// Builds nodes anew whose past was given up, one at a time. Over a link that is cut that takes until the heal, so it
    /// is not waited for.
    async fn mind_outdated(&mut self) {
        let primary = self.shared.primary();
        if let Some(rebuilding) = self.rebuilding.take() {
            if !rebuilding.work.is_finished() {
                self.rebuilding = Some(rebuilding);
                return;
            }
            let Rebuilding { node, from, work } = rebuilding;
            // What failed, or followed a primary that is none any more, is tried again.
            if matches!(work.await, Ok(Ok(()))) && from == primary {
                self.outdated.retain(|other| *other != node);
                // A start that fails shows as a node that is down.
                let _ = self.cluster.revive(SUPERVISOR, node);
            }
        }
        self.outdated.retain(|node| *node != primary);
        let Some(node) = self.outdated.first().copied() else {
            return;
        };
        if self.cluster.kill(SUPERVISOR, node).is_ok() {
            let install = self.install.clone();
            let work = tokio::task::spawn_blocking(move || install.rebuild(node, primary));
            self.rebuilding = Some(Rebuilding {
                node,
                from: primary,
                work,
            });
        }
    }
}

/// It does not answer, or answers and streams to none of those that do.
fn lost(primary: NodeId, states: &[(NodeId, State)]) -> bool {
    let answers = states
        .iter()
        .any(|(node, state)| *node == primary && !state.standby);
    let mut standbys = states.iter().filter(|(_, state)| state.standby).peekable();
    let alone = standbys.peek().is_some() && standbys.all(|(_, state)| state.timeline == 0);
    !answers || alone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u16, standby: bool, timeline: u64) -> (NodeId, State) {
        let state = State {
            standby,
            received: 0,
            applied: 0,
            timeline,
        };
        (NodeId(number), state)
    }

    #[test]
    fn a_primary_is_lost_when_silent_or_alone() {
        let lost = |states: &[(NodeId, State)]| lost(NodeId(1), states);
        assert!(!lost(&[
            node(1, false, 1),
            node(2, true, 1),
            node(3, true, 0)
        ]));
        assert!(lost(&[
            node(1, false, 1),
            node(2, true, 0),
            node(3, true, 0)
        ]));
        assert!(lost(&[node(2, true, 1), node(3, true, 1)]));
        // Nobody to ask is no reason to give it up.
        assert!(!lost(&[node(1, false, 1)]));
    }

    #[test]
    fn a_state_is_read() {
        let row =
            ["t", "300", "200", ""].map(|text| Some(text.to_string()).filter(|t| !t.is_empty()));
        let state = read(&row).unwrap();
        assert_eq!(
            (state.received, state.applied, state.timeline),
            (300, 200, 0)
        );
        assert_eq!(state.status(NodeId(2), NodeId(1)).leader, None);
    }
}
