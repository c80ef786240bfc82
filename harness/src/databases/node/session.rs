//! A client in a session: repeats a write whose outcome it does not know, elsewhere, under the same token.
//!
//! Of all attempts the node does one. So the first answer that comes of applying the write, whichever attempt it
//! answers, is the answer to the operation, and linearizability judges whether it was done once.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use workloads::{Op, Reply};

use super::connection::Connection;
use crate::databases::{Client, Error, Future_};
use crate::site::NodeId;

/// Between one attempt and the next, so that a cluster that is down is not stormed.
const PAUSE: Duration = Duration::from_millis(20);

/// What a node says of a session that has ended or never was.
const NO_SESSION: &str = "no-session";

/// One worker's session, and the connection that it uses.
pub(super) struct InSession {
    connection: Connection,
    /// How long it tries to learn what became of an operation.
    patience: Duration,
    session: Option<u64>,
    /// Number of the last write.
    sequence: u64,
}

impl InSession {
    pub(super) fn new(connection: Connection, patience: Duration) -> InSession {
        InSession {
            connection,
            patience,
            session: None,
            sequence: 0,
        }
    }

    /// Opens a session unless one is open. That one may have ended is told by the next write.
    async fn session(&mut self, deadline: Instant) -> Result<u64, Error> {
        while self.session.is_none() {
            let opened = timeout_at(deadline, self.connection.open_session()).await;
            self.session = opened.ok().flatten();
            if self.session.is_none() {
                if Instant::now() + PAUSE >= deadline {
                    return Err(Error::Definite("no session could be opened".into()));
                }
                self.connection.node = self.connection.next();
                sleep(PAUSE).await;
            }
        }
        Ok(self.session.unwrap_or_default())
    }

    async fn once(&mut self, op: &Op) -> Result<Reply, Error> {
        let deadline = Instant::now() + self.patience;
        let session = self.session(deadline).await?;
        self.sequence += 1;
        let token = (session, self.sequence);
        let mut earlier_unknown = false;
        loop {
            let attempt = timeout_at(deadline, self.connection.send(op, Some(token))).await;
            let result = attempt.unwrap_or_else(|_| Err(Error::Indefinite("timed out".into())));
            if matches!(&result, Err(Error::Indefinite(code)) if code == NO_SESSION) {
                self.session = None;
            }
            match after(result, earlier_unknown) {
                Step::End(result) => return result,
                Step::Repeat(why) if Instant::now() + PAUSE >= deadline => {
                    return Err(Error::Indefinite(why));
                }
                Step::Repeat(_) => earlier_unknown = true,
            }
            self.connection.node = self.connection.next();
            sleep(PAUSE).await;
        }
    }
}

impl Client for InSession {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>> {
        match op.may_change() {
            true => Box::pin(self.once(op)),
            false => self.connection.invoke(op),
        }
    }

    fn node(&self) -> NodeId {
        self.connection.node()
    }
}

/// What to do after an attempt.
#[derive(Debug, PartialEq)]
enum Step {
    /// The operation has ended so.
    End(Result<Reply, Error>),
    /// Nobody knows: ask elsewhere.
    Repeat(String),
}

/// Only an answer that comes of applying the write ends an operation of which an earlier attempt may have happened: that
/// a later attempt was refused says nothing about that one. Where the session has ended, nobody remembers.
fn after(result: Result<Reply, Error>, earlier_unknown: bool) -> Step {
    match (result, earlier_unknown) {
        (Ok(reply), _) => Step::End(Ok(reply)),
        (Err(Error::Indefinite(code)), earlier) if code == NO_SESSION => {
            Step::End(Err(if earlier {
                Error::Indefinite(code)
            } else {
                Error::Definite(code)
            }))
        }
        (Err(Error::Definite(code)), false) => Step::End(Err(Error::Definite(code))),
        (Err(Error::Definite(code) | Error::Indefinite(code)), _) => Step::Repeat(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Result<Reply, Error> {
        Err(Error::Definite(code.into()))
    }

    fn unknown(code: &str) -> Result<Reply, Error> {
        Err(Error::Indefinite(code.into()))
    }

    #[test]
    fn an_unknown_outcome_is_asked_for_again_until_the_write_is_answered() {
        let done = || Ok(Reply::Done { entry: None });
        assert_eq!(after(done(), false), Step::End(done()));
        assert_eq!(
            after(unknown("timed-out"), false),
            Step::Repeat("timed-out".into())
        );
        assert_eq!(after(done(), true), Step::End(done()));
        let found = || Ok(Reply::Mismatch { current: None });
        assert_eq!(after(found(), true), Step::End(found()));
    }

    #[test]
    fn a_refusal_is_certain_only_where_no_earlier_attempt_may_have_happened() {
        assert_eq!(
            after(refused("no-leader"), false),
            Step::End(refused("no-leader"))
        );
        assert_eq!(
            after(refused("no-leader"), true),
            Step::Repeat("no-leader".into())
        );
    }

    #[test]
    fn a_session_that_has_ended_refuses_a_first_attempt_for_certain_and_forgets_a_repeated_one() {
        assert_eq!(
            after(unknown("no-session"), false),
            Step::End(refused("no-session"))
        );
        assert_eq!(
            after(unknown("no-session"), true),
            Step::End(unknown("no-session"))
        );
    }
}
