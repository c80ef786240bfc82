//! PostgreSQL: a primary and streaming standbys, and a supervisor that fences and promotes.
//!
//! Standbys dial the primary through their links, so what the primary streams crosses the link from it to them. Reads and
//! writes go to the primary; at the end, when nothing is written any more, every node is read.

mod gate;
mod install;
mod rejoin;
mod state;
mod supervisor;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use workloads::{Op, Reply};

use super::{Client, Database, Deployment, Error, Future_};
use crate::exit::Failure;
use crate::faults::Need;
use crate::kept::AppliedLog;
use crate::lock::lock;
use crate::observation::NodeStatus;
use crate::plan::Plan;
use crate::replication::Replication;
use crate::site::{NodeId, Site};
use install::Install;
use state::Reign;
use supervisor::Supervisor;
use wire::{Answer, Session};

/// How long a status query may take before the node counts as silent.
const STATUS_TIMEOUT: Duration = Duration::from_millis(300);
/// How long it may take to read the journal at the end.
const JOURNAL_WITHIN: Duration = Duration::from_secs(10);
/// How long a client tries to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The row in the table of databases.
pub struct Postgres;

impl Database for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn about(&self) -> &'static str {
        "PostgreSQL 13 or newer, as installed: a primary, streaming standbys, and a supervisor that fences and promotes"
    }

    fn package(&self) -> Option<&'static str> {
        None
    }

    fn binary(&self) -> Option<PathBuf> {
        Some(install::folder()?.join("postgres"))
    }

    fn copied(&self) -> bool {
        // It looks for its libraries and messages beside itself.
        false
    }

    fn missing(&self) -> Option<String> {
        install::problem()
    }

    fn offers(&self, need: Need) -> bool {
        // Many processes, most of them started by the first: a limit would reach that one alone.
        matches!(need, Need::Signals | Need::Links | Need::Clients)
    }

    fn loses_power(&self) -> bool {
        false
    }

    fn replications(&self) -> &'static [Replication] {
        &Replication::NAMED
    }

    fn deploy(
        &self,
        site: Arc<Site>,
        plan: &Plan,
        binary: PathBuf,
    ) -> Result<Box<dyn Deployment>, Failure> {
        let install = Install::new(&site, plan.replication, binary)?;
        install.make_nodes()?;
        let shared = Arc::new(Shared {
            primary: AtomicU16::new(1),
            open: Mutex::default(),
            quiet: AtomicBool::new(false),
            site: site.clone(),
        });
        Ok(Box::new(Cluster {
            install: Arc::new(install),
            shared,
            statuses: site
                .nodes()
                .map(|_| tokio::sync::Mutex::new(None))
                .collect(),
        }))
    }
}

/// What clients and the supervisor know of the cluster.
struct Shared {
    /// Whom the supervisor has made primary.
    primary: AtomicU16,
    /// The reign that clients may turn to.
    open: Mutex<Option<Reign>>,
    /// Nothing is written any more: a standby's answer is as good.
    quiet: AtomicBool,
    site: Arc<Site>,
}

impl Shared {
    fn primary(&self) -> NodeId {
        NodeId(self.primary.load(Ordering::Relaxed))
    }

    fn open(&self, reign: Option<Reign>) {
        *lock(&self.open) = reign;
    }

    fn reign(&self) -> Option<Reign> {
        *lock(&self.open)
    }
}

struct Cluster {
    install: Arc<Install>,
    shared: Arc<Shared>,
    /// A session with each node, for its status.
    statuses: Vec<tokio::sync::Mutex<Option<Session>>>,
}

impl Cluster {
    fn connection(&self, home: NodeId) -> Box<dyn Client> {
        Box::new(Connection {
            shared: self.shared.clone(),
            home,
            open: None,
        })
    }
}

impl Deployment for Cluster {
    fn command(&self, node: NodeId) -> Command {
        self.install.server(node)
    }

    fn peer(&self, node: NodeId) -> Option<SocketAddr> {
        // A server listens at one port, to clients and standbys alike.
        Some(self.shared.site.client(node))
    }

    fn preloads(&self) -> bool {
        false
    }

    fn starts_children(&self) -> bool {
        true
    }

    fn ends_by_interrupt(&self) -> bool {
        // After SIGTERM it waits until its last client has gone.
        true
    }

    fn client(&self, node: NodeId, _timeout: Duration) -> Box<dyn Client> {
        self.connection(node)
    }

    fn leader_client(&self, first: NodeId, _timeout: Duration) -> Box<dyn Client> {
        self.connection(first)
    }

