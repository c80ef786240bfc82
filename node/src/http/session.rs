//! `/v1/session`: open and close sessions, in which a repeated write is answered and not done again.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::Api;
use super::extract::{Body, NumberPath, Params, WriteQuery, number};
use super::write::write;
use crate::kv::Command;

/// How many entries a session outlives its last command, unless its client or the command line says otherwise.
pub const DEFAULT_LIFETIME: u64 = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    lifetime: Option<u64>,
}

pub(super) async fn open(
    State(api): State<Api>,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let usual = api.session_lifetime;
    let command = body.json().map(|Open { lifetime }| Command::OpenSession {
        lifetime: lifetime.unwrap_or(usual),
    });
    write(api, query, headers, command).await
}

pub(super) async fn close(
    State(api): State<Api>,
    path: NumberPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
) -> Response {
    let command = number(path).map(|session| Command::CloseSession { session });
    write(api, query, headers, command).await
}
