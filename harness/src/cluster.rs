//! The cluster of one run: its processes, links and shims, and what the harness knows of each node.

mod harm;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::databases::Deployment;
use crate::exit::{self, Failure};
use crate::links::{Counters, LinkId, Links, Route, Rule, Way};
use crate::lock::lock;
use crate::messages::Batch;
use crate::observation::{NodeStatus, Observation};
use crate::process::{Limit, Process};
use crate::shim::{Library, Shim};
use crate::site::{CLIENTS, NodeId, Site};
use crate::store::Lines;

pub use harm::Tally;

/// The name of a system's supervisor among those that want nodes down. It is no fault: a heal leaves it alone. Injuries
/// count from 0 and never come here.
pub const SUPERVISOR: u64 = u64::MAX;

/// Everything that faults act on.
pub struct Cluster {
    began: Instant,
    site: Arc<Site>,
    deployment: Arc<dyn Deployment>,
    library: Library,
    links: Links,
    /// The links' proxies have threads of their own, so that nothing else delays messages.
    proxies: Option<tokio::runtime::Runtime>,
    members: BTreeMap<NodeId, Mutex<Member>>,
    observations: Arc<Lines>,
    failures: Mutex<Vec<String>>,
    /// What injuries counted while they acted, by id.
    counts: Mutex<BTreeMap<u64, u64>>,
}

/// One node, as the harness knows it.
struct Member {
    process: Option<Process>,
    shim: Arc<Shim>,
    /// The harness ended it: an end is no surprise.
    down_on_purpose: bool,
    /// Injuries that want it down. It starts when nobody does.
    down_by: BTreeSet<u64>,
    /// Injuries under which it may end: that is then their doing.
    may_end_by: BTreeSet<u64>,
    /// Limits that injuries lowered, and to what.
    limits: BTreeMap<(u64, Limit), u64>,
    /// Flags that are added when it starts.
    flags: Vec<String>,
    tally: Tally,
    down_since: Option<Instant>,
    stopped_since: Option<Instant>,
    status: Option<(Instant, NodeStatus)>,
    /// Role and term, from whichever told last: its log or its status.
    role: Option<(String, u64)>,
}

impl Member {
    /// The process, if it lives, stopped or not.
    fn running(&self) -> Option<&Process> {
        self.process
            .as_ref()
            .filter(|process| matches!(process.exit(), Ok(None)))
    }

    fn is_running(&self) -> bool {
        self.running().is_some()
    }

    /// It is down by a fault from now on.
    fn went_down(&mut self) {
        self.down_on_purpose = true;
        self.status = None;
        self.role = None;
        self.tally.ends += 1;
        self.down_since.get_or_insert_with(Instant::now);
        self.goes_on();
    }

    /// It does not stand any more.
    fn goes_on(&mut self) {
        if let Some(since) = self.stopped_since.take() {
            self.tally.stopped_ns += nanos(since.elapsed());
        }
    }
}

