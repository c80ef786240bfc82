//! `GET /v1/metrics`: counters and gauges in the text format of Prometheus, version 0.0.4.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::answer::{Unknown, failed};
use super::status::ask;
use crate::driver::Meter;
use crate::replica::Status;

/// Upper ends of the histogram's buckets, in microseconds.
const BUCKETS: [u64; 12] = [
    500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000,
];

/// What requests are counted by.
const VERBS: [&str; 12] = [
    "get", "list", "put", "delete", "cas", "append", "add", "txn", "session", "lease", "watch",
    "other",
];

/// What became of a request.
const OUTCOMES: [&str; 4] = ["ok", "refused", "not-applied", "unknown"];

/// Counts of one node's requests since it started.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    verbs: [Verb; VERBS.len()],
}

#[derive(Debug, Default)]
struct Verb {
    outcomes: [AtomicU64; OUTCOMES.len()],
    /// Each bucket counts only what fits into no smaller one.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

impl Metrics {
    fn count(&self, verb: usize, outcome: usize, took: Duration) {
        let micros = took.as_micros() as u64;
        let bucket = BUCKETS.partition_point(|&end| end < micros);
        let verb = &self.verbs[verb];
        verb.outcomes[outcome].fetch_add(1, Ordering::Relaxed);
        verb.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        verb.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn render(&self) -> String {
        let mut text = String::new();
        head(
            &mut text,
            "requests_total",
            "counter",
            "Requests by verb and outcome.",
        );
        for (name, verb) in VERBS.iter().zip(&self.verbs) {
            for (outcome, count) in OUTCOMES.iter().zip(&verb.outcomes) {
                let count = count.load(Ordering::Relaxed);
                let labels = format!("{{verb=\"{name}\",outcome=\"{outcome}\"}}");
                line(&mut text, "requests_total", &labels, count);
            }
        }
        let name = "request_duration_seconds";
        head(
            &mut text,
            name,
            "histogram",
            "Time from the request's head to the answer's.",
        );
        for (verb_name, verb) in VERBS.iter().zip(&self.verbs) {
            let mut below = 0;
            let ends = BUCKETS.iter().map(|&end| (end as f64 / 1e6).to_string());
            for (end, count) in ends.chain(["+Inf".to_owned()]).zip(&verb.buckets) {
                below += count.load(Ordering::Relaxed);
                let labels = format!("{{verb=\"{verb_name}\",le=\"{end}\"}}");
                line(&mut text, &format!("{name}_bucket"), &labels, below);
            }
            let labels = format!("{{verb=\"{verb_name}\"}}");
            let seconds = verb.micros.load(Ordering::Relaxed) as f64 / 1e6;
            line(&mut text, &format!("{name}_sum"), &labels, seconds);
            line(&mut text, &format!("{name}_count"), &labels, below);
        }
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "# HELP ordeal_{name} {help}\n# TYPE ordeal_{name} {kind}"
    );
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "ordeal_{name}{labels} {value}");
}

fn gauges(text: &mut String, status: &Status) {
    let gauges = [
        ("term", status.term, "Raft's term."),
        (
            "leader_known",
            u64::from(status.leader.is_some()),
            "A leader is known.",
        ),
        (
            "commit_index",
            status.commit,
            "Entries up to here are committed.",
        ),
        (
            "applied_index",
            status.applied,
            "Entries up to here are applied.",
        ),
        (
            "durable_index",
            status.durable,
            "The log is on disk up to here.",
        ),
        (
            "first_index",
            status.first,
            "The first entry that the log still has.",
        ),
        ("last_index", status.last, "The last entry of the log."),
        (
            "log_entries",
            (status.last + 1).saturating_sub(status.first),
            "Entries in the log.",
        ),
        (
            "snapshot_index",
            status.snapshot,
            "What the newest snapshot covers.",
        ),
        (
            "revision",
            status.revision,
            "Commands that changed something.",
        ),
        ("sessions", status.sessions as u64, "Open sessions."),
        (
            "leases",
            status.leases as u64,
            "Leases that have not ended.",
        ),
        (
            "waiting_requests",
            status.waiters as u64,
            "Requests without an answer yet.",
        ),
        (
            "disk_full",
            u64::from(status.disk_full),
            "Writes fail for want of space.",
        ),
        (
            "voters",
            status.membership.voters.len() as u64,
            "Members that vote, or will once a change is done.",
        ),
        (
            "learners",
            status.membership.learners.len() as u64,
            "Members that get the log and are not counted.",
        ),
        (
            "joint",
            u64::from(status.membership.joint),
            "A change of voters is half done.",
        ),
        (
            "incarnation",
            status.incarnation,
            "How often the node has started.",
        ),
    ];
    for (name, value, help) in gauges {
        head(text, name, "gauge", help);
        line(text, name, "", value);
    }
    head(text, "role", "gauge", "1 for the node's role.");
    for role in ["follower", "pre-candidate", "candidate", "leader"] {
        let is = u64::from(status.role.to_string() == role);
        line(text, "role", &format!("{{role=\"{role}\"}}"), is);
    }
}

/// Times of disk and snapshots.
fn measured(text: &mut String, meter: &Meter) {
    let timers = [
        (
            "disk_persist_seconds",
            &meter.persists,
            "Batches of writes: written and synced.",
        ),
        (
            "snapshot_seconds",
            &meter.snapshots,
            "Snapshots made of the state and written.",
        ),
        (
            "restore_seconds",
            &meter.restores,
            "Leaders' snapshots made into a state.",
        ),
    ];
    for (name, timer, help) in timers {
        head(text, name, "histogram", help);
        let mut count = 0;
        for (end, below) in timer.below() {
            let end = end.map_or("+Inf".to_owned(), |end| end.to_string());
            let labels = format!("{{le=\"{end}\"}}");
            line(text, &format!("{name}_bucket"), &labels, below);
            count = below;
        }
        line(text, &format!("{name}_sum"), "", timer.seconds());
        line(text, &format!("{name}_count"), "", count);
    }
    let name = "segments_recycled_total";
    head(
        text,
        name,
        "counter",
        "Segments of the log made of spare files.",
    );
    line(text, name, "", meter.recycled.load(Ordering::Relaxed));
}

pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let status = match ask(&api).await {
        Ok(status) => status,
        Err(failure) => return failed(failure),
    };
    let mut text = api.metrics.render();
    gauges(&mut text, &status);
    measured(&mut text, &api.meter);
    let kind = "text/plain; version=0.0.4";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Counts a request and how long it took.
pub(super) async fn measure(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let verb = verb(request.method(), request.uri().path());
    let began = Instant::now();
    let answer = next.run(request).await;
    metrics.count(verb, outcome(&answer), began.elapsed());
    answer
}

/// Its place in [`VERBS`].
fn verb(method: &Method, path: &str) -> usize {
    let mut parts = path.split('/').skip(1);
    let name = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("v1"), Some("kv"), None, None) => "list",
        (Some("v1"), Some("kv"), Some(_), None) => match *method {
            Method::GET => "get",
            Method::PUT => "put",
            Method::DELETE => "delete",
            _ => "other",
        },
        (Some("v1"), Some("kv"), Some(_), Some(verb)) => verb,
        (Some("v1"), Some(name), ..) => name,
        _ => "other",
    };
    let known = VERBS.iter().position(|verb| *verb == name);
    known.unwrap_or(VERBS.len() - 1)
}

