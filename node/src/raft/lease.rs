//! Reads without a round of their own, while a quorum is bound by its promise not to elect anybody else.
//!
//! Raft dissertation, 6.4.1. A follower that hears a leader refuses its vote for the least election timeout, as its
//! own clock counts it. So from the moment a round was *sent* that a quorum echoed, nobody else can lead for that
//! long, less what clocks may differ in rate. What could break the promise ends the lease: a follower that
//! restarts first waits it out; a leader that told another node to campaign has no lease again in its term, as
//! those words may arrive at any time. All nodes must run with the same setting.

use std::collections::VecDeque;
use std::time::Duration;

use super::core::{Core, State};
use super::leader::Leader;
use super::message::Round;
use super::types::Time;
use crate::bugs::{self, Bug};

/// What a leader knows of its lease.
#[derive(Debug)]
pub(super) struct Lease {
    /// When each round was first sent, from the latest that a quorum echoed on.
    sent: VecDeque<(Round, Time)>,
    forfeited: bool,
}

impl Lease {
    pub(super) fn new(now: Time) -> Lease {
        Lease {
            sent: VecDeque::from([(Round(0), now)]),
            forfeited: false,
        }
    }

    /// `round` begins.
    pub(super) fn begins(&mut self, round: Round, now: Time) {
        self.sent.push_back((round, now));
    }

    /// Another node was told to campaign.
    pub(super) fn forfeit(&mut self) {
        self.forfeited = true;
    }

    /// A quorum has echoed `round`.
    pub(super) fn echoed(&mut self, round: Round, now: Time) {
        let news = self.sent.front().is_some_and(|(r, _)| *r < round);
        while self.sent.front().is_some_and(|(r, _)| *r < round) {
            self.sent.pop_front();
        }
        if news && bugs::on(Bug::LeaseCountedInTicks) {
            self.sent
                .front_mut()
                .into_iter()
                .for_each(|(_, at)| *at = now);
        }
    }
}

impl Core {
    /// For how long a lease holds from when its round was sent; `None`: leases are not used.
    fn lease_length(&self) -> Option<Duration> {
        let drift = self.config.lease_drift_percent?;
        Some(self.config.election_timeout.0 * (100 - drift.min(100)) / 100)
    }

    /// Until when nobody else can lead; `None` without a lease.
    pub(super) fn lease_until(&self) -> Option<Time> {
        let length = self.lease_length()?;
        let State::Leader(leader) = &self.state else {
            return None;
        };
        if leader.lease.forfeited || leader.transfer.is_some() {
            return None;
        }
        let echoed = self.echoed_by_quorum(leader);
        let (_, start) = leader.lease.sent.iter().find(|(r, _)| *r == echoed)?;
        Some(*start + length)
    }

    /// What is left of the lease by which a read may be served without asking anybody; `None`: it may not.
    pub(super) fn lease_left(&self) -> Option<Duration> {
        let until = self.lease_until()?;
        (self.now < until).then(|| until - self.now)
    }

    /// Whether so little is left of a lease that a mistake in it would show.
    pub(super) fn is_late(&self, left: Duration) -> bool {
        self.lease_length().is_some_and(|length| left < length / 10)
    }

    /// Whether a leader may still rest on this node's silence, whatever term it has come to since.
    pub(super) fn is_bound(&self) -> bool {
        let promise: Duration = self.config.election_timeout.0;
        self.config.lease_drift_percent.is_some()
            && !self.breaks_leases()
            && self.bound_since.is_some_and(|at| self.now - at < promise)
    }

    /// `lease-without-vote-stickiness`.
    pub(super) fn breaks_leases(&self) -> bool {
        self.config.lease_drift_percent.is_some() && bugs::on(Bug::LeaseWithoutVoteStickiness)
    }

    /// The latest round that a quorum echoed.
    pub(super) fn echoed_by_quorum(&self, leader: &Leader) -> Round {
        self.members.latest().agreed(|id| {
            if id == self.config.id {
                leader.round
            } else {
                leader.followers.get(&id).map_or(Round(0), |f| f.echoed)
            }
        })
    }
}
