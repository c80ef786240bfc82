//! What operators ask for: leadership elsewhere, a snapshot now. And the snapshots that nobody has to ask for.

use super::{Failure, Job, Replica, Reply};
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

    /// Begins a snapshot where one is due or asked for: of exactly what is applied. Little of it is done here, see
    /// [`Frozen`](crate::kv::Frozen).
    pub(super) fn take_snapshot(&mut self) {
        self.answer_snapshots();
        let heavy = self.snapshot_every > 0 && self.applied_bytes > self.core.log_bytes();
        let every = match self.snapshots_asked.is_empty() && !heavy {
            true => self.snapshot_every,
            false => 1,
        };
        let busy = self.freezing || self.restoring.is_some();
        if !busy && self.core.wants_snapshot(self.applied.index, every) {
            self.freezing = true;
            let frozen = Box::new(self.machine.freeze());
            let configured = self.core.configured_at(self.applied.index);
            self.work.jobs.push(Job::Freeze(frozen, configured));
        }
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
