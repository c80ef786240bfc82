//! What operators ask for: leadership elsewhere, a snapshot now. And the snapshots that nobody has to ask for.

use tokio::sync::oneshot;

use super::{Driver, Failure};
use crate::raft::{Input, NodeId, Role};

impl Driver {
    pub(super) fn hand_over(
        &mut self,
        to: Option<NodeId>,
        reply: oneshot::Sender<Result<NodeId, Failure>>,
    ) {
        let leader = self.leader.filter(|_| self.role != Role::Leader);
        let result = if self.role != Role::Leader {
            Err(Failure::NotLeader { leader })
        } else {
            self.step(Input::Transfer { to });
            let target = self.core.status().transfer;
            target.ok_or(Failure::NoSuccessor)
        };
        // Who has gone away needs no answer.
        let _ = reply.send(result);
    }

    /// Takes a snapshot where one is due or asked for: of exactly what is applied. True if it did. O(state).
    pub(super) fn take_snapshot(&mut self) -> bool {
        self.answer_snapshots();
        let last = self.applied;
        let every = match self.snapshots_asked.is_empty() {
            true => self.snapshot_every,
            false => 1,
        };
        let due = self.core.wants_snapshot(last.index, every);
        if due {
            let data = self.machine.snapshot().into();
            self.step(Input::Snapshot { last, data });
        }
        due
    }

    fn answer_snapshots(&mut self) {
        let asked = &mut self.snapshots_asked;
        if asked.is_empty() {
            return;
        }
        let on_disk = self.core.status().snapshot.index;
        for (_, reply) in asked.extract_if(.., |(upto, _)| *upto <= on_disk) {
            let _ = reply.send(on_disk);
        }
        asked.retain(|(_, reply)| !reply.is_closed());
    }
}