impl Cluster {
    /// Starts the links, but no node yet.
    ///
    /// # Errors
    /// Addresses are taken, or the shims' pages cannot be made.
    pub async fn new(
        site: Arc<Site>,
        deployment: Arc<dyn Deployment>,
        shim: &Path,
        observations: Arc<Lines>,
    ) -> Result<Cluster, Failure> {
        let proxies = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("links")
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::new(exit::INTERNAL, format!("cannot start the links: {error}"))
            })?;
        let links = links(&site, deployment.as_ref(), &proxies).await?;
        let library =
            Library::at(shim).map_err(|error| Failure::new(exit::MISSING, error.to_string()))?;
        let mut members = BTreeMap::new();
        for node in site.nodes() {
            let path = site.folder().join("nodes").join(format!("{node}.shim"));
            std::fs::create_dir_all(site.node_folder(node))
                .map_err(|error| store_error(&site.node_folder(node), &error))?;
            let shim = Shim::create(&path, &site.node_folder(node))
                .map_err(|error| store_error(&path, &error))?;
            let member = Member {
                process: None,
                shim: Arc::new(shim),
                down_on_purpose: true,
                down_by: BTreeSet::new(),
                may_end_by: BTreeSet::new(),
                limits: BTreeMap::new(),
                flags: Vec::new(),
                tally: Tally::default(),
                down_since: None,
                stopped_since: None,
                status: None,
                role: None,
            };
            members.insert(node, Mutex::new(member));
        }
        Ok(Cluster {
            began: Instant::now(),
            site,
            deployment,
            library,
            links,
            proxies: Some(proxies),
            members,
            observations,
            failures: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    fn member(&self, node: NodeId) -> MutexGuard<'_, Member> {
        let member = self
            .members
            .get(&node)
            .expect("faults and clients only name nodes of the cluster");
        lock(member)
    }

    /// When the run began: all times count from here.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Nanoseconds since the run began.
    pub fn now_ns(&self) -> u64 {
        nanos(self.began.elapsed())
    }

    /// Addresses and folders.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// How the database starts and answers.
    pub fn deployment(&self) -> &Arc<dyn Deployment> {
        &self.deployment
    }

    /// All nodes.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.site.nodes().collect()
    }

    /// How many nodes.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The node's log file.
    pub fn log(&self, node: NodeId) -> PathBuf {
        self.site.log(node)
    }

    /// Starts a node that is not running, unless an injury wants it down.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start(&self, node: NodeId) -> Result<(), String> {
        let mut member = self.member(node);
        self.notice_end(node, &mut member);
        if member.is_running() || !member.down_by.is_empty() || self.has_failed(node) {
            return Ok(());
        }
        let mut command = self.deployment.command(node);
        command.args(&member.flags);
        crate::sweep::mark(&mut command);
        if self.deployment.preloads() {
            member.shim.preload(&mut command, &self.library);
        }
        let network = self.links.namespace(node.0);
        let mut process = Process::spawn_in(network, command, &self.log(node))
            .map_err(|error| format!("cannot start {node}: {error}"))?;
        if self.deployment.starts_children() {
            process = process.with_children();
        }
        member.process = Some(process);
        member.down_on_purpose = false;
        if let Some(since) = member.down_since.take() {
            member.tally.down_ns += nanos(since.elapsed());
        }
        drop(member);
        self.happened(node, "started", None);
        Ok(())
    }

    /// Does something in the node's network, as the node itself would.
    ///
    /// # Errors
    /// Those of what is done, or the network cannot be entered.
    pub fn in_network_of<T: Send>(
        &self,
        node: NodeId,
        what: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        self.links.within(node.0, what)
    }

    /// Dials as the node would.
    ///
    /// # Errors
    /// Nobody answers, or not in time.
    pub async fn dial_as(
        self: &Arc<Cluster>,
        node: NodeId,
        address: SocketAddr,
        timeout: Duration,
    ) -> io::Result<TcpStream> {
        let cluster = self.clone();
        let dial = move || std::net::TcpStream::connect_timeout(&address, timeout);
        let dialling = move || cluster.in_network_of(node, dial);
        let stream = tokio::task::spawn_blocking(dialling)
            .await
            .map_err(io::Error::other)??;
        stream.set_nonblocking(true)?;
        TcpStream::from_std(stream)
    }

    /// The page that tells a node's shim of clock and disk.
    pub fn shim(&self, node: NodeId) -> Arc<Shim> {
        self.member(node).shim.clone()
    }

    /// From now on `owner`, such as an injury, wants this of the link; [`Rule::Pass`]: nothing any more.
    pub fn want(&self, owner: u64, (from, to): (NodeId, NodeId), rule: Rule) {
        self.links.want(owner, from.0, to.0, rule);
    }

    /// What these links did so far, all together.
    pub fn crossed(&self, links: &[(NodeId, NodeId)]) -> Counters {
        let snapshot = self.links.counters();
        let wanted = |id: LinkId| links.contains(&(NodeId(id.from), NodeId(id.to)));
        snapshot.only(wanted).total()
    }

    /// What the nodes said to each other since this was last asked with the same `known`, a batch for each link.
    pub fn messages(&self, known: &mut BTreeMap<LinkId, u64>) -> Vec<Batch> {
        let news = self.links.news(known).into_iter();
        let news = news.filter(|(link, ..)| ![link.from, link.to].contains(&CLIENTS.0));
        news.map(|(link, seen, missed)| Batch::new(link, self.began, &seen, missed))
            .collect()
    }

    /// Puts everything right, whatever was done: links, disks, clocks, stopped and dead processes.
    pub fn heal_all(&self) {
        self.links.heal_all();
        for node in self.nodes() {
            self.shim(node).heal();
            {
                let mut member = self.member(node);
                self.notice_end(node, &mut member);
                member.down_by.retain(|owner| *owner == SUPERVISOR);
                member.may_end_by.clear();
                member.limits.clear();
                member.flags.clear();
                member.goes_on();
                if let Some(process) = &member.process {
                    // A node that cannot be healed or started is seen by the wait for recovery.
                    let _ = process.unlimit(Limit::Memory);
                    let _ = process.unlimit(Limit::Files);
                    let _ = process.resume_all();
                }
            }
            let _ = self.start(node);
        }
    }

    /// Ends all nodes.
    pub fn end(&self) {
        for node in self.nodes() {
            let mut member = self.member(node);
            self.notice_end(node, &mut member);
            member.down_on_purpose = true;
            if let Some(process) = &member.process {
                let _ = process.kill();
            }
        }
    }

    /// True while the process of a node lives, stopped or not.
    pub fn is_running(&self, node: NodeId) -> bool {
        self.member(node).is_running()
    }

    /// Looks whether a node ended without being killed by us.
    pub fn look_after(&self, node: NodeId) {
        self.notice_end(node, &mut self.member(node));
    }

    /// An end that nobody asked for is written down, however soon after it somebody looks.
    fn notice_end(&self, node: NodeId, member: &mut Member) {
        if member.down_on_purpose {
            return;
        }
        let exit = member
            .process
            .as_ref()
            .and_then(|process| process.exit().ok().flatten());
        if let Some(exit) = exit {
            if !member.may_end_by.is_empty() {
                member.went_down();
                self.happened(node, "ended", Some(format!("{exit}, by a fault")));
                return;
            }
            member.down_on_purpose = true;
            member.status = None;
            member.role = None;
            self.failed(node, &exit.to_string());
        }
    }

    fn failed(&self, node: NodeId, how: &str) {
        let mut failures = lock(&self.failures);
        failures.push(format!("{node} {how}"));
        drop(failures);
        self.happened(node, "exited", Some(how.into()));
    }

    /// Nodes that ended by themselves.
    pub fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }

    /// A node that ended by itself stays down: what it left is evidence.
    fn has_failed(&self, node: NodeId) -> bool {
        let prefix = format!("{node} ");
        self.failures()
            .iter()
            .any(|failure| failure.starts_with(&prefix))
    }

    /// Writes an observation down.
    pub fn observe(&self, observation: &Observation) {
        self.observations.append(observation);
    }

    fn happened(&self, node: NodeId, event: &str, detail: Option<String>) {
        let (time_ns, node, event) = (self.now_ns(), node.to_string(), event.into());
        self.observe(&Observation::Process {
            time_ns,
            node,
            event,
            detail,
        });
    }

    /// Keeps a node's answer.
    pub fn saw_status(&self, node: NodeId, status: Option<NodeStatus>) {
        let mut member = self.member(node);
        if let Some(status) = &status {
            member.status = Some((Instant::now(), status.clone()));
            member.role = Some((status.role.clone(), status.term));
        }
        drop(member);
        self.observe(&Observation::Status {
            time_ns: self.now_ns(),
            node: node.to_string(),
            status,
        });
    }

    /// Learns a role from a line of the node's log, sooner than its next status would tell.
    pub fn saw_log(&self, node: NodeId, observation: &Observation) {
        if let Observation::Transition { role, term, .. } = observation {
            self.member(node).role = Some((role.clone(), *term));
        }
    }

    /// All that said last that they lead.
    pub fn primaries(&self) -> Vec<NodeId> {
        let leads = |node: &NodeId| {
            let role = &self.member(*node).role;
            role.as_ref().is_some_and(|(role, _)| role == "leader")
        };
        self.nodes().into_iter().filter(leads).collect()
    }

    /// Who leads, as far as the harness knows: of those that say so the one with the highest term.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader_and_term().map(|(node, _)| node)
    }

    /// The same, with its term.
    pub fn leader_and_term(&self) -> Option<(NodeId, u64)> {
        let leads = |node: &NodeId| {
            let member = self.member(*node);
            member
                .role
                .as_ref()
                .filter(|(role, _)| role == "leader")
                .map(|(_, term)| (*node, *term))
        };
        self.nodes()
            .iter()
            .filter_map(leads)
            .max_by_key(|(_, term)| *term)
    }

    /// Answers to status requests that came after `since`.
    pub fn statuses_since(&self, since: Instant) -> Vec<(NodeId, NodeStatus)> {
        let fresh = |node: NodeId| {
            let member = self.member(node);
            member
                .status
                .as_ref()
                .filter(|(when, _)| *when > since)
                .map(|(_, status)| (node, status.clone()))
        };
        self.nodes().into_iter().filter_map(fresh).collect()
    }
}

