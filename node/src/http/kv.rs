//! `/v1/kv/{key}`: get, put, delete, compare-and-set.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::answer::{BadRequest, failed, ok};
use super::{Api, MAX_KEY, MAX_VALUE};
use crate::driver::{Effect, Failure, ReadMode, Request, Written};
use crate::kv::Command;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadQuery {
    #[serde(default)]
    stale: bool,
    forward: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteQuery {
    forward: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cas {
    // A field that is left out is an error, not null.
    #[serde(deserialize_with = "nullable")]
    expected: Option<String>,
    #[serde(deserialize_with = "nullable")]
    new: Option<String>,
}

fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

type KeyPath = Result<Path<String>, PathRejection>;
type Params<T> = Result<Query<T>, QueryRejection>;
type Body = Result<Bytes, BytesRejection>;

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
    let mode = match (query.stale, query.forward) {
        (true, _) => ReadMode::Stale,
        (false, Some(false)) => ReadMode::LeaderOnly,
        (false, _) => ReadMode::Linearizable,
    };
    let name = key.clone();
    let answer = api.ask(|reply| Request::Read { key, mode, reply }).await;
    match answer {
        Ok(Some(Ok(Some(value)))) => ok(json!({
            "key": name, "value": value.value, "revision": value.revision, "found": true
        })),
        Ok(Some(Ok(None))) => ok(json!({
            "key": name, "value": null, "revision": 0, "found": false
        })),
        // A read that was not answered has had no effect.
        Ok(None) => failed(Failure::Unconfirmed),
        Ok(Some(Err(failure))) | Err(failure) => failed(failure),
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
        let Put { value } = json(&headers, body)?;
        fits(Some(&value))?;
        Ok(Command::Put { key, value })
    });
    write(api, query, command).await
}

pub(super) async fn delete(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
) -> Response {
    let command = key(path).map(|key| Command::Delete { key });
    write(api, query, command).await
}

pub(super) async fn cas(
    State(api): State<Api>,
    path: KeyPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = key(path).and_then(|key| {
        let Cas { expected, new } = json(&headers, body)?;
        fits(expected.as_ref())?;
        fits(new.as_ref())?;
        Ok(Command::Cas { key, expected, new })
    });
    write(api, query, command).await
}

async fn write(
    api: Api,
    query: Params<WriteQuery>,
    command: Result<Command, BadRequest>,
) -> Response {
    let (command, query) = match command.and_then(|command| Ok((command, params(query)?))) {
        Ok(asked) => asked,
        Err(bad) => return bad.answer(),
    };
    let swaps = matches!(command, Command::Cas { .. });
    let forward = query.forward != Some(false);
    let request = |reply| Request::Write {
        command,
        forward,
        reply,
    };
    match api.ask(request).await {
        Ok(Some(Ok(written))) => applied(swaps, written),
        Ok(None) => failed(Failure::Stopping),
        Ok(Some(Err(failure))) | Err(failure) => failed(failure),
    }
}

fn applied(swaps: bool, written: Written) -> Response {
    let entry = written.entry.to_string();
    match written.effect {
        Effect::Set { revision } | Effect::Deleted { revision, .. } if swaps => {
            ok(json!({ "swapped": true, "revision": revision, "entry": entry }))
        }
        Effect::Set { revision } => ok(json!({ "revision": revision, "entry": entry })),
        Effect::Deleted { existed, revision } => {
            ok(json!({ "deleted": existed, "revision": revision, "entry": entry }))
        }
        Effect::Mismatch { current, revision } => {
            let (value, current_revision) = current.unzip();
            let body = json!({
                "swapped": false,
                "current": value,
                "current_revision": current_revision.unwrap_or(0),
                "revision": revision,
                "entry": entry,
            });
            (StatusCode::CONFLICT, axum::Json(body)).into_response()
        }
        Effect::Undecodable => BadRequest::Json(
            "the leader's version does not know this command; nothing changed".to_owned(),
        )
        .answer(),
    }
}

fn key(path: KeyPath) -> Result<String, BadRequest> {
    let Path(key) = path.map_err(|rejection| BadRequest::Path(rejection.body_text()))?;
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(BadRequest::Key(key.len()));
    }
    Ok(key)
}

fn fits(value: Option<&String>) -> Result<(), BadRequest> {
    match value {
        Some(value) if value.len() > MAX_VALUE => Err(BadRequest::Value(value.len())),
        _ => Ok(()),
    }
}

fn params<T>(query: Params<T>) -> Result<T, BadRequest> {
    let Query(query) = query.map_err(|rejection| BadRequest::Query(rejection.body_text()))?;
    Ok(query)
}

fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, BadRequest> {
    if let Some(found) = headers.get(header::CONTENT_TYPE) {
        let found = String::from_utf8_lossy(found.as_bytes());
        let kind = found.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(BadRequest::ContentType(found.into_owned()));
        }
    }
    let body =
        body.map_err(|rejection| BadRequest::Body(rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&body)
        .map_err(|error| BadRequest::Json(format!("the body is not what is expected: {error}")))
}
