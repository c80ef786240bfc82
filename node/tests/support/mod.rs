//! Real nodes on loopback addresses of their own, and a small HTTP client.

// Every test binary has a copy of this and uses a part of it.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up: far longer than it does.
pub const PATIENCE: Duration = Duration::from_secs(20);

static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// Nodes 1 to n. They die with it.
pub struct Cluster {
    size: u16,
    network: String,
    flags: Vec<String>,
    pub directory: TempDir,
    children: Vec<Option<Child>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Cluster {
    /// Starts `size` nodes and waits until one leads.
    pub fn start(size: u16, flags: &[&str]) -> Cluster {
        let process = std::process::id();
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let mut cluster = Cluster {
            size,
            // Tests that run at the same time never share an address.
            network: format!(
                "127.{}.{}",
                64 + (process >> 3) % 128,
                (process % 8) * 32 + number % 32
            ),
            flags: flags.iter().map(|flag| flag.to_string()).collect(),
            directory: tempfile::tempdir().unwrap(),
            children: (0..size).map(|_| None).collect(),
        };
        for id in 1..=size {
            cluster.start_node(id);
        }
        cluster.leader();
        cluster
    }

    pub fn client_address(&self, id: u16) -> String {
        format!("{}.{id}:8001", self.network)
    }

    pub fn peer_address(&self, id: u16) -> String {
        format!("{}.{id}:7001", self.network)
    }

    pub fn data(&self, id: u16) -> PathBuf {
        self.directory.path().join(format!("n{id}"))
    }

    pub fn log(&self, id: u16) -> String {
        fs::read_to_string(self.directory.path().join(format!("n{id}.log"))).unwrap_or_default()
    }

    pub fn command(&self, id: u16) -> Command {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join(format!("n{id}.log")))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command
            .args(["--id", &id.to_string(), "--cluster", "test"])
            .args(["--listen-client", &self.client_address(id)])
            .args(["--listen-peer", &self.peer_address(id)])
            .arg("--data-dir")
            .arg(self.data(id))
            .args(&self.flags)
            .stdin(Stdio::null())
            .stderr(log);
        for peer in (1..=self.size).filter(|&peer| peer != id) {
            command.args(["--peer", &format!("{peer}={}", self.peer_address(peer))]);
        }
        command
    }

    pub fn start_node(&mut self, id: u16) {
        let child = self.command(id).spawn().unwrap();
        self.children[usize::from(id) - 1] = Some(child);
    }

    /// Starts one more node, which no flag of the others names.
    pub fn join(&mut self, id: u16) {
        let child = self.command(id).arg("--join").spawn().unwrap();
        self.children.push(Some(child));
    }

    /// Starts a node that was a member before as one that is to be added again.
    pub fn join_again(&mut self, id: u16) {
        let child = self.command(id).arg("--join").spawn().unwrap();
        self.children[usize::from(id) - 1] = Some(child);
    }

    /// SIGKILL.
    pub fn kill(&mut self, id: u16) {
        if let Some(mut child) = self.children[usize::from(id) - 1].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn pid(&self, id: u16) -> nix::unistd::Pid {
        let child = self.children[usize::from(id) - 1].as_ref().unwrap();
        nix::unistd::Pid::from_raw(child.id() as i32)
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self, id: u16) -> ExitStatus {
        nix::sys::signal::kill(self.pid(id), nix::sys::signal::Signal::SIGTERM).unwrap();
        let mut child = self.children[usize::from(id) - 1].take().unwrap();
        child.wait().unwrap()
    }

    /// Waits until a node says that it leads, in the highest term that any node knows of.
    pub fn leader(&self) -> u16 {
        let mut leader = 0;
        wait("a leader", || {
            let known: Vec<(u64, u16, bool)> = (1..=self.children.len() as u16)
                .filter_map(|id| {
                    let status = self.status(id)?;
                    Some((status["term"].as_u64()?, id, status["role"] == "leader"))
                })
                .collect();
            let newest = known.iter().map(|known| known.0).max();
            let found = known
                .iter()
                .find(|known| known.2 && Some(known.0) == newest);
            leader = found.map_or(0, |known| known.1);
            leader != 0
        });
        leader
    }

    pub fn status(&self, id: u16) -> Option<Value> {
        let answer = self.ask(id, "GET", "/v1/status", "").ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    /// # Errors
    /// If the node cannot be reached or ends the connection.
    pub fn ask(&self, id: u16, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        request(&self.client_address(id), method, path, body)
    }

    pub fn put(&self, id: u16, key: &str, value: &str) -> std::io::Result<Answer> {
        let body = serde_json::json!({ "value": value }).to_string();
        self.ask(id, "PUT", &format!("/v1/kv/{key}"), &body)
    }

    /// The value of a key, read linearizably at a node that answers in the end.
    pub fn get(&self, id: u16, key: &str) -> Value {
        let mut value = Value::Null;
        wait("a read", || {
            match self.ask(id, "GET", &format!("/v1/kv/{key}"), "") {
                Ok(answer) if answer.status == 200 => {
                    value = answer.body["value"].clone();
                    true
                }
                _ => false,
            }
        });
        value
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for id in 1..=self.children.len() as u16 {
            self.kill(id);
        }
        if std::thread::panicking() {
            for id in 1..=self.size {
                eprintln!("log of n{id}:\n{}", self.log(id));
            }
        }
    }
}

/// Asks again and again until it is so.
pub fn wait(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One HTTP request on a connection of its own.
pub fn request(address: &str, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
    request_with(address, method, path, "", body)
}

/// As [`request`], with more header lines.
pub fn request_with(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    Ok(Answer {
        status: status.ok_or(std::io::ErrorKind::UnexpectedEof)?,
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    })
}

/// The whole answer to a GET, head and all.
pub fn text(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
