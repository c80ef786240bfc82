//! The white-box judge: what nodes say they wrote, synced, sent, committed and applied, held against V01 to V31.
//!
//! Evidence is a stream of [`Event`]s from each node, in the node's own order, merged by harness time (or a simulator's
//! order). [`Judge::observe`] takes one at a time; what it finds is a [`Violation`] with the places that prove it.
//! Nothing here shares code with a node: [`lines`] is one more reader of a documented format.
//!
//! Normal, and no violation: restarts, evidence that ends anywhere, a torn last line, entries that were never synced and
//! are gone after a kill. A node that writes its evidence before its effects leave loses none that matters.

pub mod event;
mod facts;
mod finding;
mod judge;
pub mod lines;
mod members;
mod names;
mod rules;
mod sometimes;
#[cfg(test)]
mod tests;

pub use event::{Applied, Boot, Event, File, Id, Message, Node, Record, Replication, Role, Run};
pub use finding::{Invariant, Place, Violation};
pub use judge::{Judge, Judgement};
pub use members::Members;
pub use sometimes::{Coverage, Sometimes};
