//! What an object does when nothing is concurrent: the yardstick of every linearizability check.

pub mod container;
pub mod counter;
pub mod fenced_lock;
mod kind;
pub mod kv;
pub mod lock;
pub mod log;
mod model;
pub mod priority_queue;
pub mod queue;
pub mod register;
pub mod semaphore;
pub mod set;
pub mod stack;
pub mod txn;

pub use kind::ModelKind;
pub use model::{Call, Calls, Model, Said, Spoken, Told};
