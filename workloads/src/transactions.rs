//! Transactions on a few keys: reads, writes and compares of several at once; every written value is written once.

use std::collections::BTreeMap;

use checker::enough::Minimum;
use checker::linearizable::objects::Objects;
use checker::linearizable::{Limits, Linearizable};
use checker::models::ModelKind;
use checker::{Checker, Event, Kind, Process};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use smol_str::{SmolStr, format_smolstr};

use crate::generator::{Context, Generator, Next, Once, Request};
use crate::op::{Act, Compare, Got, Op, Transaction};
use crate::{Settings, Workload};

/// One store of all keys, linearizable by whole transactions.
pub struct Transactions;

/// Keys of a transaction at most.
const TOGETHER: usize = 3;

/// Keys that one final read asks for at most: databases limit the length of a transaction.
const FINAL_TOGETHER: usize = 32;

fn key(number: usize) -> SmolStr {
    format_smolstr!("k{number}")
}

impl Workload for Transactions {
    fn name(&self) -> &'static str {
        "transactions"
    }

    fn about(&self) -> &'static str {
        "transactions that read, compare, set and delete up to three keys at once, judged as one linearizable store with revisions"
    }

    fn verbs(&self) -> &'static [&'static str] {
        &["txn"]
    }

    fn generator(&self, settings: &Settings) -> Box<dyn Generator> {
        Box::new(Mix {
            keys: settings.keys,
            rng: StdRng::seed_from_u64(settings.seed),
            fresh: 0,
            seen: BTreeMap::new(),
            asked: None,
            open: BTreeMap::new(),
        })
    }

    fn final_reads(&self, settings: &Settings) -> Box<dyn Generator> {
        let numbers: Vec<usize> = (0..settings.keys).collect();
        let requests = numbers
            .chunks(FINAL_TOGETHER)
            .flat_map(|numbers| (1..=settings.nodes).map(move |node| (numbers, node)))
            .map(|(numbers, node)| Request {
                op: Op::Txn(Transaction {
                    then: numbers
                        .iter()
                        .map(|number| Act::Get(key(*number)))
                        .collect(),
                    ..Transaction::default()
                }),
                node: Some(node),
            })
            .collect();
        Box::new(Once { requests })
    }

    fn final_reads_expected(&self, settings: &Settings) -> u64 {
        settings.keys.div_ceil(FINAL_TOGETHER) as u64 * u64::from(settings.nodes)
    }

    fn checkers(&self) -> Vec<Box<dyn Checker>> {
        let Linearizable { limits, .. } = Linearizable::default();
        vec![Box::new(Objects {
            kind: ModelKind::Txn,
            // All keys are one part, which gets what ten keys of another workload would.
            limits: Limits {
                steps: 10 * limits.steps,
                ..limits
            },
            minimum: Minimum::default(),
        })]
    }
}

/// Three tenths only read, three tenths set two keys and read a third, three tenths set keys on condition that others are
/// what was seen last, one tenth deletes a key and sets another.
///
/// Values are never written twice and every answer names revisions, so that histories stay quick to judge and a
/// counterexample is short.
struct Mix {
    keys: usize,
    rng: StdRng,
    fresh: i64,
    /// What each key held when it was heard of last.
    seen: BTreeMap<SmolStr, Got>,
    /// What was asked for last.
    asked: Option<Transaction>,
    /// What each process waits for.
    open: BTreeMap<Process, Transaction>,
}

impl Mix {
    fn put(&mut self, key: &SmolStr) -> Act {
        self.fresh += 1;
        Act::Put(key.clone(), self.fresh)
    }

    /// Different keys, as many as there are up to `count`.
    fn some(&mut self, count: usize) -> Vec<SmolStr> {
        let mut numbers: Vec<usize> = Vec::new();
        while numbers.len() < count.min(self.keys) {
            let number = self.rng.random_range(0..self.keys);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers.into_iter().map(key).collect()
    }

    fn compare(&mut self, key: &SmolStr) -> Compare {
        let seen = self.seen.get(key).copied().flatten();
        match self.rng.random_bool(0.5) {
            true => Compare::Value(key.clone(), seen.map(|(value, _)| value)),
            false => Compare::Revision(key.clone(), seen.map_or(0, |(_, revision)| revision)),
        }
    }

    fn draw(&mut self) -> Transaction {
        let gets = |keys: &[SmolStr]| keys.iter().cloned().map(Act::Get).collect();
        let keys = self.some(TOGETHER);
        match self.rng.random_range(0..10) {
            0..3 => Transaction {
                then: gets(&keys),
                ..Transaction::default()
            },
            3..6 => {
                let (read, set) = keys.split_at(keys.len().saturating_sub(2));
                let mut then: Vec<Act> = gets(read);
                then.extend(set.iter().map(|key| self.put(key)));
                Transaction {
                    then,
                    ..Transaction::default()
                }
            }
            6..9 => {
                let conditions = self.rng.random_range(1..=keys.len().min(2));
                let compares = keys.iter().take(conditions);
                let compares = compares.map(|key| self.compare(key)).collect();
                let set = keys.iter().rev().take(2);
                Transaction {
                    compares,
                    then: set.map(|key| self.put(key)).collect(),
                    otherwise: gets(&keys),
                }
            }
            _ => {
                let mut then = vec![Act::Delete(keys[0].clone())];
                then.extend(keys.get(1).map(|key| self.put(key)));
                Transaction {
                    then,
                    ..Transaction::default()
                }
            }
        }
    }

    /// Remembers what an answer tells of the keys.
    fn learn(&mut self, asked: &Transaction, event: &Event) -> Option<()> {
        let succeeded = event.value[0].as_bool()?;
        let revision = event.value[1].as_u64()?;
        for (at, act) in asked.carried_out(succeeded).iter().enumerate() {
            let (key, now) = match act {
                Act::Put(key, value) => (key, Some((*value, revision))),
                Act::Delete(key) => (key, None),
                Act::Get(key) => {
                    let got = &event.value[2][at];
                    (key, got[0].as_i64().zip(got[1].as_u64()))
                }
            };
            self.seen.insert(key.clone(), now);
        }
        Some(())
    }
}

impl Generator for Mix {
    fn next(&mut self, _context: &Context) -> Next {
        let asked = self.draw();
        self.asked = Some(asked.clone());
        Next::Invoke(Request {
            op: Op::Txn(asked),
            node: None,
        })
    }

