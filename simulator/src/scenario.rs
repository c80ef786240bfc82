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
        let scenario = Scenario::new(number("--seeds")?, number("--ms")?, clients);
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
        for scenario in [whole, some, none] {
            let again: Scenario = scenario.to_string().parse().unwrap();
            assert_eq!(again.injuries, scenario.injuries);
            assert_eq!(again.to_string(), scenario.to_string());
        }
    }
}
