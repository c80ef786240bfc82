//! One run, wholly described: a seed and what of its draws is left out.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

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
    /// How many voters, where the seed does not draw them.
    pub nodes: Option<u16>,
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
        Scenario::sized(seed, milliseconds, clients, None)
    }

    /// The same with so many voters.
    pub fn sized(seed: u64, milliseconds: u64, clients: usize, nodes: Option<u16>) -> Scenario {
        let swarm = Swarm::sized(seed, nodes);
        let length = milliseconds * MILLISECOND;
        // Drawn for a fixed time, so that a shorter run has the same ones.
        let injuries = injury::draw(seed, &swarm, length);
        Scenario {
            seed,
            length,
            clients,
            nodes,
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
        if let Some(nodes) = self.nodes {
            write!(f, " --nodes {nodes}")?;
        }
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

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for Scenario {
    type Err = String;

    fn from_str(options: &str) -> Result<Scenario, String> {
        let words: Vec<&str> = options.split_whitespace().collect();
        let value = |option: &str| {
            let place = words.iter().position(|word| *word == option);
            place.and_then(|place| words.get(place + 1).copied())
        };
        let number = |option: &str| {
            let text = value(option).ok_or_else(|| format!("{option} is missing"))?;
            text.parse::<u64>()
                .map_err(|_| format!("{option} takes a number, not {text}"))
        };
        let clients = number("--clients")? as usize;
        let nodes = value("--nodes").map(|_| number("--nodes")).transpose()?;
        let nodes = nodes.map(|nodes| nodes as u16);
        let scenario = Scenario::sized(number("--seeds")?, number("--ms")?, clients, nodes);
        Ok(match value("--keep") {
            None => scenario,
            Some(kept) => {
                let numbers = kept.split(',').filter_map(|number| number.parse().ok());
                scenario.keep(&numbers.collect())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_what_its_options_say() {
        let whole = Scenario::new(17, 20_000, 3);
        assert!(whole.injuries.len() > 3);
        let some = whole.clone().keep(&[0, 2].into());
        let none = whole.clone().keep(&BTreeSet::new());
        let three = Scenario::sized(17, 20_000, 3, Some(3));
        assert_eq!(three.swarm.voters().len(), 3);
        for scenario in [whole, some, none, three] {
            let again: Scenario = scenario.to_string().parse().unwrap();
            assert_eq!(again.injuries, scenario.injuries);
            assert_eq!(again.swarm.voters(), scenario.swarm.voters());
            assert_eq!(again.to_string(), scenario.to_string());
        }
    }
}
