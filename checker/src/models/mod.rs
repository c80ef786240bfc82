//! What an object does when nothing is concurrent: the yardstick of every linearizability check.

pub mod container;
pub mod counter;
mod kind;
pub mod kv;
pub mod lock;
pub mod log;
mod model;
pub mod priority_queue;
pub mod queue;
pub mod register;
pub mod set;
pub mod stack;

pub use kind::ModelKind;
pub use model::{Call, Calls, Model, Said, Spoken, Told};
