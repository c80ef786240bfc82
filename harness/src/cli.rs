//! The command line: flags become a [`Plan`], or one sentence about what is wrong with them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::budget::Most;
use crate::exit::{self, Failure};
use crate::faults::Order;
use crate::links::Way;
use crate::plan::Plan;
use crate::progress::Style;
use crate::replication::Replication;
use crate::run::Shown;
use crate::sandbox::Wanted;
use crate::slo::{self, Slo};
use crate::{bugs, databases, faults, repeat, runs, schedule, store};

/// Fault-injection testing of replicated databases, on one machine, by one command.
///
/// Starts a cluster of real processes, lets clients work on it while faults act, records what the clients
/// saw, and judges it. Exit codes: 0 valid, 1 invalid, 2 unknown, 3 not recovered or a service level broken, 4 a node failed,
/// 64 usage, 65 damaged input, 66 something is missing, 69 cannot act here, 70 internal, 73 cannot write results.
#[derive(Debug, Parser)]
#[command(name = "harness", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Sub>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Judge a finished (or broken-off) run again and draw its report again.
    Check {
        /// The run's folder, such as results/latest.
        run: PathBuf,
    },
    /// Run every fault alone, and say in a table what came of it.
    Table(TableArgs),
    /// Try what can act on this machine, and say what is missing.
    Doctor,
    /// End what an earlier harness that was killed may have left.
    Heal,
    #[command(flatten)]
    Runs(runs::Command),
    /// Run the same plan in every replication mode of the system, and compare them in a table.
    Modes(Box<RunArgs>),
    /// List what can be asked for.
    List {
        /// `faults`, `workloads`, `systems` or `bugs`; for scripts `fault-names`, `bug-names`, `bug-commands`, `bug-flags NAME`.
        what: String,
        /// Which row, for `faults` and `bug-flags`.
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The system under test.
    #[arg(long, default_value = "node")]
    system: String,
    /// What clients do.
    #[arg(long, default_value = "register")]
    workload: String,
    /// Faults (`harness list faults`), separated by commas, each as NAME[:SETTING=VALUE…], such as
    /// kill:leader:restart=5-400ms; or none.
    #[arg(long, default_value = "partition", value_name = "FAULTS")]
    nemesis: String,
    /// How long clients and faults act, in seconds.
    #[arg(long, default_value = "60", value_name = "SECONDS")]
    time: f64,
    /// Size of the cluster, 1 to 9.
    #[arg(long, default_value_t = 5)]
    nodes: u16,
    /// Clients that act at a time [default: three for each node].
    #[arg(long)]
    concurrency: Option<usize>,
    /// Operations a second that are begun at most, over all clients; 0: as many as they can.
    #[arg(long, default_value = "1000")]
    rate: f64,
    /// Independent keys.
    #[arg(long, default_value_t = 10)]
    keys: usize,
    /// Where every choice is drawn from [default: from the clock].
    #[arg(long)]
    seed: Option<u64>,
    /// Scale of the schedule in seconds: faults last, and pause, 0.2 to 1.6 times this [default: 1; fast: 0.25].
    #[arg(long, value_name = "SECONDS")]
    interval: Option<f64>,
    /// How faults follow each other: classic (two at a time) or fast (four at a time, a quarter of the interval, aimed
    /// at leaders).
    #[arg(long, default_value = "classic", value_name = "WHICH")]
    cadence: String,
    /// Inflict what this file says, when it says so, instead of drawing faults (harness/README.md).
    #[arg(long, value_name = "FILE", conflicts_with = "nemesis")]
    schedule: Option<PathBuf>,
    /// Inflict the injuries of this run again, under its plan: the same nodes and harm at the same times. Of the other
    /// flags --binary, --out and --quiet count.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["nemesis", "schedule"])]
    replay: Option<PathBuf>,
    /// Faults never have more than N nodes down at a time: killed, stopped, or ended by what is done to them [default: one
    /// fault as many as it hits, several together fewer than half].
    #[arg(long, value_name = "N", conflicts_with_all = ["schedule", "replay"], value_parser = clap::value_parser!(u16).range(1..=9))]
    max_down: Option<u16>,
    /// Faults may have as many nodes down together as each of them hits.
    #[arg(long, conflicts_with = "max_down")]
    allow_quorum_loss: bool,
    /// What SIGKILL stands for: power-loss (what was not synced is lost) or process (the page cache survives)
    /// [default: power-loss where the system can; node can].
    #[arg(long, value_name = "WHAT")]
    kill_means: Option<String>,
    /// Do it so many times: the injuries that the first run drew are inflicted again in all others, and the verdicts counted.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// When a write is answered: majority (once it is committed), sync (once every node has it), semi-sync or async
    /// (ahead of its commit, once the leader and one other, or the leader alone, have it); of postgres also remote-apply.
    #[arg(long, default_value = "majority", value_name = "MODE")]
    replication: String,
    /// Judge every acknowledgement as a promise to keep, also in modes that answer ahead and may lose what they acknowledged.
    #[arg(long)]
    strict: bool,
    /// Plant a bug in the system under test (`harness list bugs`); several are separated by commas.
    #[arg(long, value_name = "NAMES")]
    bug: Option<String>,
    /// A flag for every node's own command, as --node-flag=--snapshot-every=20; may be given several times.
    #[arg(
        long = "node-flag",
        value_name = "--FLAG=VALUE",
        allow_hyphen_values = true
    )]
    node_flags: Vec<String>,
    /// Let nodes leave no evidence of what they do, and judge only what clients saw.
    #[arg(long)]
    no_events: bool,
    /// End the run as soon as a violation is certain.
    #[arg(long)]
    stop_on_violation: bool,
    /// What links between nodes are made of: proxies, which know connections and frames; packets (for any system, in a box
    /// only); or none.
    #[arg(long, default_value = "proxies", value_name = "WHAT")]
    links: String,
    /// The system's binary [default: built from this workspace, or found beside the harness].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where run folders are made.
    #[arg(long, default_value = "results", value_name = "FOLDER")]
    out: PathBuf,
    /// Limits that clients' service must keep, as JSON: longest_outage_ms, outage_percent, p99_ms, recovery_ms.
    #[arg(long, value_name = "FILE")]
    slo: Option<PathBuf>,
    /// Whether the run gets namespaces of its own, with which everything that it started ends: auto (where that can be),
    /// on (or no run) or off.
    #[arg(long = "box", default_value = "auto", value_name = "WHEN")]
    sandbox: String,
    /// No progress lines, only the verdict.
    #[arg(long)]
    quiet: bool,
    /// For programs: a JSON object a line on standard output, for what is said, every second, and the verdict.
    #[arg(long, conflicts_with = "quiet")]
    json_lines: bool,
    /// Show the run as it goes on a page for this machine's browser, too.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:0", require_equals = true)]
    live: Option<std::net::SocketAddr>,
}

