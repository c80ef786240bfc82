//! Every read's way, and `GET /v1/kv`: keys by prefix, all from one state.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::answer::{BadRequest, failed, ok};
use super::extract::{Params, params};
use super::write::found;
use super::{Api, MAX_KEY};
use crate::driver::Request;
use crate::kv::{Answer, Query};
use crate::replica::{Failure, ReadMode};

/// Most keys in one answer.
pub const MAX_LIMIT: usize = 10_000;
const DEFAULT_LIMIT: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadQuery {
    #[serde(default)]
    stale: bool,
    forward: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    stale: bool,
    forward: Option<bool>,
}

impl ReadQuery {
    pub(super) fn mode(&self) -> ReadMode {
        mode(self.stale, self.forward)
    }
}

fn mode(stale: bool, forward: Option<bool>) -> ReadMode {
    match (stale, forward) {
        (true, _) => ReadMode::Stale,
        (false, Some(false)) => ReadMode::LeaderOnly,
        (false, _) => ReadMode::Linearizable,
    }
}

/// What `query` finds, or the answer that says why not.
pub(super) async fn read(api: &Api, query: Query, mode: ReadMode) -> Result<Answer, Response> {
    match api.ask(|reply| Request::Read { query, mode, reply }).await {
        Ok(Some(Ok(answer))) => Ok(answer),
        // A read that was not answered has had no effect.
        Ok(None) => Err(failed(Failure::Unconfirmed)),
        Ok(Some(Err(failure))) | Err(failure) => Err(failed(failure)),
    }
}

pub(super) async fn list(State(api): State<Api>, query: Params<ListQuery>) -> Response {
    let query = match params(query).and_then(sensible) {
        Ok(query) => query,
        Err(bad) => return bad.answer(),
    };
    let mode = mode(query.stale, query.forward);
    let query = Query::Prefix {
        prefix: query.prefix,
        after: query.after,
        limit: query.limit.unwrap_or(DEFAULT_LIMIT),
    };
    match read(&api, query, mode).await {
        Ok(Answer::Prefix {
            items,
            more,
            revision,
        }) => {
            let items: Vec<Json> = items
                .iter()
                .map(|(key, value)| {
                    let mut item = found(Some(value));
                    item["key"] = json!(key);
                    item
                })
                .collect();
            ok(json!({ "items": items, "more": more, "revision": revision }))
        }
        Ok(_) => BadRequest::NotFound("/v1/kv".to_owned()).answer(),
        Err(answer) => answer,
    }
}

fn sensible(query: ListQuery) -> Result<ListQuery, BadRequest> {
    let after = query.after.as_deref().unwrap_or_default();
    if query.prefix.len().max(after.len()) > MAX_KEY {
        let why = format!("prefix and after have at most {MAX_KEY} bytes");
        return Err(BadRequest::Query(why));
    }
    match query.limit {
        None | Some(1..=MAX_LIMIT) => Ok(query),
        Some(_) => Err(BadRequest::Query(format!("limit is 1 to {MAX_LIMIT}"))),
    }
}
