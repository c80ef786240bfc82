//! Snapshots: kept here, cut the log once on disk, sent to who lags behind it, installed from a leader.

use std::sync::Arc;

use super::core::{Core, State};
use super::message::{Body, Chunk, Round};
use super::quorum::Configured;
use super::ready::{Cut, Save, Ticket};
use super::sending::{Kept, Sending};
use super::types::{Entry, Index, LogId, NodeId, Snapshot, Term};
use crate::bugs::{self, Bug};

/// The snapshots that this node has to do with.
#[derive(Debug)]
pub(super) struct Snapshots {
    /// The newest that is on disk here.
    newest: Option<Kept>,
    /// Taken here, and on disk once that write is; and what of the log goes then.
    saving: Option<(Ticket, Arc<Snapshot>, Index)>,
    /// Arrives in pieces.
    incoming: Option<Incoming>,
    /// Stands in for the log already; the state machine gets it once it is on disk.
    installing: Option<Arc<Snapshot>>,
}

/// A snapshot of which some of the beginning has arrived. It outlives its sender: the next leader goes on
/// where the last one ended, if its snapshot is the same.
#[derive(Debug)]
struct Incoming {
    last: LogId,
    configured: Configured,
    size: u64,
    crc: u32,
    /// Of the leader that sent the latest piece.
    term: Term,
    bytes: Vec<u8>,
}

impl Incoming {
    fn new(chunk: &Chunk, term: Term) -> Incoming {
        Incoming {
            last: chunk.last,
            configured: chunk.configured.clone(),
            size: chunk.size,
            crc: chunk.crc,
            term,
            bytes: Vec::new(),
        }
    }

    fn is_of(&self, chunk: &Chunk) -> bool {
        (self.last, self.size, self.crc) == (chunk.last, chunk.size, chunk.crc)
            && self.configured == chunk.configured
    }

    /// Takes a piece that begins where the last one ended; gives how much there is now.
    fn take(&mut self, chunk: &Chunk) -> u64 {
        if chunk.offset == self.bytes.len() as u64 {
            self.bytes.extend_from_slice(&chunk.bytes);
        }
        self.bytes.len() as u64
    }
}

impl Snapshots {
    pub(super) fn new(found: Option<Arc<Snapshot>>) -> Snapshots {
        Snapshots {
            newest: found.map(Kept::new),
            saving: None,
            incoming: None,
            installing: None,
        }
    }

    /// The last entry of the newest one on disk; `0@0` where there is none.
    pub(super) fn last(&self) -> LogId {
        self.newest
            .as_ref()
            .map_or(LogId::default(), |kept| kept.snapshot.last)
    }

    /// The state is being replaced: what the log says and what the state machine holds are two things.
    pub(super) fn is_installing(&self) -> bool {
        self.installing.is_some()
    }
}

impl Core {
    /// Whether it is time for a snapshot at `applied`, given that one is wanted `every` so many entries
    /// (0: never), and none is under way.
    pub fn wants_snapshot(&self, applied: Index, every: u64) -> bool {
        every > 0
            // A snapshot ahead of the log on disk would be damage to the next start.
            && applied <= self.durability.durable()
            && applied.0 >= self.snapshots.last().index.0.saturating_add(every)
            && self.snapshots.saving.is_none()
            && !self.snapshots.is_installing()
            && self.is_told()
    }

    /// After how many bytes of applied entries a snapshot is wanted before its time.
    pub fn log_bytes(&self) -> usize {
        self.config.log_bytes
    }

    /// Whether it knows of a cluster. Before, a snapshot could not say whose it is.
    fn is_told(&self) -> bool {
        !self.members.at(self.handed_out).configuration.is_empty()
    }

    /// The configuration that counts once the entry at `applied` does, which must be committed.
    pub fn configured_at(&self, applied: Index) -> Configured {
        if bugs::on(Bug::SnapshotCarriesWrongConfig) {
            return self.members.configured().clone();
        }
        self.members.at(applied).clone()
    }

    pub(super) fn keep_snapshot(&mut self, last: LogId, data: Arc<[u8]>) {
        let known = self.snapshots.last().index;
        let busy = self.snapshots.saving.is_some() || self.snapshots.is_installing();
        if busy
            || !self.is_told()
            || last.index <= known
            || last.index > self.handed_out.min(self.durability.durable())
            || !self.log.contains(last)
        {
            return;
        }
        // All up to there is committed, so this one is, too.
        let configured = self.configured_at(last.index);
        let snapshot = Arc::new(Snapshot {
            last,
            configured,
            data,
        });
        let upto = Index(last.index.0.saturating_sub(self.config.keep_entries));
        let upto = self.log.tail(upto, last.index, self.config.log_bytes / 2);
        let ticket = self.durability.snapshot_taken(Save {
            snapshot: snapshot.clone(),
            cut: Cut::Prefix(upto),
        });
        self.snapshots.saving = Some((ticket, snapshot, upto));
    }

    /// All writes up to `done` are on disk: the log goes as far as a snapshot among them allows.
    pub(super) fn cut_log(&mut self, done: Ticket) {
        let saved = self.snapshots.saving.take_if(|(t, ..)| *t <= done);
        if let Some((_, snapshot, upto)) = saved {
            self.members.compact(snapshot.last.index);
            self.snapshots.newest = Some(Kept::new(snapshot));
            self.log.compact(upto);
        }
    }

