//! Every write's way: its session, the log, and what it did as JSON.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::Api;
use super::answer::{BadRequest, failed, ok, refused, with_status};
use super::extract::{Params, WriteQuery, params, token};
use crate::driver::Request;
use crate::kv::{Command, Data, Done, Outcome, Value, Written};
use crate::replica::Failure;

/// Puts a command into the log and says what it did.
pub(super) async fn write(
    api: Api,
    query: Params<WriteQuery>,
    headers: HeaderMap,
    command: Result<Command, BadRequest>,
) -> Response {
    let asked = command.and_then(|command| Ok((command, params(query)?, token(&headers)?)));
    let (command, query, token) = match asked {
        Ok(asked) => asked,
        Err(bad) => return bad.answer(),
    };
    let swaps = matches!(command, Command::Cas { .. } | Command::CasRevision { .. });
    let forward = query.forward != Some(false);
    let request = |reply| Request::Write {
        command,
        token,
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
    let (status, mut body) = match written.outcome {
        Outcome::Written { revision } | Outcome::Deleted { revision, .. } if swaps => (
            StatusCode::OK,
            json!({ "swapped": true, "revision": revision }),
        ),
        Outcome::Mismatch { current, revision } => {
            let body = json!({
                "swapped": false,
                "current": current.as_ref().map(|value| data(&value.data)),
                "current_revision": current.map_or(0, |value| value.revision),
                "revision": revision,
            });
            (StatusCode::CONFLICT, body)
        }
        Outcome::Refused { .. }
        | Outcome::NoSession
        | Outcome::OldSequence { .. }
        | Outcome::NoLease => refused(&written.outcome),
        Outcome::Undecodable | Outcome::Nothing => {
            let why = "the leader's version does not know this command; nothing changed";
            return BadRequest::Json(why.to_owned()).answer();
        }
        done => (StatusCode::OK, success(done)),
    };
    body["entry"] = json!(written.entry.to_string());
    if written.repeated {
        body["repeated"] = json!(true);
    }
    match status {
        StatusCode::OK => ok(body),
        status => with_status(status, body),
    }
}

fn success(outcome: Outcome) -> Json {
    match outcome {
        Outcome::Written { revision } => json!({ "revision": revision }),
        Outcome::Deleted { existed, revision } => {
            json!({ "deleted": existed, "revision": revision })
        }
        Outcome::Done { result, revision } => {
            let mut body = done(result);
            body["revision"] = json!(revision);
            body
        }
        Outcome::Transaction {
            succeeded,
            results,
            revision,
        } => {
            let results: Vec<Json> = results.into_iter().map(done).collect();
            json!({ "succeeded": succeeded, "results": results, "revision": revision })
        }
        Outcome::SessionOpened { session, lifetime } => {
            json!({ "session": session, "lifetime": lifetime })
        }
        Outcome::Leased { lease, ttl_ms } => json!({ "lease": lease, "ttl_ms": ttl_ms }),
        Outcome::Revoked {
            existed,
            keys,
            revision,
        } => json!({ "revoked": existed, "keys": keys, "revision": revision }),
        Outcome::SessionClosed { existed } => json!({ "closed": existed }),
        // The rest is no success and has been answered.
        _ => json!({}),
    }
}

fn done(done: Done) -> Json {
    match done {
        Done::Got(value) => found(value.as_ref()),
        Done::Put => json!({}),
        Done::Deleted(existed) => json!({ "deleted": existed }),
        Done::Appended(length) => json!({ "length": length }),
        Done::Counted(value) => json!({ "value": value }),
    }
}

/// What a key holds.
pub(super) fn found(value: Option<&Value>) -> Json {
    match value {
        Some(value) => {
            let mut body =
                json!({ "value": data(&value.data), "revision": value.revision, "found": true });
            if let Some(lease) = value.lease {
                body["lease"] = json!(lease);
            }
            body
        }
        None => json!({ "value": null, "revision": 0, "found": false }),
    }
}

fn data(data: &Data) -> Json {
    match data {
        Data::Text(text) => json!(text),
        Data::List(items) => json!(items),
    }
}
