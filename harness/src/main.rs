//! The `harness` command: table of contents of a run.

mod injury;
mod links;
mod observation;
mod plan;
mod process;
mod report;
mod shim;
mod stalls;

fn main() {}
