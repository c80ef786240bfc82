//! Elections: timeouts, pre-votes, votes, and what makes a follower of anybody.

use std::collections::BTreeSet;

use super::core::{Core, State};
use super::leader::Leader;
use super::message::Body;
use super::types::{HardState, Index, LogId, NodeId, Term, Time};
use crate::bugs::{self, Bug};

/// One candidacy. Answers are sets of voters: a duplicate counts once (xraft #27).
#[derive(Debug)]
pub(super) struct Ballot {
    granted: BTreeSet<NodeId>,
    refused: BTreeSet<NodeId>,
    /// The leader asked for this election.
    transfer: bool,
    /// When those that did not answer are asked again.
    pub(super) ask_again: Time,
}

impl Core {
    /// Draws the next election timeout.
    pub(super) fn reset_election_timer(&mut self) {
        let mut timeout = self.rng.between(self.config.election_timeout);
        if bugs::on(Bug::NoElectionJitter) {
            timeout = self.config.election_timeout.0;
        }
        self.election_deadline = self.now + timeout;
    }

    /// Follows `leader`, or nobody yet, in `term`. The vote of an unchanged term is kept (etcd #2461).
    pub(super) fn become_follower(&mut self, term: Term, leader: Option<NodeId>) {
        if term > self.hard_state.term {
            self.hard_state = HardState { term, vote: None };
            self.durability.hard_state_changed();
            self.verified = Index(0);
        } else if bugs::on(Bug::VoteClearedSameTermStepdown) && self.hard_state.vote.is_some() {
            self.hard_state.vote = None;
            self.durability.hard_state_changed();
        }
        if self.leader != leader || leader.is_none() {
            self.heard = None;
        }
        self.leader = leader;
        let was = std::mem::replace(&mut self.state, State::Follower);
        if !matches!(was, State::Follower) {
            self.reset_election_timer();
        }
        if let State::Leader(leader) = was {
            self.abandon_leader_reads(*leader);
        }
        self.abandon_forwarded_reads();
    }

    pub(super) fn election_timed_out(&mut self) {
        self.reset_election_timer();
        if !self.is_candidate_at_all() {
            // It may never hear of a next one.
            return self.become_follower(self.hard_state.term, None);
        }
        if !self.may_campaign() {
            return self.ask_again();
        }
        if self.config.pre_vote {
            self.canvass();
        } else {
            self.campaign(false);
        }
    }

    /// A node that cannot write could win and then not lead; one that has yet to save its last vote would
    /// only pile up terms; one that is between two states has none to lead with (etcd #12163).
    fn may_campaign(&self) -> bool {
        self.is_candidate_at_all()
            && self.durability.hard_state_ticket().is_none()
            && !self.snapshots.is_installing()
            && (self.is_alone() || (!self.disk_full && !self.disk_stalls()))
    }

    /// Voters are. So is who voted by the configuration before, as long as the last one may not be committed: others
    /// may lack that entry, so that nobody but this node could win (Raft dissertation, 4.2.2). Its own vote does not
    /// count then.
    fn is_candidate_at_all(&self) -> bool {
        let (id, members) = (self.config.id, &self.members);
        let voted = || members.before().is_some_and(|b| b.is_voter(id));
        members.latest().is_voter(id) || (members.configured().by.index > self.commit && voted())
    }

    fn canvass(&mut self) {
        self.become_follower(self.hard_state.term, None);
        let mut ballot = self.new_ballot(false);
        ballot.granted.insert(self.config.id);
        self.state = State::PreCandidate(ballot);
        self.note_transition();
        self.ask();
        self.tally();
    }

    fn campaign(&mut self, transfer: bool) {
        self.become_follower(self.hard_state.term.next(), None);
        self.hard_state.vote = Some(self.config.id);
        self.state = State::Candidate(self.new_ballot(transfer));
        self.note_transition();
        self.ask();
    }

    fn new_ballot(&self, transfer: bool) -> Ballot {
        Ballot {
            granted: BTreeSet::new(),
            refused: BTreeSet::new(),
            transfer,
            ask_again: self.now + self.config.heartbeat,
        }
    }

    /// Asks again where answers are due; requests and answers get lost.
    pub(super) fn ask_again(&mut self) {
        let (State::PreCandidate(ballot) | State::Candidate(ballot)) = &mut self.state else {
            return;
        };
        if self.now < ballot.ask_again {
            return;
        }
        ballot.ask_again = self.now + self.config.heartbeat;
        // While our own vote is on its way to the disk, the first requests still wait for it.
        if self.durability.hard_state_ticket().is_none() {
            self.ask();
        }
    }

    /// Asks all that have not granted or refused.
    fn ask(&mut self) {
        let last = self.log.last();
        let (ballot, term, body) = match &self.state {
            State::PreCandidate(ballot) => {
                let term = self.hard_state.term.next();
                (ballot, term, Body::PreVote { last })
            }
            State::Candidate(ballot) => {
                let transfer = ballot.transfer;
                let body = Body::Vote { last, transfer };
                (ballot, self.hard_state.term, body)
            }
            State::Follower | State::Leader(_) => return,
        };
        let open: Vec<NodeId> = self
            .members
            .latest()
            .other_voters(self.config.id)
            .filter(|id| !ballot.granted.contains(id) && !ballot.refused.contains(id))
            .collect();
        for to in open {
            self.send_in_term(to, term, body.clone());
        }
    }

