//! The replicated state machine: an ordered map of strings with revisions, a function of the log alone.

mod command;
mod hash;
mod machine;

pub use command::{Command, Undecodable};
pub use hash::Digest;
pub use machine::{Machine, Outcome, Value};
