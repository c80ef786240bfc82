//! Whole clusters of cores under a seeded simulator that owns time, network and disks, and is unkind.
//!
//! `SIMULATION_SEED=17 cargo test -p node --test simulation` runs one seed alone, `SIMULATION_SEED=200..5000`
//! as many as you have time for.

mod cluster;
mod coverage;
mod driver;
mod faults;
mod membership;
mod node;
mod oracle;
mod rng;

use std::ops::Range;
use std::time::Duration;

use cluster::Cluster;
use coverage::Coverage;

/// Names the seed where an oracle or an invariant of the core objects.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: repeat it with SIMULATION_SEED={}", self.0, self.0);
        }
    }
}

fn run(seed: u64) -> Coverage {
    let _named = Named(seed);
    let mut cluster = Cluster::new(seed);
    cluster.suffer(Duration::from_secs(5));
    cluster.heal();
    cluster.converge(Duration::from_secs(4));
    cluster.stay_calm(Duration::from_secs(1));
    cluster.coverage()
}

fn run_all(seeds: Range<u64>) {
    if let Ok(chosen) = std::env::var("SIMULATION_SEED") {
        let (first, end) = chosen.split_once("..").unwrap_or((&chosen, ""));
        let number = |text: &str| text.parse::<u64>().ok();
        let first = number(first).expect("SIMULATION_SEED is a number, or a range of two");
        for seed in first..number(end).unwrap_or(first + 1) {
            run(seed);
        }
        return;
    }
    let mut sum = Coverage::default();
    for seed in seeds {
        sum.add(&run(seed));
    }
    println!("{sum:#?}");
    sum.assert_everything_happened();
}

// Two halves, because tests of one binary run in parallel.

#[test]
fn no_schedule_breaks_an_invariant_and_every_cluster_recovers() {
    run_all(0..100);
}

#[test]
fn nor_does_any_of_another_hundred() {
    run_all(100..200);
}

#[test]
fn a_seed_repeats_itself() {
    assert_eq!(run(7), run(7));
}
