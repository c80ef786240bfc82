//! Histories: events as they were recorded, and the operations that they pair up to.

mod edn;
mod event;
mod format;
mod jepsen;
pub mod jsonl;
mod operation;
mod porcupine;

pub use event::{Event, Kind, Process};
pub use format::{Format, open, read};
pub use operation::{History, Malformed, Operation, Outcome};
