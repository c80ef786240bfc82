//! Watches the primary, fences it when it is lost, promotes the standby that has most, and brings the others to it.
//!
//! It sees what clients see: it asks every server directly, not over the links. The primary counts as lost when it does
//! not answer, or when it does, had standbys, and none of those that answer streams any more, for [`PATIENCE`]. Then, in
//! this order: as many standbys have to answer as make sure that one of them has every acknowledged write (all but those
//! that acknowledge, plus one); the old primary is killed, so that nobody is served by two (fencing); the standbys are asked
//! again, until they have read all that they had received by then; the one that has most is chosen, and no other any more, whatever
//! becomes of it meanwhile; it is promoted. [`rejoin`](super::rejoin) brings the others to it, and [`gate`](super::gate) lets
//! clients in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Shared;
use super::gate::Gate;
use super::install::Install;
use super::rejoin::Rejoin;
use super::state::{State, ask};
use super::wire::Session;
use crate::cluster::{Cluster, SUPERVISOR};
use crate::site::NodeId;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a primary has to be lost before it is given up.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long one question may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_millis(400);
/// How long standbys may take to read the log that they have received, once nobody sends any.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);
/// How long a promotion may take until it is asked for again.
const PROMOTED_WITHIN: Duration = Duration::from_secs(10);

/// Nodes that answered, and what.
pub(super) type States = Vec<(NodeId, State)>;

/// See the head of this file.
pub(super) struct Supervisor {
    cluster: Arc<Cluster>,
    install: Arc<Install>,
    shared: Arc<Shared>,
    sessions: Vec<Option<Session>>,
    /// Since when the primary is lost.
    lost_since: Option<Instant>,
    /// The primary has had a standby: before that, having none means nothing.
    begun: bool,
    /// The primary's timeline, as it said last.
    timeline: u64,
    /// A node that was chosen to be primary and does not say yet that it is.
    chosen: Option<NodeId>,
    rejoin: Rejoin,
    gate: Gate,
}

