//! Lets clients in to a primary once enough standbys have all that it would show.
//!
//! A commit that waits for standbys shows to nobody, but after a restart of the server, or a promotion of a standby that
//! had received it, it does, acknowledged or not. Whoever read it then would see it vanish with that server. So a reign
//! begins closed; new commits show no sooner than they are acknowledged anyway.

use super::state::{Reign, State};
use super::supervisor::States;
use crate::replication::Replication;
use crate::site::NodeId;

/// The reign that began last.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// With what its standbys have to have; `None`: they had it.
    reign: Option<(Reign, Option<u64>)>,
}

impl Gate {
    /// The reign that clients may be let in to, by what the nodes say; `None`: none, or it is silent.
    pub(super) fn mind(
        &mut self,
        primary: NodeId,
        states: &States,
        replication: Replication,
        acknowledging: usize,
    ) -> Option<Reign> {
        let (_, leads) = states.iter().find(|(node, _)| *node == primary)?;
        let reign = leads.reign(primary)?;
        let upto = match self.reign {
            Some((known, None)) if known == reign => return Some(reign),
            Some((known, Some(upto))) if known == reign => upto,
            _ => leads.received,
        };
        let has = |state: &State| match replication {
            Replication::RemoteApply => state.applied,
            _ => state.received,
        };
        let standbys = states.iter().filter(|(_, state)| {
            state.standby && state.streams && state.timeline == reign.timeline && has(state) >= upto
        });
        let opens = standbys.count() >= acknowledging;
        self.reign = Some((reign, (!opens).then_some(upto)));
        opens.then_some(reign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reign_begins_closed_and_opens_once_enough_standbys_have_what_it_began_with() {
        let state = |standby: bool, received: u64, started: u64| State {
            standby,
            streams: standby,
            timeline: 2,
            received,
            applied: received - 1,
            settled: true,
            started,
        };
        let mut gate = Gate::default();
        let mut opens = |leads: State, follower: u64, mode| {
            let states = vec![(NodeId(1), leads), (NodeId(2), state(true, follower, 7))];
            gate.mind(NodeId(1), &states, mode, 1).is_some()
        };
        let first = |received| state(false, received, 3);
        assert!(!opens(first(100), 99, Replication::SemiSync));
        assert!(!opens(first(120), 99, Replication::SemiSync));
        assert!(opens(first(130), 100, Replication::SemiSync));
        // Once open it stays open, until it restarts.
        assert!(opens(first(150), 99, Replication::SemiSync));
        let second = |received| state(false, received, 4);
        assert!(!opens(second(150), 150, Replication::RemoteApply));
        assert!(opens(second(160), 151, Replication::RemoteApply));
    }
}
