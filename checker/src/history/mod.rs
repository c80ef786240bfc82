//! Histories: events as they were recorded, and the operations that they pair up to.

pub mod cell;
mod columns;
mod edn;
mod event;
mod exact;
mod format;
mod jepsen;
pub mod jsonl;
mod keys;
mod line;
mod operation;
mod porcupine;

pub use cell::{Cell, Datum};
pub use columns::Columns;
pub use event::{Event, Kind, Process};
pub use format::{Format, open, read};
pub use operation::{History, Malformed, Operation, Outcome, Recorder};
