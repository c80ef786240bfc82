//! What a PostgreSQL server says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use super::wire::Session;
use crate::observation::NodeStatus;
use crate::site::NodeId;

/// One server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// It follows, or tries to.
    pub(super) standby: bool,
    /// A standby that receives log right now.
    pub(super) streams: bool,
    /// The timeline of its newest log. One begins with every promotion.
    pub(super) timeline: u64,
    /// Bytes of log that are on its disk, as far as it has come to read them.
    pub(super) received: u64,
    /// A standby that has read all log that is on its disk.
    pub(super) settled: bool,
    /// Bytes of log that are applied.
    pub(super) applied: u64,
    /// When the server started, in microseconds of its clock.
    pub(super) started: u64,
}

/// A node's reign as primary: nobody is let in to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) node: NodeId,
    pub(super) started: u64,
    pub(super) timeline: u64,
}

impl State {
    /// In the harness' words.
    pub(super) fn status(&self, node: NodeId, primary: NodeId) -> NodeStatus {
        let (role, leader) = match (self.standby, self.streams) {
            (false, _) => ("leader", Some(node)),
            (true, false) => ("follower", None),
            (true, true) => ("follower", Some(primary)),
        };
        NodeStatus {
            role: role.into(),
            term: self.timeline,
            leader: leader.map(|leader| leader.to_string()),
            commit: self.received,
            applied: self.applied,
            last: self.received,
            clock_offset_ms: None,
            disk_full: false,
            followers: Vec::new(),
        }
    }

    /// Its reign; none of a standby.
    pub(super) fn reign(&self, node: NodeId) -> Option<Reign> {
        let (started, timeline) = (self.started, self.timeline);
        (!self.standby).then_some(Reign {
            node,
            started,
            timeline,
        })
    }

    /// How much of history it has: later timelines hold all that was acknowledged on earlier ones.
    pub(super) fn reach(&self) -> (u64, u64) {
        (self.timeline, self.received)
    }
}

/// Asks a server about itself, in a session that is kept while it works.
pub(super) async fn ask(
    session: &mut Option<Session>,
    address: SocketAddr,
    timeout: Duration,
) -> Option<State> {
    // A standby that does not stream has no name for its timeline but those of its files of log.
    const QUESTION: &str = "SELECT standby, streaming IS NOT NULL, \
        CASE WHEN standby THEN coalesce(streaming, \
            (SELECT max(('x' || substr(name, 1, 8))::bit(32)::int) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$')) \
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END, \
        CASE WHEN standby THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0', \
        CASE WHEN standby THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0', \
        coalesce((SELECT wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval') \
            FROM pg_stat_activity WHERE backend_type = 'startup'), false), \
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint \
        FROM (SELECT pg_is_in_recovery() AS standby, \
            (SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming) AS self";
    // Taken out while it is in use: if this is dropped half-way, the session is gone too.
    let mut open = match session.take() {
        Some(open) => open,
        None => Session::open(address, timeout).await.ok()?,
    };
    let asked = tokio::time::timeout(timeout, open.query(QUESTION)).await;
    let rows = asked.ok()?.ok()?.rows;
    *session = Some(open);
    read(rows.first()?)
}

/// The reign of a server, by its own word; none of a standby.
pub(super) async fn reign(session: &mut Session, node: NodeId) -> Option<Reign> {
    const QUESTION: &str = "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
        ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
    // A standby has no current place in its log, and says so by an error.
    let rows = session.query(QUESTION).await.ok()?.rows;
    let number = |at: usize| rows.first()?.get(at)?.as_deref()?.parse().ok();
    Some(Reign {
        node,
        started: number(0)?,
        timeline: number(1)?,
    })
}

fn read(row: &[Option<String>]) -> Option<State> {
    let is = |at: usize| Some(row.get(at)?.as_deref()? == "t");
    let number = |at: usize| {
        let text = row.get(at)?.as_deref().unwrap_or("0");
        text.parse::<u64>().ok()
    };
    Some(State {
        standby: is(0)?,
        streams: is(1)?,
        timeline: number(2)?,
        // After a start a standby has applied some before it receives any.
        received: number(3)?.max(number(4)?),
        applied: number(4)?,
        settled: is(5)?,
        started: number(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read() {
        let row = |texts: [&str; 7]| {
            texts.map(|text| Some(text.to_string()).filter(|text| !text.is_empty()))
        };
        let state = read(&row(["t", "f", "2", "", "200", "t", "7"])).unwrap();
        assert_eq!((state.received, state.applied), (200, 200));
        assert_eq!(state.status(NodeId(2), NodeId(1)).leader, None);
        let state = read(&row(["t", "t", "2", "300", "200", "t", "7"])).unwrap();
        assert_eq!((state.received, state.applied), (300, 200));
        let leader = state.status(NodeId(2), NodeId(1)).leader;
        assert_eq!(leader.as_deref(), Some("n1"));
        assert_eq!(read(&row(["", "f", "2", "", "200", "t", "7"])), None);
    }
}
