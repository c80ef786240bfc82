//! What the core asks of its driver after inputs: write this, send that, send those once it is on disk.

use std::sync::Arc;

use serde::Serialize;

use super::change::ChangeRefusal;
use super::message::Message;
use super::quorum::Configured;
use super::types::{Entry, HardState, Index, LogId, NodeId, RequestId, Role, Snapshot, Term};
use crate::storage::Durable;

/// Numbers the core's writes, from 1, in order and without gaps within a boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Something to put on disk. Writes are applied in the order of their tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Its number.
    pub ticket: Ticket,
    /// New term and vote.
    pub hard_state: Option<HardState>,
    /// A snapshot to keep; it comes before the entries.
    pub snapshot: Option<Save>,
    /// Entries to append, contiguous. Everything in the log at or above the first one's index is replaced.
    pub entries: Vec<Entry>,
    /// Appended by this node as leader (true) or on a leader's word (false).
    pub as_leader: bool,
}

/// A snapshot to put on disk, and what of the log goes once it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    /// It replaces all earlier ones.
    pub snapshot: Arc<Snapshot>,
    /// What it stands in for.
    pub cut: Cut,
}

/// What of the log goes once a snapshot is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Taken here: entries up to this index are not needed any more.
    Prefix(Index),
    /// From the leader, and not part of this log: all of it goes, the next entry follows the snapshot.
    Everything,
}

/// A message that rests on a write. It leaves only in exchange for proof that the write is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    ticket: Ticket,
    message: Message,
}

impl Promise {
    /// Seals `message` until the write `ticket` is on disk.
    pub(super) fn new(ticket: Ticket, message: Message) -> Promise {
        Promise { ticket, message }
    }

    /// The write that it waits for.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The message, in exchange for proof.
    ///
    /// # Errors
    /// Gives the promise back where the proof is of earlier writes only.
    pub fn release(self, proof: &Durable) -> Result<Message, Promise> {
        if proof.ticket() >= self.ticket {
            Ok(self.message)
        } else {
            Err(self)
        }
    }
}

/// Why the core will not serve a request. The request has certainly had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// This node does not lead; perhaps that one does.
    NotLeader {
        /// The leader it knows of.
        leader: Option<NodeId>,
    },
    /// The disk is full: reads only.
    DiskFull,
    /// Too many bytes of commands wait for their commit.
    Overloaded,
    /// The configuration will not be changed.
    Change(ChangeRefusal),
    /// The read could not be confirmed: leadership was lost or changed on the way.
    ReadAbandoned,
}

/// A change of role, term or leader: one log line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Role before.
    pub from: Role,
    /// Role after.
    pub to: Role,
    /// Term after.
    pub term: Term,
    /// Leader after, as far as known.
    pub leader: Option<NodeId>,
}

/// All that the driver has to do, in the order: queue `write`, send `messages`, keep `promises` until proof,
/// take `restore` for the state, apply `committed`, then `ahead`, answer `reads`, resolve the rest.
#[derive(Debug, Default)]
pub struct Ready {
    /// To disk; its [`Durable`] comes back as an input.
    pub write: Option<Write>,
    /// May leave at once: they rest on nothing that is not on disk already.
    pub messages: Vec<Message>,
    /// Leave when their write is on disk.
    pub promises: Vec<Promise>,
    /// The state machine's new state, before `committed`: it stands in for all entries up to its last. On disk
    /// here and committed.
    pub restore: Option<Arc<Snapshot>>,
    /// To the state machine, in order, each exactly once in a boot. On disk here and on a majority.
    pub committed: Vec<Entry>,
    /// On a leader that answers ahead of commits: to a copy of the state machine, in order, behind what is
    /// committed; and then answered. They may yet be rolled back. The first of a leadership follows the last
    /// entry of `committed`, the others follow each other.
    pub ahead: Vec<Entry>,
    /// On a leader that answers only what every voter has on disk: up to where that is so.
    pub on_all: Option<Index>,
    /// Reads that may be answered from the state machine once this `committed` is applied, on a leader that
    /// answers ahead from the copy once `ahead` is; or not at all.
    pub reads: Vec<(RequestId, Result<Index, Refusal>)>,
    /// How many reads a lease confirmed with less than a tenth of it left.
    pub late_lease_reads: u64,
    /// Proposals that are now in the leader's own log, under that name. Not committed yet.
    pub accepted: Vec<(RequestId, LogId)>,
    /// Proposals that were refused.
    pub refused: Vec<(RequestId, Refusal)>,
    /// Entries that this node had and dropped for a leader's conflicting ones, in index order.
    pub rolled_back: Vec<LogId>,
    /// The configuration that counts from now on, where it is another one: by an entry that was appended, dropped, or
    /// covered by a leader's snapshot.
    pub configured: Option<Configured>,
    /// Changes of role, term or leader, in order.
    pub transitions: Vec<Transition>,
}
