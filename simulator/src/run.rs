//! One run from start to judgement: suffer, heal, converge, read, stay calm, scan the disks, judge the history.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use checker::linearizable::{Limits, Linearizable, objects::Objects};
use checker::{Checker, History, Valid, whitebox};

use node::raft::Change;

use crate::coverage::Coverage;
use crate::injury::MILLISECOND;
use crate::process::Process;
use crate::scenario::Scenario;
use crate::workload::model;
use crate::world::{Violation, World};

/// How long a healed cluster may take to get its first voters back, on top of [`catching_up`].
const REJOINING: u64 = 60_000 * MILLISECOND;
/// How long a healed cluster may take until all nodes are equal, without new writes (V22), on top of [`catching_up`].
const CONVERGENCE: u64 = 20_000 * MILLISECOND;
/// How long it may then take to answer reads at every node (V24).
const READS: u64 = 5_000 * MILLISECOND;
/// How long nothing may happen to leadership then (V28).
const CALM: u64 = 1_000 * MILLISECOND;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The first check that spoke.
    pub violation: Option<Violation>,
    /// What happened.
    pub coverage: Coverage,
    /// What a good run ought to have seen.
    pub sometimes: whitebox::Coverage,
    /// Of everything that happened, in order.
    pub hash: u64,
    /// Nanoseconds that were simulated.
    pub simulated: u64,
    /// What was said, if it was asked for.
    pub trace: Vec<String>,
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics are what a node says when it finds an invariant broken: they are kept rather than printed, from now on.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANIC.with(|kept| *kept.borrow_mut() = Some(panic.to_string()));
    }));
}

/// Runs a scenario.
pub fn run(scenario: &Scenario, trace: bool) -> Outcome {
    let mut world = World::new(scenario.clone(), trace);
    let lived = catch_unwind(AssertUnwindSafe(|| live(&mut world)));
    if lived.is_err() {
        let said = PANIC.with(|kept| kept.borrow_mut().take());
        let said = said.unwrap_or_else(|| "of which nothing is known".to_owned());
        let said = said.split('\n').collect::<Vec<_>>().join(" ");
        world.object("V23", format!("a node panics: {said}"));
    }
    Outcome {
        violation: world.violation.clone(),
        hash: world.hash(),
        simulated: world.now,
        trace: world.take_trace(),
        sometimes: world.evidence.finish(),
        coverage: world.coverage,
    }
}

fn live(world: &mut World) {
    world.run_until(world.scenario.length);
    world.clients.working = false;
    world.say(format_args!("all is healed"));
    world.heal_all();
    rejoin(world);
    converge(world);
    world.read_finally();
    let end = world.now + READS;
    while world.violation.is_none() && !world.clients.are_idle() {
        if world.now >= end {
            world.object(
                "V24",
                "reads are not answered although nothing is wrong".to_owned(),
            );
        }
        world.run_until(world.now + 10 * MILLISECOND);
    }
    stay_calm(world);
    for id in world.scenario.swarm.ids() {
        world.scan(id);
    }
    judge(world);
}

/// Makes the first voters the voters again, step by step, and sends everybody else home.
fn rejoin(world: &mut World) {
    let end = world.now + REJOINING + catching_up(world);
    while world.violation.is_none() && world.scenario.swarm.changes {
        match next_step(world) {
            None => break,
            Some(step) if world.now < end => step.into_iter().for_each(|step| world.ask_for(step)),
            Some(_) => world.object(
                "V24",
                format!("members stay as they are: {}", stands(world)),
            ),
        }
        world.run_until(world.now + 50 * MILLISECOND);
    }
    for id in world.scenario.swarm.spares.clone() {
        world.kill(id);
        world.retired.push(id);
    }
}

/// What brings the cluster nearer to its first configuration; nothing while there is no leader; `None`: it is there.
fn next_step(world: &World) -> Option<Option<Change>> {
    let Some(running) = world
        .leader()
        .and_then(|leader| world.process(leader).running.as_ref())
    else {
        return Some(None);
    };
    let now = &running.status.configured;
    let voters = &world.scenario.swarm.config.voters;
    let here = &now.configuration;
    if here.is_joint() || now.by.index > running.status.commit {
        return Some(None);
    }
    let stranger = voters.iter().find(|node| !here.is_member(**node));
    let learner = voters.iter().find(|node| here.learners().contains(node));
    let guest = here
        .members()
        .into_iter()
        .find(|node| !voters.contains(node));
    match (stranger, learner, guest) {
        (Some(node), ..) => Some(Some(Change::AddLearner {
            node: *node,
            address: None,
        })),
        (_, Some(node), _) => Some(Some(Change::Promote(*node))),
        (.., Some(node)) => Some(Some(Change::Remove(node))),
        _ => None,
    }
}