impl Supervisor {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        install: Arc<Install>,
        shared: Arc<Shared>,
    ) -> Supervisor {
        Supervisor {
            sessions: cluster.nodes().iter().map(|_| None).collect(),
            rejoin: Rejoin::new(cluster.clone(), install.clone()),
            cluster,
            install,
            shared,
            lost_since: None,
            begun: false,
            timeline: 0,
            chosen: None,
            gate: Gate::default(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let states = self.look().await;
            match self.chosen {
                Some(chosen) => self.promote(chosen, &states).await,
                None => self.mind_primary(&states).await,
            }
            if self.chosen.is_none() {
                let primary = self.shared.primary();
                let (mode, acknowledging) =
                    (self.install.replication(), self.install.acknowledging());
                let open = self.gate.mind(primary, &states, mode, acknowledging);
                self.shared.open(open);
                self.rejoin.mind(primary, &states).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn address(&self, node: NodeId) -> SocketAddr {
        self.shared.site.client(node)
    }

    /// What every node says, all asked at once; those that are silent are left out.
    async fn look(&mut self) -> States {
        let mut asked = JoinSet::new();
        for (position, node) in self.cluster.nodes().into_iter().enumerate() {
            let address = self.address(node);
            let mut session = self.sessions[position].take();
            asked.spawn(async move {
                let state = ask(&mut session, address, ANSWER_WITHIN).await;
                (position, node, session, state)
            });
        }
        let mut states = Vec::new();
        while let Some(answer) = asked.join_next().await {
            let Ok((position, node, session, state)) = answer else {
                continue;
            };
            self.sessions[position] = session;
            states.extend(state.map(|state| (node, state)));
        }
        states
    }

    async fn mind_primary(&mut self, states: &States) {
        let primary = self.shared.primary();
        let leads = states.iter().find(|(node, _)| *node == primary);
        self.timeline = leads.map_or(self.timeline, |(_, state)| state.timeline);
        if !lost(primary, states, self.begun) {
            self.begun |= states.iter().any(|(_, state)| state.streams);
            self.lost_since = None;
            return;
        }
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE || self.best(primary, states).is_none() {
            return;
        }
        // Whoever is fenced stays down until its folder is made anew, or it is given back below.
        if self.cluster.kill(SUPERVISOR, primary).is_err() {
            return;
        }
        let fenced = Instant::now();
        while fenced.elapsed() < SETTLED_WITHIN {
            let mut states = self.look().await;
            states.retain(|(_, state)| state.settled);
            self.chosen = self.best(primary, &states);
            if let Some(chosen) = self.chosen {
                return self.promote(chosen, &states).await;
            }
            tokio::time::sleep(LOOK_EVERY / 4).await;
        }
        // Nobody was promoted, so that it may go on as it was. A start that fails shows as a node that is down.
        let _ = self.cluster.revive(SUPERVISOR, primary);
    }

    /// The standby that has most, if so many can be asked that they cannot all be without an acknowledged write. If not even
    /// that one has followed the primary since it reigns, the primary is better waited for.
    fn best(&self, primary: NodeId, states: &States) -> Option<NodeId> {
        let enough = match self.install.acknowledging() {
            0 => 1,
            acknowledging => self.cluster.size() - acknowledging,
        };
        best(primary, states, self.rejoin.strangers(), enough)
            .filter(|(_, state)| state.timeline >= self.timeline)
            .map(|(node, _)| node)
    }

    /// Makes the chosen one primary; tried again until it says that it is one.
    async fn promote(&mut self, chosen: NodeId, states: &States) {
        match states.iter().find(|(node, _)| *node == chosen) {
            // It is down or stopped. Its log is what counts: nobody else can be primary now.
            None => return,
            Some((_, state)) if state.standby => {
                let promoted = async {
                    let mut session = Session::open(self.address(chosen), ANSWER_WITHIN).await?;
                    session.query("SELECT pg_promote(true, 10)").await
                };
                let answer = tokio::time::timeout(PROMOTED_WITHIN, promoted).await;
                if !matches!(answer, Ok(Ok(_))) {
                    return;
                }
            }
            Some(_) => {}
        }
        let old = self.shared.primary.swap(chosen.0, Ordering::Relaxed);
        self.rejoin.deposed(NodeId(old));
        (self.chosen, self.lost_since, self.begun) = (None, None, false);
    }
}

/// It does not answer, or answers, had standbys, and streams to none of those that do.
fn lost(primary: NodeId, states: &States, begun: bool) -> bool {
    let answers = states
        .iter()
        .any(|(node, state)| *node == primary && !state.standby);
    let mut standbys = states.iter().filter(|(_, state)| state.standby).peekable();
    let alone = standbys.peek().is_some() && standbys.all(|(_, state)| !state.streams);
    !answers || (begun && alone)
}

/// The standby that has most, if at least so many answer; whose past was given up is none.
fn best(
    primary: NodeId,
    states: &States,
    strangers: &BTreeSet<NodeId>,
    enough: usize,
) -> Option<(NodeId, State)> {
    let standbys = states
        .iter()
        .filter(|(node, state)| *node != primary && state.standby && !strangers.contains(node));
    let standbys: Vec<_> = standbys.collect();
    let best = standbys.iter().max_by_key(|(_, state)| state.reach());
    best.filter(|_| standbys.len() >= enough).map(|best| **best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standby(number: u16, streams: bool, reach: (u64, u64)) -> (NodeId, State) {
        let state = State {
            standby: true,
            streams,
            timeline: reach.0,
            received: reach.1,
            applied: 0,
            settled: true,
            started: 0,
        };
        (NodeId(number), state)
    }

    fn primary(number: u16) -> (NodeId, State) {
        let (node, state) = standby(number, false, (1, 9));
        let standby = false;
        (node, State { standby, ..state })
    }

    #[test]
    fn a_primary_is_lost_when_silent_or_left_alone() {
        let cut = |number| standby(number, false, (1, 9));
        let alone: States = vec![primary(1), cut(2), cut(3)];
        assert!(lost(NodeId(1), &alone, true));
        // Nobody has come to it yet.
        assert!(!lost(NodeId(1), &alone, false));
        let one_streams = vec![primary(1), standby(2, true, (1, 9)), cut(3)];
        assert!(!lost(NodeId(1), &one_streams, true));
        assert!(lost(NodeId(1), &vec![cut(2), cut(3)], false));
        // Nobody to ask is no reason to give it up.
        assert!(!lost(NodeId(1), &vec![primary(1)], true));
    }

    #[test]
    fn the_newest_timeline_counts_before_the_longest_log_and_too_few_decide_nothing() {
        let states = vec![
            standby(2, false, (1, 900)),
            standby(3, false, (2, 100)),
            standby(4, false, (2, 90)),
        ];
        let best = |strangers: &[u16], enough| {
            let strangers = strangers.iter().copied().map(NodeId).collect();
            let best = best(NodeId(1), &states, &strangers, enough);
            best.map(|(node, _)| node.0)
        };
        assert_eq!(best(&[], 3), Some(3));
        assert_eq!(best(&[], 4), None);
        assert_eq!(best(&[3], 3), None);
        assert_eq!(best(&[3], 2), Some(4));
    }
}
