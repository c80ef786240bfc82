//! `POST /v1/txn`: compares, then one of two lists of operations, all at once or none.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::Api;
use super::answer::BadRequest;
use super::extract::{Body, Params, WriteQuery, check_key, check_value, present};
use super::write::write;
use crate::kv::{Command, Compare, Operation};

/// Most compares, and most operations on either side.
pub const MAX_PARTS: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transaction {
    #[serde(default)]
    compares: Vec<Condition>,
    #[serde(default)]
    success: Vec<Part>,
    #[serde(default)]
    failure: Vec<Part>,
}

/// A key and one of the three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    key: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Option<String>>,
    revision: Option<u64>,
    #[serde(default)]
    absent: bool,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Part {
    Get {
        key: String,
    },
    Put {
        key: String,
        value: String,
        lease: Option<u64>,
    },
    Delete {
        key: String,
    },
    Append {
        key: String,
        value: String,
    },
    Add {
        key: String,
        by: i64,
    },
}

pub(super) async fn txn(
    State(api): State<Api>,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = body.json::<Transaction>().and_then(command);
    write(api, query, headers, command).await
}

fn command(transaction: Transaction) -> Result<Command, BadRequest> {
    let Transaction {
        compares,
        success,
        failure,
    } = transaction;
    let most = compares.len().max(success.len()).max(failure.len());
    if most > MAX_PARTS {
        return Err(BadRequest::Json(format!(
            "compares, success and failure have at most {MAX_PARTS} items each; one has {most}"
        )));
    }
    Ok(Command::Transaction {
        compares: compares
            .into_iter()
            .map(compare)
            .collect::<Result<_, _>>()?,
        success: success.into_iter().map(part).collect::<Result<_, _>>()?,
        failure: failure.into_iter().map(part).collect::<Result<_, _>>()?,
    })
}

fn compare(condition: Condition) -> Result<Compare, BadRequest> {
    let key = check_key(condition.key)?;
    match (condition.value, condition.revision, condition.absent) {
        (Some(value), None, false) => Ok(Compare::Value { key, value }),
        (None, Some(revision), false) => Ok(Compare::Revision { key, revision }),
        (None, None, true) => Ok(Compare::Value { key, value: None }),
        _ => Err(BadRequest::Json(
            "a compare needs one of value, revision and \"absent\":true".to_owned(),
        )),
    }
}

fn part(part: Part) -> Result<Operation, BadRequest> {
    Ok(match part {
        Part::Get { key } => Operation::Get {
            key: check_key(key)?,
        },
        Part::Put { key, value, lease } => Operation::Put {
            key: check_key(key)?,
            value: check_value(value)?,
            lease,
        },
        Part::Delete { key } => Operation::Delete {
            key: check_key(key)?,
        },
        Part::Append { key, value } => Operation::Append {
            key: check_key(key)?,
            value: check_value(value)?,
        },
        Part::Add { key, by } => Operation::Add {
            key: check_key(key)?,
            by,
        },
    })
}
