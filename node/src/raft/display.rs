//! How messages and transitions read in logs and golden scripts.

use std::fmt;

use super::message::{Appended, Body, Message};
use super::ready::Transition;

/// `n1 -> n2 append 5@3 after 4@3 commit=4 round=7 term=3`
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message { from, to, .. } = self;
        write!(f, "{from} -> {to} {} term={}", self.body, self.term)
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::PreVote { last } => write!(f, "pre-vote last={last}"),
            Body::PreVoteReply { granted: true } => write!(f, "pre-vote granted"),
            Body::PreVoteReply { granted: false } => write!(f, "pre-vote refused"),
            Body::Vote { last, transfer } => {
                let asked = if *transfer { " transfer" } else { "" };
                write!(f, "vote last={last}{asked}")
            }
            Body::VoteReply { granted: true } => write!(f, "vote granted"),
            Body::VoteReply { granted: false } => write!(f, "vote refused"),
            Body::Append {
                prev,
                entries,
                commit,
                round,
            } => {
                write!(f, "append")?;
                for entry in entries {
                    write!(f, " {}", entry.id)?;
                }
                write!(f, " after {prev} commit={commit} round={}", round.0)
            }
            Body::AppendReply { result, round } => match result {
                Appended::Match { index } => write!(f, "match {index} round={}", round.0),
                Appended::Conflict { prev, hint } => {
                    write!(f, "conflict {prev} hint={hint} round={}", round.0)
                }
            },
            Body::Heartbeat { commit, round } => {
                write!(f, "heartbeat commit={commit} round={}", round.0)
            }
            Body::HeartbeatReply { round } => write!(f, "heartbeat-reply round={}", round.0),
            Body::ReadIndex { .. } => write!(f, "read-index"),
            Body::ReadIndexReply { index, .. } => match index {
                Some(index) => write!(f, "read-index-reply {index}"),
                None => write!(f, "read-index-reply refused"),
            },
            Body::Snapshot { chunk, round } => {
                let end = chunk.offset + chunk.bytes.len() as u64;
                let (last, offset, size) = (chunk.last, chunk.offset, chunk.size);
                write!(
                    f,
                    "snapshot {last} bytes {offset}-{end} of {size} round={}",
                    round.0
                )
            }
            Body::SnapshotReply {
                last,
                received,
                installed,
                round,
            } => match installed {
                true => write!(f, "snapshot-reply {last} installed round={}", round.0),
                false => write!(
                    f,
                    "snapshot-reply {last} received={received} round={}",
                    round.0
                ),
            },
            Body::TimeoutNow => write!(f, "timeout-now"),
        }
    }
}

/// `follower -> leader term=4 leader=n1`
impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transition { from, to, term, .. } = self;
        write!(f, "{from} -> {to} term={term}")?;
        match self.leader {
            Some(leader) => write!(f, " leader={leader}"),
            None => Ok(()),
        }
    }
}
