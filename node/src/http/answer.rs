//! Errors as JSON: a code for programs, a sentence for people, and whether it may have happened.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::kv::{Outcome, Refused};
use crate::replica::Failure;

/// An answer that is not an error.
pub(super) fn ok(body: Value) -> Response {
    Json(body).into_response()
}

/// Any other answer.
pub(super) fn with_status(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}

/// A command that was applied and changed nothing, because it cannot be done.
pub(super) fn refused(outcome: &Outcome) -> (StatusCode, Value) {
    match outcome {
        Outcome::Refused { why, operation, .. } => {
            let mut body = error(why.code(), &why.to_string(), false);
            body["error"]["operation"] = json!(operation);
            (StatusCode::CONFLICT, body)
        }
        Outcome::NoLease => {
            let why = Refused::NoLease;
            let body = error(why.code(), &why.to_string(), false);
            (StatusCode::NOT_FOUND, body)
        }
        Outcome::OldSequence { latest } => {
            let why = format!(
                "the session has gone on to {latest}; this changed nothing, but an earlier attempt may have"
            );
            (StatusCode::CONFLICT, error("old-sequence", &why, true))
        }
        _ => {
            let why = "the session is not open, or not any more: open another; this changed nothing, but an earlier attempt may have";
            (StatusCode::GONE, error("no-session", why, true))
        }
    }
}

/// Changes that are asked for and not kept any more.
pub(super) fn compacted(oldest: u64) -> Value {
    let why = format!(
        "the changes before revision {oldest} are not kept any more: read what you need, then watch from its revision + 1"
    );
    let mut body = error("compacted", &why, false);
    body["oldest"] = json!(oldest);
    body
}

/// A request that could not be served.
pub(super) fn failed(failure: Failure) -> Response {
    let status = match failure {
        Failure::NotLeader { .. } => StatusCode::MISDIRECTED_REQUEST,
        Failure::NoSuccessor | Failure::Change(_) => StatusCode::CONFLICT,
        Failure::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        Failure::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Failure::NoLeader
        | Failure::Overloaded
        | Failure::Superseded { .. }
        | Failure::Unconfirmed
        | Failure::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut body = error(failure.code(), &failure.to_string(), failure.is_unknown());
    if let Failure::NotLeader { leader } = failure {
        body["leader"] = json!(leader.map(|node| node.to_string()));
    }
    let mut answer = (status, Json(body)).into_response();
    if failure.is_unknown() {
        answer.extensions_mut().insert(Unknown);
    }
    answer
}

/// Marks answers that leave open what happened.
#[derive(Clone, Copy)]
pub(super) struct Unknown;

/// A request that makes no sense. It has certainly had no effect.
pub(super) enum BadRequest {
    NotFound(String),
    Method(Method, String),
    Query(String),
    Path(String),
    Key(usize),
    Value(usize),
    Session(String),
    Number(String),
    ContentType(String),
    Body(StatusCode, String),
    Json(String),
}

impl BadRequest {
    pub(super) fn answer(self) -> Response {
        let (status, code, message) = match self {
            BadRequest::NotFound(path) => (
                StatusCode::NOT_FOUND,
                "not-found",
                format!("there is nothing at {path}; the API is described in node/README.md"),
            ),
            BadRequest::Method(method, path) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                format!("{path} does not understand {method}"),
            ),
            BadRequest::Query(why) => (StatusCode::BAD_REQUEST, "bad-query", why),
            BadRequest::Path(why) => (StatusCode::BAD_REQUEST, "bad-key", why),
            BadRequest::Key(length) => (
                StatusCode::BAD_REQUEST,
                "bad-key",
                format!(
                    "a key has 1 to {} bytes; this one has {length}",
                    super::MAX_KEY
                ),
            ),
            BadRequest::Value(length) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "value-too-large",
                format!(
                    "a value has at most {} bytes; this one has {length}",
                    super::MAX_VALUE
                ),
            ),
            BadRequest::Session(why) => (StatusCode::BAD_REQUEST, "bad-session", why),
            BadRequest::Number(why) => (StatusCode::BAD_REQUEST, "bad-name", why),
            BadRequest::ContentType(found) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                format!("send application/json, not {found}"),
            ),
            BadRequest::Body(status, why) => (status, "bad-body", why),
            BadRequest::Json(why) => (StatusCode::BAD_REQUEST, "bad-json", why),
        };
        (status, Json(error(code, &message, false))).into_response()
    }
}

fn error(code: &str, message: &str, unknown: bool) -> Value {
    let outcome = if unknown { "unknown" } else { "not-applied" };
    json!({ "error": { "code": code, "message": message, "outcome": outcome } })
}
