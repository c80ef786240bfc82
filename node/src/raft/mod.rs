//! Raft without I/O: inputs in, a [`Ready`] out. No clock, file, socket or thread.

mod acknowledge;
mod change;
mod config;
mod core;
mod display;
mod durability;
mod election;
mod follower;
mod leader;
mod lease;
mod log;
mod membership;
pub mod message;
mod progress;
mod quorum;
mod reads;
pub mod ready;
mod receive;
pub(crate) mod rng;
mod sending;
mod snapshot;
mod status;
mod transfer;
pub mod types;

pub use acknowledge::Replication;
pub use change::{Change, ChangeRefusal, Membership};
pub use config::Config;
pub use core::{Core, Input};
pub use message::{Appended, Body, Chunk, Message, Round};
pub use quorum::{Configuration, Configured};
pub use ready::{Cut, Promise, Ready, Refusal, Save, Ticket, Transition, Write};
pub use status::{FollowerStatus, Position, Status};
pub use types::*;
