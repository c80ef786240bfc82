//! Made-up histories: closed-loop clients of a correct object, and one provably wrong answer where it is broken.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use checker::history::Recorder;
use checker::models::ModelKind;
use checker::{Event, History, Kind, Process};
use serde_json::{Value, json};

use super::broken::break_one;
use super::random::Random;

/// A family of histories and which one of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// `regs` (5 values, half reads, 30 % writes, 20 % compare-and-set), `regu` (half reads, half distinct writes),
    /// `regcas` (compare-and-set from the last seen value to a distinct one), or the name of a model.
    pub name: &'static str,
    pub operations: u64,
    pub clients: u64,
    pub keys: u64,
    /// Outcomes that stay unknown, of a thousand.
    pub unknown: u64,
    /// With one wrong answer in the middle.
    pub broken: bool,
}

const NAMES: [&str; 10] = [
    "regs",
    "regu",
    "regcas",
    "queue",
    "stack",
    "priority-queue",
    "set",
    "log",
    "counter",
    "lock",
];

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, operations) = (self.name, self.operations);
        let (clients, keys, unknown) = (self.clients, self.keys, self.unknown as f64 / 1000.0);
        let how = if self.broken { "invalid" } else { "valid" };
        write!(
            f,
            "{name}_c{clients}_k{keys}_n{operations}_u{unknown}_{how}"
        )
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> Result<Family, String> {
        let wrong = || format!("{text}: expected such as regs_c10_k1_n1000_u0.01_valid");
        let fields: Vec<&str> = text.split('_').collect();
        let [name, clients, keys, operations, unknown, how] = fields[..] else {
            return Err(wrong());
        };
        let number = |text: &str, letter| {
            let digits = text.strip_prefix(letter)?;
            digits.parse::<f64>().ok()
        };
        let all = || {
            Some(Family {
                name: NAMES.into_iter().find(|known| *known == name)?,
                clients: number(clients, 'c')? as u64,
                keys: number(keys, 'k')? as u64,
                operations: number(operations, 'n')? as u64,
                unknown: (number(unknown, 'u')? * 1000.0).round() as u64,
                broken: how == "invalid",
            })
        };
        all().ok_or_else(wrong)
    }
}

/// An operation as its client saw it. Times are places in the order of all events.
#[derive(Clone, Debug)]
pub struct Op {
    pub process: u64,
    pub key: usize,
    pub f: &'static str,
    pub argument: Value,
    pub start: u64,
    pub end: u64,
    /// `None`: still under way. `Info`: nobody knows.
    pub kind: Option<Kind>,
    pub answer: Value,
}

/// An operation under way, and what it answers once it took effect.
type Open = (usize, Option<(Kind, Value)>);

/// What one key holds.
#[derive(Clone, Default)]
struct Object {
    value: Value,
    list: Vec<Value>,
    items: VecDeque<u64>,
    numbers: BTreeSet<u64>,
    sum: u64,
}

impl Family {
    /// The model that it speaks of.
    pub fn kind(&self) -> ModelKind {
        self.name.parse().unwrap_or(ModelKind::Register)
    }

    fn draw(
        &self,
        random: &mut Random,
        fresh: u64,
        holds: bool,
        seen: &Value,
    ) -> (&'static str, Value) {
        let half = random.below(2) == 0;
        let write = random.below(5) < 3;
        match self.name {
            "regu" if half => ("write", json!(fresh)),
            "regs" if half && write => ("write", json!(random.below(5))),
            "regs" if half => ("cas", json!([random.below(5), random.below(5)])),
            "regcas" if half && write => ("write", json!(fresh)),
            "regcas" if half => ("cas", json!([seen, fresh])),
            "queue" if half => ("enqueue", json!(fresh)),
            "queue" => ("dequeue", Value::Null),
            "stack" if half => ("push", json!(fresh)),
            "stack" => ("pop", Value::Null),
            // Each number once, in no order.
            "priority-queue" if half => ("insert", json!(fresh * 7919 % 1_000_003)),
            "priority-queue" => ("delete-min", Value::Null),
            "set" if half => ("add", json!(fresh)),
            "log" if half => ("append", json!(fresh)),
            "counter" if half => ("add", json!(1 + random.below(5))),
            "lock" if holds => ("release", Value::Null),
            "lock" => ("acquire", Value::Null),
            _ => ("read", Value::Null),
        }
    }

