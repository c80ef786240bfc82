//! What porcupine-rust needs here for the specimens that it was measured with elsewhere: lines of `file,ms`, for `bench --port`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use checker::history;
use checker::linearizable::{Linearizable, Meter, objects::Objects};
use checker::models::register::{self, Action, INITIAL, NEVER, Step};
use checker::models::{Model as Checked, ModelKind, Spoken, Told, kv::Kv};
use checker::{History, Outcome, Valid};
use nix::time::{ClockId, clock_gettime};
use porcupine::checker::check_operations;
use porcupine::model::Model;
use porcupine::types::{CheckResult, Operation};

/// As for the figures that were recorded: with a limit, which costs a thread.
const LIMIT: Duration = Duration::from_secs(120);

/// So often, and for so long; the median counts.
const AGAIN: (usize, Duration) = (101, Duration::from_secs(3));

/// A register, of which a step may not have happened.
struct Register;

impl Model for Register {
    type State = u32;
    type Input = (Action, bool);
    type Output = ();

    fn init(&self) -> u32 {
        INITIAL
    }

    fn step(&self, state: &u32, (action, must): &(Action, bool), (): &()) -> Option<u32> {
        action.step(*state).or((!must).then_some(*state))
    }
}

/// A key of a store.
struct Store(Kv);

impl Model for Store {
    type State = <Kv as Checked>::State;
    type Input = (<Kv as Checked>::Op, bool);
    type Output = Option<<Kv as Checked>::Reply>;

    fn init(&self) -> Self::State {
        self.0.init()
    }

    fn step(
        &self,
        state: &Self::State,
        (op, must): &Self::Input,
        reply: &Self::Output,
    ) -> Option<Self::State> {
        let next = self.0.step(state, op, reply.as_ref());
        next.or_else(|| (!must).then(|| state.clone()))
    }
}

/// When an operation begins and ends; without an end, after all others.
fn operation<I, O>(
    client: usize,
    (start, end): (u32, u32),
    input: I,
    output: O,
) -> Operation<I, O> {
    let return_time = match end {
        NEVER => u64::MAX,
        end => end.into(),
    };
    Operation {
        client_id: client as u64,
        input,
        call: start.into(),
        output,
        return_time,
    }
}

type StoreOperation = Operation<<Store as Model>::Input, <Store as Model>::Output>;

/// What is to be checked, key by key.
enum Parts {
    Registers(Vec<Vec<Operation<(Action, bool), ()>>>),
    Stores(Vec<Vec<StoreOperation>>),
}

impl Parts {
    fn of(history: &History, kind: ModelKind) -> Result<Parts, String> {
        match kind {
            ModelKind::Register => {
                let one = |(client, step): (usize, &Step)| {
                    operation(client, (step.start, step.end), (step.action, step.must), ())
                };
                let parts = register::parts(history)?.into_iter();
                let parts = parts.map(|part| part.steps.iter().enumerate().map(one).collect());
                Ok(Parts::Registers(parts.collect()))
            }
            ModelKind::Kv => Ok(Parts::Stores(stores(history)?)),
            other => Err(format!("no model of a {other} here")),
        }
    }

    fn check(&self) -> CheckResult {
        match self {
            Parts::Registers(parts) => worst(
                parts
                    .iter()
                    .map(|part| check_operations(&Register, part, Some(LIMIT))),
            ),
            Parts::Stores(parts) => worst(
                parts
                    .iter()
                    .map(|part| check_operations(&Store(Kv), part, Some(LIMIT))),
            ),
        }
    }
}

/// The first wrong part decides.
fn worst(mut found: impl Iterator<Item = CheckResult>) -> CheckResult {
    found
        .find(|found| *found != CheckResult::Ok)
        .unwrap_or(CheckResult::Ok)
}

fn stores(history: &History) -> Result<Vec<Vec<StoreOperation>>, String> {
    let mut parts: Vec<(Option<String>, Kv, Vec<StoreOperation>)> = Vec::new();
    for said in history.operations() {
        let key = history.key(said).map(ToString::to_string);
        let at = match parts.iter().position(|(known, ..)| *known == key) {
            Some(at) => at,
            None => {
                parts.push((key, Kv, Vec::new()));
                parts.len() - 1
            }
        };
        let (_, model, all) = &mut parts[at];
        if said.outcome == Outcome::Fail {
            continue;
        }
        let told = Told {
            history,
            operation: said,
        };
        if let Some((op, reply)) = model.hear(&told)? {
            let must = said.outcome != Outcome::Info;
            let end = said
                .complete()
                .filter(|_| must)
                .map_or(NEVER, |at| at as u32 + 1);
            let times = (said.invoke() as u32 + 1, end);
            all.push(operation(all.len(), times, (op, must), reply));
        }
    }
    Ok(parts.into_iter().map(|(.., all)| all).collect())
}

fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// The median, and the verdict, which must be ours.
fn measured(path: &Path) -> Result<Duration, String> {
    let history = history::open(path, None)
        .map_err(|error| error.to_string())?
        .history;
    let kind = ModelKind::recognise(&history);
    let parts = Parts::of(&history, kind)?;
    let ours = Objects {
        kind,
        limits: Linearizable::default().limits,
        minimum: Default::default(),
    };
    let ours = ours.answer_within(&history, &Meter::new(&|| false))?;
    let (mut times, begun) = (Vec::new(), cpu());
    while times.is_empty() || times.len() < AGAIN.0 && cpu() - begun < AGAIN.1 {
        let start = cpu();
        let found = parts.check();
        times.push(cpu() - start);
        let same = matches!(
            (found, ours),
            (CheckResult::Ok, Valid::Yes)
                | (CheckResult::Illegal, Valid::No)
                | (CheckResult::Unknown, _)
        );
        if !same {
            return Err(format!(
                "{}: {found:?} here, {ours:?} by the checker",
                path.display()
            ));
        }
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn run(specimens: &Path) -> Result<(), String> {
    let recorded = specimens.join("porcupine.csv");
    let text = fs::read_to_string(&recorded)
        .map_err(|error| format!("{}: {error}", recorded.display()))?;
    println!("file,ms");
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        // Only where it was measured there, too.
        if let [file, .., port] = fields[..]
            && !port.is_empty()
        {
            let time = measured(&specimens.join(file))?;
            println!("{file},{:.6}", time.as_secs_f64() * 1e3);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let specimens = std::env::args()
        .nth(1)
        .map_or_else(|| "checker/specimens".into(), PathBuf::from);
    match run(&specimens) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beside: {error}");
            ExitCode::FAILURE
        }
    }
}