    /// The follower needs entries that are not in the log any more.
    pub(super) fn send_snapshot(&mut self, to: NodeId) {
        let now = self.now;
        if let State::Leader(leader) = &mut self.state
            && let Some(follower) = leader.followers.get_mut(&to)
            && let Some(newest) = &self.snapshots.newest
        {
            follower.begin_snapshot(Sending::new(newest.clone(), now));
            self.send_chunks(to);
        }
    }

    /// Sends pieces of a snapshot as far as the window allows.
    pub(super) fn send_chunks(&mut self, to: NodeId) {
        let (now, bytes) = (self.now, self.config.snapshot_chunk_bytes);
        while let State::Leader(leader) = &mut self.state
            && let Some(follower) = leader.followers.get_mut(&to)
            && let Some(chunk) = follower.sending().and_then(|s| s.next_chunk(bytes, now))
        {
            let round = leader.round;
            self.send(to, Body::Snapshot { chunk, round });
        }
    }

    pub(super) fn on_snapshot_reply(
        &mut self,
        from: NodeId,
        last: LogId,
        received: u64,
        installed: bool,
        round: Round,
    ) {
        let now = self.now;
        let ours = last.index <= self.commit
            && self.log.term_at(last.index).is_none_or(|t| t == last.term);
        let Some(follower) = self.hear(from, round) else {
            return;
        };
        if installed && ours {
            follower.matches(last.index, now);
        } else if let Some(sending) = follower.sending() {
            sending.received(last, received, now);
        }
        self.advance_leader_commit();
        self.confirm_reads();
    }

    /// Raft paper, figure 13, except that a snapshot of what this node has already changes nothing.
    pub(super) fn on_snapshot(&mut self, from: NodeId, chunk: Chunk, round: Round) {
        if !self.follow(from) {
            return;
        }
        let last = chunk.last;
        if last.index <= self.commit || self.log.contains(last) {
            self.verified = self.verified.max(last.index);
            self.commit_to(last.index);
            return self.confirm_snapshot(from, last, chunk.size, round);
        }
        let term = self.hard_state.term;
        let incoming = match self.snapshots.incoming.take() {
            Some(incoming) if incoming.is_of(&chunk) => incoming,
            // Late words of the same leader about what it sent before.
            Some(newer) if newer.term == term && newer.last.index > last.index => {
                self.snapshots.incoming = Some(newer);
                return;
            }
            _ => Incoming::new(&chunk, term),
        };
        let mut incoming = Incoming { term, ..incoming };
        let mut received = incoming.take(&chunk);
        if received < chunk.size {
            self.snapshots.incoming = Some(incoming);
        } else if crc32c::crc32c(&incoming.bytes) == chunk.crc {
            self.install(Arc::new(Snapshot {
                last,
                configured: incoming.configured,
                data: incoming.bytes.into(),
            }));
            return self.confirm_snapshot(from, last, received, round);
        } else {
            // Pieces of two snapshots with one name: all over again.
            received = 0;
        }
        let installed = false;
        let body = Body::SnapshotReply {
            last,
            received,
            installed,
            round,
        };
        self.send(from, body);
    }

    fn confirm_snapshot(&mut self, to: NodeId, last: LogId, received: u64, round: Round) {
        let body = Body::SnapshotReply {
            last,
            received,
            installed: true,
            round,
        };
        self.send_after_entry(last.index, to, body);
    }

    /// The log does not contain the snapshot's last entry, so nothing behind that place is the leader's: it
    /// all goes (openraft 0.7 and Scylla #9551 kept a conflicting tail).
    fn install(&mut self, snapshot: Arc<Snapshot>) {
        let last = snapshot.last;
        self.durability.snapshot_installed(Save {
            snapshot: snapshot.clone(),
            cut: Cut::Everything,
        });
        // What lay before may well have been the same entries.
        let tail = self.tail_kept_by_mistake(last);
        let dropped = self.log.reset(last).into_iter();
        let conflicting = dropped.filter(|id| id.index >= last.index);
        self.ready.rolled_back.extend(conflicting);
        for entry in tail {
            self.durability.appended(entry.id.index, false);
            self.log.push(entry);
        }
        self.snapshots.saving = None;
        self.members.reset(snapshot.configured.clone());
        self.configuration_changed();
        self.snapshots.installing = Some(snapshot);
        self.verified = self.verified.max(last.index);
        self.commit_to(last.index);
    }

    /// `snapshot-keeps-conflicting-suffix`.
    fn tail_kept_by_mistake(&self, last: LogId) -> Vec<Entry> {
        let end = self.log.last().index;
        match bugs::on(Bug::SnapshotKeepsConflictingSuffix) && end > last.index {
            true => self.log.range(last.index.next(), end).to_vec(),
            false => Vec::new(),
        }
    }

    /// Gives out an installed snapshot once it is on disk; false while the state is being replaced.
    pub(super) fn hand_out_snapshot(&mut self) -> bool {
        let durable = self.durability.durable();
        let on_disk = |snapshot: &mut Arc<Snapshot>| snapshot.last.index <= durable;
        if let Some(snapshot) = self.snapshots.installing.take_if(on_disk) {
            self.handed_out = snapshot.last.index;
            self.snapshots.newest = Some(Kept::new(snapshot.clone()));
            self.ready.restore = Some(snapshot);
        }
        !self.snapshots.is_installing()
    }
}
