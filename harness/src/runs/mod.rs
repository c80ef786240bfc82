//! The store of runs: listing, serving, drawing again, comparing, pruning.

mod cli;
mod compare;
mod prune;
mod serve;
mod significance;
mod stored;
mod summary;

pub use cli::{Command, act};
pub use summary::{FORMAT, FaultFigures, Figures, Summary, VerdictFile, all};
