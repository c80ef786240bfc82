//! The command line, and what of it makes no sense.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bugs::Bug;
use crate::events::Events;
use crate::exit;
use crate::http::session;
use crate::raft::{Config, Membership, NodeId, Replication};
use crate::storage::wal::segment;
use crate::storage::{Mode, Options};

/// What to do.
pub enum Action {
    /// Run a node.
    Run(Box<Settings>),
    /// Explain the data directory at this path.
    Verify(PathBuf),
}

/// All that a node is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The protocol's parameters; `seed` is still to be mixed with the incarnation.
    pub raft: Config,
    /// The data directory.
    pub storage: Options,
    /// Where clients come.
    pub listen_client: SocketAddr,
    /// Where peers come.
    pub listen_peer: SocketAddr,
    /// Where to dial peers.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// How long a request may wait for its answer.
    pub request_timeout: Duration,
    /// How many entries are applied between two snapshots; 0: none is taken.
    pub snapshot_every: u64,
    /// Where evidence of what it does goes.
    pub events: Option<PathBuf>,
    /// How many entries a session outlives its last command, where its client does not say.
    pub session_lifetime: u64,
    /// Planted bugs to make.
    pub bugs: Vec<Bug>,
}

/// A replicated key-value server: Raft over a write-ahead log.
#[derive(Parser)]
#[command(
    name = "node",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Option<Run>,
}

#[derive(Subcommand)]
enum Command {
    /// Explain a data directory, offline, and whether a node could start from it
    Verify {
        /// The data directory of a node that is stopped
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
}

#[derive(Args)]
struct Run {
    /// This node's number, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    id: u16,
    /// The cluster's name; nodes of another cluster are refused
    #[arg(long, value_name = "NAME", default_value = "ordeal")]
    cluster: String,
    /// Where this node keeps its log
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where clients come (HTTP)
    #[arg(long, value_name = "ADDR")]
    listen_client: SocketAddr,
    /// Where peers come
    #[arg(long, value_name = "ADDR")]
    listen_peer: SocketAddr,
    /// Where to dial another member; once for each
    #[arg(long = "peer", value_name = "ID=ADDR", value_parser = peer)]
    peers: Vec<(NodeId, SocketAddr)>,
    /// Who votes in a new cluster, like 1,2,3; all others are to be added. Left out: this node and every --peer. What
    /// the log says wins
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "join")]
    voters: Vec<u16>,
    /// Wait to be added to a cluster that exists, rather than to vote from the start; --peer tells whom to dial
    #[arg(long)]
    join: bool,
    /// How this node changes voters while it leads
    #[arg(long, value_name = "HOW", default_value = "joint")]
    membership: MembershipMode,
    /// A follower that hears no leader for a time drawn from this range asks for votes
    #[arg(long, value_name = "MIN-MAX", default_value = "150-300ms", value_parser = range)]
    election_timeout: (Duration, Duration),
    /// How often a leader is heard at least
    #[arg(long, value_name = "TIME", default_value = "30ms", value_parser = duration)]
    heartbeat: Duration,
    /// How long a request may wait before it is answered: failed or unknown
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    request_timeout: Duration,
    /// `lossy`: SIGKILL loses what was not synced, as a power loss would
    #[arg(long, value_name = "MODE", default_value = "direct")]
    disk: DiskMode,
    /// Size of the log's segments in bytes
    #[arg(long, value_name = "BYTES", default_value_t = segment::DEFAULT_SIZE,
        value_parser = clap::value_parser!(u64).range(segment::MIN_SIZE..=segment::MAX_SIZE))]
    segment_size: u64,
    /// Ask whether an election could be won before beginning one
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pre_vote: bool,
    /// A leader that does not hear a majority steps down
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    check_quorum: bool,
    /// Refuse votes while a leader is heard
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    stickiness: bool,
    /// Serve reads on a lease: faster, but only as right as the clocks; the same on all nodes
    #[arg(long, value_name = "BOOL", default_value_t = false, action = clap::ArgAction::Set)]
    lease_reads: bool,
    /// By how much the rates of two nodes' clocks may differ at most, for --lease-reads
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=90))]
    lease_drift: u32,
    /// When a write is answered: majority, once it is committed; sync, once every voter has it; semi-sync and
    /// async, ahead of its commit, once the leader and one other or the leader alone have it
    #[arg(long, value_name = "MODE", default_value_t = Replication::Majority)]
    replication: Replication,
    /// Most entries in one message
    #[arg(long, value_name = "N", default_value_t = 1024)]
    max_batch_entries: usize,
    /// Most bytes of entries in one message
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_batch_bytes: usize,
    /// Most unanswered messages with entries to one follower
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_inflight: usize,
    /// Take a snapshot, and cut the log, every so many entries; 0: never
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    snapshot_every: u64,
    /// Entries that stay in the log behind a snapshot, for followers that lag
    #[arg(long, value_name = "N", default_value_t = 1000)]
    keep_entries: u64,
    /// Take a snapshot, and cut the log, after so many bytes of commands, too: the log is kept in memory
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    log_bytes: usize,
    /// Entries after its last command that a session lives for, unless its client says otherwise
    #[arg(long, value_name = "N", default_value_t = session::DEFAULT_LIFETIME,
        value_parser = clap::value_parser!(u64).range(1..))]
    session_lifetime: u64,
    /// Most bytes of a snapshot in one message
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10)]
    snapshot_chunk_bytes: usize,
    /// Of election timeouts
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Append evidence of what this node does to a file, for a judge: JSON lines
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Make a planted mistake; only in a build with the feature planted-bugs
    #[arg(long = "bug", value_name = "NAME")]
    bugs: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MembershipMode {
    /// Any set of voters to any other, through a joint configuration
    Joint,
    /// One voter at a time
    Single,
}