/// The links that the site is made for.
async fn links(
    site: &Site,
    deployment: &dyn Deployment,
    proxies: &tokio::runtime::Runtime,
) -> Result<Links, Failure> {
    match site.way() {
        Way::Proxies => {}
        Way::None => return Ok(Links::none()),
        Way::Packets => {
            let made = Links::of_packets(site.nodes().count() as u16);
            return made.map_err(|error| {
                let text =
                    format!("links of packets cannot be made here: {error}; leave --links out");
                Failure::new(exit::UNAVAILABLE, text)
            });
        }
    }
    let pairs = site
        .nodes()
        .flat_map(|from| site.nodes().map(move |to| (from, to)));
    let mut routes: Vec<Route> = pairs
        .filter(|(from, to)| from != to)
        .map(|(from, to)| Route {
            id: LinkId {
                from: from.0,
                to: to.0,
            },
            listen: site.link(from, to),
            target: deployment.peer(to).unwrap_or_else(|| site.peer(to)),
        })
        .collect();
    let asked = site.nodes().filter(|_| site.has_client_links());
    routes.extend(asked.map(|to| Route {
        id: LinkId {
            from: CLIENTS.0,
            to: to.0,
        },
        listen: site.door(to),
        target: site.client(to),
    }));
    let started = proxies
        .spawn(async move { Links::start(&routes).await })
        .await;
    started
        .map_err(|error| Failure::new(exit::INTERNAL, format!("the links failed: {error}")))?
        .map_err(|error| Failure::new(exit::UNAVAILABLE, error.to_string()))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
        if let Some(proxies) = self.proxies.take() {
            proxies.shutdown_background();
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn store_error(path: &Path, error: &std::io::Error) -> Failure {
    crate::store::cannot_write(path, error)
}
