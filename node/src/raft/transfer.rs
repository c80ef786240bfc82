//! Handing leadership over: on request, or because this node's disk cannot keep up with leading.

use std::time::Duration;

use super::core::{Core, State};
use super::message::{Body, Round};
use super::types::{NodeId, Time};

/// A hand-over under way. Proposals are refused meanwhile, at most for an election timeout.
#[derive(Debug)]
pub(super) struct Transfer {
    to: NodeId,
    deadline: Time,
    /// Not asked for: this node's disk is full or stalls.
    for_disk: bool,
    /// The round in which the target was told to campaign; told again in each later one.
    told: Option<Round>,
}

impl Transfer {
    /// Who is to lead.
    pub(super) fn to(&self) -> NodeId {
        self.to
    }
}

impl Core {
    pub(super) fn transfer(&mut self, to: Option<NodeId>) {
        let target = to.or_else(|| self.furthest_follower(None));
        if let Some(target) = target {
            self.begin_transfer(target, false);
        }
    }

    pub(super) fn disk_is_full(&mut self, full: bool) {
        self.disk_full = full;
        if full {
            self.tick_transfer();
        } else if let State::Leader(leader) = &mut self.state {
            leader.transfer.take_if(|t| t.for_disk);
        }
    }

    /// Ends a hand-over that nobody took up, and begins one where the disk demands it.
    pub(super) fn tick_transfer(&mut self) {
        let now = self.now;
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let failed = leader.transfer.take_if(|t| now >= t.deadline);
        let busy = leader.transfer.is_some();
        if failed.is_some() && self.is_retiring() {
            return self.become_follower(self.hard_state.term, None);
        }
        let stalls = self.disk_stalls() && !self.is_alone();
        // Without space it can still lead reads; with a disk that does not answer, not even that.
        if stalls && !self.disk_full && failed.as_ref().is_some_and(|t| t.for_disk) {
            return self.become_follower(self.hard_state.term, None);
        }
        if (self.disk_full || stalls) && !busy {
            let tried = failed.map(|t| t.to);
            let target = self
                .furthest_follower(tried)
                .or_else(|| self.furthest_follower(None));
            if let Some(target) = target {
                self.begin_transfer(target, true);
            }
        }
    }

    fn begin_transfer(&mut self, to: NodeId, for_disk: bool) {
        let deadline = self.now + self.config.election_timeout.1;
        if let State::Leader(leader) = &mut self.state
            && leader.followers.contains_key(&to)
            && self.members.latest().voters().contains(&to)
        {
            leader.transfer = Some(Transfer {
                to,
                deadline,
                for_disk,
                told: None,
            });
        }
    }

    /// This node votes no more, and leads until all that it accepted is committed and another one can take over, at
    /// most for an election timeout.
    pub(super) fn retire(&mut self) {
        let State::Leader(leader) = &self.state else {
            return;
        };
        if leader.transfer.is_some() {
            return;
        }
        match self.furthest_follower(None) {
            Some(target) => self.begin_transfer(target, false),
            None => self.become_follower(self.hard_state.term, None),
        }
    }

    /// The voter that has most of the log among those that answer.
    fn furthest_follower(&self, except: Option<NodeId>) -> Option<NodeId> {
        let State::Leader(leader) = &self.state else {
            return None;
        };
        let patience: Duration = self.config.election_timeout.0;
        let voters = self.members.latest().voters();
        leader
            .followers
            .iter()
            .filter(|(id, _)| Some(**id) != except && voters.contains(id))
            .filter(|(_, f)| self.now - f.active < patience)
            .max_by_key(|(_, f)| f.matched)
            .map(|(id, _)| *id)
    }

    /// The target has the whole log: it may campaign at once.
    pub(super) fn hand_over_if_caught_up(&mut self) {
        let last = self.log.last().index;
        let retires = self.is_retiring();
        if retires && self.commit < last {
            // Whoever waits for what it accepted is answered first: later it will hear no more of it.
            return;
        }
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        let round = leader.round;
        let Some(transfer) = &mut leader.transfer else {
            return;
        };
        let to = transfer.to;
        let caught_up = leader.followers.get(&to).is_some_and(|f| f.matched == last);
        if caught_up && transfer.told.is_none_or(|told| told < round) {
            transfer.told = Some(round);
            leader.lease.forfeit();
            if retires {
                // All may apply what it was the last to see committed.
                self.begin_round();
            }
            self.send(to, Body::TimeoutNow);
            if retires {
                self.become_follower(self.hard_state.term, None);
            }
        }
    }
}