#[derive(Clone, Copy, ValueEnum)]
enum DiskMode {
    Direct,
    Lossy,
}

/// Reads the command line.
///
/// # Errors
/// The exit code, after the reason was printed.
pub fn parse() -> Result<Action, i32> {
    let cli = Cli::try_parse().map_err(|error| {
        let _ = error.print();
        if error.use_stderr() {
            exit::USAGE
        } else {
            exit::OK
        }
    })?;
    match (cli.command, cli.run) {
        (Some(Command::Verify { data_dir }), _) => Ok(Action::Verify(data_dir)),
        (None, Some(run)) => run.settings().map(Box::new).map(Action::Run).map_err(usage),
        (None, None) => Err(usage("Say what to run: see node --help.".to_owned())),
    }
}

fn usage(why: String) -> i32 {
    eprintln!("error: {why}");
    exit::USAGE
}

impl Run {
    fn settings(self) -> Result<Settings, String> {
        let id = NodeId(self.id);
        let mut peers = BTreeMap::new();
        for (peer, address) in self.peers {
            if peer == id {
                return Err(format!("--peer names {id} itself: name only the others."));
            }
            if peers.insert(peer, address).is_some() {
                return Err(format!("--peer names {peer} twice: name it once."));
            }
        }
        let (min, max) = self.election_timeout;
        if self.heartbeat.is_zero() || self.heartbeat >= min {
            return Err(format!(
                "--heartbeat {:?} must be above zero and below the least election timeout, {min:?}.",
                self.heartbeat
            ));
        }
        if self.max_batch_entries == 0 || self.max_batch_bytes == 0 || self.max_inflight == 0 {
            return Err(
                "--max-batch-entries, --max-batch-bytes and --max-inflight must be at least 1."
                    .into(),
            );
        }
        let all = || peers.keys().copied().chain([id]);
        let voters = match (self.join, self.voters.is_empty()) {
            (true, _) => BTreeSet::new(),
            (false, true) => all().collect(),
            (false, false) => self.voters.iter().map(|id| NodeId(*id)).collect(),
        };
        if let Some(voter) = voters.iter().find(|voter| !all().any(|n| n == **voter)) {
            return Err(format!(
                "--voters names {voter}, which no --peer names: say where to dial it."
            ));
        }
        let mut raft = Config::new(id, voters);
        raft.election_timeout = (min, max);
        raft.heartbeat = self.heartbeat;
        raft.membership = match self.membership {
            MembershipMode::Joint => Membership::Joint,
            MembershipMode::Single => Membership::Single,
        };
        raft.pre_vote = self.pre_vote;
        raft.check_quorum = self.check_quorum;
        raft.stickiness = self.stickiness;
        if self.lease_reads && !(self.check_quorum && self.stickiness) {
            return Err(
                "--lease-reads true needs --check-quorum true and --stickiness true: without them followers elect \
                 another leader while the lease holds."
                    .into(),
            );
        }
        raft.lease_drift_percent = self.lease_reads.then_some(self.lease_drift);
        raft.replication = self.replication;
        raft.max_batch_entries = self.max_batch_entries;
        // Room for the message around the entries.
        raft.max_batch_bytes = self
            .max_batch_bytes
            .min(crate::transport::frame::MAX_PAYLOAD / 2);
        raft.max_inflight = self.max_inflight;
        raft.keep_entries = self.keep_entries;
        raft.log_bytes = self.log_bytes;
        raft.snapshot_chunk_bytes = self
            .snapshot_chunk_bytes
            .clamp(1, crate::transport::frame::MAX_PAYLOAD / 2);
        raft.seed = self.seed;
        Ok(Settings {
            raft,
            storage: Options {
                directory: self.data_dir,
                mode: match self.disk {
                    DiskMode::Direct => Mode::Direct,
                    DiskMode::Lossy => Mode::Lossy { seed: self.seed },
                },
                cluster: self.cluster,
                node: id,
                segment_size: self.segment_size,
                events: Events::default(),
            },
            listen_client: self.listen_client,
            listen_peer: self.listen_peer,
            peers,
            request_timeout: self.request_timeout,
            snapshot_every: self.snapshot_every,
            events: self.events,
            session_lifetime: self.session_lifetime,
            bugs: bugs(&self.bugs)?,
        })
    }
}