    fn status(&self, node: NodeId) -> Future_<'_, Option<NodeStatus>> {
        Box::pin(async move {
            let mut session = self.statuses.get(usize::from(node.0) - 1)?.lock().await;
            let address = self.shared.site.client(node);
            let asked = state::ask(&mut session, address, STATUS_TIMEOUT).await?;
            let primary = self.shared.primary();
            Some(asked.status(node, primary))
        })
    }

    fn supervise(&self, cluster: Arc<crate::cluster::Cluster>) -> Option<Future_<'static, ()>> {
        let supervisor = Supervisor::new(cluster, self.install.clone(), self.shared.clone());
        Some(Box::pin(supervisor.run()))
    }

    fn nothing_is_written_any_more(&self) {
        self.shared.quiet.store(true, Ordering::Relaxed);
    }

    fn applied_log(&self, node: NodeId) -> Future_<'_, Option<AppliedLog>> {
        Box::pin(async move {
            let status = self.status(node).await?;
            // A timeline begins with every promotion; where is of no use, as no answer names a place in the log.
            Some(AppliedLog {
                node: node.to_string(),
                applied: format!("{}@{}", status.applied, status.term),
                terms: (1..=status.term)
                    .map(|term| format!("{term}@{term}"))
                    .collect(),
            })
        })
    }

    fn journal(&self) -> Future_<'_, Option<Result<Vec<i64>, String>>> {
        Box::pin(async move {
            let read = tokio::time::timeout(JOURNAL_WITHIN, read_journal(&self.shared));
            let slow = || Err("its journal was not read in time".into());
            Some(read.await.unwrap_or_else(|_| slow()))
        })
    }
}

/// Every value that the primary's journal has.
async fn read_journal(shared: &Shared) -> Result<Vec<i64>, String> {
    let primary = shared.primary();
    let failed = |error: wire::Error| format!("{primary}'s journal: {error:?}");
    let address = shared.site.client(primary);
    let session = Session::open(address, CONNECT_TIMEOUT).await;
    let mut session = session.map_err(failed)?;
    if state::reign(&mut session, primary).await.is_none() {
        return Err(format!("{primary} is not yet primary"));
    }
    let answer = session.query("SELECT value FROM journal").await;
    let rows = answer.map_err(failed)?.rows;
    let value = |row: &Vec<Option<String>>| row.first()?.as_deref()?.parse().ok();
    let values: Option<Vec<i64>> = rows.iter().map(value).collect();
    values.ok_or_else(|| format!("{primary}'s journal makes no sense"))
}

/// One worker's session: with the primary that is open, and when nothing is written any more with its own node.
struct Connection {
    shared: Arc<Shared>,
    home: NodeId,
    open: Option<(NodeId, Session)>,
}

impl Connection {
    async fn session(&mut self) -> Result<(NodeId, Session), Error> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let none = |why: &str| Error::Definite(why.into());
        let reign = self.shared.reign();
        let quiet = self.shared.quiet.load(Ordering::Relaxed);
        let node = match (quiet, reign) {
            (true, _) => self.home,
            (false, Some(reign)) => reign.node,
            (false, None) => return Err(none("no primary is open to clients")),
        };
        let (address, own) = (self.shared.site.door(node), self.shared.site.workers());
        let mut session = Session::open_from(own, address, CONNECT_TIMEOUT)
            .await
            .map_err(refused)?;
        if quiet {
            return Ok((node, session));
        }
        let asked = tokio::time::timeout(CONNECT_TIMEOUT, state::reign(&mut session, node));
        if asked.await == Ok(reign) {
            Ok((node, session))
        } else {
            Err(none("the primary does not answer, or is another"))
        }
    }
}

impl Client for Connection {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let sql = sql(op).ok_or_else(|| {
                Error::Definite(format!("{} is not spoken with PostgreSQL", op.f()))
            })?;
            // Taken out while it is in use: if this is dropped half-way, the session is gone too.
            let (node, mut session) = self.session().await?;
            match session.query(&sql).await {
                Ok(answer) => {
                    self.open = Some((node, session));
                    reply(op, &answer)
                }
                Err(error) => Err(refused(error)),
            }
        })
    }

    fn node(&self) -> NodeId {
        let open = self.open.as_ref().map(|(node, _)| *node);
        let next = || {
            let quiet = self.shared.quiet.load(Ordering::Relaxed);
            let reign = self.shared.reign().filter(|_| !quiet);
            reign.map_or(self.home, |reign| reign.node)
        };
        open.unwrap_or_else(next)
    }
}

