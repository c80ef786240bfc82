//! One run, phase by phase: build, start, break, heal, wait, read, judge, report.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use workloads::{Generator, Settings};

use crate::cli::RunWish;
use crate::cluster::Cluster;
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::faults::Need;
use crate::history::Recorder;
use crate::interpreter::{Interpreter, Phase, Totals};
use crate::interrupts::Interrupts;
use crate::kept::AppliedLog;
use crate::links::Way;
use crate::listening::{self, Found};
use crate::nemesis::Nemesis;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::progress::{Counts, Moment, NodeNow, Progress, Style};
use crate::site::Site;
use crate::store::{self, Lines};
use crate::{
    binaries, databases, environment, faults, judge, live, members, observe, recovery, sandbox,
    stalls, sweep, web, whitebox, worker,
};

/// How long a client waits for an answer.
const CLIENT_TIMEOUT: Duration = Duration::from_millis(1000);
/// How long a cluster may take to elect its first leader.
const FIRST_LEADER: Duration = Duration::from_secs(20);
/// Clients go on for this long after the last heal, so that they feel the recovery from it too.
const TAIL: Duration = Duration::from_secs(1);
/// No faults and no work: what is under way may end.
const QUIET: Duration = Duration::from_millis(300);

/// How a run is shown as it goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// To whom.
    pub style: Style,
    /// Where a page shows it too.
    pub live: Option<std::net::SocketAddr>,
}

/// Does the run and says how it ended, and in which folder that stands.
///
/// # Errors
/// It could not begin, or its results could not be written.
pub fn run(wish: &RunWish) -> Result<(u8, PathBuf), Failure> {
    let RunWish {
        plan,
        binary,
        out,
        slo,
        shown,
        ..
    } = wish;
    let (binary, shown) = (binary.as_deref(), *shown);
    if let Some(binary) = binary {
        binaries::check_executable(binary)?;
    }
    let database = databases::find(&plan.system).ok_or_else(|| {
        Failure::new(
            exit::INTERNAL,
            format!("{} was checked before", plan.system),
        )
    })?;
    if let Some(problem) = database.missing().filter(|_| binary.is_none()) {
        return Err(Failure::new(exit::MISSING, problem));
    }
    let progress = Arc::new(Progress::new(shown.style));
    let folder = store::create(out, plan, &environment::utc_compact())?;
    store::check_space(&folder)?;
    if let Some(slo) = slo {
        let path = folder.join(store::SLO);
        store::write_json(&path, slo).map_err(|error| store::cannot_write(&path, &error))?;
    }
    let say = |text: &str| progress.say(text);
    let installed = database.binary();
    let binaries = binaries::prepare(
        database.package(),
        binary.or(installed.as_deref()),
        !plan.bugs.is_empty(),
        database.copied(),
        &folder,
        &say,
    )?;
    // Browsers are out here, where nodes are not to be.
    let live = shown.live.map(web::bind).transpose()?;
    sweep::claim();
    let rest =
        || from_first_node_to_verdict(plan, database, &binaries, &folder, &progress, live.as_ref());
    let code = sandbox::act(wish.sandbox, &say, &rest)??;
    Ok((code, folder))
}

/// All that is done in the box, where there is one.
fn from_first_node_to_verdict(
    plan: &Plan,
    database: &dyn databases::Database,
    binaries: &binaries::Binaries,
    folder: &Path,
    progress: &Arc<Progress>,
    live: Option<&TcpListener>,
) -> Result<u8, Failure> {
    if plan.links == Way::Packets && !sandbox::entered() {
        let text = "links of packets are made in a box only: leave --links or --box off out, or ask `harness doctor`";
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::INTERNAL, format!("cannot start: {error}")))?;
    if let Some(listener) = live {
        let again = listener
            .try_clone()
            .map_err(|error| Failure::new(exit::INTERNAL, format!("the live page: {error}")))?;
        let _here = runtime.enter();
        live::start(again, progress.clone())?;
    }
    let code = runtime.block_on(async {
        let to_clients =
            |name: &String| faults::find(name).is_some_and(|fault| fault.needs() == Need::Clients);
        let site = Site::take(plan.nodes, folder, plan.links)?;
        let site = Arc::new(site.with_client_links(plan.nemesis.iter().any(to_clients)));
        let deployment = database.deploy(site.clone(), plan, binaries.system.clone())?;
        let observations = Arc::new(Lines::create(folder.join(store::OBSERVATIONS))?);
        let cluster = Arc::new(
            Cluster::new(
                site,
                deployment.into(),
                &binaries.shim,
                observations.clone(),
            )
            .await?,
        );
        let ending = act(plan, folder, &cluster, progress).await;
        cluster.end();
        let (mut ending, failure) = ending?;
        observations.check()?;
        ending.environment = environment::facts();
        verify(&cluster, &mut ending);
        let written = store::write_json(&folder.join(store::ENDING), &ending);
        written.map_err(|error| store::cannot_write(&folder.join(store::ENDING), &error))?;
        failure.map_or(Ok(()), Err)
    });
    code?;
    progress.say("judging");
    // The runtime is still there, and with it whoever listens to signals.
    let code = judge::judge_and_report(folder, progress);
    if live.is_some() {
        // Whoever looks at the page is to hear the end of it.
        std::thread::sleep(Duration::from_millis(200));
    }
    runtime.shutdown_background();
    code
}

