//! Watches nodes from outside: asks their status, reads their logs, sees their processes end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::observation::Observation;
use crate::site::NodeId;

/// How often each node is asked for its status.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How often logs are read on.
pub const READ_EVERY: Duration = Duration::from_millis(25);

/// Asks one node until the run ends.
pub async fn ask(cluster: Arc<Cluster>, node: NodeId) {
    loop {
        let began = tokio::time::Instant::now();
        let status = if cluster.is_running(node) {
            cluster.deployment().status(node).await
        } else {
            None
        };
        cluster.saw_status(node, status);
        cluster.look_after(node);
        tokio::time::sleep_until(began + ASK_EVERY).await;
    }
}

/// Reads the log of one node as it grows, until the run ends.
pub async fn read(cluster: Arc<Cluster>, node: NodeId) {
    let mut tail: Option<Tail> = None;
    loop {
        if tail.is_none() {
            tail = File::open(cluster.log(node)).ok().map(Tail::new);
        }
        if let Some(tail) = &mut tail {
            while let Some(line) = tail.line() {
                if let Some(observation) = parse(node, &line, cluster.now_ns()) {
                    cluster.saw_log(node, &observation);
                    cluster.observe(&observation);
                }
            }
        }
        tokio::time::sleep(READ_EVERY).await;
    }
}

/// Whole lines of a file that grows.
struct Tail {
    reader: BufReader<File>,
    partial: String,
}

impl Tail {
    fn new(file: File) -> Tail {
        Tail {
            reader: BufReader::new(file),
            partial: String::new(),
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        self.reader.read_until(b'\n', &mut bytes).ok()?;
        self.partial += &String::from_utf8_lossy(&bytes);
        if self.partial.ends_with('\n') {
            Some(std::mem::take(&mut self.partial))
        } else {
            None
        }
    }
}

/// Understands `n2 follower -> leader term=4 leader=n2` and `n2 rolled back 5@3 6@3`; anything else is
/// for people.
fn parse(node: NodeId, line: &str, time_ns: u64) -> Option<Observation> {
    let name = node.to_string();
    let mut words = line.split_whitespace().skip_while(|word| *word != name);
    words.next()?;
    let rest: Vec<&str> = words.collect();
    match rest.as_slice() {
        ["rolled", "back", entries @ ..] if !entries.is_empty() => Some(Observation::RolledBack {
            time_ns,
            node: name,
            entries: entries.iter().map(ToString::to_string).collect(),
        }),
        [_, "->", role, facts @ ..] => {
            let fact = |key: &str| {
                facts
                    .iter()
                    .find_map(|fact| fact.strip_prefix(key)?.strip_prefix('='))
            };
            let leader =
                fact("leader").filter(|leader| leader.starts_with('n') && *leader != "none");
            Some(Observation::Transition {
                time_ns,
                node: name,
                role: (*role).into(),
                term: fact("term")?.parse().ok()?,
                leader: leader.map(Into::into),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_is_understood() {
        let line = "n2 candidate -> leader term=4 leader=n2\n";
        let Some(Observation::Transition {
            node,
            role,
            term,
            leader,
            ..
        }) = parse(NodeId(2), line, 1)
        else {
            panic!("not a transition")
        };
        assert_eq!(
            (node.as_str(), role.as_str(), term, leader.as_deref()),
            ("n2", "leader", 4, Some("n2"))
        );
    }

    #[test]
    fn a_transition_to_no_leader_has_none() {
        let parsed = parse(NodeId(2), "n2 leader -> follower term=5 leader=none", 1);
        assert!(
            matches!(parsed, Some(Observation::Transition { leader: None, .. })),
            "{parsed:?}"
        );
    }

    #[test]
    fn rolled_back_entries_are_all_listed() {
        let parsed = parse(NodeId(1), "n1 rolled back 5@3 6@3", 1);
        let Some(Observation::RolledBack { entries, .. }) = parsed else {
            panic!("not a rollback")
        };
        assert_eq!(entries, ["5@3", "6@3"]);
    }

    #[test]
    fn talk_for_people_is_left_alone() {
        assert_eq!(parse(NodeId(1), "n1 started term=3 last=17@3", 1), None);
        assert_eq!(parse(NodeId(1), "something else", 1), None);
        assert_eq!(parse(NodeId(1), "n1 rolled back", 1), None);
    }

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::new(File::open(file.path()).unwrap());
        write!(file, "n1 rolled").unwrap();
        assert_eq!(tail.line(), None);
        writeln!(file, " back 1@1").unwrap();
        assert_eq!(tail.line().as_deref(), Some("n1 rolled back 1@1\n"));
    }
}
