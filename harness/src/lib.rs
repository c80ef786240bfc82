//! Spawns a cluster, breaks it while clients work, records, judges and reports.
//!
//! A library only so that its rooms can be tested and documented one by one; the product is the command.

pub mod binaries;
pub mod bugs;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod databases;
pub mod ending;
pub mod environment;
pub mod exit;
pub mod faults;
pub mod histogram;
pub mod history;
pub mod injury;
pub mod interpreter;
pub mod judge;
pub mod kept;
pub mod links;
pub mod listening;
pub mod lists;
pub mod live;
pub mod members;
pub mod messages;
pub mod modes;
pub mod nemesis;
pub mod observation;
pub mod observe;
pub mod outcome;
pub mod plan;
pub mod process;
pub mod progress;
pub mod recovery;
pub mod replication;
pub mod report;
pub mod run;
pub mod runs;
pub mod shim;
pub mod site;
pub mod slo;
pub mod stalls;
pub mod store;
pub mod terminal;
pub mod web;
pub mod whitebox;
pub mod worker;