/// Looks at the files that the nodes have left.
fn verify(cluster: &Cluster, ending: &mut Ending) {
    for node in cluster.nodes() {
        let Some(mut command) = cluster.deployment().verify(node) else {
            continue;
        };
        let problem = match command.output() {
            Ok(output) if output.status.success() => None,
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Some(said.lines().last().unwrap_or("no reason given").to_owned())
            }
            Err(error) => Some(error.to_string()),
        };
        ending.verified += 1;
        ending
            .damaged
            .extend(problem.map(|problem| format!("{node}: {problem}")));
    }
}

/// Everything between the first process and the last.
async fn act(
    plan: &Plan,
    folder: &Path,
    cluster: &Arc<Cluster>,
    progress: &Arc<Progress>,
) -> Result<(Ending, Option<Failure>), Failure> {
    let workload = workloads::find(&plan.workload).ok_or_else(|| {
        Failure::new(
            exit::INTERNAL,
            format!("{} was checked before", plan.workload),
        )
    })?;
    let settings = Settings {
        nodes: plan.nodes,
        keys: plan.keys,
        seed: plan.seed,
    };
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    tokio::spawn(interrupts(stop.clone(), progress.clone()));
    let watchers = watch_cluster(cluster);
    let _stalls = watch_stalls(cluster)?;
    let messages = Arc::new(Lines::create(folder.join(store::MESSAGES))?);
    let listener = tokio::spawn(write_messages(cluster.clone(), messages.clone()));
    for node in cluster.nodes() {
        cluster
            .start(node)
            .map_err(|problem| Failure::new(exit::NODE_FAILED, problem))?;
    }
    // Aborted when this is dropped, so that nothing revives a node after the run.
    let mut supervisor = tokio::task::JoinSet::new();
    if let Some(supervise) = cluster.deployment().supervise(cluster.clone()) {
        supervisor.spawn(supervise);
    }
    first_leader(cluster, stopped.clone()).await?;
    progress.say(&format!(
        "{} nodes of {} are up, {}; run folder {}",
        plan.nodes,
        plan.system,
        cluster
            .leader()
            .map_or("no leader yet".into(), |leader| format!("{leader} leads")),
        folder.display()
    ));

    let (notes, notes_in) = mpsc::unbounded_channel();
    let (phases, phases_in) = mpsc::unbounded_channel();
    let totals = Arc::new(Totals::default());
    let recorder = {
        let (done, done_in) = mpsc::unbounded_channel();
        let mut workers = Vec::new();
        for number in 0..plan.concurrency {
            let (jobs, jobs_in) = mpsc::unbounded_channel();
            let pinning = worker::pinning(number, plan.nodes);
            workers.push((jobs, pinning.first()));
            let deployment = cluster.deployment().clone();
            tokio::spawn(worker::run(
                number,
                pinning,
                deployment,
                CLIENT_TIMEOUT,
                jobs_in,
                done.clone(),
            ));
        }
        let recorder = Recorder::create(folder)?;
        let interpreter = Interpreter::new(cluster.began(), recorder, workers, totals.clone());
        tokio::spawn(interpreter.run(done_in, notes_in, phases_in))
    };
    let found = (plan.stop_on_violation || progress.is_watched()).then(|| {
        let history = folder.join(store::HISTORY);
        listening::listen(history, &stop, plan.stop_on_violation, progress.clone())
    });
    tokio::spawn(stop_when_unwritable(stop, totals.clone()));
    let nemesis = Arc::new(Nemesis::new(
        plan,
        cluster.clone(),
        Lines::create(folder.join(store::INJURIES))?,
        notes,
    ));

    let began = Instant::now();
    let until = began + plan.time;
    let (finished, main_phase) = oneshot::channel();
    let generator: Box<dyn Generator> = Box::new(Stoppable {
        inner: workload.generator(&settings),
        stopped: stopped.clone(),
    });
    let phase = Phase {
        generator,
        until: Some(until + TAIL),
        rate: plan.rate,
        is_final: false,
        finished,
    };
    // The interpreter lives until `phases` is dropped.
    let _ = phases.send(phase);
    let shown = tokio::spawn(show(
        progress.clone(),
        cluster.clone(),
        totals.clone(),
        nemesis.clone(),
        found,
        until,
    ));
    nemesis.clone().run(plan, until, stopped.clone()).await;
    let _ = main_phase.await;
    shown.abort();
    cluster.heal_all();
    if plan.nemesis.iter().any(|fault| fault == "membership") {
        // What other faults kept from coming back. A failure is seen by the wait for recovery.
        let _ = members::restore(cluster, recovery::BOUND).await;
    }
    let began_ns = whitebox::monotonic_ns().saturating_sub(nanos(cluster.began().elapsed()));
    let mut ending = Ending {
        began_monotonic_ns: Some(began_ns),
        interrupted: *stopped.borrow(),
        main_phase_ended_ns: cluster.now_ns(),
        final_reads_expected: workload.final_reads_expected(&settings),
        ..Ending::default()
    };
    tokio::time::sleep(QUIET).await;
    progress.say("faults and work are over; waiting for the cluster to recover by itself");
    match recovery::wait(cluster, recovery::BOUND).await {
        Ok(after) => ending.recovered_after_ns = Some(nanos(after)),
        Err(problem) => ending.not_recovered = Some(problem),
    }
    cluster.deployment().nothing_is_written_any_more();
    match cluster.deployment().journal().await.transpose() {
        Ok(journal) => ending.journal = journal,
        Err(why) => ending.journal_unread = Some(why),
    }
    let (finished, final_phase) = oneshot::channel();
    let generator = workload.final_reads(&settings);
    let _ = phases.send(Phase {
        generator,
        until: None,
        rate: 0.0,
        is_final: true,
        finished,
    });
    let _ = final_phase.await;
    drop(phases);
    ending.applied_logs = Some(applied_logs(cluster).await);
    let recorder = recorder.await.map_err(|error| {
        Failure::new(exit::INTERNAL, format!("the interpreter failed: {error}"))
    })?;
    supervisor.shutdown().await;
    cluster.end();
    ending.node_failures = cluster.failures();
    // The last lines of the logs are evidence too.
    tokio::time::sleep(3 * observe::READ_EVERY).await;
    for watcher in watchers {
        watcher.abort();
    }
    listener.abort();
    messages.check()?;
    let (_, failure) = recorder.finish();
    nemesis.check()?;
    Ok((ending, failure))
}