fn stands(world: &World) -> String {
    let stands = world
        .processes
        .iter()
        .map(|process| match &process.running {
            None => format!("{} is down", process.id),
            Some(running) => {
                let status = running.replica.status(0.0);
                format!(
                    "{} is {} of {} with last={} commit={} applied={} waiters={} {}",
                    status.id,
                    status.role,
                    status.term,
                    status.last_entry,
                    status.commit,
                    status.applied,
                    status.waiters,
                    running.status.configured.configuration
                )
            }
        });
    stands.collect::<Vec<_>>().join("; ")
}

fn converge(world: &mut World) {
    let end = world.now + CONVERGENCE + catching_up(world);
    while world.violation.is_none() && !is_converged(world) {
        if world.now >= end {
            world.object("V22", format!("not converged: {}", stands(world)));
        }
        world.run_until(world.now + 20 * MILLISECOND);
    }
}

/// How long a node may take that lacks the whole log and gets it entry by entry, each only after the last. The longest log
/// counts: a leader that answers ahead of commits can be far ahead of them.
fn catching_up(world: &World) -> u64 {
    let swarm = &world.scenario.swarm;
    let round = 2 * swarm.latency.1 + swarm.sync.1;
    let running = world.processes.iter().filter_map(|it| it.running.as_ref());
    let last = running.map(|running| running.status.last.index.0);
    let entries = last.fold(world.oracle.committed(), u64::max);
    entries * (round * 1000 + 2 * MILLISECOND)
}

fn is_converged(world: &World) -> bool {
    let Some(leader) = world.leader() else {
        return false;
    };
    let Some(leader) = &world.process(leader).running else {
        return false;
    };
    let content = leader.replica.machine().content();
    world.clients.are_idle()
        && voters(world).all(|process| {
            process.running.as_ref().is_some_and(|running| {
                running.status.last == leader.status.last
                    && running.status.term == leader.status.term
                    && running.status.leader == Some(leader.status.id)
                    && running.replica.machine().applied() == leader.status.last.index
                    && running.replica.machine().content() == content
                    && running.replica.waiting() == 0
            })
        })
}

/// The nodes that vote in the end.
fn voters(world: &World) -> impl Iterator<Item = &Process> {
    let voters = &world.scenario.swarm.config.voters;
    world
        .processes
        .iter()
        .filter(|process| voters.contains(&process.id))
}

fn stay_calm(world: &mut World) {
    if world.violation.is_some() {
        return;
    }
    let terms = |world: &World| voters(world).map(|p| p.term()).collect::<Vec<_>>();
    let before = terms(world);
    world.run_until(world.now + CALM);
    let after = terms(world);
    if before != after {
        let what = format!("terms go from {before:?} to {after:?} without a cause");
        world.object("V28", what);
    }
    // A leader may have written what its clock says, for leases' sake.
    converge(world);
}

fn judge(world: &mut World) {
    if world.violation.is_some() {
        return;
    }
    let history = match History::new(std::mem::take(&mut world.clients.history)) {
        Ok(history) => history,
        Err(malformed) => return world.object("history", malformed.to_string()),
    };
    match world.oracle.lost(world.scenario.swarm.may_lose()) {
        Ok(lost) => world.coverage.writes_lost += lost,
        Err((check, what)) => return world.object(check, what),
    }
    if world.scenario.swarm.may_lose() && world.oracle.leadership_changed() {
        world.coverage.not_promised += 1;
        return;
    }
    let limits = Limits {
        configurations: 1024,
        steps: 300_000,
        bytes: 1 << 28,
    };
    let kind = model(world.scenario.swarm.workload);
    let verdict = match kind {
        checker::models::ModelKind::Register => Linearizable {
            limits,
            ..Linearizable::default()
        }
        .check(&history),
        _ => Objects {
            kind,
            limits,
            minimum: Default::default(),
        }
        .check(&history),
    };
    match verdict.valid {
        Valid::Yes => world.coverage.judged += 1,
        Valid::Unknown => world.coverage.undecided += 1,
        Valid::No => {
            let told = verdict.violations.first().map(|v| v.explanation.as_str());
            let what = format!("{} {}", verdict.summary, told.unwrap_or_default());
            world.object(
                "linearizable",
                what.split('\n').collect::<Vec<_>>().join(" "),
            );
        }
    }
}