/// Which runs a table is made of.
#[derive(Clone, Debug, Args)]
pub struct TableArgs {
    /// The system under test.
    #[arg(long, default_value = "node")]
    pub system: String,
    /// Only these faults, with commas between them; else all.
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    pub nemesis: Vec<String>,
    /// How long each fault acts, in seconds.
    #[arg(long, default_value = "10", value_name = "SECONDS")]
    pub time: f64,
    /// Size of the cluster.
    #[arg(long, default_value_t = 3)]
    pub nodes: u16,
    /// Operations a second.
    #[arg(long, default_value = "300", allow_hyphen_values = true)]
    pub rate: f64,
    /// What links are made of: proxies, packets or none.
    #[arg(long, default_value = "proxies", value_name = "WAY")]
    pub links: String,
    /// How many runs go on at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// The system's binary.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// Where run folders are made, in one of the system's and the fault's names.
    #[arg(long, default_value = "results/table", value_name = "FOLDER")]
    pub out: PathBuf,
    /// Whether each run gets namespaces of its own: auto, on or off.
    #[arg(long = "box", default_value = "auto", value_name = "WHEN")]
    pub sandbox: String,
}

/// What the user wants.
#[derive(Debug)]
pub enum Wish {
    /// A run.
    Run(RunWish),
    /// The same run in every replication mode; the plan's own is put aside.
    Modes(RunWish),
    /// Judge again.
    Check {
        /// The run's folder.
        run: PathBuf,
    },
    /// Every fault alone.
    Table(TableArgs),
    /// Say what can act here.
    Doctor,
    /// End what was left behind.
    Heal,
    /// Something with stored runs.
    Runs(runs::Command),
    /// Print a list.
    List {
        /// Of what.
        what: String,
        /// Which row.
        name: Option<String>,
    },
}

