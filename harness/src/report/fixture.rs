//! Runs made up for tests and for looking at the page: a cluster in which faults act and clients feel them.

use std::time::Duration;

use checker::{Event, History, Involved, Kind, Process, Valid, Verdict, Violation};
use serde_json::{Value, json};

use super::Run;
use crate::injury::Injury;
use crate::observation::{FollowerStatus, NodeStatus, Observation};
use crate::plan::Plan;

const MS: u64 = 1_000_000;
const NODES: u16 = 5;
const CLIENTS: u64 = 10;

/// Small, fast and always the same (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

/// What a made-up run is to contain.
pub struct Wanted {
    /// Length of the run in seconds.
    pub seconds: u64,
    /// Usual latency in microseconds: decides how many operations there are.
    pub latency_us: u64,
    /// Kinds of faults, taken in turn.
    pub faults: &'static [&'static str],
}

/// 30 s of all five faults, all well.
pub fn valid() -> Run {
    made(&Wanted {
        seconds: 30,
        latency_us: 40_000,
        faults: &["partition", "kill", "pause", "clock-skew", "disk-full"],
    })
}

/// 30 s of partitions and kills with a stale read in the first fault after 12 s.
pub fn invalid() -> Run {
    let mut run = made(&Wanted {
        seconds: 30,
        latency_us: 40_000,
        faults: &["partition", "kill"],
    });
    run.plan.bugs = vec!["leader-local-read".into()];
    run.exit_code = 1;
    let window = run
        .injuries
        .iter()
        .find(|injury| injury.fault == "partition" && injury.planned_ns[0] > 12_000 * MS);
    let moment = window.map_or(0, |injury| injury.planned_ns[0]) + 350 * MS;
    let numbered = || run.history.operations().iter().enumerate();
    let before = |number: usize| {
        run.history
            .invocation(&run.history.operations()[number])
            .time
    };
    let wrong = numbered().find(|(number, operation)| {
        let event = run.history.invocation(operation);
        event.f == "read"
            && before(*number) > Duration::from_nanos(moment)
            && operation.complete.is_some()
    });
    let wrong = wrong.map_or(0, |(number, _)| number);
    let near: Vec<usize> = (wrong.saturating_sub(9)..=wrong).collect();
    let mut operations: Vec<Involved> = (near.iter())
        .map(|&number| Involved::new(&run.history, number, number + 4 > wrong))
        .collect();
    let last = operations.len() - 1;
    for (at, operation) in operations.iter_mut().enumerate().skip(last - 3) {
        let (f, value) = [("write", 6), ("write", 7), ("read", 7), ("read", 6)][at + 3 - last];
        (operation.f, operation.value) = (f.into(), json!(value));
        operation.outcome = "ok".into();
        operation.current = None;
    }
    let prefix_end = operations[last].complete.unwrap_or(0);
    run.verdicts = vec![Verdict {
        checker: "linearizable".into(),
        valid: Valid::No,
        summary: "key k3 is not linearizable".into(),
        violations: vec![Violation {
            key: Some("k3".into()),
            anomaly: "stale read".into(),
            explanation: format!(
                "Process {} read 6 although 7 had been written, and read by process {}, before that read began. No order of the operations explains both.",
                operations[last].process,
                operations[last - 1].process
            ),
            prefix_end,
            operations,
        }],
        details: Value::Null,
    }];
    run
}

/// A run that did too little for a verdict.
pub fn unknown() -> Run {
    let mut run = made(&Wanted {
        seconds: 2,
        latency_us: 200_000,
        faults: &["partition"],
    });
    run.exit_code = 2;
    run.verdicts[0].valid = Valid::Unknown;
    run.verdicts[0].summary = "unknown: only 1 fault acted, at least 3 are needed".into();
    run
}

/// A run without faults.
pub fn calm() -> Run {
    made(&Wanted {
        seconds: 5,
        latency_us: 20_000,
        faults: &[],
    })
}

/// A run that ended before anything happened.
pub fn empty() -> Run {
    Run {
        history: History::default(),
        injuries: Vec::new(),
        observations: Vec::new(),
        verdicts: Vec::new(),
        exit_code: 2,
        ..calm()
    }
}

/// Makes a run up.
pub fn made(wanted: &Wanted) -> Run {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let injuries = injuries(wanted, &mut dice);
    let (observations, outages) = observations(wanted, &injuries, &mut dice);
    let events = events(wanted, &injuries, &outages, &mut dice);
    let history = History::new(events).expect("a made-up history is well-formed");
    let operations = history.operations().len();
    Run {
        plan: plan(wanted),
        history,
        injuries,
        observations,
        verdicts: vec![Verdict {
            checker: "linearizable".into(),
            valid: Valid::Yes,
            summary: format!("all {operations} operations on 5 keys are linearizable"),
            violations: Vec::new(),
            details: Value::Null,
        }],
        exit_code: 0,
        environment: vec![
            ("Processor".into(), "2 cores".into()),
            ("Kernel".into(), "Linux 6.1".into()),
        ],
    }
}