    fn update(&mut self, event: &Event) {
        if event.kind == Kind::Invoke {
            // An invocation is told at once, before anything else is asked for.
            self.open
                .extend(self.asked.take().map(|asked| (event.process, asked)));
            return;
        }
        let asked = self.open.remove(&event.process);
        if let (Some(asked), Kind::Ok) = (asked, event.kind) {
            self.learn(&asked, event);
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
        keys: 5,
        seed: 7,
    };

    const CONTEXT: Context = Context {
        time: Duration::ZERO,
        worker: 0,
    };

    fn draw(keys: usize, seed: u64, count: usize) -> Vec<Transaction> {
        let settings = Settings {
            keys,
            seed,
            ..SETTINGS
        };
        let mut generator = Transactions.generator(&settings);
        let mut one = || match generator.next(&CONTEXT) {
            Next::Invoke(Request {
                op: Op::Txn(asked), ..
            }) => asked,
            other => panic!("the mix never ends, but said {other:?}"),
        };
        (0..count).map(|_| one()).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_transactions_and_no_value_is_written_twice() {
        assert_eq!(draw(5, 1, 500), draw(5, 1, 500));
        assert_ne!(draw(5, 1, 500), draw(5, 2, 500));
        let mut values = BTreeSet::new();
        for act in draw(5, 3, 1000).iter().flat_map(Transaction::acts) {
            if let Act::Put(_, value) = act {
                assert!(values.insert(*value), "{value} is written twice");
            }
        }
        assert!(values.len() > 500, "the mix must write");
    }

    #[test]
    fn of_a_single_key_there_are_transactions_too() {
        for asked in draw(1, 3, 200) {
            assert!(!asked.then.is_empty(), "{asked:?}");
        }
    }

    #[test]
    fn compares_ask_for_what_answers_have_told() {
        let mut mix = Mix {
            keys: 1,
            rng: StdRng::seed_from_u64(1),
            fresh: 0,
            seen: BTreeMap::new(),
            asked: None,
            open: BTreeMap::new(),
        };
        let asked = Transaction {
            then: vec![Act::Get("k0".into())],
            ..Transaction::default()
        };
        mix.asked = Some(asked.clone());
        let event = |kind, value| Event::new(0, Process::Client(4), kind, "txn", value);
        mix.update(&event(Kind::Invoke, Op::Txn(asked.clone()).value()));
        mix.update(&event(Kind::Ok, asked.answer(true, 9, &[Some((41, 8))])));
        let compares: BTreeSet<String> = (0..20)
            .map(|_| format!("{:?}", mix.compare(&"k0".into())))
            .collect();
        let told = [
            Compare::Revision("k0".into(), 8),
            Compare::Value("k0".into(), Some(41)),
        ];
        assert_eq!(
            compares,
            told.iter().map(|told| format!("{told:?}")).collect()
        );
    }

    #[test]
    fn final_reads_ask_every_key_of_every_node_once() {
        for keys in [5, FINAL_TOGETHER + 1] {
            let settings = Settings { keys, ..SETTINGS };
            let mut generator = Transactions.final_reads(&settings);
            let (mut asked, mut count) = (BTreeSet::new(), 0);
            while let Next::Invoke(request) = generator.next(&CONTEXT) {
                let Op::Txn(Transaction { then, .. }) = request.op else {
                    panic!("only transactions are asked for")
                };
                count += 1;
                for act in then {
                    let fresh = asked.insert((format!("{act:?}"), request.node));
                    assert!(fresh, "asked twice");
                }
            }
            assert_eq!(asked.len(), keys * 3);
            assert_eq!(count, Transactions.final_reads_expected(&settings));
        }
    }

    #[test]
    fn what_was_done_in_halves_is_found() {
        let write = Transaction {
            then: vec![Act::Put("k0".into(), 1), Act::Put("k1".into(), 2)],
            ..Transaction::default()
        };
        let read = Transaction {
            then: vec![Act::Get("k0".into()), Act::Get("k1".into())],
            ..Transaction::default()
        };
        let judged = |second: Got| {
            let mut events = Vec::new();
            let mut tell = |kind, value| {
                let index = events.len() as u64;
                events.push(Event::new(index, Process::Client(0), kind, "txn", value));
            };
            tell(Kind::Invoke, Op::Txn(write.clone()).value());
            tell(Kind::Ok, write.answer(true, 2, &[]));
            tell(Kind::Invoke, Op::Txn(read.clone()).value());
            tell(Kind::Ok, read.answer(true, 2, &[Some((1, 2)), second]));
            let history = checker::History::new(events).expect("well formed");
            let [judge] = &Transactions.checkers()[..] else {
                panic!("one checker")
            };
            judge.check(&history)
        };
        assert_eq!(judged(Some((2, 2))).valid, checker::Valid::Yes);
        let torn = judged(None);
        assert_eq!(torn.valid, checker::Valid::No);
        assert_eq!(torn.violations[0].anomaly, "half a transaction");
    }
}
