//! Proof that writes are on disk: a value that only storage can make.

use crate::raft::Ticket;

/// All writes up to and including a ticket are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Durable {
    ticket: Ticket,
}

impl Durable {
    /// Attests. Called by storage alone, after its sync returned.
    pub(in crate::storage) fn attest(ticket: Ticket) -> Durable {
        Durable { ticket }
    }

    /// The last write that is on disk.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}
