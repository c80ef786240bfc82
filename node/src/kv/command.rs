//! What clients ask of the state machine, and its bytes in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::session::Token;

/// A mutation. Reads are not logged. All conditions are decided when it is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Sets `key` to `value`.
    Put {
        /// Where.
        key: String,
        /// To what.
        value: String,
    },
    /// Removes `key`, if it is there.
    Delete {
        /// Where.
        key: String,
    },
    /// Compare-and-set: makes `key` hold `new` if it holds `expected` when the command is applied.
    /// `None` means absent, on both sides.
    Cas {
        /// Where.
        key: String,
        /// What must be there.
        expected: Option<String>,
        /// What is there afterwards.
        new: Option<String>,
    },
    /// Makes `key` hold `new` if its last write had this revision.
    CasRevision {
        /// Where.
        key: String,
        /// The revision of what must be there; 0 for absent.
        revision: u64,
        /// What is there afterwards.
        new: Option<String>,
    },
    /// One operation.
    Do(Operation),
    /// Operations that happen together or not at all.
    Transaction {
        /// All must hold for `success`; otherwise `failure` happens.
        compares: Vec<Compare>,
        /// What happens if they hold.
        success: Vec<Operation>,
        /// What happens if not.
        failure: Vec<Operation>,
    },
    /// Opens a session, named by the index of this command's entry.
    OpenSession {
        /// How many entries it outlives its last command.
        lifetime: u64,
    },
    /// Forgets a session.
    CloseSession {
        /// Which.
        session: u64,
    },
    /// Grants a lease, named by the index of this command's entry.
    GrantLease {
        /// How long it lives without being kept alive, in milliseconds.
        ttl_ms: u64,
    },
    /// Gives a lease its whole time again.
    KeepAlive {
        /// Which.
        lease: u64,
    },
    /// Ends a lease, and with it the keys that are attached to it.
    RevokeLease {
        /// Which.
        lease: u64,
    },
    /// What a leader's monotonic clock says; from the driver, never from a client.
    Clock {
        /// Log time in milliseconds.
        now_ms: u64,
    },
}

/// A part of a transaction, or a command of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// What `key` holds at this point of the transaction.
    Get {
        /// Where.
        key: String,
    },
    /// Sets `key` to `value`.
    Put {
        /// Where.
        key: String,
        /// To what.
        value: String,
        /// The lease with which it ends.
        lease: Option<u64>,
    },
    /// Removes `key`, if it is there.
    Delete {
        /// Where.
        key: String,
    },
    /// Puts `value` at the end of the list at `key`; an absent key is an empty list.
    Append {
        /// Where.
        key: String,
        /// What.
        value: String,
    },
    /// Adds to the decimal integer at `key`; an absent key is zero.
    Add {
        /// Where.
        key: String,
        /// How much.
        by: i64,
    },
}

/// A condition of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compare {
    /// `key` holds this text; `None` for absent.
    Value {
        /// Where.
        key: String,
        /// What.
        value: Option<String>,
    },
    /// The last write of `key` had this revision; 0 for absent.
    Revision {
        /// Where.
        key: String,
        /// Which.
        revision: u64,
    },
}

/// What stands in the log: a command, and the token by which a repeat of it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// Who said it, and as the how-manieth; `None` if a repeat may happen twice.
    pub token: Option<Token>,
    /// What is to be done.
    pub command: Command,
}

/// Bytes that are no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable;

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are no command of this version")
    }
}

impl std::error::Error for Undecodable {}

impl Command {
    /// Its bytes in the log, outside any session.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_in(None)
    }

    /// Its bytes in the log (postcard).
    pub fn encode_in(&self, token: Option<Token>) -> Vec<u8> {
        // Strings and options always have an encoding; an empty one would be refused when it is applied.
        postcard::to_stdvec(&(token, self)).unwrap_or_default()
    }
}

impl Logged {
    /// The command in `bytes`, all of them.
    ///
    /// # Errors
    /// Where they are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Logged, Undecodable> {
        match postcard::take_from_bytes(bytes) {
            Ok((logged, [])) => Ok(logged),
            _ => Err(Undecodable),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn commands_survive_the_log(logged in arbitrary::logged(".*")) {
            let bytes = logged.command.encode_in(logged.token);
            prop_assert_eq!(Logged::decode(&bytes), Ok(logged));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Logged::decode(&bytes);
        }

        #[test]
        fn bytes_behind_a_command_are_refused(logged in arbitrary::logged("[a-c]"), extra: u8) {
            let mut bytes = logged.command.encode_in(logged.token);
            bytes.push(extra);
            prop_assert_eq!(Logged::decode(&bytes), Err(Undecodable));
        }
    }
}