/// A run that the user wants.
#[derive(Clone, Debug)]
pub struct RunWish {
    /// The plan.
    pub plan: Box<Plan>,
    /// The system's binary, where one was named.
    pub binary: Option<PathBuf>,
    /// Where run folders are made.
    pub out: PathBuf,
    /// Limits that the service must keep.
    pub slo: Option<Slo>,
    /// How it is shown.
    pub shown: Shown,
    /// Whether it is in a box.
    pub sandbox: Wanted,
    /// How often.
    pub repeat: u32,
}

impl RunWish {
    /// The same in another replication mode.
    pub fn in_mode(&self, replication: Replication) -> RunWish {
        let mut wish = self.clone();
        let flag = |mode: Replication| format!("--replication {mode}");
        let before = flag(std::mem::replace(&mut wish.plan.replication, replication));
        wish.plan.command = wish.plan.command.replacen(&before, &flag(replication), 1);
        wish
    }
}

/// Reads the command line. `--help` and `--version` print and end the process with 0.
///
/// # Errors
/// Unknown or impossible flags: code 64, or 69 where a fault makes no sense for this cluster.
pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Wish, Failure> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            // The first line says what is wrong; a tip, where there is one, what was probably meant.
            let text = error.render().to_string();
            let tip = text
                .lines()
                .map(str::trim)
                .find(|line| line.starts_with("tip:"));
            // Some first lines end in a colon and go on below, indented.
            let head = text.lines().take_while(|line| !line.trim().is_empty());
            let head: Vec<&str> = head
                .map(str::trim)
                .filter(|line| !line.starts_with("tip:"))
                .collect();
            let first = head.join(" ");
            let first = first.trim_start_matches("error: ");
            let tip = tip.map(|tip| format!(" ({tip})")).unwrap_or_default();
            return Err(usage(format!(
                "{first}{tip}; `harness --help` lists all flags"
            )));
        }
        Err(help) => help.exit(),
    };
    match cli.command {
        Some(Sub::Check { run }) => Ok(Wish::Check { run }),
        Some(Sub::Table(args)) => Ok(Wish::Table(args)),
        Some(Sub::Doctor) => Ok(Wish::Doctor),
        Some(Sub::Heal) => Ok(Wish::Heal),
        Some(Sub::Runs(command)) => Ok(Wish::Runs(command)),
        Some(Sub::List { what, name }) => Ok(Wish::List { what, name }),
        Some(Sub::Modes(args)) => Ok(Wish::Modes(plan(*args)?)),
        None => plan(cli.run).map(Wish::Run),
    }
}

/// More independent keys than this are no use: every one is read from every node at the end.
pub const MOST_KEYS: usize = 100_000;

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(exit::USAGE, message)
}

fn seconds(flag: &str, value: f64, least: f64, most: f64) -> Result<Duration, Failure> {
    if value.is_finite() && (least..=most).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err(usage(format!(
            "{flag} {value} makes no sense: give seconds from {least} to {most}"
        )))
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(String::from)
        .collect()
}

/// The plan of an earlier run, with the injuries that it drew.
fn replayed(run: &Path) -> Result<Plan, Failure> {
    let mut plan: Plan = store::read_json(&run.join(store::PLAN))?;
    plan.schedule = schedule::replay(run)?;
    plan.orders = Vec::new();
    // Of a repetition the first run is the same as its own.
    plan.repeats = plan.repeats.or_else(|| repeat::name(run));
    plan.command = format!("cargo run -p harness -- --replay {}", quoted(run));
    Ok(plan)
}

