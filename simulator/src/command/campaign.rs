//! Many seeds, one after the other on every thread, and what was found.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use checker::whitebox::{self, Sometimes};
use nix::time::{ClockId, clock_gettime};
use simulator::coverage::Coverage;
use simulator::run::{self, Outcome};
use simulator::scenario::Scenario;
use simulator::shrink::shrink;

use super::Arguments;

/// How often a line tells how far it has come.
const PROGRESS: Duration = Duration::from_secs(10);
/// How many of a failing run's last messages are shown.
const SHOWN: usize = 80;
/// How many of its last injuries are.
const INJURIES: usize = 30;

#[derive(Default)]
struct Sum {
    coverage: Coverage,
    sometimes: whitebox::Coverage,
    runs: u64,
    bad: u64,
    simulated: u64,
    /// Of the processor, in nanoseconds; what is spent on making failing runs shorter does not count.
    spent: u64,
    /// Of the seed that took longest for what it simulated: simulated seconds per second of the processor, and which.
    slowest: Option<(f64, u64)>,
    hash: u64,
    told: Option<Instant>,
}

/// Runs the seeds; exits with 1 if a check spoke, with 2 if something that had to be seen was not.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let next = AtomicU64::new(arguments.seeds.start);
    let sum = Mutex::new(Sum::default());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| work(arguments, &next, &sum, begun));
        }
    });
    let sum = sum.into_inner().unwrap_or_default();
    for (name, count) in sum.coverage.all() {
        println!("{count:>12} {}", name.replace('_', " "));
    }
    println!("sometimes:");
    for what in Sometimes::ALL {
        println!("{:>12} {}", sum.sometimes.count(what), what.description());
    }
    let never = sum.sometimes.never().count();
    println!("{never} of {} never seen", Sometimes::ALL.len());
    println!("{}", told(&sum, begun));
    if let Some((speed, seed)) = sum.slowest {
        println!("slowest: seed {seed} with {speed:.0} a second of the processor");
    }
    println!("fingerprint of all runs: {:016x}", sum.hash);
    match (sum.bad, never) {
        (1.., _) => ExitCode::from(1),
        (0, 1..) if arguments.sometimes => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    }
}

/// What this thread has had of the processor, in nanoseconds.
fn spent() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

fn work(arguments: &Arguments, next: &AtomicU64, sum: &Mutex<Sum>, begun: Instant) {
    loop {
        let seed = next.fetch_add(1, Relaxed);
        let enough = sum.lock().is_ok_and(|sum| sum.bad >= arguments.stop_after);
        if seed >= arguments.seeds.end || enough {
            return;
        }
        let scenario = arguments.scenario(seed);
        let before = spent();
        let outcome = run::run(&scenario, arguments.trace);
        let spent = spent() - before;
        let Ok(mut sum) = sum.lock() else { return };
        sum.runs += 1;
        sum.spent += spent;
        let speed = outcome.simulated as f64 / spent as f64;
        if sum.slowest.is_none_or(|(slowest, _)| speed < slowest) {
            sum.slowest = Some((speed, seed));
        }
        sum.sometimes.add(&outcome.sometimes);
        sum.simulated += outcome.simulated;
        sum.coverage.add(&outcome.coverage);
        // In any order of seeds.
        sum.hash ^= outcome.hash.rotate_left(seed as u32 % 64);
        if arguments.trace {
            outcome.trace.iter().for_each(|line| println!("{line}"));
        }
        if outcome.violation.is_some() {
            sum.bad += 1;
            drop(sum);
            tell(arguments, &scenario, &outcome);
        } else if sum.told.unwrap_or(begun).elapsed() > PROGRESS {
            eprintln!("{}", told(&sum, begun));
            sum.told = Some(Instant::now());
        }
    }
}

fn told(sum: &Sum, begun: Instant) -> String {
    let real = begun.elapsed().as_secs_f64();
    let (simulated, spent) = (sum.simulated as f64 / 1e9, sum.spent as f64 / 1e9);
    format!(
        "{} seeds, {} violated; {simulated:.0} simulated seconds in {real:.1} s: {:.0} a second; \
         {spent:.1} s of the processor: {:.0} a second",
        sum.runs,
        sum.bad,
        simulated / real,
        simulated / spent
    )
}

fn tell(arguments: &Arguments, scenario: &Scenario, outcome: &Outcome) {
    let Some(violation) = &outcome.violation else {
        return;
    };
    let at = violation.at as f64 / 1e9;
    println!(
        "seed {}: {} at {at:.6} s: {}",
        scenario.seed, violation.check, violation.what
    );
    println!("  repeat it: {} {scenario} --trace", command(arguments));
    if arguments.shrink == 0 || arguments.trace {
        return;
    }
    let small = shrink(scenario, violation.check, violation.at, arguments.shrink);
    let shown = run::run(&small, true);
    println!(
        "  made shorter: {} {small} --trace   ({} of {} injuries)",
        command(arguments),
        small.injuries.len(),
        scenario.injuries.len()
    );
    let earlier = small.injuries.len().saturating_sub(INJURIES);
    if earlier > 0 {
        println!("    {earlier} earlier injuries");
    }
    for injury in &small.injuries[earlier..] {
        println!(
            "    injury {}: {:?} from {:.3} s on for {:.3} s",
            injury.number,
            injury.kind,
            injury.at as f64 / 1e9,
            injury.length as f64 / 1e9
        );
    }
    let last = shown.trace.len().saturating_sub(SHOWN);
    for line in &shown.trace[last..] {
        println!("  {line}");
    }
}

/// What a repetition begins with.
#[cfg(feature = "planted-bugs")]
fn command(arguments: &Arguments) -> String {
    let planted = |(_, bug): &&(&str, _)| arguments.bug == Some(*bug);
    let planted = node::bugs::Bug::all().iter().find(planted);
    let bug = planted.map_or(String::new(), |(name, _)| format!(" --bug {name}"));
    format!("cargo run --release -p simulator --features planted-bugs --{bug}")
}

#[cfg(not(feature = "planted-bugs"))]
fn command(_: &Arguments) -> &'static str {
    "cargo run --release -p simulator --"
}
