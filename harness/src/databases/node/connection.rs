//! One operation over HTTP: the request, and what the answer says became of it.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use smol_str::SmolStr;
use workloads::{Op, Reply};

use super::txn;
use crate::databases::{Client, Error, Future_};
use crate::site::{NodeId, Site};

/// Names a write, however often it is sent: its session, and its number there.
pub(super) type Token = (u64, u64);

/// One worker's connection. Pinned to a node, or following the leader's hint.
pub(super) struct Connection {
    pub(super) site: Arc<Site>,
    pub(super) http: reqwest::Client,
    pub(super) node: NodeId,
    pub(super) follows_leader: bool,
    pub(super) hint: Option<NodeId>,
}

impl Client for Connection {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>> {
        Box::pin(self.send(op, None))
    }

    fn node(&self) -> NodeId {
        self.node
    }
}

impl Connection {
    /// Asks once, and says what became of that.
    pub(super) async fn send(&mut self, op: &Op, token: Option<Token>) -> Result<Reply, Error> {
        let (method, path, body) = request(op);
        let forward = if self.follows_leader {
            "?forward=false"
        } else {
            ""
        };
        let mut request = self.http.request(method, self.url(&path) + forward);
        if let Some((session, sequence)) = token {
            request = request
                .header("x-session", session)
                .header("x-sequence", sequence);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                self.look_elsewhere();
                return Err(lost(&error));
            }
        };
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| lost(&error))?;
        if let Some(leader) = body.get("leader").and_then(Value::as_str) {
            self.hint = leader
                .strip_prefix('n')
                .and_then(|id| id.parse().ok())
                .map(NodeId);
        }
        let result = reply(op, status, &body);
        if result.is_err() {
            self.look_elsewhere();
        }
        result
    }

    /// Opens a session at the node; `None`: it could not.
    pub(super) async fn open_session(&self) -> Option<u64> {
        let request = self.http.post(self.url("/v1/session")).json(&json!({}));
        let body: Value = request.send().await.ok()?.json().await.ok()?;
        body["session"].as_u64()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.site.door(self.node))
    }

    /// The next node, in the order of their names.
    pub(super) fn next(&self) -> NodeId {
        let count = self.site.nodes().count() as u16;
        NodeId(self.node.0 % count + 1)
    }

    /// After a failure a client that follows the leader tries the hinted node next, or simply the next one.
    fn look_elsewhere(&mut self) {
        if !self.follows_leader {
            return;
        }
        let count = self.site.nodes().count() as u16;
        let next = self.next();
        self.node = self
            .hint
            .take()
            .filter(|hint| (1..=count).contains(&hint.0))
            .unwrap_or(next);
    }
}

/// The request for an operation: method, path, body.
fn request(op: &Op) -> (Method, String, Option<Value>) {
    let path = |key: &SmolStr| format!("/v1/kv/{key}");
    let text = |value: &i64| value.to_string();
    match op {
        Op::Read { key } => (Method::GET, path(key), None),
        Op::Write { key, value } => (
            Method::PUT,
            path(key),
            Some(json!({ "value": text(value) })),
        ),
        Op::Cas { key, old, new } => {
            let body = json!({ "expected": old.as_ref().map(text), "new": text(new) });
            (Method::POST, path(key) + "/cas", Some(body))
        }
        Op::Txn(asked) => (Method::POST, "/v1/txn".into(), Some(txn::request(asked))),
    }
}

/// Reads an answer. Only a body that says so makes an outcome certain.
fn reply(op: &Op, status: StatusCode, body: &Value) -> Result<Reply, Error> {
    let number = |field: &str| match body.get(field) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| strange(body)),
        _ => Err(strange(body)),
    };
    match (op, status) {
        (Op::Read { .. }, StatusCode::OK) => Ok(Reply::Value(number("value")?)),
        (Op::Write { .. } | Op::Cas { .. }, StatusCode::OK)
            if body["revision"].is_u64() && body.get("swapped") != Some(&Value::Bool(false)) =>
        {
            let entry = body.get("entry").and_then(Value::as_str);
            Ok(Reply::Done {
                entry: entry.map(SmolStr::from),
            })
        }
        (Op::Txn(asked), StatusCode::OK) => txn::reply(asked, body).ok_or_else(|| strange(body)),
        (Op::Cas { .. }, StatusCode::CONFLICT) => Ok(Reply::Mismatch {
            current: Some(number("current")?),
        }),
        _ => {
            let error = body.get("error");
            let field = |name: &str| error.and_then(|e| e.get(name)).and_then(Value::as_str);
            let code = field("code").unwrap_or(status.as_str()).to_string();
            match field("outcome") {
                Some("not-applied") => Err(Error::Definite(code)),
                _ => Err(Error::Indefinite(code)),
            }
        }
    }
}

fn strange(body: &Value) -> Error {
    Error::Indefinite(format!("an answer that makes no sense: {body}"))
}

/// A request without an answer. Only one that never got a connection certainly did nothing.
pub(in crate::databases) fn lost(error: &reqwest::Error) -> Error {
    if error.is_connect() {
        Error::Definite("cannot connect".into())
    } else if error.is_timeout() {
        Error::Indefinite("timed out".into())
    } else {
        Error::Indefinite("connection lost".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Op {
        Op::Read { key: "k1".into() }
    }

    #[test]
    fn only_a_body_that_says_not_applied_is_a_certain_failure() {
        let said =
            |outcome: &str| json!({"error": {"code": "x", "message": "", "outcome": outcome}});
        let write = Op::Write {
            key: "k".into(),
            value: 1,
        };
        let gone = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(
            reply(&write, gone, &said("not-applied")),
            Err(Error::Definite("x".into()))
        );
        assert_eq!(
            reply(&write, gone, &said("unknown")),
            Err(Error::Indefinite("x".into()))
        );
        assert!(matches!(
            reply(&write, gone, &json!("garbage")),
            Err(Error::Indefinite(_))
        ));
    }

    #[test]
    fn an_absent_key_reads_as_no_value_and_nonsense_is_never_a_value() {
        assert_eq!(
            reply(&read(), StatusCode::OK, &json!({"value": null})),
            Ok(Reply::Value(None))
        );
        assert_eq!(
            reply(&read(), StatusCode::OK, &json!({"value": "41"})),
            Ok(Reply::Value(Some(41)))
        );
        assert!(reply(&read(), StatusCode::OK, &json!({"value": "forty"})).is_err());
        assert!(reply(&read(), StatusCode::OK, &json!({})).is_err());
    }

    #[test]
    fn a_failed_compare_tells_what_it_found() {
        let cas = Op::Cas {
            key: "k".into(),
            old: Some(1),
            new: 2,
        };
        let body = json!({"swapped": false, "current": "7"});
        let found = Reply::Mismatch {
            current: Some(Some(7)),
        };
        assert_eq!(reply(&cas, StatusCode::CONFLICT, &body), Ok(found));
    }
}
