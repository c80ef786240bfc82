//! A replicated key-value server: Raft over a write-ahead log, behind a small HTTP API.

pub mod bugs;
pub mod kv;
pub mod raft;
pub mod storage;
