//! What the page must say for every kind of run, and what it must never contain.

use std::collections::HashMap;

use checker::{Event, History};

use super::{Run, fixture, render, units};
use crate::observation::Observation;
use crate::whitebox;

/// Panics unless every tag that must be closed is, in order, and no `id` is given twice.
fn well_formed(page: &str) {
    const VOID: [&str; 4] = ["meta", "link", "!DOCTYPE", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut ids: HashMap<&str, usize> = HashMap::new();
    // The script holds a `>` of its own; style sheets hold none that begins a tag.
    let (before, script) = page.split_once("<script>").expect("a script");
    let (_, after) = script.split_once("</script>").expect("the script's end");
    for markup in [before, after] {
        for tag in markup.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("a tag that ends");
            if let Some(id) = tag
                .split(" id=\"")
                .nth(1)
                .and_then(|id| id.split('"').next())
            {
                *ids.entry(id).or_default() += 1;
            }
            assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
            let name = tag
                .trim_start_matches('/')
                .split([' ', '/', '\n'])
                .next()
                .unwrap_or("");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "closed by <{tag}>");
            } else if !tag.ends_with('/') && !VOID.contains(&name) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    let twice: Vec<_> = ids.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "ids given twice: {twice:?}");
}

/// Renders, and checks what holds for every page.
fn page(run: &Run) -> String {
    let page = render(run);
    well_formed(&page);
    assert!(
        !page.contains("http:") && !page.contains("https:"),
        "loads from the network"
    );
    assert!(!page.contains(" src="), "loads a file");
    assert!(!page.contains("could not be drawn"), "a plot failed");
    assert!(page.contains("prefers-color-scheme"));
    for link in page.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap_or("");
        assert!(
            page.contains(&format!("id=\"{id}\"")),
            "link to nowhere: #{id}"
        );
    }
    page
}

fn contains(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "the page does not say {part:?}");
    }
}

#[test]
fn an_invalid_run_says_what_broke_when_and_under_which_fault() {
    let page = page(&fixture::invalid());
    contains(
        &page,
        &[
            "<body class=\"invalid\">",
            "is not linearizable — stale read at 1",
            "<strong>Invalid:</strong> key k",
            "while n",
            "was cut off from all other nodes",
            "Wrong operation",
            "<dd>read → ",
            "Which fault acted",
            "Clients without service",
            "--seed 42",
            "planted bugs (leader-local-read: the leader",
            "class=\"wrong\"",
            "class=\"moment\"",
            "class=\"lanes\"",
            "Who led then",
            "<pattern id=\"look-kill\"",
            "fill=\"url(#look-kill)\"",
        ],
    );
}

#[test]
fn what_no_client_saw_is_told_with_its_moment_and_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("nodes")).expect("a folder");
    let mut run = fixture::invalid();
    let injury = run.injuries[0].clone();
    let at_ns = (injury.planned_ns[0] + injury.planned_ns[1]) / 2;
    let vote = |time_ns: u64, write, vote| {
        format!(
            "{{\"s\":{write},\"t\":{time_ns},\"e\":{{\"hard-state\":{{\"write\":{write},\"term\":1,\"vote\":{vote}}}}}}}"
        )
    };
    let began_ns = 5_000_000_000;
    let lines = [
        format!("{{\"s\":1,\"t\":{began_ns},\"e\":{{\"start\":{{\"node\":1}}}}}}"),
        vote(began_ns + 1, 2, 1),
        vote(began_ns + at_ns, 3, 2),
    ];
    std::fs::write(whitebox::file(folder.path(), 1), lines.join("\n")).expect("a file");
    let judged = whitebox::judge(folder.path(), 1, None).expect("evidence");
    run.verdicts = vec![judged.verdict];
    run.judgement = Some(judged.judgement);
    run.began_monotonic_ns = Some(began_ns);
    let page = page(&run);
    contains(
        &page,
        &[
            "a node broke an invariant — V02",
            &format!("at {}", units::moment(at_ns)),
            "What went wrong",
            "was cut off from all other nodes, from",
            "a disk was full</li>",
        ],
    );
}

#[test]
fn what_was_never_seen_is_listed_apart_from_what_was() {
    let page = page(&fixture::invalid());
    contains(
        &page,
        &[
            "a message between nodes came late",
            "Never seen",
            "<li>faults acted at the same time</li>",
            "What nodes did inside was not judged",
        ],
    );
}

#[test]
fn a_valid_run_shows_faults_plots_logs_and_clients() {
    let page = page(&fixture::valid());
    contains(
        &page,
        &[
            "<body class=\"valid\">",
            "<strong>Valid:</strong> all ",
            "What clients felt, by kind of fault",
            "no measurable effect, not counted",
            "Latency of read",
            "Latency of write",
            "Latency of cas",
            "Latency quantiles",
            "Availability by node",
            "Leader and term",
            "Replication lag",
            "Clock offset",
            "Disk full",
            "None of them had been acknowledged",
            "connection refused",
            "href=\"history.jsonl\"",
            "href=\"nodes/n5.log\"",
            "Stalls of the harness",
        ],
    );
    assert!(
        !page.contains("class=\"moment\""),
        "no anomaly, no red line"
    );
}

