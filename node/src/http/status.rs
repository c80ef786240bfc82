//! `/v1/status`, `/v1/log`, `/v1/health`, `/v1/ready`: the node about itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Api;
use super::answer::{failed, ok};
use super::read::read;
use crate::driver::Request;
use crate::kv::{Answer, Query};
use crate::raft::LogId;
use crate::replica::{Failure, ReadMode, Status};

pub(super) async fn status(State(api): State<Api>) -> Response {
    match ask(&api).await {
        Ok(status) => Json(status).into_response(),
        Err(failure) => failed(failure),
    }
}

/// Which entries this node has applied: the last one, and the first one of each term.
pub(super) async fn log(State(api): State<Api>) -> Response {
    match read(&api, Query::Terms, ReadMode::Stale).await {
        Ok(Answer::Terms { applied, begins }) => {
            let begins: Vec<String> = begins.iter().map(LogId::to_string).collect();
            ok(json!({ "applied": applied.to_string(), "terms": begins }))
        }
        Ok(_) => failed(Failure::Unconfirmed),
        Err(answer) => answer,
    }
}

/// The loop turns.
pub(super) async fn health(State(api): State<Api>) -> Response {
    match ask(&api).await {
        Ok(_) => ok(json!({ "healthy": true })),
        Err(failure) => failed(failure),
    }
}

/// Requests are likely to be served: a leader is known, and there is room to write.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    match ask(&api).await {
        Ok(status) if status.leader.is_some() && !status.disk_full => {
            ok(json!({ "ready": true, "leader": status.leader }))
        }
        Ok(status) => {
            let why = match status.disk_full {
                true => "the disk is full",
                false => "no leader is known",
            };
            let body = json!({ "ready": false, "why": why, "leader": status.leader });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
        Err(failure) => failed(failure),
    }
}

pub(super) async fn ask(api: &Api) -> Result<Status, Failure> {
    let answer = api.ask(|reply| Request::Status { reply }).await?;
    answer.ok_or(Failure::Unconfirmed)
}
