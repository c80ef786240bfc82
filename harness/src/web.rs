//! A web server for this machine's own browser: pages, files and streams of events; GET only, and for nobody else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::exit::{self, Failure};

/// A request's head is no longer.
const LONGEST: usize = 16 << 10;
/// A browser that does not ask or listen for so long is hung up on.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a path is answered with.
pub enum Answer {
    /// A page.
    Page(String),
    /// A file, as a type.
    File(PathBuf, &'static str),
    /// Objects as server-sent events: those that were, then those that come.
    Events(Vec<Value>, broadcast::Receiver<Value>),
    /// Go to another path.
    Moved(String),
    /// There is nothing.
    Missing,
}

/// Decides by path, percent signs resolved; the query is cut off.
pub type Route = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

/// Takes an address, for [`listen`]: also before the process goes where nobody could reach it.
///
/// # Errors
/// The address cannot be bound: code 69. It is not this machine's own: code 64.
pub fn bind(address: SocketAddr) -> Result<std::net::TcpListener, Failure> {
    if !address.ip().is_loopback() {
        let text = format!(
            "{address} can be reached from outside, and there is no password: choose an address such as 127.0.0.1:8080"
        );
        return Err(Failure::new(exit::USAGE, text));
    }
    std::net::TcpListener::bind(address).map_err(|error| {
        let text = format!("cannot listen on {address}: {error}; choose another port");
        Failure::new(exit::UNAVAILABLE, text)
    })
}

/// Takes connections from now on, in the runtime that it is called in; answers where, too.
///
/// # Errors
/// The kernel refuses: code 69.
pub fn listen(listener: std::net::TcpListener) -> Result<(TcpListener, SocketAddr), Failure> {
    let listen = || {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        Ok((TcpListener::from_std(listener)?, address))
    };
    listen().map_err(|error: std::io::Error| {
        Failure::new(exit::UNAVAILABLE, format!("cannot listen: {error}"))
    })
}

/// Serves for ever; dropping it ends all connections.
pub async fn serve(listener: TcpListener, route: Route) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(answer(stream, route.clone()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request and closes: a browser on the same machine pays little for that.
async fn answer(mut stream: TcpStream, route: Route) {
    let Ok(Some(head)) = tokio::time::timeout(PATIENCE, head(&mut stream)).await else {
        return;
    };
    let answer = match request(&head) {
        Ok(path) => route(&path),
        Err(status) => {
            let _ = write(&mut stream, status, "text/plain", "", status.as_bytes()).await;
            return;
        }
    };
    let _ = match answer {
        Answer::Page(page) => write(&mut stream, "200 OK", "text/html", "", page.as_bytes()).await,
        Answer::File(path, kind) => match read(path).await {
            Some(bytes) => write(&mut stream, "200 OK", kind, "", &bytes).await,
            None => write(&mut stream, "404 Not Found", "text/plain", "", b"not found").await,
        },
        Answer::Events(past, told) => events(&mut stream, past, told).await,
        Answer::Moved(path) => {
            let to = format!("Location: {path}\r\n");
            write(&mut stream, "302 Found", "text/plain", &to, b"").await
        }
        Answer::Missing => {
            write(&mut stream, "404 Not Found", "text/plain", "", b"not found").await
        }
    };
}

async fn read(path: PathBuf) -> Option<Vec<u8>> {
    let read = tokio::task::spawn_blocking(move || std::fs::read(path));
    read.await.ok()?.ok()
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 2048];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok()?;
        bytes.extend_from_slice(&chunk[..read]);
        if read == 0 || bytes.len() > LONGEST {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The path that is asked for, or the status that refuses it.
fn request(head: &str) -> Result<String, &'static str> {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    if method != Some("GET") {
        return Err("405 Method Not Allowed");
    }
    // A page from elsewhere can make a browser ask under a name of its own that points here.
    let host = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map_or("", |(_, value)| value.trim());
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own = matches!(name, "localhost" | "[::1]" | "[") || name.starts_with("127.");
    if !own || name.starts_with("127.") && name.parse::<std::net::Ipv4Addr>().is_err() {
        return Err("403 Forbidden");
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    decoded(path).ok_or("400 Bad Request")
}

fn decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut out = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(out).ok()
}

async fn write(
    stream: &mut TcpStream,
    status: &str,
    kind: &str,
    more: &str,
    body: &[u8],
) -> std::io::Result<()> {
    // Pages hold what systems under test said: they may run their own script and ask this server, nothing else.
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'\r\n{more}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

async fn events(
    stream: &mut TcpStream,
    past: Vec<Value>,
    mut told: broadcast::Receiver<Value>,
) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut text: String = past
        .iter()
        .map(|value| format!("data: {value}\n\n"))
        .collect();
    loop {
        let write = stream.write_all(text.as_bytes());
        tokio::time::timeout(PATIENCE, write).await??;
        text = match told.recv().await {
            Ok(value) => format!("data: {value}\n\n"),
            // A browser that fell behind has missed some moments; the next ones tell the state all the same.
            Err(RecvError::Lagged(_)) => String::new(),
            Err(RecvError::Closed) => return stream.shutdown().await,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered() {
        let ask = |first: &str, host: &str| request(&format!("{first}\r\nHost: {host}\r\n\r\n"));
        assert_eq!(
            ask("GET /a%20b?c HTTP/1.1", "localhost:80").unwrap(),
            "/a b"
        );
        assert_eq!(ask("GET / HTTP/1.1", "127.0.0.1:8080").unwrap(), "/");
        assert_eq!(ask("GET / HTTP/1.1", "[::1]:8080").unwrap(), "/");
        for host in ["evil.example", "127.0.0.1.evil.example:80", ""] {
            assert_eq!(ask("GET / HTTP/1.1", host), Err("403 Forbidden"), "{host}");
        }
        assert_eq!(
            ask("POST / HTTP/1.1", "localhost"),
            Err("405 Method Not Allowed")
        );
        assert_eq!(ask("GET /%f HTTP/1.1", "localhost"), Err("400 Bad Request"));
    }

    #[tokio::test]
    async fn pages_and_events_are_served() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (listener, address) = listen(listener).unwrap();
        let told = broadcast::Sender::new(4);
        let sender = told.clone();
        let route: Route = Arc::new(move |path| match path {
            "/" => Answer::Page("<p>hello".into()),
            "/events" => Answer::Events(vec![serde_json::json!(1)], sender.subscribe()),
            _ => Answer::Missing,
        });
        let server = tokio::spawn(serve(listener, route));
        let get = |path: &str| reqwest::get(format!("http://{address}{path}"));
        let page = get("/").await.unwrap();
        assert!(
            page.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("'none'")
        );
        assert_eq!(page.text().await.unwrap(), "<p>hello");
        assert_eq!(get("/../etc/passwd").await.unwrap().status(), 404);
        let mut events = get("/events").await.unwrap();
        let first = events.chunk().await.unwrap().unwrap();
        assert_eq!(first, "data: 1\n\n");
        told.send(serde_json::json!({"a": 2})).unwrap();
        let second = events.chunk().await.unwrap().unwrap();
        assert_eq!(second, "data: {\"a\":2}\n\n");
        server.abort();
    }

    #[test]
    fn an_address_for_others_is_refused() {
        let failure = bind("0.0.0.0:0".parse().unwrap()).unwrap_err();
        assert_eq!(failure.code, exit::USAGE);
    }
}