#[test]
fn an_unknown_run_says_why() {
    let page = page(&fixture::unknown());
    contains(
        &page,
        &[
            "<body class=\"unknown\">",
            "<strong>Unknown:</strong> only 1 fault acted, at least 3 are needed",
        ],
    );
}

#[test]
fn a_run_without_operations_still_has_a_page() {
    let page = page(&fixture::empty());
    contains(
        &page,
        &[
            "<strong>Unknown:</strong> nothing was judged",
            "no operation was ever invoked",
            "Clients invoked no operation.",
        ],
    );
}

#[test]
fn a_run_without_faults_says_that_the_cluster_was_left_alone() {
    let page = page(&fixture::calm());
    contains(
        &page,
        &["the cluster was left alone", "never for 100 ms or more"],
    );
}

#[test]
fn an_acknowledged_entry_that_was_rolled_back_is_told_loudly() {
    let mut run = fixture::valid();
    let acknowledged = run.history.events().find_map(|event| event.entry);
    let acknowledged = acknowledged.expect("an acknowledged write").to_string();
    run.observations.push(Observation::RolledBack {
        time_ns: 20_000_000_000,
        node: "n4".into(),
        entries: vec![acknowledged],
    });
    let page = page(&run);
    contains(
        &page,
        &["1 entry was rolled back although a client had been told that it was done"],
    );
    assert!(!page.contains("None of them had been acknowledged"));
}

#[test]
fn what_comes_from_outside_is_never_markup() {
    const HOSTILE: &str = "</code></pre><script>alert('x')</script>\" onload=\"x";
    let mut run = fixture::invalid();
    run.plan.command = HOSTILE.into();
    run.plan.system = HOSTILE.into();
    run.plan.bugs = vec![HOSTILE.into()];
    run.environment = vec![(HOSTILE.into(), HOSTILE.into())];
    for injury in &mut run.injuries {
        injury.fault = HOSTILE.into();
        injury.description = HOSTILE.into();
        injury.effect = Some(HOSTILE.into());
        injury.error = Some(HOSTILE.into());
    }
    let violation = &mut run.verdicts[0].violations[0];
    violation.key = Some(HOSTILE.into());
    violation.anomaly = HOSTILE.into();
    violation.explanation = HOSTILE.into();
    for operation in &mut violation.operations {
        operation.value = HOSTILE.into();
        operation.outcome = HOSTILE.into();
        operation.node = Some(HOSTILE.into());
    }
    run.verdicts[0].summary = HOSTILE.into();
    run.verdicts[0].checker = HOSTILE.into();
    let events: Vec<Event> = (run.history.events())
        .map(|event| Event {
            f: HOSTILE.into(),
            node: Some(HOSTILE.into()),
            error: event.error.as_ref().map(|_| HOSTILE.into()),
            ..event
        })
        .collect();
    run.history = History::new(events).expect("still well-formed");
    for observation in &mut run.observations {
        if let Observation::RolledBack { node, entries, .. } = observation {
            *node = HOSTILE.into();
            *entries = vec![HOSTILE.into()];
        }
    }
    let page = page(&run);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("\" onload="));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"));
}

#[test]
fn a_long_run_stays_small_and_says_what_it_left_out() {
    let run = fixture::made(&fixture::Wanted {
        seconds: 300,
        latency_us: 9_000,
        faults: &["partition", "kill", "pause", "clock-skew", "disk-full"],
    });
    assert!(
        run.history.operations().len() > 200_000,
        "{}",
        run.history.operations().len()
    );
    let page = page(&run);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    contains(&page, &["read operations are drawn"]);
    assert!(!page.contains("Nothing: every operation"));
}

/// Not a test: writes pages to look at. `REPORTS=DIR cargo test -p harness -- --ignored draws_pages`
#[test]
#[ignore = "writes pages to look at, to the folder that REPORTS names"]
fn draws_pages_to_look_at() {
    let folder = std::env::var("REPORTS").expect("set REPORTS to an existing folder");
    let long = fixture::Wanted {
        seconds: 300,
        latency_us: 9_000,
        faults: &["partition", "kill", "pause", "clock-skew", "disk-full"],
    };
    for (name, run) in [
        ("valid", fixture::valid()),
        ("invalid", fixture::invalid()),
        ("unknown", fixture::unknown()),
        ("calm", fixture::calm()),
        ("empty", fixture::empty()),
        ("long", fixture::made(&long)),
    ] {
        let path = format!("{folder}/{name}.html");
        std::fs::write(&path, render(&run)).unwrap_or_else(|why| panic!("{path}: {why}"));
    }
}