/// Its place in [`OUTCOMES`].
fn outcome(answer: &Response) -> usize {
    match answer.status() {
        _ if answer.extensions().get::<Unknown>().is_some() => 3,
        status if status.is_success() => 0,
        StatusCode::MISDIRECTED_REQUEST => 2,
        status if status.is_client_error() => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_method_and_path() {
        for (method, path, expect) in [
            (Method::GET, "/v1/kv", "list"),
            (Method::GET, "/v1/kv/x", "get"),
            (Method::PUT, "/v1/kv/a%2Fb", "put"),
            (Method::POST, "/v1/kv/x/cas", "cas"),
            (Method::POST, "/v1/kv/x/nonsense", "other"),
            (Method::POST, "/v1/txn", "txn"),
            (Method::POST, "/v1/lease/7/keep-alive", "lease"),
            (Method::GET, "/v1/status", "other"),
            (Method::GET, "/", "other"),
        ] {
            assert_eq!(VERBS[verb(&method, path)], expect, "{method} {path}");
        }
    }

    #[test]
    fn buckets_count_all_that_is_not_slower() {
        let metrics = Metrics::default();
        for micros in [400, 500, 501, 9_000_000] {
            metrics.count(0, 0, Duration::from_micros(micros));
        }
        let text = metrics.render();
        for expect in [
            "ordeal_requests_total{verb=\"get\",outcome=\"ok\"} 4\n",
            "ordeal_request_duration_seconds_bucket{verb=\"get\",le=\"0.0005\"} 2\n",
            "ordeal_request_duration_seconds_bucket{verb=\"get\",le=\"0.001\"} 3\n",
            "ordeal_request_duration_seconds_bucket{verb=\"get\",le=\"2\"} 3\n",
            "ordeal_request_duration_seconds_bucket{verb=\"get\",le=\"+Inf\"} 4\n",
            "ordeal_request_duration_seconds_sum{verb=\"get\"} 9.001401\n",
        ] {
            assert!(text.contains(expect), "{expect}{text}");
        }
    }
}
