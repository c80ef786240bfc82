//! Reads, writes and compare-and-sets on a few hot keys; every written value is written once.

use std::collections::BTreeMap;

use checker::linearizable::Linearizable;
use checker::{Checker, Event, Kind};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use smol_str::{SmolStr, format_smolstr};

use crate::generator::{Context, Generator, Next, Once, Request};
use crate::op::Op;
use crate::{Settings, Workload};

/// A linearizable register for each key.
pub struct Register;

/// The name of key `number`.
fn key(number: usize) -> SmolStr {
    format_smolstr!("k{number}")
}

impl Workload for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn about(&self) -> &'static str {
        "reads, writes and compare-and-sets on a few keys, each judged as a linearizable register"
    }

    fn verbs(&self) -> &'static [&'static str] {
        &["read", "write", "cas"]
    }

    fn generator(&self, settings: &Settings) -> Box<dyn Generator> {
        Box::new(Mix {
            keys: settings.keys,
            rng: StdRng::seed_from_u64(settings.seed),
            fresh: 0,
            seen: BTreeMap::new(),
        })
    }

    fn final_reads(&self, settings: &Settings) -> Box<dyn Generator> {
        let reads = (0..settings.keys)
            .flat_map(|number| (1..=settings.nodes).map(move |node| (number, node)))
            .map(|(number, node)| Request {
                op: Op::Read { key: key(number) },
                node: Some(node),
            })
            .collect();
        Box::new(Once { requests: reads })
    }

    fn final_reads_expected(&self, settings: &Settings) -> u64 {
        settings.keys as u64 * u64::from(settings.nodes)
    }

    fn checkers(&self) -> Vec<Box<dyn Checker>> {
        vec![Box::new(Linearizable::default())]
    }
}

/// Half reads, three tenths writes, two tenths compare-and-sets from the value last seen.
///
/// Values are never written twice, so that a read names its write: histories stay quick to judge, and a
/// counterexample is short.
struct Mix {
    keys: usize,
    rng: StdRng,
    fresh: i64,
    seen: BTreeMap<SmolStr, i64>,
}

impl Mix {
    fn fresh(&mut self) -> i64 {
        self.fresh += 1;
        self.fresh
    }
}

impl Generator for Mix {
    fn next(&mut self, _context: &Context) -> Next {
        let key = key(self.rng.random_range(0..self.keys));
        let op = match self.rng.random_range(0..10) {
            0..5 => Op::Read { key },
            5..8 => Op::Write {
                key,
                value: self.fresh(),
            },
            _ => Op::Cas {
                old: self.seen.get(&key).copied(),
                new: self.fresh(),
                key,
            },
        };
        Next::Invoke(Request { op, node: None })
    }

    fn update(&mut self, event: &Event) {
        let Some(key) = &event.key else { return };
        let value = match (event.kind, event.f.as_str()) {
            (Kind::Ok, "read" | "write") => event.value.as_i64(),
            (Kind::Ok, "cas") => event.value.get(1).and_then(|new| new.as_i64()),
            (Kind::Fail, "cas") => event.current.as_ref().and_then(|current| current.as_i64()),
            _ => None,
        };
        if let Some(value) = value {
            self.seen.insert(key.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const SETTINGS: Settings = Settings {
        nodes: 3,
        keys: 4,
        seed: 7,
    };

    fn draw(seed: u64, count: usize) -> Vec<Op> {
        let mut generator = Register.generator(&Settings { seed, ..SETTINGS });
        let context = Context {
            time: Duration::ZERO,
            worker: 0,
        };
        (0..count)
            .map(|_| match generator.next(&context) {
                Next::Invoke(request) => request.op,
                other => panic!("the mix never ends, but said {other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_operations() {
        assert_eq!(draw(1, 500), draw(1, 500));
        assert_ne!(draw(1, 500), draw(2, 500));
    }

    #[test]
    fn no_value_is_written_twice() {
        let mut values = BTreeSet::new();
        for op in draw(3, 2000) {
            let value = match op {
                Op::Write { value, .. } => value,
                Op::Cas { new, .. } => new,
                _ => continue,
            };
            assert!(values.insert(value), "{value} is written twice");
        }
        assert!(values.len() > 500, "the mix must write");
    }

    #[test]
    fn final_reads_ask_every_key_of_every_node_once() {
        let mut generator = Register.final_reads(&SETTINGS);
        let context = Context {
            time: Duration::ZERO,
            worker: 0,
        };
        let mut asked = BTreeSet::new();
        while let Next::Invoke(request) = generator.next(&context) {
            assert!(
                asked.insert((request.op.key().cloned(), request.node)),
                "asked twice"
            );
        }
        assert_eq!(asked.len() as u64, Register.final_reads_expected(&SETTINGS));
        assert_eq!(generator.next(&context), Next::Done);
    }
}