/// An operation as one statement. Whatever is written is noted in the journal by the same transaction.
fn sql(op: &Op) -> Option<String> {
    let key = op.key()?;
    if !key.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return None;
    }
    Some(match op {
        Op::Txn(_) => return None,
        Op::Read { .. } => format!("SELECT value FROM register WHERE key = '{key}'"),
        Op::Write { value, .. } => format!(
            "WITH j AS (INSERT INTO journal VALUES ({value})) INSERT INTO register VALUES ('{key}', {value}) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        ),
        Op::Cas {
            old: Some(old),
            new,
            ..
        } => format!(
            "WITH swapped AS (UPDATE register SET value = {new} WHERE key = '{key}' AND value = {old} RETURNING value) \
             INSERT INTO journal SELECT value FROM swapped"
        ),
        Op::Cas { old: None, new, .. } => format!(
            "WITH swapped AS (INSERT INTO register VALUES ('{key}', {new}) ON CONFLICT (key) DO NOTHING RETURNING value) \
             INSERT INTO journal SELECT value FROM swapped"
        ),
    })
}

fn reply(op: &Op, answer: &Answer) -> Result<Reply, Error> {
    // It was committed here, but the wait for standbys was cut short: that is no acknowledgement.
    if let Some(notice) = &answer.notice {
        return Err(Error::Indefinite(notice.clone()));
    }
    let strange = || Error::Indefinite(format!("an answer that makes no sense: {answer:?}"));
    match (op, answer.tag.as_str()) {
        (Op::Read { .. }, _) => match answer.rows.as_slice() {
            [] => Ok(Reply::Value(None)),
            [row] => {
                let value = row.first().and_then(|value| value.as_ref()?.parse().ok());
                value
                    .map(|value| Reply::Value(Some(value)))
                    .ok_or_else(strange)
            }
            _ => Err(strange()),
        },
        (_, "INSERT 0 1") => Ok(Reply::Done { entry: None }),
        (Op::Cas { .. }, "INSERT 0 0") => Ok(Reply::Mismatch { current: None }),
        _ => Err(strange()),
    }
}

/// What an error means for what was asked.
fn refused(error: wire::Error) -> Error {
    match error {
        wire::Error::NotConnected(why) => Error::Definite(why),
        // An error that is none of the connection's or the server's end undoes the transaction. These three classes are:
        // they may come after the commit.
        wire::Error::Refused(code, text)
            if ["08", "57", "XX"].contains(&&code[..code.len().min(2)]) =>
        {
            Error::Indefinite(format!("{code} {text}"))
        }
        wire::Error::Refused(code, text) => Error::Definite(format!("{code} {text}")),
        wire::Error::Lost(why) => Error::Indefinite(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_an_unfinished_wait_for_standbys_is_no_acknowledgement() {
        let write = Op::Write {
            key: "k1".into(),
            value: 5,
        };
        let cas = Op::Cas {
            key: "k1".into(),
            old: Some(1),
            new: 2,
        };
        let tag = |tag: &str| Answer {
            tag: tag.into(),
            ..Answer::default()
        };
        let done = Ok(Reply::Done { entry: None });
        assert_eq!(reply(&write, &tag("INSERT 0 1")), done);
        assert_eq!(reply(&cas, &tag("INSERT 0 1")), done);
        let unequal = Ok(Reply::Mismatch { current: None });
        assert_eq!(reply(&cas, &tag("INSERT 0 0")), unequal);
        assert!(reply(&write, &tag("INSERT 0 0")).is_err());
        let cut = Answer {
            notice: Some("canceling wait for synchronous replication".into()),
            ..tag("INSERT 0 1")
        };
        assert!(matches!(reply(&write, &cut), Err(Error::Indefinite(_))));
        let read = Op::Read { key: "k1".into() };
        let rows = |rows: &[&str]| Answer {
            rows: rows.iter().map(|v| vec![Some(v.to_string())]).collect(),
            ..tag("SELECT 1")
        };
        assert_eq!(reply(&read, &rows(&["41"])), Ok(Reply::Value(Some(41))));
        assert_eq!(reply(&read, &rows(&[])), Ok(Reply::Value(None)));
        assert!(reply(&read, &rows(&["x"])).is_err());
    }

    #[test]
    fn an_error_is_certain_where_the_transaction_is_undone() {
        let said = |code: &str| refused(wire::Error::Refused(code.into(), String::new()));
        assert!(matches!(said("25006"), Error::Definite(_)));
        assert!(matches!(said("40001"), Error::Definite(_)));
        assert!(matches!(said("57P01"), Error::Indefinite(_)));
        assert!(matches!(
            refused(wire::Error::Lost(String::new())),
            Error::Indefinite(_)
        ));
    }

    #[test]
    fn keys_that_could_be_more_than_a_key_are_not_asked_for() {
        let read = |key: &str| sql(&Op::Read { key: key.into() });
        assert!(read("k1").is_some());
        assert!(read("k'; DROP TABLE register").is_none());
    }
}
