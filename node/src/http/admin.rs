//! `/v1/admin`: hand leadership over, take a snapshot now.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::Api;
use super::answer::{BadRequest, failed, ok};
use super::extract::Body;
use crate::driver::Request;
use crate::raft::NodeId;
use crate::replica::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    to: Option<String>,
}

/// Answers as soon as the attempt begins; `GET /v1/status` tells what came of it.
pub(super) async fn transfer(State(api): State<Api>, body: Body) -> Response {
    let to = match body
        .json()
        .and_then(|Transfer { to }| to.map(node).transpose())
    {
        Ok(to) => to,
        Err(bad) => return bad.answer(),
    };
    match api.ask(|reply| Request::Transfer { to, reply }).await {
        Ok(Some(Ok(to))) => ok(json!({ "to": to.to_string() })),
        Ok(Some(Err(failure))) | Err(failure) => failed(failure),
        Ok(None) => failed(Failure::Stopping),
    }
}

/// Answers once the snapshot is on disk.
pub(super) async fn snapshot(State(api): State<Api>) -> Response {
    match api.ask(|reply| Request::Snapshot { reply }).await {
        Ok(Some(index)) => ok(json!({ "snapshot": index })),
        Ok(None) => failed(Failure::Stopping),
        Err(failure) => failed(failure),
    }
}

pub(super) fn node(name: String) -> Result<NodeId, BadRequest> {
    let number = name
        .strip_prefix('n')
        .and_then(|digits| digits.parse().ok());
    let node = number.filter(|id| *id > 0).map(NodeId);
    node.ok_or_else(|| BadRequest::Json(format!("{name:?} is no node: write one like n2")))
}