fn plan(wanted: &Wanted) -> Plan {
    let nemesis: Vec<String> = wanted.faults.iter().map(|f| f.to_string()).collect();
    let flag = if nemesis.is_empty() {
        "none".into()
    } else {
        nemesis.join(",")
    };
    Plan {
        version: "0.1.0".into(),
        system: "node".into(),
        workload: "register".into(),
        nemesis,
        nodes: NODES,
        concurrency: CLIENTS as usize,
        rate: 0.0,
        keys: 5,
        time: Duration::from_secs(wanted.seconds),
        interval: Duration::from_millis(800),
        seed: 42,
        kill_means: "power-loss".into(),
        bugs: Vec::new(),
        command: format!(
            "cargo run -p harness -- --nemesis {flag} --time {} --seed 42",
            wanted.seconds
        ),
    }
}

fn injuries(wanted: &Wanted, dice: &mut Dice) -> Vec<Injury> {
    let mut injuries: Vec<Injury> = Vec::new();
    let mut at = 900 * MS;
    while !wanted.faults.is_empty() && at + 2_500 * MS < wanted.seconds * 1_000 * MS {
        let id = injuries.len();
        let fault = wanted.faults[id % wanted.faults.len()];
        let target = format!("n{}", 1 + dice.below(u64::from(NODES)));
        let length = (400 + dice.below(1_000)) * MS;
        let (shape, description, effect) = match fault {
            "partition" => (
                "isolate-leader",
                format!("{target} was cut off from all other nodes"),
                "312 frames dropped on 8 links",
            ),
            "kill" => (
                "power-loss",
                format!("{target} was killed with power loss"),
                "the process ended; 3 un-synced writes were lost",
            ),
            "pause" => (
                "one",
                format!("{target} was paused"),
                "stopped for the whole time",
            ),
            "clock-skew" => (
                "+3600s",
                format!("the clock of {target} was set an hour ahead"),
                "the node's clock was 3600.0 s off",
            ),
            _ => (
                "enospc",
                format!("the disk of {target} was full"),
                "21 writes refused",
            ),
        };
        injuries.push(Injury {
            id: id as u64,
            fault: fault.into(),
            shape: shape.into(),
            targets: vec![target],
            description,
            parameters: Value::Null,
            planned_ns: [at, at + length],
            injected_ns: Some([at, at + 2 * MS]),
            healed_ns: Some([at + length, at + length + 3 * MS]),
            // Every seventh does nothing, so that the page has to say so.
            effect: (id % 7 != 6).then(|| effect.to_string()),
            error: None,
        });
        at += length + (300 + dice.below(900)) * MS;
    }
    injuries
}

/// Statuses, elections after every fault that hits the leader, and when nobody led.
fn observations(
    wanted: &Wanted,
    injuries: &[Injury],
    dice: &mut Dice,
) -> (Vec<Observation>, Vec<(u64, u64)>) {
    let end = (wanted.seconds + 1) * 1_000 * MS;
    let mut seen = Vec::new();
    let mut outages = Vec::new();
    let (mut leader, mut term) = (1, 1);
    seen.push(transition(150 * MS, leader, "leader", term));
    let mut reigns = vec![(0, leader, term)];
    for injury in injuries {
        let [from, to] = injury.planned_ns;
        let target: u64 = injury.targets[0][1..].parse().unwrap_or(1);
        if injury.fault == "kill" {
            seen.push(process(from, target, "killed"));
            seen.push(process(to, target, "started"));
        }
        if target != leader || !matches!(injury.fault.as_str(), "partition" | "kill" | "pause") {
            continue;
        }
        let elected = from + (180 + dice.below(350)) * MS;
        let old = leader;
        leader = 1 + leader % u64::from(NODES);
        term += 1 + dice.below(2);
        outages.push((from, elected));
        seen.push(transition(elected - 40 * MS, leader, "candidate", term));
        seen.push(transition(elected, leader, "leader", term));
        reigns.push((elected, leader, term));
        if injury.fault != "kill" {
            seen.push(transition(to + 20 * MS, old, "follower", term));
            let first = 100 * term;
            seen.push(Observation::RolledBack {
                time_ns: to + 21 * MS,
                node: format!("n{old}"),
                entries: (first..first + 3)
                    .map(|index| format!("{index}@{}", term - 1))
                    .collect(),
            });
        }
    }
    for time_ns in (100 * MS..end).step_by(100 * MS as usize) {
        let (_, leader, term) = reigns
            .iter()
            .rev()
            .find(|reign| reign.0 <= time_ns)
            .copied()
            .unwrap_or((0, 1, 1));
        for node in 1..=u64::from(NODES) {
            let hit = injuries.iter().find(|injury| {
                injury.targets[0] == format!("n{node}")
                    && (injury.planned_ns[0]..injury.planned_ns[1]).contains(&time_ns)
            });
            let fault = hit.map_or("", |injury| injury.fault.as_str());
            let index = time_ns / (5 * MS);
            let follower = |other: u64| {
                let behind = injuries.iter().find(|i| {
                    i.targets[0] == format!("n{other}")
                        && (i.planned_ns[0]..i.planned_ns[1]).contains(&time_ns)
                });
                let lag = behind.map_or(dice_free(time_ns + other), |i| {
                    (time_ns - i.planned_ns[0]) / (5 * MS)
                });
                FollowerStatus {
                    node: format!("n{other}"),
                    sent: index,
                    durable: index.saturating_sub(lag),
                    applied: index.saturating_sub(lag),
                }
            };
            let leads = node == leader;
            seen.push(Observation::Status {
                time_ns,
                node: format!("n{node}"),
                status: (!matches!(fault, "kill" | "pause")).then(|| NodeStatus {
                    role: if leads { "leader" } else { "follower" }.into(),
                    term,
                    leader: Some(format!("n{leader}")),
                    commit: index,
                    applied: index,
                    last: index,
                    clock_offset_ms: Some(if fault == "clock-skew" {
                        3_600_000.0
                    } else {
                        0.4
                    }),
                    disk_full: fault == "disk-full",
                    followers: (1..=u64::from(NODES))
                        .filter(|other| leads && *other != node)
                        .map(follower)
                        .collect(),
                }),
            });
        }
    }
    for at in [4_000, 17_500] {
        if at * MS < end && !injuries.is_empty() {
            seen.push(Observation::Stall {
                time_ns: at * MS,
                duration_ns: 240 * MS,
            });
        }
    }
    seen.sort_by_key(super::data::time_ns);
    (seen, outages)
}

