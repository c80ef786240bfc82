//! One run, wholly described: a seed and what of its draws is left out.

use std::collections::BTreeSet;
use std::fmt;

use crate::injury::{self, Injury, MILLISECOND};
use crate::swarm::Swarm;

/// A run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Everything follows from it.
    pub seed: u64,
    /// How long clients work and injuries happen, in nanoseconds.
    pub length: u64,
    /// How many clients.
    pub clients: usize,
    /// The cluster.
    pub swarm: Swarm,
    /// What is done to it.
    pub injuries: Vec<Injury>,
    /// Some of the seed's injuries are left out.
    pub shrunk: bool,
}

impl Scenario {
    /// The run of a seed: so many seconds with so many clients.
    pub fn new(seed: u64, milliseconds: u64, clients: usize) -> Scenario {
        let swarm = Swarm::draw(seed);
        let length = milliseconds * MILLISECOND;
        // Drawn for a fixed time, so that a shorter run has the same ones.
        let injuries = injury::draw(seed, &swarm, length);
        Scenario {
            seed,
            length,
            clients,
            swarm,
            injuries,
            shrunk: false,
        }
    }

    /// Only these injuries, by number.
    pub fn keep(mut self, numbers: &BTreeSet<usize>) -> Scenario {
        self.injuries.retain(|i| numbers.contains(&i.number));
        self.shrunk = true;
        self
    }
}

/// As options of the command.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.length / MILLISECOND;
        write!(
            f,
            "--seeds {} --ms {ms} --clients {}",
            self.seed, self.clients
        )?;
        if self.shrunk {
            let kept: Vec<String> = self.injuries.iter().map(|i| i.number.to_string()).collect();
            write!(f, " --keep {}", kept.join(","))?;
            if kept.is_empty() {
                f.write_str("none")?;
            }
        }
        Ok(())
    }
}
