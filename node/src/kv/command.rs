//! What clients ask of the state machine, and its bytes in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A mutation. Reads are not logged.
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
    /// Its bytes in the log (postcard).
    pub fn encode(&self) -> Vec<u8> {
        // Strings and options always have an encoding; an empty one would be refused when it is applied.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// The command in `bytes`, all of them.
    ///
    /// # Errors
    /// Where they are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Command, Undecodable> {
        match postcard::take_from_bytes(bytes) {
            Ok((command, [])) => Ok(command),
            _ => Err(Undecodable),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn commands() -> impl Strategy<Value = Command> {
        let (key, value) = (".*", proptest::option::of(".*"));
        prop_oneof![
            (key, ".*").prop_map(|(key, value)| Command::Put { key, value }),
            key.prop_map(|key| Command::Delete { key }),
            (key, value.clone(), value).prop_map(|(key, expected, new)| Command::Cas {
                key,
                expected,
                new
            }),
        ]
    }

    proptest! {
        #[test]
        fn commands_survive_the_log(command in commands()) {
            prop_assert_eq!(Command::decode(&command.encode()), Ok(command));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = Command::decode(&bytes);
        }

        #[test]
        fn bytes_behind_a_command_are_refused(command in commands(), extra: u8) {
            let mut bytes = command.encode();
            bytes.push(extra);
            prop_assert_eq!(Command::decode(&bytes), Err(Undecodable));
        }
    }
}
