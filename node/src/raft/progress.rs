//! How far one follower has come, and how much may be sent to it before it answers.

use std::collections::VecDeque;
use std::time::Duration;

use super::message::Round;
use super::sending::Sending;
use super::types::{Index, LogId, Time};
use crate::bugs::{self, Bug};

/// A leader's view of one follower.
#[derive(Debug)]
pub(super) struct Progress {
    /// On its disk and equal to the leader's log up to here. Only successful answers raise it.
    pub(super) matched: Index,
    /// The next entry to send.
    pub(super) next: Index,
    /// The latest round that it echoed.
    pub(super) echoed: Round,
    /// When it last said anything in this term.
    pub(super) active: Time,
    /// The highest commit index that it was told, as far as it may use it.
    pub(super) commit_told: Index,
    /// The highest commit index that it is known to have heard.
    pub(super) commit_known: Index,
    commit_on_its_way: Option<(Round, Index)>,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    /// Where its log meets the leader's is unknown: one append at a time, and when and up to where it went.
    Probe { sent: Option<(Time, Index)> },
    /// The logs meet: a window of appends, each by its last entry's index.
    Pipeline {
        inflight: VecDeque<Index>,
        /// When the oldest of them was sent, or the last of them was answered.
        moved: Time,
    },
    /// What it needs next is not in the leader's log any more.
    Snapshot(Sending),
}

impl Progress {
    /// Nothing is known but that `last` is where the leader's log ended when it began.
    pub(super) fn new(last: Index, now: Time) -> Progress {
        Progress {
            matched: Index(0),
            next: last.next(),
            echoed: Round(0),
            active: now,
            commit_told: Index(0),
            commit_known: Index(0),
            commit_on_its_way: None,
            pace: Pace::Probe { sent: None },
        }
    }

    /// Whether an append may leave now, given that there is something to send up to `last`.
    pub(super) fn may_send(&self, last: Index, max_inflight: usize) -> bool {
        match &self.pace {
            // A probe is worth sending even without entries: it finds where the logs meet.
            Pace::Probe { sent } => sent.is_none() && self.matched < last,
            Pace::Pipeline { inflight, .. } => {
                self.next <= last && inflight.len() < max_inflight.max(1)
            }
            Pace::Snapshot(_) => false,
        }
    }

    /// An append of everything up to `last` left.
    pub(super) fn sent(&mut self, last: Index, now: Time) {
        match &mut self.pace {
            Pace::Probe { sent } => *sent = Some((now, last)),
            Pace::Pipeline { inflight, moved } => {
                if inflight.is_empty() {
                    *moved = now;
                }
                inflight.push_back(last);
                self.next = last.next();
            }
            Pace::Snapshot(_) => {}
        }
    }

    /// A snapshot goes first.
    pub(super) fn begin_snapshot(&mut self, sending: Sending) {
        self.pace = Pace::Snapshot(sending);
    }

    /// The snapshot that is on its way.
    pub(super) fn sending(&mut self) -> Option<&mut Sending> {
        match &mut self.pace {
            Pace::Snapshot(sending) => Some(sending),
            _ => None,
        }
    }

    /// Begins again from what is known where nothing was answered for `patience`: answers to heartbeats
    /// prove that the follower lives, not that an append arrived (hashicorp/raft #612).
    pub(super) fn give_up_waiting(&mut self, now: Time, patience: Duration) {
        if bugs::on(Bug::PipelineWedgedAfterLoss) {
            return;
        }
        match &mut self.pace {
            Pace::Probe { sent } => *sent = sent.filter(|(at, _)| now - *at < patience),
            Pace::Pipeline { inflight, moved } => {
                if !inflight.is_empty() && now - *moved >= patience {
                    self.probe_from(self.matched.next());
                }
            }
            Pace::Snapshot(sending) => sending.give_up_waiting(now, patience),
        }
    }

    /// It has everything up to `index` on disk. Late answers change nothing.
    pub(super) fn matches(&mut self, index: Index, now: Time) {
        let advanced = index > self.matched;
        self.matched = self.matched.max(index);
        match &mut self.pace {
            // An answer to what was sent before the probe. To open the window for it would send everything
            // again for each append of a window that was lost.
            Pace::Probe { sent } if sent.is_some_and(|(_, end)| index < end) => {
                self.next = self.next.max(self.matched.next());
            }
            Pace::Snapshot(sending) if self.matched < sending.last().index => {}
            Pace::Probe { .. } | Pace::Snapshot(_) => {
                self.next = self.matched.next();
                self.pace = Pace::Pipeline {
                    inflight: VecDeque::new(),
                    moved: now,
                };
            }
            Pace::Pipeline { inflight, moved } => {
                self.next = self.next.max(self.matched.next());
                if advanced {
                    *moved = now;
                }
                while inflight.front().is_some_and(|last| *last <= index) {
                    inflight.pop_front();
                }
            }
        }
    }

