//! `/v1/admin/membership`: who is a member, and changes of that.

use std::net::SocketAddr;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::admin::node;
use super::answer::{BadRequest, failed, ok};
use super::extract::Body;
use crate::driver::Request;
use crate::raft::Change;
use crate::replica::{Failure, Members};

/// Exactly one of them, and the address only with `add`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    add: Option<String>,
    address: Option<SocketAddr>,
    promote: Option<String>,
    demote: Option<String>,
    remove: Option<String>,
    voters: Option<Vec<String>>,
}

/// What this node knows, at once.
pub(super) async fn get(State(api): State<Api>) -> Response {
    match api.ask(|reply| Request::Members { reply }).await {
        Ok(Some(members)) => ok(shown(&members)),
        Ok(None) => failed(Failure::Stopping),
        Err(failure) => failed(failure),
    }
}

/// Answers once the change is done.
pub(super) async fn change(State(api): State<Api>, body: Body) -> Response {
    let change = match body.json().and_then(understood) {
        Ok(change) => change,
        Err(bad) => return bad.answer(),
    };
    match api.ask(|reply| Request::Change { change, reply }).await {
        Ok(Some(Ok(members))) => ok(shown(&members)),
        Ok(Some(Err(failure))) | Err(failure) => failed(failure),
        Ok(None) => failed(Failure::Stopping),
    }
}

fn shown(members: &Members) -> Value {
    json!(members)
}

fn understood(asked: Asked) -> Result<Change, BadRequest> {
    let address = asked.address;
    match asked {
        Asked {
            add: Some(name),
            promote: None,
            demote: None,
            remove: None,
            voters: None,
            ..
        } => Ok(Change::AddLearner {
            node: node(name)?,
            address: address.map(|address| address.to_string()),
        }),
        Asked {
            add: None,
            address: None,
            promote,
            demote,
            remove,
            voters,
        } => match (promote, demote, remove, voters) {
            (Some(name), None, None, None) => Ok(Change::Promote(node(name)?)),
            (None, Some(name), None, None) => Ok(Change::Demote(node(name)?)),
            (None, None, Some(name), None) => Ok(Change::Remove(node(name)?)),
            (None, None, None, Some(names)) => {
                let voters: Result<_, BadRequest> = names.into_iter().map(node).collect();
                Ok(Change::Replace(voters?))
            }
            _ => Err(puzzled()),
        },
        _ => Err(puzzled()),
    }
}

fn puzzled() -> BadRequest {
    BadRequest::Json(
        "say exactly one of add (with or without address), promote, demote, remove and voters"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Change> {
        let asked = serde_json::from_str(text).ok()?;
        understood(asked).ok()
    }

    #[test]
    fn one_change_at_a_time_is_understood() {
        assert!(matches!(
            read(r#"{"add":"n4","address":"127.0.0.4:7000"}"#),
            Some(Change::AddLearner {
                address: Some(_),
                ..
            })
        ));
        assert!(matches!(
            read(r#"{"promote":"n4"}"#),
            Some(Change::Promote(_))
        ));
        assert!(matches!(
            read(r#"{"voters":["n1","n2"]}"#),
            Some(Change::Replace(voters)) if voters.len() == 2
        ));
        for nonsense in [
            "{}",
            r#"{"add":"n4","remove":"n1"}"#,
            r#"{"promote":"n4","address":"127.0.0.4:7000"}"#,
            r#"{"promote":"n1","demote":"n2"}"#,
            r#"{"remove":"four"}"#,
            r#"{"add":"n4","address":"nowhere"}"#,
            r#"{"dismiss":"n4"}"#,
        ] {
            assert!(read(nonsense).is_none(), "{nonsense}");
        }
    }
}
