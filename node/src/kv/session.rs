//! Exactly-once clients: what each was answered last, so that a repeated command is answered and not applied.
//!
//! Raft dissertation, 6.3: a session is named by the index of the entry that opened it; its client has one
//! command at a time under way and numbers them. What is kept is part of the replicated state, so it outlives
//! leaders and is in every snapshot. A session ends when as many entries as its lifetime have been applied since
//! its last command: counted in the log, so every replica forgets it at the same entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hash::Digest;
use super::outcome::{Outcome, Written};
use crate::bugs::{self, Bug};
use crate::raft::{Index, LogId};

/// Most sessions at a time; one more ends the one that would end first.
pub const MAX_SESSIONS: usize = 10_000;
/// Most bytes of values in remembered answers; more end the sessions that would end first.
pub const MAX_REMEMBERED: usize = 64 << 20;

/// Names a command for ever, however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The client's session.
    pub session: u64,
    /// Its number in the session; greater than that of every earlier command.
    pub sequence: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    lifetime: u64,
    /// Index of the entry after which it is over.
    until: u64,
    /// The last command and what it did.
    last: Option<(u64, Arc<Written>)>,
}

/// All open ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sessions {
    open: BTreeMap<u64, Session>,
    /// In the order in which they end; follows from `open`.
    #[serde(skip)]
    ends: BTreeSet<(u64, u64)>,
    /// Sum of the weights of all; follows from `open`.
    #[serde(skip)]
    content: u128,
    /// Of values in remembered answers; follows from `open`.
    #[serde(skip)]
    bytes: usize,
}

impl Sessions {
    /// With what was left out of the snapshot.
    pub(super) fn reindexed(mut self) -> Sessions {
        if bugs::on(Bug::DedupNotInSnapshot) {
            self.open
                .values_mut()
                .for_each(|session| session.last = None);
        }
        for (id, session) in std::mem::take(&mut self.open) {
            self.keep(id, session);
        }
        self
    }

    /// What is serialized, to be kept as it is. O(sessions).
    pub(super) fn frozen(&self) -> Sessions {
        Sessions {
            open: self.open.clone(),
            ..Sessions::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn content(&self) -> u128 {
        self.content
    }

    /// Ends those whose time is over when entry `now` is applied. O(log sessions) each.
    pub(super) fn expire(&mut self, now: Index) {
        while let Some(&(until, id)) = self.ends.first()
            && until < now.0
        {
            self.take(id);
        }
    }

    pub(super) fn open(&mut self, entry: LogId, lifetime: u64) -> Outcome {
        if self.open.len() >= MAX_SESSIONS
            && let Some(&(_, first)) = self.ends.first()
        {
            self.take(first);
        }
        let session = entry.index.0;
        let until = session.saturating_add(lifetime);
        let last = None;
        self.keep(
            session,
            Session {
                lifetime,
                until,
                last,
            },
        );
        Outcome::SessionOpened { session, lifetime }
    }

    pub(super) fn close(&mut self, session: u64) -> Outcome {
        let existed = self.take(session).is_some();
        Outcome::SessionClosed { existed }
    }

    /// What to answer instead of applying the command that `entry` carries; `None` if it is to be applied.
    pub(super) fn known(&self, token: Token, entry: LogId) -> Option<Written> {
        let refused = |outcome| {
            let repeated = false;
            Some(Written {
                entry,
                repeated,
                outcome,
            })
        };
        let Some(session) = self.open.get(&token.session) else {
            return refused(Outcome::NoSession);
        };
        match &session.last {
            Some((latest, written)) if *latest == token.sequence => Some(Written {
                repeated: true,
                ..Written::clone(written)
            }),
            Some((latest, _)) if *latest > token.sequence => {
                refused(Outcome::OldSequence { latest: *latest })
            }
            _ => None,
        }
    }

    /// Remembers what the command of `token` did, and that the session is in use.
    pub(super) fn remember(&mut self, token: Token, written: &Written) {
        // It may have been closed by its own command.
        if let Some(mut session) = self.take(token.session) {
            session.until = written.entry.index.0.saturating_add(session.lifetime);
            session.last = Some((token.sequence, Arc::new(written.clone())));
            self.keep(token.session, session);
            while self.bytes > MAX_REMEMBERED
                && let Some(&(_, first)) = self.ends.iter().find(|&&(_, id)| id != token.session)
            {
                self.take(first);
            }
        }
    }

    fn keep(&mut self, id: u64, session: Session) {
        self.ends.insert((session.until, id));
        self.bytes += session.bytes();
        self.content = self.content.wrapping_add(weigh(id, &session));
        self.open.insert(id, session);
    }

    fn take(&mut self, id: u64) -> Option<Session> {
        let session = self.open.remove(&id)?;
        self.ends.remove(&(session.until, id));
        self.bytes -= session.bytes();
        self.content = self.content.wrapping_sub(weigh(id, &session));
        Some(session)
    }
}

impl Session {
    fn bytes(&self) -> usize {
        let last = self.last.as_ref();
        last.map_or(0, |(_, written)| written.outcome.bytes())
    }
}

fn weigh(id: u64, session: &Session) -> u128 {
    let digest = Digest::default()
        .number(id)
        .number(session.lifetime)
        .number(session.until);
    match &session.last {
        // The entry decides what the command did.
        Some((sequence, written)) => digest.number(*sequence).number(written.entry.index.0),
        None => digest,
    }
    .value()
}

#[cfg(test)]
mod tests {
    use super::super::value::{Data, Value};
    use super::*;

    #[test]
    fn large_answers_are_remembered_up_to_a_bound() {
        let mut sessions = Sessions::default();
        for index in 1..=80 {
            let entry = LogId::new(index, 1);
            sessions.open(entry, 1_000);
            let token = Token {
                session: index,
                sequence: 1,
            };
            let value = Value {
                data: Data::Text("v".repeat(1 << 20)),
                revision: 1,
                lease: None,
            };
            let (current, revision) = (Some(value), 1);
            let written = Written {
                entry,
                repeated: false,
                outcome: Outcome::Mismatch { current, revision },
            };
            sessions.remember(token, &written);
            assert_eq!(sessions.known(token, entry).map(|w| w.repeated), Some(true));
        }
        assert_eq!((sessions.len(), sessions.bytes), (64, MAX_REMEMBERED));
        assert_eq!(sessions.open.keys().next(), Some(&17));
    }
}
