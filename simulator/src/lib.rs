//! A deterministic world for the accused: its real replicas, logs and state machines run on time, networks and disks
//! that follow from a seed, and everything that they do is checked.
//!
//! One seed is one run, bit for bit: nothing here depends on the order of a hash map, a thread or a clock.

pub mod client;
pub mod coverage;
pub mod disk;
mod duties;
pub mod evidence;
mod inflict;
pub mod injury;
pub mod log;
pub mod network;
pub mod oracle;
pub mod process;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod swarm;
pub mod workload;
pub mod world;
