//! One directed link: its rule, its books, and the proxy that accepts and serves its connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::LinkId;
use super::ledger::Ledger;
use super::pump::{Broken, Pump};
use super::rule::Rule;
use crate::lock::lock;

/// A target on this machine that does not take a connection for so long is stopped.
const DIAL: Duration = Duration::from_secs(1);
/// How long to wait when no connection can be accepted, as when file descriptors ran out.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// A directed link: what it is wanted to do, and what it did.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: LinkId,
    /// What it does now: all that is wanted of it, together.
    pub(super) rule: watch::Sender<Rule>,
    /// Who wants what.
    wanted: Mutex<BTreeMap<u64, Rule>>,
    pub(super) ledger: Ledger,
}

impl Line {
    pub(super) fn new(id: LinkId) -> Line {
        Line {
            id,
            rule: watch::Sender::new(Rule::Pass),
            wanted: Mutex::default(),
            ledger: Ledger::new(),
        }
    }

    /// From now on `owner` wants this of the link; [`Rule::Pass`] withdraws whatever it wanted.
    pub(super) fn want(&self, owner: u64, rule: Rule) {
        let mut wanted = self.wanted();
        match rule {
            Rule::Pass => wanted.remove(&owner),
            rule => wanted.insert(owner, rule),
        };
        let all = wanted.values().cloned().fold(Rule::Pass, Rule::and);
        // Under the lock, so that of two who want something at a time the later one is heard last.
        self.rule.send_if_modified(|now| {
            let changed = *now != all;
            *now = all;
            changed
        });
    }

    /// Nobody wants anything any more.
    pub(super) fn heal(&self) {
        let mut wanted = self.wanted();
        wanted.clear();
        self.rule
            .send_if_modified(|now| std::mem::take(now) != Rule::Pass);
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeMap<u64, Rule>> {
        lock(&self.wanted)
    }
}

/// Accepts and serves the connections of `line` for ever; `opposite` rules what is answered on them. When
/// this is dropped, so are they.
pub(super) async fn proxy(
    listener: TcpListener,
    target: SocketAddr,
    line: Arc<Line>,
    opposite: Arc<Line>,
) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                line.ledger.count(|counters| counters.opened += 1);
                connections.spawn(serve(client, target, line.clone(), opposite.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, target: SocketAddr, line: Arc<Line>, opposite: Arc<Line>) {
    let mut server = None;
    if carry(&mut client, &mut server, target, &line, &opposite)
        .await
        .is_err()
    {
        for side in [Some(client), server].into_iter().flatten() {
            // Closing it then sends RST. A socket that refuses the option is dead already.
            let _ = side.set_zero_linger();
        }
    }
}

async fn carry(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    target: SocketAddr,
    line: &Line,
    opposite: &Line,
) -> Result<(), Broken> {
    // Frames are small and waited for.
    let _ = client.set_nodelay(true);
    let (from_client, to_client) = client.split();
    let mut forth = Pump::dialler(line, from_client);
    forth.admit().await?;
    let dialled = tokio::select! {
        biased;
        dialled = tokio::time::timeout(DIAL, TcpStream::connect(target)) => dialled,
        broken = forth.reset_meanwhile() => return Err(broken),
    };
    let Ok(Ok(dialled)) = dialled else {
        line.ledger.count(|counters| counters.refused += 1);
        return Err(forth.other_side_gone(opposite).await);
    };
    let _ = dialled.set_nodelay(true);
    let (from_server, to_server) = server.insert(dialled).split();
    let mut back = Pump::answerer(opposite, from_server);
    tokio::try_join!(forth.run(to_server, opposite), back.run(to_client, line))?;
    Ok(())
}