#[cfg(feature = "planted-bugs")]
fn bugs(names: &[String]) -> Result<Vec<Bug>, String> {
    names.iter().map(|name| name.parse()).collect()
}

#[cfg(not(feature = "planted-bugs"))]
fn bugs(names: &[String]) -> Result<Vec<Bug>, String> {
    match names.first() {
        None => Ok(Vec::new()),
        Some(name) => Err(format!(
            "--bug {name}: this node has no planted bugs in it; build one with --features planted-bugs."
        )),
    }
}

fn peer(text: &str) -> Result<(NodeId, SocketAddr), String> {
    let parse = || {
        let (id, address) = text.split_once('=')?;
        let id: u16 = id.trim_start_matches('n').parse().ok()?;
        let address = address.parse().ok()?;
        (id > 0).then_some((NodeId(id), address))
    };
    parse().ok_or_else(|| "write a member and its address like 2=127.0.0.2:7000".to_owned())
}

fn range(text: &str) -> Result<(Duration, Duration), String> {
    let why = || "write a range like 150-300ms, the lower end first".to_owned();
    let (min, max) = text.split_once('-').ok_or_else(why)?;
    let max_time = duration(max)?;
    // The unit may stand once, behind both.
    let unit = max.trim_start_matches(|c: char| c.is_ascii_digit());
    let min_time = duration(min).or_else(|_| duration(&format!("{min}{unit}")))?;
    if min_time.is_zero() || min_time >= max_time {
        return Err(why());
    }
    Ok((min_time, max_time))
}

fn duration(text: &str) -> Result<Duration, String> {
    let end = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: Option<u64> = text[..text.len() - end.len()].parse().ok();
    match (number, end) {
        (Some(number), "ms") => Ok(Duration::from_millis(number)),
        (Some(number), "s") if number < 1 << 32 => Ok(Duration::from_secs(number)),
        _ => Err("write a time like 30ms or 1s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(extra: &[&str]) -> Result<Settings, String> {
        let basic = [
            "node",
            "--id",
            "1",
            "--data-dir",
            "d",
            "--listen-client",
            "127.0.0.1:1",
            "--listen-peer",
            "127.0.0.1:2",
        ];
        let arguments = basic.iter().chain(extra);
        let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
        cli.run.ok_or("no run")?.settings()
    }

    #[test]
    fn flags_become_settings() {
        let settings = settings(&[
            "--peer",
            "2=127.0.0.2:7",
            "--peer",
            "n3=127.0.0.3:7",
            "--election-timeout",
            "1-2s",
            "--heartbeat",
            "90ms",
            "--disk",
            "lossy",
            "--pre-vote",
            "false",
        ])
        .unwrap();
        assert_eq!(settings.raft.voters.len(), 3);
        assert_eq!(
            settings.raft.election_timeout,
            (Duration::from_secs(1), Duration::from_secs(2))
        );
        assert!(matches!(settings.storage.mode, Mode::Lossy { .. }));
        assert!(!settings.raft.pre_vote && settings.raft.check_quorum);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_hint() {
        for (flags, hint) in [
            (&["--peer", "1=127.0.0.1:3"][..], "itself"),
            (&["--peer", "2"], "2=127.0.0.2:7000"),
            (
                &["--peer", "2=127.0.0.1:3", "--peer", "2=127.0.0.1:4"],
                "twice",
            ),
            (&["--election-timeout", "300-150ms"], "lower end first"),
            (&["--heartbeat", "150ms"], "below"),
            (
                &["--lease-reads", "true", "--stickiness", "false"],
                "needs --check-quorum true and --stickiness true",
            ),
            (&["--heartbeat", "30"], "30ms"),
            (&["--replication", "some"], "semi-sync"),
            (&["--segment-size", "100"], "4096"),
            (&["--request-timeout", "99999999999999999999s"], "1s"),
        ] {
            let refusal = settings(flags).unwrap_err();
            assert!(refusal.contains(hint), "{flags:?}: {refusal}");
        }
    }

    #[cfg(not(feature = "planted-bugs"))]
    #[test]
    fn a_healthy_build_has_no_bug_to_plant() {
        let refusal = settings(&["--bug", "ack-before-commit"]).unwrap_err();
        assert!(refusal.contains("--features planted-bugs"));
    }

    #[test]
    fn running_and_verifying_are_not_mixed() {
        assert!(Cli::try_parse_from(["node", "verify", "--data-dir", "d"]).is_ok());
        assert!(Cli::try_parse_from(["node"]).is_err());
    }
}
