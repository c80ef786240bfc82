//! `/v1/lease`: grant, keep alive, revoke, look at.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::Api;
use super::answer::{BadRequest, ok, refused, with_status};
use super::extract::{Body, NumberPath, Params, WriteQuery, number, params};
use super::read::{ReadQuery, read};
use super::write::write;
use crate::kv::{Answer, Command, Outcome, Query};

/// Longest time to live: a day.
pub const MAX_TTL_MS: u64 = 24 * 60 * 60 * 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    ttl_ms: u64,
}

pub(super) async fn grant(
    State(api): State<Api>,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let command = body.json().and_then(|Grant { ttl_ms }| match ttl_ms {
        1..=MAX_TTL_MS => Ok(Command::GrantLease { ttl_ms }),
        _ => Err(BadRequest::Json(format!(
            "ttl_ms is 1 to {MAX_TTL_MS} milliseconds, a day"
        ))),
    });
    write(api, query, headers, command).await
}

pub(super) async fn keep_alive(
    State(api): State<Api>,
    path: NumberPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
) -> Response {
    let command = number(path).map(|lease| Command::KeepAlive { lease });
    write(api, query, headers, command).await
}

pub(super) async fn revoke(
    State(api): State<Api>,
    path: NumberPath,
    query: Params<WriteQuery>,
    headers: HeaderMap,
) -> Response {
    let command = number(path).map(|lease| Command::RevokeLease { lease });
    write(api, query, headers, command).await
}

pub(super) async fn get(
    State(api): State<Api>,
    path: NumberPath,
    query: Params<ReadQuery>,
) -> Response {
    let asked = number(path).and_then(|lease| Ok((lease, params(query)?)));
    let (lease, query) = match asked {
        Ok(asked) => asked,
        Err(bad) => return bad.answer(),
    };
    match read(&api, Query::Lease(lease), query.mode()).await {
        Ok(Answer::Lease(Some((ttl_ms, keys)))) => {
            ok(json!({ "lease": lease, "ttl_ms": ttl_ms, "keys": keys }))
        }
        Ok(_) => {
            let (status, body) = refused(&Outcome::NoLease);
            with_status(status, body)
        }
        Err(answer) => answer,
    }
}
