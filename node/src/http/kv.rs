//! `/v1/kv/{key}`: get, put, delete, compare-and-set, append, add.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::Api;
use super::answer::{BadRequest, ok};
use super::extract::{
    Body, KeyPath, Params, WriteQuery, check_value, key, nullable, params, present,
};
use super::read::{ReadQuery, read};
use super::write::{found, write};
use crate::kv::{Answer, Command, Operation, Query};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    value: String,
    lease: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Append {
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cas {
    #[serde(default, deserialize_with = "present")]
    expected: Option<Option<String>>,
    revision: Option<u64>,
    // A field that is left out is an error, not null.
    #[serde(deserialize_with = "nullable")]
    new: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    by: i64,
}

pub(super) async fn get(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<ReadQuery>,
) -> Response {
    let asked = key(path).and_then(|key| Ok((key, params(query)?)));
    let (key, query) = match asked {
        Ok(asked) => asked,
        Err(bad) => return bad.answer(),
    };
    match read(&api, Query::Key(key.clone()), query.mode()).await {
        Ok(Answer::Key(value)) => {
            let mut body = found(value.as_ref());
            body["key"] = json!(key);
            ok(body)
        }
        Ok(_) => BadRequest::NotFound(key).answer(),
        Err(answer) => answer,
    }
}

pub(super) async fn put(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = key(path).and_then(|key| {
        let Put { value, lease } = body.json()?;
        let value = check_value(value)?;
        Ok(match lease {
            None => Command::Put { key, value },
            lease => Command::Do(Operation::Put { key, value, lease }),
        })
    });
    write(api, query, headers, command).await
}

pub(super) async fn delete(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
) -> Response {
    let command = key(path).map(|key| Command::Delete { key });
    write(api, query, headers, command).await
}

pub(super) async fn cas(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = key(path).and_then(|key| {
        let cas: Cas = body.json()?;
        let new = cas.new.map(check_value).transpose()?;
        match (cas.expected, cas.revision) {
            (Some(expected), None) => {
                let expected = expected.map(check_value).transpose()?;
                Ok(Command::Cas { key, expected, new })
            }
            (None, Some(revision)) => Ok(Command::CasRevision { key, revision, new }),
            _ => Err(BadRequest::Json(
                "the body needs one of expected and revision".to_owned(),
            )),
        }
    });
    write(api, query, headers, command).await
}

pub(super) async fn append(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = key(path).and_then(|key| {
        let Append { value } = body.json()?;
        let value = check_value(value)?;
        Ok(Command::Do(Operation::Append { key, value }))
    });
    write(api, query, headers, command).await
}

pub(super) async fn add(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = key(path).and_then(|key| {
        let Add { by } = body.json()?;
        Ok(Command::Do(Operation::Add { key, by }))
    });
    write(api, query, headers, command).await
}
