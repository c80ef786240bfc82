//! Judges histories: was what the clients saw something that a correct database could have shown?
//!
//! The library opens no socket, spawns no process and reads no clock.

pub mod history;
pub mod linearizable;
pub mod models;
pub mod verdict;

pub use history::{Event, History, Kind, Malformed, Operation, Outcome, Process};
pub use verdict::{Checker, Involved, Valid, Verdict, Violation};
