//! Histories: events as they were recorded, and the operations that they pair up to.

mod event;
mod operation;

pub use event::{Event, Kind, Process};
pub use operation::{History, Malformed, Operation, Outcome};
