//! What clients do, and which checks follow from it. Generators are pure: asked, never pushing.

pub mod generator;
pub mod op;
pub mod register;
pub mod transactions;

use checker::Checker;

pub use generator::{Context, Generator, Next, Request};
pub use op::{Act, Compare, Got, Op, Reply, Transaction};

/// What a workload needs to know of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Nodes in the cluster; they are numbered from 1.
    pub nodes: u16,
    /// Independent keys.
    pub keys: usize,
    /// Where every choice is drawn from.
    pub seed: u64,
}

/// One kind of work, and how it is judged.
pub trait Workload: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// One sentence for lists and reports.
    fn about(&self) -> &'static str;
    /// What a database must understand for it.
    fn verbs(&self) -> &'static [&'static str];
    /// The operations of the main phase.
    fn generator(&self, settings: &Settings) -> Box<dyn Generator>;
    /// The reads at the end, after everything is healed: every key from every node.
    fn final_reads(&self, settings: &Settings) -> Box<dyn Generator>;
    /// How many reads [`Workload::final_reads`] will ask for.
    fn final_reads_expected(&self, settings: &Settings) -> u64;
    /// The judges of its histories.
    fn checkers(&self) -> Vec<Box<dyn Checker>>;
}

/// All workloads, by name.
pub const WORKLOADS: &[&dyn Workload] = &[&register::Register, &transactions::Transactions];

/// The workload of that name.
pub fn find(name: &str) -> Option<&'static dyn Workload> {
    WORKLOADS
        .iter()
        .copied()
        .find(|workload| workload.name() == name)
}