    /// A candidate's own vote counts once it is on disk, like anybody's.
    pub(super) fn count_own_vote(&mut self) {
        if self.durability.hard_state_ticket().is_some() {
            return;
        }
        if let State::Candidate(ballot) = &mut self.state {
            ballot.granted.insert(self.config.id);
            self.tally();
        }
    }

    fn tally(&mut self) {
        let members = self.members.latest();
        match &self.state {
            State::PreCandidate(ballot) => {
                if members.is_quorum(|id| ballot.granted.contains(&id)) {
                    self.campaign(false);
                }
            }
            State::Candidate(ballot) => {
                if members.is_quorum(|id| ballot.granted.contains(&id)) || self.half_elects() {
                    self.become_leader();
                } else if !members.is_quorum(|id| !ballot.refused.contains(&id)) {
                    self.become_follower(self.hard_state.term, None);
                }
            }
            State::Follower | State::Leader(_) => {}
        }
    }

    /// Raft paper, 5.2 and 5.4.1.
    pub(super) fn on_vote(&mut self, from: NodeId, last: LogId) {
        let free = match self.hard_state.vote {
            None => self.leader.is_none(),
            // Granted again: the first answer may have been lost (hashicorp/raft #74).
            Some(vote) => vote == from && !bugs::on(Bug::RevoteRejected),
        };
        let granted = free && self.is_up_to_date(last) && self.may_vote();
        if granted {
            if self.hard_state.vote.is_none() {
                self.hard_state.vote = Some(from);
                self.durability.hard_state_changed();
            }
            self.reset_election_timer();
        }
        self.send(from, Body::VoteReply { granted });
    }

    /// Changes nothing here. A grant carries the term that was asked about; a refusal carries our own,
    /// which an asker that lags adopts: else neither could ever win (etcd #8243).
    pub(super) fn on_pre_vote(&mut self, from: NodeId, asked: Term, last: LogId) {
        let granted = asked > self.hard_state.term
            && !self.is_loyal()
            && !self.is_bound()
            && self.is_up_to_date(last)
            && self.may_vote();
        let term = if granted { asked } else { self.hard_state.term };
        self.send_in_term(from, term, Body::PreVoteReply { granted });
    }

    pub(super) fn on_pre_vote_granted(&mut self, from: NodeId, asked: Term) {
        if asked != self.hard_state.term.next() {
            return;
        }
        if let State::PreCandidate(ballot) = &mut self.state {
            ballot.granted.insert(from);
            self.tally();
        }
    }

    pub(super) fn on_vote_reply(&mut self, from: NodeId, granted: bool) {
        if let State::Candidate(ballot) = &mut self.state {
            let answers = match granted {
                true => &mut ballot.granted,
                false => &mut ballot.refused,
            };
            let again = !answers.insert(from);
            if again && granted && bugs::on(Bug::DuplicateVoteCounted) {
                let other = self.members.latest().other_voters(self.config.id);
                answers.extend(other.filter(|id| *id != from).take(1));
            }
            self.tally();
        }
    }

    /// The leader hands over: no pre-vote, no waiting (Raft dissertation, 3.10).
    pub(super) fn on_timeout_now(&mut self, from: NodeId) {
        if self.leader == Some(from) && self.may_campaign() {
            self.campaign(true);
        }
    }

    /// Whether a leader was heard so recently that an election would only disturb it; of a leader, whether
    /// a quorum still answers it.
    pub(super) fn is_loyal(&self) -> bool {
        if !self.config.stickiness || self.breaks_leases() {
            return false;
        }
        match &self.state {
            State::Leader(leader) => self.hears_quorum(leader),
            _ => self
                .heard
                .is_some_and(|at| self.now - at < self.config.election_timeout.0),
        }
    }

    /// Anybody that knows of a cluster: a learner may have become a voter by an entry that it has yet to get
    /// (Raft dissertation, 4.2.1). Whether its vote counts is the candidate's business.
    fn may_vote(&self) -> bool {
        !self.members.latest().is_empty()
    }

    pub(super) fn is_up_to_date(&self, last: LogId) -> bool {
        last.up_to_date_key() >= self.log.last().up_to_date_key() || bugs::on(Bug::VoteNoLogCheck)
    }

    /// `election-quorum-short`.
    fn half_elects(&self) -> bool {
        let State::Candidate(ballot) = &self.state else {
            return false;
        };
        bugs::on(Bug::ElectionQuorumShort)
            && ballot.granted.len()
                >= self
                    .members
                    .latest()
                    .other_voters(self.config.id)
                    .count()
                    .div_ceil(2)
            && self.durability.hard_state_ticket().is_none()
    }

    fn become_leader(&mut self) {
        assert!(
            self.durability.hard_state_ticket().is_none(),
            "a leader's own vote is on disk"
        );
        let mut followers = self.members.latest().members();
        followers.remove(&self.config.id);
        self.state = State::Leader(Box::new(Leader::new(
            followers.into_iter(),
            self.log.last().index,
            self.now,
            self.config.heartbeat,
        )));
        self.leader = Some(self.config.id);
        self.heard = None;
        self.note_transition();
        self.begin_term();
    }
}