    /// It has no entry `prev`; below `candidate` (by the hint, in the leader's log) it may. Refusals of what
    /// is not outstanding any more change nothing.
    pub(super) fn conflicts(&mut self, prev: LogId, candidate: Index) {
        if prev.index <= self.matched {
            return;
        }
        match &self.pace {
            Pace::Probe { .. } if prev.index == self.next.previous() => {
                // The hint only chooses where to ask next: it is never taken for a match (CCF #5325).
                let lower = candidate.next().min(self.next.previous());
                self.probe_from(lower.max(self.matched.next()));
            }
            Pace::Probe { .. } | Pace::Snapshot(_) => {}
            Pace::Pipeline { .. } if bugs::on(Bug::PipelineWedgedAfterLoss) => {}
            // An append before this one was lost.
            Pace::Pipeline { .. } => self.probe_from(self.matched.next()),
        }
    }

    fn probe_from(&mut self, next: Index) {
        self.next = next;
        self.pace = Pace::Probe { sent: None };
    }

    /// It was told in `round` that everything up to `commit` is committed.
    pub(super) fn told_commit(&mut self, round: Round, commit: Index) {
        if commit > self.commit_told {
            self.commit_told = commit;
            self.commit_on_its_way.get_or_insert((round, commit));
        }
    }

    /// It answered something of `round`.
    pub(super) fn echoes(&mut self, round: Round, now: Time) {
        self.active = now;
        self.echoed = self.echoed.max(round);
        if let Some((_, commit)) = self.commit_on_its_way.take_if(|(r, _)| *r <= round) {
            self.commit_known = self.commit_known.max(commit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(150);

    fn at(ms: u64) -> Time {
        Time(Duration::from_millis(ms))
    }

    fn pipelining() -> Progress {
        let mut progress = Progress::new(Index(9), at(0));
        progress.matches(Index(5), at(0));
        progress
    }

    #[test]
    fn a_probe_waits_for_its_answer() {
        let mut progress = Progress::new(Index(9), at(0));
        assert!(progress.may_send(Index(10), 4));
        progress.sent(Index(10), at(0));
        assert!(!progress.may_send(Index(10), 4));
        progress.give_up_waiting(at(149), PATIENCE);
        assert!(!progress.may_send(Index(10), 4));
        progress.give_up_waiting(at(150), PATIENCE);
        assert!(progress.may_send(Index(10), 4));
    }

    #[test]
    fn a_full_window_stops_and_an_answer_opens_it() {
        let mut progress = pipelining();
        progress.sent(Index(6), at(0));
        progress.sent(Index(7), at(0));
        assert!(!progress.may_send(Index(9), 2));
        progress.matches(Index(6), at(1));
        assert!(progress.may_send(Index(9), 2));
    }

    #[test]
    fn a_window_without_answers_is_sent_again_although_the_follower_lives() {
        let mut progress = pipelining();
        progress.sent(Index(6), at(0));
        progress.echoes(Round(7), at(149));
        progress.give_up_waiting(at(150), PATIENCE);
        assert_eq!(progress.next, Index(6));
        assert!(progress.may_send(Index(9), 2));
    }

    #[test]
    fn a_late_refusal_changes_nothing() {
        let mut progress = pipelining();
        progress.conflicts(LogId::new(4, 1), Index(1));
        assert_eq!((progress.matched, progress.next), (Index(5), Index(6)));
        let mut probe = Progress::new(Index(9), at(0));
        probe.conflicts(LogId::new(7, 1), Index(1));
        assert_eq!(probe.next, Index(10));
    }

    #[test]
    fn a_refusal_lowers_next_and_never_raises_match() {
        let mut probe = Progress::new(Index(9), at(0));
        probe.conflicts(LogId::new(9, 3), Index(4));
        assert_eq!((probe.matched, probe.next), (Index(0), Index(5)));
        // A hint that would not go back is not believed.
        probe.conflicts(LogId::new(4, 2), Index(8));
        assert_eq!(probe.next, Index(4));
    }

    #[test]
    fn only_the_answer_to_the_probe_opens_the_window() {
        let mut progress = pipelining();
        for last in 6..=9 {
            progress.sent(Index(last), at(0));
        }
        progress.conflicts(LogId::new(8, 1), Index(1));
        progress.sent(Index(9), at(1));
        progress.matches(Index(6), at(2));
        assert!(!progress.may_send(Index(20), 4));
        progress.matches(Index(9), at(3));
        assert!(progress.may_send(Index(20), 4));
    }

    #[test]
    fn match_never_goes_back() {
        let mut progress = pipelining();
        progress.matches(Index(3), at(1));
        assert_eq!(progress.matched, Index(5));
    }

    #[test]
    fn a_commit_is_known_there_once_its_round_is_echoed() {
        let mut progress = pipelining();
        progress.told_commit(Round(3), Index(4));
        progress.echoes(Round(2), at(1));
        assert_eq!(progress.commit_known, Index(0));
        progress.echoes(Round(3), at(2));
        assert_eq!(progress.commit_known, Index(4));
    }
}
