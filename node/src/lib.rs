//! A replicated key-value server: Raft over a write-ahead log, behind a small HTTP API.

pub mod bugs;
pub mod cli;
pub mod clock;
pub mod driver;
pub mod events;
pub mod exit;
pub mod http;
pub mod kv;
mod lock;
pub mod log;
pub mod raft;
pub mod replica;
pub mod run;
pub mod storage;
pub mod transport;
