//! Commands for tests: all kinds, on few keys, so that they meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::command::{Command, Compare, Logged, Operation};
use super::machine::Machine;
use super::outcome::Outcome;
use super::session::Token;
use crate::raft::{Entry, LogId, Payload};

pub(super) fn put(key: &str, value: &str) -> Command {
    Command::Put {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// Applies `logged` as the next entry of term 1.
pub(super) fn apply_in(
    machine: &mut Machine,
    token: Option<Token>,
    command: &Command,
) -> super::Written {
    let id = LogId::new(machine.applied().0 + 1, 1);
    let payload = Payload::Command(command.encode_in(token).into());
    machine.apply(&Entry { id, payload })
}

pub(super) fn apply(machine: &mut Machine, command: &Command) -> Outcome {
    apply_in(machine, None, command).outcome
}

fn operations() -> impl Strategy<Value = Operation> {
    let (key, value) = ("[abc]", "[0-9]?");
    prop_oneof![
        key.prop_map(|key| Operation::Get { key }),
        (key, value, option::of(0..20_u64)).prop_map(|(key, value, lease)| Operation::Put {
            key,
            value,
            lease
        }),
        key.prop_map(|key| Operation::Delete { key }),
        (key, value).prop_map(|(key, value)| Operation::Append { key, value }),
        (key, -3..3_i64).prop_map(|(key, by)| Operation::Add { key, by }),
    ]
}

fn compares() -> impl Strategy<Value = Compare> {
    let key = "[abc]";
    prop_oneof![
        (key, option::of("[0-9]?")).prop_map(|(key, value)| Compare::Value { key, value }),
        (key, 0..9_u64).prop_map(|(key, revision)| Compare::Revision { key, revision }),
    ]
}

/// Commands with values of the pattern `values`.
pub(super) fn commands(values: &'static str) -> impl Strategy<Value = Command> {
    let (key, maybe) = ("[abc]{1,2}", option::of(values));
    prop_oneof![
        (key, values).prop_map(|(key, value)| Command::Put { key, value }),
        key.prop_map(|key| Command::Delete { key }),
        (key, maybe.clone(), maybe.clone()).prop_map(|(key, expected, new)| Command::Cas {
            key,
            expected,
            new
        }),
        (key, 0..9_u64, maybe).prop_map(|(key, revision, new)| Command::CasRevision {
            key,
            revision,
            new
        }),
        operations().prop_map(Command::Do),
        (
            vec(compares(), 0..3),
            vec(operations(), 0..4),
            vec(operations(), 0..3)
        )
            .prop_map(|(compares, success, failure)| Command::Transaction {
                compares,
                success,
                failure
            }),
        (0..20_u64).prop_map(|lifetime| Command::OpenSession { lifetime }),
        (0..20_u64).prop_map(|session| Command::CloseSession { session }),
        (0..50_u64).prop_map(|ttl_ms| Command::GrantLease { ttl_ms }),
        (0..20_u64).prop_map(|lease| Command::KeepAlive { lease }),
        (0..20_u64).prop_map(|lease| Command::RevokeLease { lease }),
        (0..99_u64).prop_map(|now_ms| Command::Clock { now_ms }),
    ]
}

/// Commands, some of them in sessions.
pub(super) fn logged(values: &'static str) -> impl Strategy<Value = Logged> {
    let token = (0..12_u64, 0..4_u64).prop_map(|(session, sequence)| Token { session, sequence });
    (option::of(token), commands(values)).prop_map(|(token, command)| Logged { token, command })
}
