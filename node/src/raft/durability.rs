//! Which of this node's term, vote and entries are on disk, and which write will bring the rest.

use std::collections::VecDeque;

use super::log::Log;
use super::ready::{Cut, Save, Ticket, Write};
use super::types::{HardState, Index, Time};
use crate::bugs::{self, Bug};

/// Follows writes from the core's memory to the disk.
///
/// A write's claim on entries is clipped when they are truncated, so that its completion never counts for
/// entries that replaced the ones it carried, even where they bear the same name (the ABA of raft-rs #417).
#[derive(Debug)]
pub(super) struct Durability {
    issued: Ticket,
    done: Ticket,
    outstanding: VecDeque<Outstanding>,
    /// When a write last completed.
    progressed: Time,
    durable: Index,
    hard_state: HardStateOn,
    unwritten: Option<Index>,
    unwritten_snapshot: Option<Save>,
    as_leader: bool,
}

/// Where the current term and vote are.
#[derive(Debug)]
enum HardStateOn {
    /// In memory only; the next write takes it.
    Paper,
    /// In that write, perhaps on disk.
    Write(Ticket),
}

#[derive(Debug)]
struct Outstanding {
    ticket: Ticket,
    issued: Time,
    /// First and last entry that it carries and that are still the log's.
    entries: Option<(Index, Index)>,
}

impl Durability {
    /// Everything up to `durable` was found on disk.
    pub(super) fn new(durable: Index, now: Time) -> Durability {
        Durability {
            issued: Ticket(0),
            done: Ticket(0),
            outstanding: VecDeque::new(),
            progressed: now,
            durable,
            hard_state: HardStateOn::Write(Ticket(0)),
            unwritten: None,
            unwritten_snapshot: None,
            as_leader: true,
        }
    }

    /// The last entry that is on disk, and all before it.
    pub(super) fn durable(&self) -> Index {
        self.durable
    }

    /// Term or vote changed in memory.
    pub(super) fn hard_state_changed(&mut self) {
        self.hard_state = HardStateOn::Paper;
    }

    /// Entries from `first` were appended in memory.
    pub(super) fn appended(&mut self, first: Index, as_leader: bool) {
        self.unwritten = Some(self.unwritten.map_or(first, |u| u.min(first)));
        self.as_leader &= as_leader;
    }

    /// Entries from `from` were dropped in memory; others are about to replace them.
    pub(super) fn truncated(&mut self, from: Index) {
        self.durable = self.durable.min(from.previous());
        if bugs::on(Bug::DurableIndexAba) {
            return;
        }
        for write in &mut self.outstanding {
            write.entries = write
                .entries
                .map(|(first, last)| (first, last.min(from.previous())))
                .filter(|(first, last)| first <= last);
        }
    }

    /// A snapshot of what is on disk is to be kept; gives the write that will take it.
    pub(super) fn snapshot_taken(&mut self, save: Save) -> Ticket {
        self.unwritten_snapshot = Some(save);
        self.upcoming()
    }

    /// The whole log was dropped in memory for the leader's snapshot; gives the write that will take it.
    pub(super) fn snapshot_installed(&mut self, save: Save) -> Ticket {
        self.truncated(Index(1));
        self.unwritten = None;
        self.snapshot_taken(save)
    }

    /// The write that brings all that is only in memory; `None` where nothing is.
    pub(super) fn take(&mut self, now: Time, hard_state: HardState, log: &Log) -> Option<Write> {
        let hard_state = matches!(self.hard_state, HardStateOn::Paper).then_some(hard_state);
        let last = log.last().index;
        let entries = self.unwritten.take().filter(|first| *first <= last);
        let snapshot = self.unwritten_snapshot.take();
        if hard_state.is_none() && entries.is_none() && snapshot.is_none() {
            return None;
        }
        let ticket = self.upcoming();
        self.issued = ticket;
        if hard_state.is_some() {
            self.hard_state = HardStateOn::Write(ticket);
        }
        let installed = snapshot.as_ref().filter(|save| save.cut == Cut::Everything);
        let claim = match installed {
            // It brings all that it stands in for.
            Some(save) => Some((Index(1), save.snapshot.last.index.max(last))),
            None => entries.map(|first| (first, last)),
        };
        self.outstanding.push_back(Outstanding {
            ticket,
            issued: now,
            entries: claim,
        });
        let as_leader = std::mem::replace(&mut self.as_leader, true) && entries.is_some();
        Some(Write {
            ticket,
            hard_state,
            snapshot,
            entries: entries.map_or_else(Vec::new, |first| log.range(first, last).to_vec()),
            as_leader,
        })
    }

    /// All writes up to `ticket` are on disk.
    pub(super) fn complete(&mut self, ticket: Ticket, now: Time) {
        while self.outstanding.front().is_some_and(|w| w.ticket <= ticket) {
            let Some(write) = self.outstanding.pop_front() else {
                break;
            };
            self.done = write.ticket;
            self.progressed = now;
            if let Some((_, last)) = write.entries {
                self.durable = self.durable.max(last);
            }
        }
    }

