//! Members come and go while everything else goes wrong; and what logs say about who they are.

use std::collections::BTreeSet;

use node::raft::{
    Change, Configuration, Configured, Entry, Input, LogId, NodeId, Payload, RequestId,
};

use super::cluster::{Cluster, Event};

/// The last configuration that `log` tells, if it tells any.
pub fn told(log: &[Entry]) -> Option<Configured> {
    log.iter().rev().find_map(|entry| match &entry.payload {
        Payload::Configuration(configuration) => Some(Configured {
            by: entry.id,
            configuration: configuration.clone(),
        }),
        _ => None,
    })
}

/// Whether those that `has` accepts are a majority, of both halves where it is joint: counted anew here, so that
/// the core's own counting is judged.
pub fn agrees(members: &Configuration, has: impl Fn(NodeId) -> bool) -> bool {
    let most = |half: &BTreeSet<NodeId>| {
        let have = half.iter().filter(|id| has(**id)).count();
        2 * have > half.len()
    };
    most(members.voters()) && (members.outgoing().is_empty() || most(members.outgoing()))
}

impl Cluster {
    /// Whose configuration is the command line's, given what its log says.
    pub fn configured(&self, id: NodeId, log: &[Entry]) -> Configured {
        let told = if self.members_change { told(log) } else { None };
        told.unwrap_or_else(|| Configured {
            by: LogId::default(),
            configuration: Configuration::new(self.config_of(id).voters).into(),
        })
    }

    /// An operator asks a leader for any change at all, and soon for another one.
    pub fn change_members(&mut self) {
        if !self.faults || !self.members_change {
            return;
        }
        let leaders = self.ids(|n| n.leads() && n.paused_until <= self.now);
        if !leaders.is_empty() {
            let leader = self.rng.one_of(&leaders);
            let ids = self.ids(|_| true);
            let node = self.rng.one_of(&ids);
            let change = match self.rng.below(8) {
                0 | 1 => Change::AddLearner {
                    node,
                    address: self.rng.chance(30).then(|| "somewhere".into()),
                },
                2..=4 => Change::Promote(node),
                5 => Change::Demote(node),
                6 => Change::Remove(node),
                _ => Change::Replace(ids.into_iter().filter(|_| self.rng.chance(60)).collect()),
            };
            self.requests += 1;
            let id = RequestId(self.requests);
            self.step(leader, Input::Change { id, change });
            self.take(leader);
        }
        let delay = self.rng.micros(5_000, 150_000);
        self.after(delay, Event::Change);
    }
}