/// A small number that depends on nothing but its argument.
fn dice_free(of: u64) -> u64 {
    Dice(of | 1).below(3)
}

fn transition(time_ns: u64, node: u64, role: &str, term: u64) -> Observation {
    Observation::Transition {
        time_ns,
        node: format!("n{node}"),
        role: role.into(),
        term,
        leader: None,
    }
}

fn process(time_ns: u64, node: u64, event: &str) -> Observation {
    Observation::Process {
        time_ns,
        node: format!("n{node}"),
        event: event.into(),
        detail: None,
    }
}

/// Clients, each pinned to a node, one operation after the other.
fn events(
    wanted: &Wanted,
    injuries: &[Injury],
    outages: &[(u64, u64)],
    dice: &mut Dice,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut entry = 0;
    for client in 0..CLIENTS {
        let node = client % u64::from(NODES) + 1;
        let (mut at, mut process) = (dice.below(20) * MS, client);
        while at < wanted.seconds * 1_000 * MS {
            let verb = ["read", "write", "cas"][dice.below(3) as usize];
            let argument = match verb {
                "read" => Value::Null,
                "write" => json!(dice.below(50)),
                _ => json!([dice.below(50), dice.below(50)]),
            };
            let mut latency = wanted.latency_us * 1_000 / 2 + dice.below(wanted.latency_us * 1_000);
            if let Some((_, to)) = outages
                .iter()
                .find(|(from, to)| (*from..*to).contains(&(at + latency)))
            {
                latency = to - at + dice.below(20) * MS;
            }
            let hit = injuries.iter().find(|injury| {
                injury.effect.is_some()
                    && injury.targets[0] == format!("n{node}")
                    && (injury.planned_ns[0]..injury.planned_ns[1]).contains(&(at + latency))
            });
            let (kind, error, latency) = match hit.map(|injury| injury.fault.as_str()) {
                Some("partition" | "pause") if verb == "read" => {
                    (Kind::Fail, Some("timed out after 1000 ms"), 1_000 * MS)
                }
                Some("partition" | "pause") => {
                    (Kind::Info, Some("timed out after 1000 ms"), 1_000 * MS)
                }
                Some("kill") => (Kind::Fail, Some("connection refused"), 20 * MS),
                Some("disk-full") if verb != "read" => (
                    Kind::Fail,
                    Some("disk full: the node takes no writes"),
                    latency,
                ),
                _ if verb == "cas" && dice.below(2) == 0 => {
                    (Kind::Fail, Some("compared unequal"), latency)
                }
                _ => (Kind::Ok, None, latency),
            };
            let unequal = error == Some("compared unequal");
            let event = |time, kind, value, error: Option<&str>| Event {
                index: 0,
                time: Duration::from_nanos(time),
                process: Process::Client(process),
                kind,
                f: verb.into(),
                key: Some(format!("k{}", 1 + at % 5).into()),
                value,
                error: error.map(Into::into),
                node: Some(format!("n{node}").into()),
                current: None,
                entry: None,
                is_final: false,
            };
            events.push(event(at, Kind::Invoke, argument.clone(), None));
            let answer = if verb == "read" && kind == Kind::Ok {
                json!(dice.below(50))
            } else {
                argument
            };
            let mut ended = event(at + latency, kind, answer, error);
            ended.current = unequal.then(|| json!(3));
            if kind == Kind::Ok && verb != "read" {
                entry += 1;
                ended.entry = Some(format!("{entry}@1000").into());
            }
            events.push(ended);
            if kind == Kind::Info {
                process += CLIENTS;
            }
            at += latency + dice.below(2) * MS;
        }
    }
    events.sort_by_key(|event| event.time);
    for (index, event) in events.iter_mut().enumerate() {
        event.index = index as u64;
    }
    events
}
