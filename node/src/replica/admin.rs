//! What operators ask for: leadership elsewhere, a snapshot now. And the snapshots that nobody has to ask for.

use super::{Failure, Replica, Reply};
use crate::raft::{Index, Input, NodeId, Role, Time};

impl Replica {
    /// Hands leadership to a node, or to the follower that has come furthest. Answered as soon as the attempt begins.
    pub fn transfer(
        &mut self,
        now: Time,
        to: Option<NodeId>,
        reply: Reply<Result<NodeId, Failure>>,
    ) {
        let leader = self.leader.filter(|_| self.role != Role::Leader);
        let result = if self.role != Role::Leader {
            Err(Failure::NotLeader { leader })
        } else {
            self.step(now, Input::Transfer { to });
            let target = self.core.status().transfer;
            target.ok_or(Failure::NoSuccessor)
        };
        reply(result);
    }

    /// This node is about to stop: a leader hands over.
    pub fn on_stop(&mut self, now: Time) {
        self.step(now, Input::Transfer { to: None });
    }

    /// Takes a snapshot of what is applied now. Answered once one that covers it is on disk, with its last index.
    pub fn snapshot(&mut self, reply: Reply<Index>) {
        self.snapshots_asked.push((self.applied.index, reply));
    }

    /// Takes a snapshot where one is due or asked for: of exactly what is applied. True if it did. O(state).
    pub(super) fn take_snapshot(&mut self, now: Time) -> bool {
        self.answer_snapshots();
        let last = self.applied;
        let every = match self.snapshots_asked.is_empty() {
            true => self.snapshot_every,
            false => 1,
        };
        let due = self.core.wants_snapshot(last.index, every);
        if due {
            let data = self.machine.snapshot().into();
            self.core.step(now, Input::Snapshot { last, data });
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
            reply(on_disk);
        }
    }
}
