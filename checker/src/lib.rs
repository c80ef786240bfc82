//! Judges histories: was what the clients saw something that a correct database could have shown?
//!
//! The library opens no socket, spawns no process and reads no clock.
//!
//! ```
//! use checker::{Checker, Valid, history::jsonl, linearizable::Linearizable};
//!
//! let lines = r#"{"process":0,"type":"invoke","f":"write","key":"x","value":1}
//! {"process":0,"type":"ok","f":"write","key":"x","value":1}
//! {"process":1,"type":"invoke","f":"read","key":"x","value":null}
//! {"process":1,"type":"ok","f":"read","key":"x","value":null}
//! "#;
//! let recorded = jsonl::read("history.jsonl", lines.as_bytes())?;
//! let verdict = Linearizable::default().check(&recorded.history);
//! assert_eq!(verdict.valid, Valid::No);
//! assert_eq!(verdict.violations[0].anomaly, "stale read");
//! # Ok::<(), jsonl::ReadError>(())
//! ```

pub mod availability;
pub mod enough;
pub mod explain;
mod hash;
pub mod history;
pub mod linearizable;
pub mod models;
pub mod online;
pub mod promises;
pub mod sequential;
pub mod stats;
pub mod verdict;
pub mod whitebox;
mod words;

pub use history::{Event, History, Kind, Malformed, Operation, Outcome, Process};
pub use verdict::{Checker, Involved, Valid, Verdict, Violation};