    /// A read is of a value, a sum, or everything.
    fn asks(&self, f: &'static str) -> &'static str {
        match self.name {
            "counter" if f == "read" => "sum",
            "set" | "log" if f == "read" => "all",
            _ => f,
        }
    }

    /// The operations, in the order of their invocations.
    fn operations(&self) -> Vec<Op> {
        let mut random = Random(7);
        let mut objects = vec![Object::default(); self.keys as usize];
        let mut ids: Vec<u64> = (0..self.clients).collect();
        let mut holds = vec![false; ids.len()];
        let mut seen = vec![vec![Value::Null; objects.len()]; ids.len()];
        let mut open: Vec<Option<Open>> = vec![None; ids.len()];
        let mut all: Vec<Op> = Vec::new();
        let (mut time, mut last) = (0, self.clients);
        while (all.len() as u64) < self.operations || open.iter().any(Option::is_some) {
            let client = random.below(self.clients) as usize;
            match open[client].take() {
                None if (all.len() as u64) < self.operations => {
                    let key = random.below(self.keys) as usize;
                    let fresh = all.len() as u64 + 1;
                    let (f, argument) =
                        self.draw(&mut random, fresh, holds[client], &seen[client][key]);
                    open[client] = Some((all.len(), None));
                    all.push(Op {
                        process: ids[client],
                        key,
                        f,
                        argument,
                        start: time,
                        end: u64::MAX,
                        kind: None,
                        answer: Value::Null,
                    });
                }
                None => continue,
                Some((at, None)) => {
                    let op = &mut all[at];
                    let loses = random.below(1000) < self.unknown;
                    let acts = !loses || random.below(2) == 0;
                    let answer = acts.then(|| objects[op.key].act(self.asks(op.f), &op.argument));
                    if !loses {
                        open[client] = Some((at, answer));
                        continue;
                    }
                    (op.kind, op.end) = (Some(Kind::Info), time);
                    ids[client] = last;
                    last += 1;
                    // A lock that was taken stays taken until its client gives it back.
                    if op.f == "acquire" && matches!(answer, Some((Kind::Ok, _))) {
                        holds[client] = true;
                    } else if op.f == "release" {
                        holds[client] = !acts;
                    }
                }
                Some((at, Some((kind, answer)))) => {
                    let op = &mut all[at];
                    if kind == Kind::Ok && (op.f == "acquire" || op.f == "release") {
                        holds[client] = op.f == "acquire";
                    }
                    if kind == Kind::Ok && matches!(op.f, "read" | "write") {
                        seen[client][op.key] = answer.clone();
                    }
                    (op.kind, op.end, op.answer) = (Some(kind), time, answer);
                }
            }
            time += 1;
        }
        all
    }

    /// The whole history.
    ///
    /// # Errors
    /// No answer of it could be made provably wrong.
    pub fn history(&self) -> Result<History, String> {
        let mut all = self.operations();
        if self.broken && !break_one(self.kind(), &mut all) {
            return Err(format!("{self}: no answer could be made provably wrong"));
        }
        let mut events: Vec<(u64, usize, bool)> = Vec::with_capacity(2 * all.len());
        for (at, op) in all.iter().enumerate() {
            events.extend([(op.start, at, false), (op.end, at, true)]);
        }
        events.sort_unstable();
        let mut recorder = Recorder::default();
        for (index, (_, at, ends)) in (0..).zip(events) {
            let op = &all[at];
            let (kind, value) = match (ends, op.kind) {
                (true, Some(Kind::Ok)) => (Kind::Ok, &op.answer),
                (true, kind) => (kind.unwrap_or(Kind::Info), &op.argument),
                (false, _) => (Kind::Invoke, &op.argument),
            };
            let event = Event {
                time: Duration::from_micros(index),
                key: (self.keys > 1).then(|| format!("k{}", op.key).into()),
                ..Event::new(
                    index,
                    Process::Client(op.process),
                    kind,
                    op.f,
                    value.clone(),
                )
            };
            recorder.record(&event).map_err(|wrong| wrong.to_string())?;
        }
        Ok(recorder.into_history())
    }
}

impl Object {
    /// What a correct object answers to anything that it knows.
    fn act(&mut self, f: &str, argument: &Value) -> (Kind, Value) {
        let told = |item: Option<u64>| (Kind::Ok, item.map_or(Value::Null, |item| json!(item)));
        let number = argument.as_u64().unwrap_or_default();
        match f {
            "write" => self.value = argument.clone(),
            "cas" if self.value == argument[0] => self.value = argument[1].clone(),
            "enqueue" | "push" => self.items.push_back(number),
            "dequeue" => return told(self.items.pop_front()),
            "pop" => return told(self.items.pop_back()),
            "insert" => drop(self.numbers.insert(number)),
            "delete-min" => return told(self.numbers.pop_first()),
            "add" | "append" => {
                self.sum += number;
                self.list.push(argument.clone());
            }
            "acquire" if self.sum == 0 => self.sum = 1,
            "release" => self.sum = 0,
            "cas" | "acquire" => return (Kind::Fail, argument.clone()),
            "sum" => return told(Some(self.sum)),
            "all" => return (Kind::Ok, Value::Array(self.list.clone())),
            _ => return (Kind::Ok, self.value.clone()),
        }
        (Kind::Ok, argument.clone())
    }
}
