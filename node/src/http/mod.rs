//! The HTTP API, version 1: small, JSON, and clear about what certainly did not happen.

mod admin;
mod answer;
mod extract;
mod kv;
mod lease;
mod membership;
mod metrics;
mod read;
mod serve;
pub mod session;
mod status;
mod txn;
mod watch;
mod write;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{delete, get, post};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::driver::{Meter, Request};
use crate::kv::Data;
use crate::replica::Failure;
use answer::BadRequest;
use metrics::Metrics;

/// Longest key, in bytes.
pub const MAX_KEY: usize = 1 << 10;
/// Longest value, in bytes.
pub const MAX_VALUE: usize = Data::MAX_BYTES;
/// Longest body, in bytes: two values, some of their characters escaped.
pub const MAX_BODY: usize = 4 << 20;

/// The way to the driver.
#[derive(Clone, Debug)]
pub struct Api {
    requests: mpsc::Sender<Request>,
    watches: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    /// Of sessions whose client does not say.
    session_lifetime: u64,
    meter: Arc<Meter>,
}

impl Api {
    /// Requests go to `requests`.
    pub fn new(requests: mpsc::Sender<Request>) -> Api {
        Api {
            requests,
            watches: Arc::new(Semaphore::new(watch::MAX_WATCHES)),
            metrics: Arc::default(),
            session_lifetime: session::DEFAULT_LIFETIME,
            meter: Arc::default(),
        }
    }

    /// Sessions whose client does not say live for as many entries after their last command.
    pub fn with_session_lifetime(self, entries: u64) -> Api {
        Api {
            session_lifetime: entries,
            ..self
        }
    }

    /// Metrics tell what the driver has measured, too.
    pub fn with_meter(self, meter: Arc<Meter>) -> Api {
        Api { meter, ..self }
    }

    /// Asks the driver; `None` if it stopped before it answered, and then nobody knows.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<Option<T>, Failure> {
        let (reply, answer) = oneshot::channel();
        // Refused at once rather than queued beyond its deadline.
        self.requests
            .try_send(request(reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Failure::Overloaded,
                mpsc::error::TrySendError::Closed(_) => Failure::NoLeader,
            })?;
        Ok(answer.await.ok())
    }
}

/// Serves clients on `listener`, for ever.
///
/// # Errors
/// Of the system.
pub async fn serve(listener: TcpListener, api: Api) -> io::Result<()> {
    serve::serve(listener, router(api)).await
}

/// Answers the requests that come on `stream`, to its end.
pub async fn connection<S>(stream: S, api: Api)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve::connection(stream, router(api)).await;
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/kv/{key}", get(kv::get).put(kv::put).delete(kv::delete))
        .route("/v1/kv", get(read::list))
        .route("/v1/kv/{key}/cas", post(kv::cas))
        .route("/v1/kv/{key}/append", post(kv::append))
        .route("/v1/kv/{key}/add", post(kv::add))
        .route("/v1/txn", post(txn::txn))
        .route("/v1/session", post(session::open))
        .route("/v1/session/{session}", delete(session::close))
        .route("/v1/lease", post(lease::grant))
        .route("/v1/lease/{lease}", get(lease::get).delete(lease::revoke))
        .route("/v1/lease/{lease}/keep-alive", post(lease::keep_alive))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/admin/transfer", post(admin::transfer))
        .route("/v1/admin/snapshot", post(admin::snapshot))
        .route(
            "/v1/admin/membership",
            get(membership::get).post(membership::change),
        )
        .route("/v1/metrics", get(metrics::metrics))
        .route("/v1/status", get(status::status))
        .route("/v1/log", get(status::log))
        .route("/v1/health", get(status::health))
        .route("/v1/ready", get(status::ready))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(api.metrics.clone(), metrics::measure))
        .with_state(api)
}

async fn no_such_path(uri: Uri) -> Response {
    BadRequest::NotFound(uri.path().to_owned()).answer()
}

async fn no_such_method(method: Method, uri: Uri) -> Response {
    BadRequest::Method(method, uri.path().to_owned()).answer()
}