    /// The write after which term and vote are on disk; `None` where they are.
    pub(super) fn hard_state_ticket(&self) -> Option<Ticket> {
        match self.hard_state {
            HardStateOn::Paper => Some(self.upcoming()),
            HardStateOn::Write(ticket) => Some(ticket).filter(|t| *t > self.done),
        }
    }

    /// The write after which entry `index` is on disk; `None` where it is. O(outstanding writes).
    pub(super) fn entry_ticket(&self, index: Index) -> Option<Ticket> {
        let installed = self
            .unwritten_snapshot
            .as_ref()
            .filter(|save| save.cut == Cut::Everything);
        if installed.is_some() {
            return Some(self.upcoming());
        }
        if self.unwritten.is_some_and(|first| first <= index) {
            return Some(self.upcoming());
        }
        self.outstanding
            .iter()
            .find(|w| w.entries.is_some_and(|(a, b)| a <= index && index <= b))
            .map(|w| w.ticket)
    }

    /// Since when writes are waiting without any of them completing.
    pub(super) fn waiting_since(&self) -> Option<Time> {
        let oldest = self.outstanding.front()?;
        Some(oldest.issued.max(self.progressed))
    }

    fn upcoming(&self) -> Ticket {
        Ticket(self.issued.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::{Entry, LogId, Payload};

    const NOW: Time = Time(std::time::Duration::ZERO);

    struct Disk {
        log: Log,
        durability: Durability,
    }

    impl Disk {
        fn empty() -> Disk {
            Disk {
                log: Log::default(),
                durability: Durability::new(Index(0), NOW),
            }
        }

        /// Appends in memory, over a conflict if need be, and issues the write.
        fn write(&mut self, index: u64, term: u64) -> Write {
            if self.log.last().index >= Index(index) {
                self.log.truncate(Index(index));
                self.durability.truncated(Index(index));
            }
            let id = LogId::new(index, term);
            self.log.push(Entry {
                id,
                payload: Payload::Noop,
            });
            self.durability.appended(id.index, false);
            let write = self.durability.take(NOW, HardState::default(), &self.log);
            write.expect("an entry waits")
        }

        fn complete(&mut self, ticket: u64) -> Index {
            self.durability.complete(Ticket(ticket), NOW);
            self.durability.durable()
        }
    }

    #[test]
    fn entries_count_once_their_write_is_done() {
        let mut disk = Disk::empty();
        disk.write(1, 1);
        disk.write(2, 1);
        assert_eq!(disk.durability.entry_ticket(Index(2)), Some(Ticket(2)));
        assert_eq!(disk.complete(1), Index(1));
        assert_eq!(disk.complete(2), Index(2));
        assert_eq!(disk.durability.entry_ticket(Index(2)), None);
    }

    #[test]
    fn a_completion_does_not_count_for_entries_that_replaced_its_own() {
        let mut disk = Disk::empty();
        disk.write(1, 1);
        disk.write(2, 1);
        disk.write(2, 3);
        assert_eq!(disk.complete(2), Index(1));
        assert_eq!(disk.complete(3), Index(2));
    }

    #[test]
    fn nor_where_the_replacement_bears_the_same_name() {
        let mut disk = Disk::empty();
        disk.write(1, 1);
        disk.write(2, 1);
        disk.write(2, 3);
        // The entry of term 1 comes back, from a leader of term 4 that has it.
        disk.log.truncate(Index(2));
        disk.durability.truncated(Index(2));
        disk.log = Log::new(
            LogId::default(),
            disk.log.range(Index(1), Index(1)).to_vec(),
        );
        disk.write(2, 1);
        assert_eq!(disk.complete(2), Index(1));
        assert_eq!(disk.complete(3), Index(1));
        assert_eq!(disk.complete(4), Index(2));
    }

    #[test]
    fn what_was_on_disk_and_was_truncated_is_not() {
        let mut disk = Disk::empty();
        disk.write(1, 1);
        disk.write(2, 1);
        disk.complete(2);
        disk.write(1, 2);
        assert_eq!(disk.durability.durable(), Index(0));
    }

    #[test]
    fn a_changed_vote_waits_for_the_write_that_takes_it() {
        let mut disk = Disk::empty();
        assert_eq!(disk.durability.hard_state_ticket(), None);
        disk.durability.hard_state_changed();
        assert_eq!(disk.durability.hard_state_ticket(), Some(Ticket(1)));
        let write = disk.write(1, 1);
        assert!(write.hard_state.is_some());
        assert_eq!(disk.durability.hard_state_ticket(), Some(Ticket(1)));
        disk.complete(1);
        assert_eq!(disk.durability.hard_state_ticket(), None);
    }
}
