//! `--live`: the run as it goes, as a page for this machine's own browser.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crate::exit::Failure;
use crate::progress::Progress;
use crate::web::{self, Answer, Route};

const PAGE: &str = include_str!("page.html");

/// Serves the page until the runtime ends, in which this is called, says where it is, and answers that too.
///
/// # Errors
/// The kernel refuses.
pub fn start(listener: TcpListener, progress: Arc<Progress>) -> Result<SocketAddr, Failure> {
    let (listener, address) = web::listen(listener)?;
    progress.serve();
    progress.say(&format!("live view: http://{address}/"));
    let route: Route = Arc::new(move |path| match path {
        "/" => Answer::Page(PAGE.into()),
        "/events" => {
            let (past, told) = progress.listen();
            Answer::Events(past, told)
        }
        _ => Answer::Missing,
    });
    tokio::spawn(web::serve(listener, route));
    Ok(address)
}
