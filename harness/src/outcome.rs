//! The one place that decides whether an answer is ok, fail or info.

use checker::Kind;
use serde_json::{Value, json};
use smol_str::SmolStr;
use workloads::{Op, Reply};

use crate::databases::Error;

/// What the history will say of an operation's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Ok, fail or info.
    pub kind: Kind,
    /// The answer, or the argument again.
    pub value: Value,
    /// Why it did not end well.
    pub error: Option<SmolStr>,
    /// What a failed compare-and-set found.
    pub current: Option<Value>,
    /// The log entry of a write.
    pub entry: Option<SmolStr>,
}

/// A lost read is fail: it changed nothing and told nothing. A lost write is info: it may yet happen.
pub fn ending(op: &Op, result: Result<Reply, Error>) -> Ending {
    let bare = |kind, error| Ending {
        kind,
        value: op.value(),
        error,
        current: None,
        entry: None,
    };
    match result {
        Ok(Reply::Value(value)) => Ending {
            value: json!(value),
            ..bare(Kind::Ok, None)
        },
        Ok(Reply::Done { entry }) => Ending {
            entry,
            ..bare(Kind::Ok, None)
        },
        Ok(Reply::Txn {
            succeeded,
            revision,
            got,
            entry,
        }) => match op {
            Op::Txn(asked) => Ending {
                value: asked.answer(succeeded, revision, &got),
                entry,
                ..bare(Kind::Ok, None)
            },
            _ => bare(Kind::Info, Some("the answer of a transaction".into())),
        },
        Ok(Reply::Mismatch { current }) => Ending {
            current: current.map(|found| json!(found)),
            ..bare(Kind::Fail, Some("mismatch".into()))
        },
        Err(Error::Definite(error)) => bare(Kind::Fail, Some(error.into())),
        Err(Error::Indefinite(error)) if op.may_change() => bare(Kind::Info, Some(error.into())),
        Err(Error::Indefinite(error)) => bare(Kind::Fail, Some(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_read_is_fail_and_a_lost_write_is_info() {
        let lost = || Err(Error::Indefinite("timed out".into()));
        assert_eq!(
            ending(&Op::Read { key: "k".into() }, lost()).kind,
            Kind::Fail
        );
        assert_eq!(
            ending(
                &Op::Write {
                    key: "k".into(),
                    value: 1
                },
                lost()
            )
            .kind,
            Kind::Info
        );
        let cas = Op::Cas {
            key: "k".into(),
            old: None,
            new: 1,
        };
        assert_eq!(ending(&cas, lost()).kind, Kind::Info);
    }

    #[test]
    fn a_refused_write_is_fail() {
        let refused = Err(Error::Definite("disk-full".into()));
        assert_eq!(
            ending(
                &Op::Write {
                    key: "k".into(),
                    value: 1
                },
                refused
            )
            .kind,
            Kind::Fail
        );
    }

    #[test]
    fn a_failed_compare_says_what_it_found() {
        let cas = Op::Cas {
            key: "k".into(),
            old: Some(1),
            new: 2,
        };
        let ending = ending(
            &cas,
            Ok(Reply::Mismatch {
                current: Some(None),
            }),
        );
        assert_eq!(
            (ending.kind, ending.current),
            (Kind::Fail, Some(Value::Null))
        );
    }
}