/// How often messages are fetched from the links, which remember 512 each.
const LISTEN_EVERY: Duration = Duration::from_millis(50);

/// Writes down what the nodes say to each other, for ever.
async fn write_messages(cluster: Arc<Cluster>, lines: Arc<Lines>) {
    let mut known = std::collections::BTreeMap::new();
    loop {
        for batch in cluster.messages(&mut known) {
            lines.append(&batch);
        }
        tokio::time::sleep(LISTEN_EVERY).await;
    }
}

/// What each node that answers has applied.
async fn applied_logs(cluster: &Cluster) -> Vec<AppliedLog> {
    let mut logs = Vec::new();
    for node in cluster.nodes() {
        logs.extend(cluster.deployment().applied_log(node).await);
    }
    logs
}

fn watch_cluster(cluster: &Arc<Cluster>) -> Vec<tokio::task::JoinHandle<()>> {
    let mut watchers = Vec::new();
    for node in cluster.nodes() {
        watchers.push(tokio::spawn(observe::ask(cluster.clone(), node)));
        watchers.push(tokio::spawn(observe::read(cluster.clone(), node)));
    }
    watchers
}

/// Writes down when the harness itself was not scheduled.
fn watch_stalls(cluster: &Arc<Cluster>) -> Result<stalls::Watch, Failure> {
    // The thread must not keep the cluster alive beyond the run.
    let cluster = Arc::downgrade(cluster);
    let tell = move |stall: stalls::Stall| {
        if let Some(cluster) = cluster.upgrade() {
            cluster.observe(&Observation::Stall {
                time_ns: nanos(stall.ended.saturating_duration_since(cluster.began())),
                duration_ns: nanos(stall.duration),
            });
        }
    };
    stalls::Watch::start(stalls::WORTH_TELLING, tell)
        .map_err(|error| Failure::new(exit::INTERNAL, format!("cannot start a thread: {error}")))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Waits until somebody leads.
async fn first_leader(
    cluster: &Cluster,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let began = Instant::now();
    while cluster.leader().is_none() {
        if let Some(failure) = cluster.failures().first() {
            return Err(Failure::new(
                exit::NODE_FAILED,
                format!("the cluster did not start: {failure}"),
            ));
        }
        if began.elapsed() > FIRST_LEADER {
            return Err(Failure::new(
                exit::NODE_FAILED,
                format!(
                    "no node led within {} s of the start: see {}",
                    FIRST_LEADER.as_secs(),
                    cluster.site().folder().join("nodes").display()
                ),
            ));
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
            _ = stopped.wait_for(|stop| *stop) => {
                return Err(Failure::new(exit::UNKNOWN, "interrupted before anything happened: nothing to judge"));
            }
        }
    }
    Ok(())
}

/// The first SIGINT, SIGTERM or SIGHUP ends the main phase; the second ends the process, and with it all nodes.
async fn interrupts(stop: Arc<watch::Sender<bool>>, progress: Arc<Progress>) {
    let Ok(mut interrupts) = Interrupts::new() else {
        return;
    };
    let mut times = 0;
    loop {
        interrupts.next().await;
        times += 1;
        if times > 1 {
            progress
                .line("stopped at once; the history so far is kept: judge it with `harness check`");
            std::process::exit(i32::from(exit::UNKNOWN));
        }
        progress.line("interrupted: what there is will be judged (again: stop at once)");
        let _ = stop.send(true);
    }
}

/// A run whose history cannot be written ends: nobody could judge the rest.
async fn stop_when_unwritable(stop: Arc<watch::Sender<bool>>, totals: Arc<Totals>) {
    while !totals.write_failed.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = stop.send(true);
}

/// Ends a generator when the run is to stop.
struct Stoppable {
    inner: Box<dyn Generator>,
    stopped: watch::Receiver<bool>,
}

impl Generator for Stoppable {
    fn next(&mut self, context: &workloads::Context) -> workloads::Next {
        if *self.stopped.borrow() {
            return workloads::Next::Done;
        }
        self.inner.next(context)
    }

    fn update(&mut self, event: &checker::Event) {
        self.inner.update(event);
    }
}

async fn show(
    progress: Arc<Progress>,
    cluster: Arc<Cluster>,
    totals: Arc<Totals>,
    nemesis: Arc<Nemesis>,
    found: Option<Arc<Found>>,
    until: Instant,
) {
    let began = Instant::now();
    let mut last = (began, 0, totals.latencies.counted());
    let mut lately = (0, None, None);
    loop {
        tokio::time::sleep(progress.every()).await;
        let ok = totals.ok.load(Relaxed);
        let passed = last.0.elapsed();
        if passed >= Duration::from_secs(1) || lately.0 == 0 {
            let counted = totals.latencies.counted();
            let latencies = counted.since(&last.2);
            let rate = ((ok - last.1) as f64 / passed.as_secs_f64()).round() as u64;
            lately = (
                rate,
                latencies.quantile_ms(0.5),
                latencies.quantile_ms(0.99),
            );
            last = (Instant::now(), ok, counted);
        }
        let (injuries, injuries_with_effect) = nemesis.counts();
        progress.moment(&Moment {
            passed_s: began.elapsed().as_secs_f64(),
            left_s: until
                .saturating_duration_since(Instant::now())
                .as_secs_f64(),
            counts: Counts {
                ok,
                unequal: totals.unequal.load(Relaxed),
                fail: totals.fail.load(Relaxed),
                info: totals.info.load(Relaxed),
            },
            rate: lately.0,
            p50_ms: lately.1,
            p99_ms: lately.2,
            leader: cluster
                .leader_and_term()
                .map_or("nobody leads".into(), |(node, term)| {
                    format!("{node} leads in term {term}")
                }),
            nodes: nodes_now(&cluster),
            faults: nemesis.active(),
            injuries,
            injuries_with_effect,
            violations: found
                .as_ref()
                .map(|found| found.wrong().unwrap_or_default()),
            anomalies: cluster.failures(),
        });
    }
}

/// What every node was within the last second.
fn nodes_now(cluster: &Cluster) -> Vec<NodeNow> {
    let since = Instant::now().checked_sub(Duration::from_secs(1));
    let statuses = since.map_or_else(Vec::new, |since| cluster.statuses_since(since));
    let now = |node| {
        let status = statuses.iter().find(|(asked, _)| *asked == node);
        let role = match status {
            _ if !cluster.is_running(node) => "down".into(),
            Some((_, status)) => status.role.clone(),
            None => "silent".into(),
        };
        NodeNow {
            node: node.to_string(),
            role,
            term: status.map(|(_, status)| status.term),
        }
    };
    cluster.nodes().into_iter().map(now).collect()
}
