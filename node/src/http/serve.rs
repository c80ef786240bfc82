//! Accepts clients, as many as there is room for, and hangs up on those that never finish asking.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long a connection may stand without a whole head of a request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Most connections at a time; more wait to be accepted.
pub const MAX_CONNECTIONS: usize = 4_096;
/// How long to wait when the system has no room for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// For ever.
pub(super) async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small, and somebody waits for each.
                let _ = stream.set_nodelay(true);
                let router = router.clone();
                tokio::spawn(async move {
                    connection(stream, router).await;
                    drop(permit);
                });
            }
            // A client that is gone already, or no file left to give: others come.
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// Answers the requests of one connection to its end.
pub(super) async fn connection<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let service = TowerToHyperService::new(router);
    // How a connection ends is its client's business.
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
