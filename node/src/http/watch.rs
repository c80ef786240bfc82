//! `GET /v1/watch`: changes by revision as server-sent events, none left out and none twice.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::answer::{BadRequest, compacted, failed, with_status};
use super::extract::{Params, params};
use super::read::read;
use super::write::found;
use super::{Api, MAX_KEY};
use crate::driver::Request;
use crate::kv::{Answer, Change, Query};
use crate::replica::{Failure, ReadMode};

/// Most watches at a time on one node.
pub const MAX_WATCHES: usize = 1_000;
const RETRY: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchQuery {
    #[serde(default)]
    prefix: String,
    from: Option<u64>,
}

pub(super) async fn watch(State(api): State<Api>, query: Params<WatchQuery>) -> Response {
    let WatchQuery { prefix, from } = match params(query) {
        Ok(query) if query.prefix.len() <= MAX_KEY => query,
        Ok(_) => return BadRequest::Query(format!("prefix has at most {MAX_KEY} bytes")).answer(),
        Err(bad) => return bad.answer(),
    };
    let Ok(permit) = Semaphore::try_acquire_owned(Arc::clone(&api.watches)) else {
        return failed(Failure::Overloaded);
    };
    let revisions = match api.ask(|reply| Request::Subscribe { reply }).await {
        Ok(Some(revisions)) => revisions,
        Ok(None) => return failed(Failure::Unconfirmed),
        Err(failure) => return failed(failure),
    };
    let from = from.unwrap_or(*revisions.borrow() + 1);
    let watcher = Watcher {
        api,
        prefix,
        next: from,
        revisions,
        _permit: permit,
    };
    // Known before the stream begins: then it can still be an answer with a status.
    match watcher.changes().await {
        Ok(Answer::Compacted { oldest }) => {
            return with_status(StatusCode::GONE, compacted(oldest));
        }
        Ok(_) => {}
        Err(answer) => return answer,
    }
    let (sender, events) = mpsc::channel(16);
    tokio::spawn(watcher.run(sender));
    Sse::new(Events(events))
        .keep_alive(KeepAlive::default())
        .into_response()
}

struct Watcher {
    api: Api,
    prefix: String,
    /// The first revision that has not been told.
    next: u64,
    revisions: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    async fn changes(&self) -> Result<Answer, Response> {
        let query = Query::Changes {
            prefix: self.prefix.clone(),
            from: self.next,
        };
        read(&self.api, query, ReadMode::Stale).await
    }

    /// Until the client goes, the node stops, or the client was too slow.
    async fn run(mut self, sender: mpsc::Sender<Event>) {
        let open = Event::default().event("open");
        let open = open.data(json!({ "from": self.next }).to_string());
        let mut told = sender.send(open).await;
        while told.is_ok() {
            let next = self.next;
            let alive = tokio::select! {
                news = self.revisions.wait_for(|&now| now >= next) => news.is_ok(),
                () = sender.closed() => false,
            };
            if !alive {
                return;
            }
            match self.changes().await {
                Ok(Answer::Changes { changes, next }) => {
                    self.next = next;
                    for together in changes.chunk_by(|a, b| a.revision == b.revision) {
                        told = sender.send(message(together)).await;
                    }
                }
                Ok(Answer::Compacted { oldest }) => {
                    let end = Event::default().event("compacted");
                    let _ = sender.send(end.data(compacted(oldest).to_string())).await;
                    return;
                }
                // The node is overloaded: a little later.
                Ok(_) | Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    }
}

/// Changes of one command.
fn message(changes: &[Change]) -> Event {
    let revision = changes.first().map_or(0, |change| change.revision);
    let changes: Vec<Json> = changes
        .iter()
        .map(|change| {
            let mut item = found(change.value.as_deref());
            item["key"] = json!(change.key);
            item["revision"] = json!(revision);
            item
        })
        .collect();
    Event::default()
        .id(revision.to_string())
        .event("change")
        .data(json!({ "revision": revision, "changes": changes }).to_string())
}

struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