fn plan(args: RunArgs) -> Result<RunWish, Failure> {
    let shown = Shown {
        style: match (args.quiet, args.json_lines) {
            (true, _) => Style::Quiet,
            (_, true) => Style::JsonLines,
            _ => Style::People,
        },
        live: args.live,
    };
    let sandbox = Wanted::NAMED
        .into_iter()
        .find(|(name, _)| *name == args.sandbox)
        .map(|(_, wanted)| wanted)
        .ok_or_else(|| {
            let known = Wanted::NAMED.into_iter().map(|(name, _)| name);
            unknown("--box", &args.sandbox, known)
        })?;
    if let Some(run) = &args.replay {
        let plan = Box::new(replayed(run)?);
        return Ok(RunWish {
            plan,
            binary: args.binary,
            out: args.out,
            slo: args.slo.as_deref().map(slo::read).transpose()?,
            shown,
            sandbox,
            repeat: args.repeat,
        });
    }
    let Some(database) = databases::find(&args.system) else {
        return Err(unknown(
            "system",
            &args.system,
            databases::DATABASES.iter().map(|d| d.name()),
        ));
    };
    let links = Way::NAMED
        .into_iter()
        .find(|(name, _)| *name == args.links)
        .map(|(_, way)| way)
        .ok_or_else(|| {
            let known = Way::NAMED.into_iter().map(|(name, _)| name);
            unknown("--links", &args.links, known)
        })?;
    if links == Way::Packets && sandbox == Wanted::Off {
        let text = "links of packets are made in a box only: leave --links or --box off out";
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    if !database.ways().contains(&links) {
        let text = format!(
            "links of {} cannot be {}: leave --links out",
            args.system, args.links
        );
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    let Some(workload) = workloads::find(&args.workload) else {
        return Err(unknown(
            "workload",
            &args.workload,
            workloads::WORKLOADS.iter().map(|w| w.name()),
        ));
    };
    let strange = |verb: &&&str| !database.speaks(verb);
    if let Some(verb) = workload.verbs().iter().find(strange) {
        return Err(usage(format!(
            "the workload {} needs {verb}, which is not spoken with {}",
            args.workload, args.system
        )));
    }
    if !(1..=9).contains(&args.nodes) {
        return Err(usage(format!(
            "--nodes {} makes no sense: a cluster has 1 to 9 nodes",
            args.nodes
        )));
    }
    let time = seconds("--time", args.time, 1.0, 86_400.0)?;
    let usual = if args.cadence == "fast" { 0.25 } else { 1.0 };
    let interval = seconds("--interval", args.interval.unwrap_or(usual), 0.05, 600.0)?;
    if args.rate != 0.0 && !(0.001..=1e9).contains(&args.rate) {
        return Err(usage(format!(
            "--rate {} makes no sense: give operations a second, or 0 for no limit",
            args.rate
        )));
    }
    if !(1..=MOST_KEYS).contains(&args.keys) {
        return Err(usage(format!(
            "--keys {} makes no sense: give 1 to 100000",
            args.keys
        )));
    }
    let concurrency = args.concurrency.unwrap_or(3 * usize::from(args.nodes));
    if !(1..=1000).contains(&concurrency) {
        return Err(usage(format!(
            "--concurrency {concurrency} makes no sense: give 1 to 1000 clients"
        )));
    }
    let loses_power = databases::find(&args.system).is_some_and(|system| system.loses_power());
    let usual = if loses_power { "power-loss" } else { "process" };
    let kill_means = args.kill_means.clone().unwrap_or_else(|| usual.into());
    if !["power-loss", "process"].contains(&kill_means.as_str()) {
        let known = ["power-loss", "process"].into_iter();
        return Err(unknown("meaning of a kill", &kill_means, known));
    }
    if kill_means == "power-loss" && !loses_power {
        let text = format!(
            "a kill of {} cannot be a power loss: leave --kill-means out",
            args.system
        );
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    if !["classic", "fast"].contains(&args.cadence.as_str()) {
        return Err(unknown(
            "cadence",
            &args.cadence,
            ["classic", "fast"].into_iter(),
        ));
    }
    let replication: Replication = args.replication.parse().map_err(|()| {
        let known = Replication::NAMED.into_iter().map(Replication::name);
        unknown("replication mode", &args.replication, known)
    })?;
    let offered = databases::find(&args.system).map_or(&[][..], |system| system.replications());
    if !offered.contains(&replication) {
        let names: Vec<&str> = offered.iter().map(|mode| mode.name()).collect();
        let text = format!(
            "{} has no replication mode {replication}: it has {}",
            args.system,
            names.join(", ")
        );
        return Err(Failure::new(exit::UNAVAILABLE, text));
    }
    let most_down = match (args.max_down, args.allow_quorum_loss) {
        (Some(most), _) => Most::Nodes(most),
        // A schedule is followed as it stands.
        (None, allowed) if allowed || args.schedule.is_some() => Most::All,
        (None, _) => Most::Minority,
    };
    let (orders, schedule) = match &args.schedule {
        Some(file) => (Vec::new(), schedule::read(file, args.nodes, time)?),
        None => (orders(&args)?, Vec::new()),
    };
    let mut nemesis: Vec<String> = Vec::new();
    for order in orders
        .iter()
        .chain(schedule.iter().map(|entry| &entry.order))
    {
        if !nemesis.contains(&order.fault) {
            nemesis.push(order.fault.clone());
        }
    }
    for name in &nemesis {
        possible(name, &args, links)?;
    }
    let bugs = args.bug.as_deref().map(names).unwrap_or_default();
    if args.bug.is_some() && bugs.is_empty() {
        return Err(usage("--bug names no bug: drop the flag if none is meant"));
    }
    for name in &bugs {
        if bugs::find(name).is_none() {
            return Err(unknown("bug", name, bugs::BUGS.iter().map(|bug| bug.name)));
        }
    }
    for flag in &args.node_flags {
        database.check_flag(flag).map_err(usage)?;
    }
    let seed = args
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let mut plan = Plan {
        version: env!("CARGO_PKG_VERSION").into(),
        system: args.system,
        workload: args.workload,
        nemesis,
        orders,
        schedule,
        cadence: args.cadence,
        nodes: args.nodes,
        concurrency,
        rate: args.rate,
        keys: args.keys,
        time,
        interval,
        seed,
        kill_means,
        replication,
        strict: args.strict,
        repeats: None,
        most_down,
        bugs,
        node_flags: args.node_flags,
        events: !args.no_events,
        stop_on_violation: args.stop_on_violation,
        links,
        command: String::new(),
    };
    plan.command = command(&plan, args.binary.as_deref(), &args.out);
    if let Some(file) = &args.schedule {
        plan.command += &format!(" --schedule {}", quoted(file));
    }
    if sandbox != Wanted::Auto {
        plan.command += &format!(" --box {}", args.sandbox);
    }
    if let Some(path) = &args.slo {
        plan.command += &format!(" --slo {}", quoted(path));
    }
    let slo = args.slo.as_deref().map(slo::read).transpose()?;
    Ok(RunWish {
        plan: Box::new(plan),
        binary: args.binary,
        out: args.out,
        slo,
        repeat: args.repeat,
        shown,
        sandbox,
    })
}

/// The faults of `--nemesis`, checked one by one.
fn orders(args: &RunArgs) -> Result<Vec<Order>, Failure> {
    let mut texts = names(&args.nemesis);
    if texts.is_empty() {
        return Err(usage(
            "--nemesis names no fault: say `none` if that is meant",
        ));
    }
    if texts.iter().any(|name| name == "none") && texts.len() > 1 {
        return Err(usage(
            "--nemesis none stands alone: drop it, or drop the others",
        ));
    }
    texts.retain(|name| name != "none");
    let mut orders: Vec<Order> = Vec::new();
    for text in &texts {
        let order = Order::parse(text).map_err(|problem| usage(format!("--nemesis {problem}")))?;
        if orders.iter().any(|other| other.fault == order.fault) {
            return Err(usage(format!(
                "--nemesis names {} twice: once is enough",
                order.fault
            )));
        }
        let stranger = order
            .nodes()
            .into_iter()
            .find(|node| !(1..=args.nodes).contains(&node.0));
        if let Some(node) = stranger {
            return Err(usage(format!(
                "--nemesis {text}: there is no {node}: the nodes are n1 to n{}",
                args.nodes
            )));
        }
        orders.push(order);
    }
    Ok(orders)
}

/// Can the fault act on this system and on a cluster of this size?
fn possible(name: &str, args: &RunArgs, links: Way) -> Result<(), Failure> {
    let (Some(fault), Some(system)) = (faults::find(name), databases::find(&args.system)) else {
        return Ok(());
    };
    let cannot = |text: String| Err(Failure::new(exit::UNAVAILABLE, text));
    if let Some(reason) = fault.makes_no_sense(args.nodes) {
        return cannot(format!(
            "the fault {name} makes no sense here: {reason}; choose another --nemesis or --nodes"
        ));
    }
    if let Some(acts) = faults::by_way(fault, links) {
        return if acts {
            Ok(())
        } else {
            cannot(format!(
                "the fault {name} does not act on links that are {}; choose another --nemesis or --links",
                links.name()
            ))
        };
    }
    if !system.offers(fault.needs()) {
        let by_packets = faults::by_way(fault, Way::Packets) == Some(true)
            && system.ways().contains(&Way::Packets);
        let or = if by_packets {
            ", or --links packets"
        } else {
            ""
        };
        return cannot(format!(
            "the fault {name} cannot act on {}: it needs {}{or}; choose another --nemesis (`harness list faults`)",
            system.name(),
            fault.needs()
        ));
    }
    Ok(())
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// The command that repeats the plan, every choice spelled out.
fn command(plan: &Plan, binary: Option<&Path>, out: &Path) -> String {
    let orders: Vec<String> = plan.orders.iter().map(Order::to_string).collect();
    let orders = match (orders.join(","), plan.schedule.is_empty()) {
        (_, false) => String::new(),
        (orders, _) if orders.is_empty() => " --nemesis none".into(),
        (orders, _) => format!(" --nemesis '{orders}' --cadence {}", plan.cadence),
    };
    let mut command = format!(
        "cargo run -p harness -- --system {} --workload {}{orders} --time {} --nodes {} --concurrency {} \
         --rate {} --keys {} --interval {} --kill-means {} --replication {} --seed {}",
        plan.system,
        plan.workload,
        plan.time.as_secs_f64(),
        plan.nodes,
        plan.concurrency,
        plan.rate,
        plan.keys,
        plan.interval.as_secs_f64(),
        plan.kill_means,
        plan.replication,
        plan.seed,
    );
    if !plan.bugs.is_empty() {
        command += &format!(" --bug {}", plan.bugs.join(","));
    }
    match plan.most_down {
        Most::Nodes(most) => command += &format!(" --max-down {most}"),
        Most::Minority => {}
        Most::All if !plan.schedule.is_empty() => {}
        Most::All => command += " --allow-quorum-loss",
    }
    if plan.strict {
        command += " --strict";
    }
    if plan.links != Way::Proxies {
        command += &format!(" --links {}", plan.links.name());
    }
    if plan.stop_on_violation {
        command += " --stop-on-violation";
    }
    for flag in &plan.node_flags {
        command += &format!(" --node-flag='{flag}'");
    }
    if !plan.events {
        command += " --no-events";
    }
    if out != Path::new("results") {
        command += &format!(" --out {}", quoted(out));
    }
    if let Some(binary) = binary {
        command += &format!(" --binary {}", quoted(binary));
    }
    command
}

/// "Unknown fault x: the faults are a, b, c."
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    usage(format!(
        "there is no {what} named '{name}': choose from {}",
        known.join(", ")
    ))
}
