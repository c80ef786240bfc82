//! Times the judge on every specimen and on made-up histories: `bench [OPERATIONS]` (default 100,000).
//!
//! One line each: operations, verdict, median time of the check alone (reading and pairing apart), operations
//! a second, and the most memory that the process held meanwhile, the history included (Linux).

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use checker::linearizable::Linearizable;
use checker::linearizable::objects::Objects;
use checker::models::ModelKind;
use checker::{Checker, Event, History, Kind, Process, Valid, history};
use serde_json::{Value, json};

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same histories in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

/// An operation under way: key, verb, argument, and what it answers once it took effect.
type Open = (usize, &'static str, Value, Option<(Kind, Value)>);

/// What the made-up clients work on.
#[derive(Clone, Default)]
struct Object {
    value: Value,
    items: VecDeque<u64>,
    sum: u64,
}

struct Family {
    name: &'static str,
    clients: u64,
    keys: u64,
    /// Of a thousand.
    unknown: u64,
    /// At most so many operations, where the cost is not linear.
    most: u64,
}

const fn family(name: &'static str, clients: u64, keys: u64, unknown: u64, most: u64) -> Family {
    Family {
        name,
        clients,
        keys,
        unknown,
        most,
    }
}

const FAMILIES: [Family; 18] = [
    family("register-distinct", 20, 1, 0, u64::MAX),
    family("register-distinct", 20, 1, 50, u64::MAX),
    family("register-distinct", 50, 1, 10, u64::MAX),
    family("register-5-values", 10, 1, 0, 100_000),
    family("register-5-values", 10, 1, 10, 10_000),
    family("register-5-values", 20, 1, 0, 10_000),
    family("register-5-values", 50, 1, 0, 1_000),
    family("register-5-values", 10, 100, 10, 100_000),
    family("queue", 10, 1, 0, u64::MAX),
    family("queue", 50, 1, 10, u64::MAX),
    family("stack", 10, 1, 0, u64::MAX),
    family("stack", 50, 1, 10, u64::MAX),
    family("counter", 10, 1, 0, 100_000),
    family("counter", 10, 1, 10, 10_000),
    family("counter", 20, 1, 0, 10_000),
    family("lock", 20, 1, 0, u64::MAX),
    family("lock", 20, 1, 10, u64::MAX),
    family("queue", 10, 100, 10, u64::MAX),
];

impl Family {
    fn draw(&self, random: &mut Random, fresh: u64, holds: bool) -> (&'static str, Value) {
        let half = random.below(2) == 0;
        match self.name {
            "register-distinct" if half => ("write", json!(fresh)),
            "register-5-values" if half => match random.below(5) {
                0..3 => ("write", json!(random.below(5))),
                _ => ("cas", json!([random.below(5), random.below(5)])),
            },
            "queue" if half => ("enqueue", json!(fresh)),
            "queue" => ("dequeue", Value::Null),
            "stack" if half => ("push", json!(fresh)),
            "stack" => ("pop", Value::Null),
            "counter" if half => ("add", json!(1 + random.below(5))),
            "lock" if holds => ("release", Value::Null),
            "lock" => ("acquire", Value::Null),
            _ => ("read", Value::Null),
        }
    }

    fn history(&self, operations: u64) -> History {
        let mut random = Random(7);
        let mut objects = vec![Object::default(); self.keys as usize];
        let mut ids: Vec<u64> = (0..self.clients).collect();
        let mut holds = vec![false; ids.len()];
        let mut open: Vec<Option<Open>> = vec![None; ids.len()];
        let mut events: Vec<Event> = Vec::new();
        let (mut begun, mut last) = (0, self.clients);
        while begun < operations || open.iter().any(Option::is_some) {
            let client = random.below(self.clients) as usize;
            let mut emit = |process: u64, kind, key: usize, f: &str, value| {
                events.push(Event {
                    index: events.len() as u64,
                    time: Duration::from_micros(events.len() as u64),
                    process: Process::Client(process),
                    kind,
                    f: f.into(),
                    key: (self.keys > 1).then(|| format!("k{key}").into()),
                    value,
                    error: None,
                    node: None,
                    current: None,
                    entry: None,
                    is_final: false,
                });
            };
            match open[client].take() {
                None if begun < operations => {
                    begun += 1;
                    let key = random.below(self.keys) as usize;
                    let (f, value) = self.draw(&mut random, begun, holds[client]);
                    emit(ids[client], Kind::Invoke, key, f, value.clone());
                    open[client] = Some((key, f, value, None));
                }
                None => {}
                Some((key, f, value, None)) => {
                    let loses = random.below(1000) < self.unknown;
                    let acts = !loses || random.below(2) == 0;
                    let answer = acts.then(|| objects[key].act(f, &value));
                    if loses {
                        emit(ids[client], Kind::Info, key, f, value);
                        ids[client] = last;
                        last += 1;
                        // Its lock, if it had one, stays taken: somebody else gives it back.
                        if f == "acquire" && matches!(answer, Some((Kind::Ok, _))) {
                            holds[client] = true;
                        } else if f == "release" {
                            holds[client] = !acts;
                        }
                    } else {
                        open[client] = Some((key, f, value, answer));
                    }
                }
                Some((key, f, _, Some((kind, answer)))) => {
                    if kind == Kind::Ok && (f == "acquire" || f == "release") {
                        holds[client] = f == "acquire";
                    }
                    emit(ids[client], kind, key, f, answer);
                }
            }
        }
        History::new(events).expect("the clients keep the rules")
    }
}

impl Object {
    fn act(&mut self, f: &str, value: &Value) -> (Kind, Value) {
        let taken = |item: Option<u64>| item.map_or(Value::Null, |item| json!(item));
        let number = value.as_u64().unwrap_or_default();
        match f {
            "write" => self.value = value.clone(),
            "cas" if self.value == value[0] => self.value = value[1].clone(),
            "enqueue" | "push" => self.items.push_back(number),
            "dequeue" => return (Kind::Ok, taken(self.items.pop_front())),
            "pop" => return (Kind::Ok, taken(self.items.pop_back())),
            "add" => self.sum += number,
            "acquire" if self.sum == 0 => self.sum = 1,
            "release" => self.sum = 0,
            "cas" | "acquire" => return (Kind::Fail, value.clone()),
            _ if self.sum > 0 => return (Kind::Ok, json!(self.sum)),
            _ => return (Kind::Ok, self.value.clone()),
        }
        (Kind::Ok, value.clone())
    }
}

/// The most memory that this process has held since [`forget_peak`], in KiB (Linux).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.map(|line| line.trim().trim_end_matches(" kB"));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn forget_peak() {
    // Where that is refused the peak is that of the whole run, which only makes it worse.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn measure(name: &str, kind: ModelKind, history: &History) -> Duration {
    let judge = Objects {
        kind,
        limits: Linearizable::default().limits,
        minimum: Linearizable::default().minimum,
    };
    forget_peak();
    let (mut times, begun) = (Vec::new(), Instant::now());
    let mut valid = Valid::Unknown;
    while times.len() < 5 && (times.is_empty() || begun.elapsed() < Duration::from_secs(3)) {
        let start = Instant::now();
        valid = judge.check(history).valid;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    let operations = history.operations().len();
    println!(
        "{name:<60} {operations:>8} {:<8} {:>11.3} ms {:>11.0} op/s {:>8.1} MB",
        format!("{valid:?}"),
        median.as_secs_f64() * 1e3,
        operations as f64 / median.as_secs_f64().max(1e-9),
        peak() as f64 / 1024.0
    );
    median
}

fn main() {
    let operations = std::env::args().nth(1);
    let operations: u64 = operations
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens");
    let expected = std::fs::read_to_string(folder.join("expected.csv")).unwrap_or_default();
    println!(
        "{:<60} {:>8} {:<8} {:>14} {:>16} {:>11}",
        "history", "ops", "valid", "time", "speed", "memory"
    );
    let mut etcd = Vec::new();
    for line in expected.lines().skip(1) {
        let mut fields = line.split(',');
        let (Some(file), Some(Ok(kind))) = (fields.next(), fields.next().map(str::parse)) else {
            continue;
        };
        match history::open(&folder.join(file), None) {
            Ok(recorded) => {
                let time = measure(file, kind, &recorded.history);
                if file.starts_with("porcupine/etcd") {
                    etcd.push(time);
                }
            }
            Err(error) => eprintln!("{error}"),
        }
    }
    let (sum, worst) = (
        etcd.iter().sum::<Duration>(),
        etcd.iter().max().copied().unwrap_or_default(),
    );
    println!(
        "all {} etcd logs: {sum:?}, the worst {worst:?}\n",
        etcd.len()
    );
    for family in &FAMILIES {
        let history = family.history(operations.min(family.most));
        let name = format!(
            "{} c{} keys{} unknown{}%",
            family.name,
            family.clients,
            family.keys,
            family.unknown as f64 / 10.0
        );
        measure(&name, ModelKind::recognise(&history), &history);
    }
}
