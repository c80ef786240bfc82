//! The replicated state machine: an ordered map of strings with revisions, a function of the log alone.

mod command;
mod hash;
mod machine;
mod snapshot;

pub use command::{Command, Undecodable};
pub use hash::Digest;
pub use machine::{Machine, Outcome, Value};
pub use snapshot::Corrupt;
