//! Raft without I/O: inputs in, a [`Ready`] out. No clock, file, socket or thread.

pub mod message;
pub mod ready;
pub mod types;

pub use message::{Appended, Body, Message, Round};
pub use ready::{Promise, Ready, Refusal, Ticket, Transition, Write};
pub use types::*;
