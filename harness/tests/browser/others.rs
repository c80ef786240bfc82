//! The pages beside the report: all runs, and a run as it goes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use harness::listening::Wrong;
use harness::progress::{Counts, Moment, NodeNow, Progress, Style};

use super::chromium::Chromium;

/// A command that is ended when the test is.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stored(folder: &Path, name: &str, valid: &str, p99_ms: f64, system: &str) {
    let run = folder.join(name);
    std::fs::create_dir(&run).expect("a folder");
    let plan = format!(
        r#"{{"system": "{system}", "workload": "register", "nemesis": ["kill"], "nodes": 3, "seed": 7, "bugs": []}}"#
    );
    std::fs::write(run.join("plan.json"), plan).expect("a plan");
    let verdict = serde_json::json!({
        "format": 1, "valid": valid, "exit_code": u8::from(valid == "no"), "verdicts": [],
        "figures": {"ok": 5000, "unequal": 1, "fail": 2, "info": 3, "seconds": 10.0, "served_per_second": 500.0,
            "p50_ms": 1.0, "p99_ms": p99_ms, "longest_outage_ms": 200.0, "outage_ms": 300.0, "leader_changes": 1, "faults": []},
    });
    std::fs::write(run.join("verdict.json"), verdict.to_string()).expect("a verdict");
    // As real reports, with an icon of its own, so that the browser asks for none.
    let page = "<link rel='icon' href='data:,'><title>the report</title>";
    std::fs::write(run.join("report.html"), page).expect("a report");
}

#[test]
fn all_runs_can_be_sorted_and_filtered_and_lead_to_their_reports() {
    let Some(mut browser) = Chromium::start(1300, 900) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    stored(folder.path(), "20261123T010000Z-a", "yes", 30.0, "node");
    stored(folder.path(), "20261123T020000Z-b", "no", 10.0, "node");
    stored(folder.path(), "20261123T030000Z-c", "yes", 20.0, "other");
    let child = Command::new(env!("CARGO_BIN_EXE_harness"))
        .arg("serve")
        .arg(folder.path())
        .args(["--address", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the harness starts");
    let mut child = Ended(child);
    let mut said = String::new();
    let out = child.0.stdout.take().expect("an output");
    BufReader::new(out).read_line(&mut said).expect("a line");
    let url = said
        .split_once(": ")
        .expect("an address")
        .1
        .trim()
        .to_string();
    browser.ask("Page.navigate", serde_json::json!({"url": url}));
    browser.wait("document.querySelectorAll('#body tr').length === 3");
    let first = "document.querySelector('#body tr').textContent";
    assert!(browser.text(first).contains("2026-11-23 03:00:00"));
    browser.value("[...document.querySelectorAll('th button')].find(b => b.textContent.startsWith('p99')).click()");
    assert!(
        browser.text(first).contains("2026-11-23 01:00:00"),
        "the slowest first"
    );
    let trends = browser.text("document.getElementById('trends').textContent");
    assert!(
        trends.contains("p99, ms: 3 runs, latest 20.0, highest 30.0"),
        "{trends}"
    );
    let choose = "(e => { e.value = 'no'; e.dispatchEvent(new Event('input', { bubbles: true })); })(document.getElementById('valid'))";
    browser.value(choose);
    assert_eq!(
        browser.text("document.getElementById('count').textContent"),
        "1 of 3 runs"
    );
    browser.value("document.querySelector('#body a').click()");
    browser.wait("document.title === 'the report'");
    assert!(
        browser.complaints().is_empty(),
        "{:?}",
        browser.complaints()
    );
}

#[test]
fn a_run_is_shown_as_it_goes() {
    let Some(mut browser) = Chromium::start(900, 900) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let progress = Arc::new(Progress::new(Style::Quiet));
    let address = "127.0.0.1:0".parse().expect("an address");
    let listener = harness::web::bind(address).expect("a free port");
    let address = runtime
        .block_on(async { harness::live::start(listener, progress.clone()) })
        .expect("a page");
    let moment = |passed_s: f64, rate| Moment {
        passed_s,
        left_s: 10.0 - passed_s,
        counts: Counts {
            ok: 123_456,
            ..Counts::default()
        },
        rate,
        p50_ms: Some(1.5),
        p99_ms: None,
        leader: "n2 leads in term 7".into(),
        nodes: vec![NodeNow {
            node: "n1".into(),
            role: "down".into(),
            term: None,
        }],
        faults: vec!["n1 was killed".into()],
        injuries: 4,
        injuries_with_effect: 3,
        violations: Some(Wrong {
            violations: if passed_s > 4.0 { 2 } else { 0 },
            first: "stale read on key k1".into(),
        }),
        anomalies: Vec::new(),
    };
    progress.moment(&moment(1.0, 900));
    browser.ask(
        "Page.navigate",
        serde_json::json!({"url": format!("http://{address}/")}),
    );
    browser.wait("document.body && document.body.textContent.includes('123456')");
    let picture = "document.getElementById('rates').toDataURL()";
    progress.moment(&moment(2.0, 100));
    browser.wait(
        "document.getElementById('left').textContent.startsWith('8 s of 10 s left; n2 leads')",
    );
    browser.settle();
    assert_eq!(
        browser.text("document.getElementById('wrong').textContent"),
        ""
    );
    let two = browser.text(picture);
    progress.moment(&moment(5.0, 500));
    browser.wait("document.getElementById('left').textContent.startsWith('5 s of 10 s left')");
    browser.settle();
    assert_ne!(browser.text(picture), two, "the picture follows");
    let faults = browser.text("document.getElementById('faults').textContent");
    assert_eq!(faults, "n1 was killed");
    let wrong = browser.text("document.getElementById('wrong').textContent");
    assert_eq!(
        wrong,
        "Wrong: 2 violations, the first: stale read on key k1"
    );
    progress.verdict(&serde_json::json!({
        "valid": "no", "exit_code": 1, "verdicts": [{"summary": "key k1 is not linearizable"}], "report": "r.html",
    }));
    browser.wait("document.getElementById('verdict').textContent.includes('Not valid (exit code 1): key k1 is not')");
    let only_events = browser
        .complaints()
        .iter()
        .all(|told| told.contains("/events"));
    assert!(only_events, "{:?}", browser.complaints());
}
