//! The `harness` command: table of contents of a run.

mod injury;
mod observation;
mod plan;
mod report;

fn main() {}
