//! The replicated state machine: an ordered map of texts and lists with revisions, a function of the log alone.

#[cfg(test)]
mod arbitrary;
mod command;
mod execute;
mod hash;
mod history;
mod lease;
mod list;
mod machine;
mod map;
mod outcome;
mod query;
mod session;
mod snapshot;
mod speculative;
mod store;
mod terms;
mod value;

pub use command::{Command, Compare, Logged, Operation, Undecodable};
pub use hash::Digest;
pub use history::Change;
pub use lease::MAX_LEASES;
pub use list::List;
pub use machine::Machine;
pub use outcome::{Done, Outcome, Refused, Written};
pub use query::{Answer, MAX_LISTED, Query};
pub use session::{MAX_SESSIONS, Token};
pub use snapshot::{Corrupt, Frozen};
pub use speculative::Speculative;
pub use value::{Data, Value, holds};
