//! Histories: events as they were recorded, and the operations that they pair up to.

mod event;
pub mod jsonl;
mod operation;

pub use event::{Event, Kind, Process};
pub use operation::{History, Malformed, Operation, Outcome};
