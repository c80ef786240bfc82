//! The command as users meet it: exit codes, one sentence for what is wrong, nothing left behind.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn harness() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    harness()
        .args(arguments)
        .output()
        .expect("the harness starts")
}

/// Ends with `code` and says one line with each of `words` in it.
fn refused(arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?} said: {said}"
    );
    assert_eq!(said.trim().lines().count(), 1, "{arguments:?} said: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} said: {said}");
    }
}

/// A run that goes on for longer than any test, and its folder once `file` has a line with `text`.
fn begin(out: &Path, arguments: &[&str], file: &str, text: &str) -> (Child, PathBuf) {
    let mut child = harness()
        .args(arguments)
        .arg("--out")
        .arg(out)
        .spawn()
        .expect("the harness starts");
    let folder = out.join("latest");
    let patience = Instant::now() + Duration::from_secs(240);
    loop {
        let written = fs::read_to_string(folder.join(file)).unwrap_or_default();
        if written.lines().any(|line| line.contains(text)) {
            return (
                child,
                folder.canonicalize().expect("latest points at a folder"),
            );
        }
        assert!(
            child.try_wait().expect("a child").is_none(),
            "the run ended early"
        );
        assert!(Instant::now() < patience, "the run did not come so far");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes whose command line names `folder`.
fn processes(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        if let Ok(bytes) = fs::read(entry.path().join("cmdline")) {
            let line = String::from_utf8_lossy(&bytes).replace('\0', " ");
            if line.contains(&format!("{}/bin/", folder.display())) {
                found.push(line);
            }
        }
    }
    found
}

fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(pid, signal).expect("the harness lives");
}

#[test]
fn what_makes_no_sense_is_refused_in_one_sentence() {
    refused(&["--nemesis", "comet"], 64, &["comet", "partition"]);
    refused(&["--workload", "poetry"], 64, &["poetry", "register"]);
    refused(&["--system", "oracle"], 64, &["oracle", "node"]);
    refused(&["--bug", "y2k"], 64, &["y2k", "leader-local-read"]);
    refused(&["--replication", "chain"], 64, &["chain", "semi-sync"]);
    refused(&["modes", "--nodes", "99"], 64, &["99"]);
    refused(&["--frobnicate"], 64, &["--frobnicate", "--help"]);
    refused(&["--box", "perhaps"], 64, &["perhaps", "auto"]);
    refused(&["--time", "0"], 64, &["--time 0"]);
    refused(&["--time", "NaN"], 64, &["--time"]);
    refused(&["--nodes", "0"], 64, &["1 to 9"]);
    refused(&["--nodes", "10"], 64, &["1 to 9"]);
    refused(
        &["--nemesis", "partition", "--nodes", "1"],
        69,
        &["partition", "no links"],
    );
    refused(&["list", "dreams"], 64, &["dreams"]);
}

#[test]
fn a_missing_or_unexecutable_binary_is_code_66() {
    refused(
        &["--binary", "/nowhere/node"],
        66,
        &["/nowhere/node", "does not exist"],
    );
    refused(
        &["--binary", "/etc/passwd"],
        66,
        &["/etc/passwd", "not executable"],
    );
}

#[test]
fn results_that_cannot_be_written_are_code_73() {
    refused(&["--out", "/proc/results"], 73, &["/proc/results", "--out"]);
}

#[test]
fn a_kill_of_the_harness_leaves_no_process_and_a_checkable_history() {
    let out = tempfile::tempdir().expect("a folder");
    let arguments = [
        "--nemesis",
        "pause",
        "--time",
        "600",
        "--nodes",
        "3",
        "--interval",
        "20",
    ];
    let (mut child, folder) = begin(out.path(), &arguments, "injuries.jsonl", "pause");
    let alive = processes(&folder).len();
    signal(&child, nix::sys::signal::Signal::SIGKILL);
    child.wait().expect("the harness ends");
    assert_eq!(alive, 3, "three nodes were running");
    let patience = Instant::now() + Duration::from_secs(10);
    while !processes(&folder).is_empty() {
        assert!(
            Instant::now() < patience,
            "left behind: {:?}",
            processes(&folder)
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let checked = run(&["check", &folder.display().to_string()]);
    let said = String::from_utf8_lossy(&checked.stdout).to_string();
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(said.contains("broke off"), "{said}");
    assert!(folder.join("report.html").is_file());
}

/// Processes whose command line holds `text`.
fn with_words(text: &str) -> Vec<u32> {
    let words = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids()
        .into_iter()
        .filter(|pid| {
            String::from_utf8_lossy(&words(pid))
                .replace('\0', " ")
                .contains(text)
        })
        .collect()
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// A namespace of a process, by its kind.
fn namespace(pid: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

#[test]
fn a_kill_of_the_harness_leaves_no_daemon_no_namespace_and_no_mount() {
    let looked = run(&["doctor"]);
    let looked = String::from_utf8_lossy(&looked.stdout).to_string();
    if looked.contains("  -- a box") {
        // No box here: the harness says so, and the test says nothing.
        let arguments = ["--box", "on", "--nemesis", "none", "--time", "1", "--quiet"];
        let out = tempfile::tempdir().expect("a folder");
        let refused = harness()
            .args(arguments)
            .arg("--out")
            .arg(out.path())
            .output();
        assert_eq!(refused.expect("the harness starts").status.code(), Some(69));
        return;
    }
    let out = tempfile::tempdir().expect("a folder");
    let short = [
        "--nemesis",
        "none",
        "--time",
        "1",
        "--nodes",
        "1",
        "--quiet",
    ];
    let made = harness().args(short).arg("--out").arg(out.path()).output();
    made.expect("the harness starts");
    let node = out
        .path()
        .join("latest")
        .canonicalize()
        .expect("a run")
        .join("bin/node");
    // A node that leaves a daemon in a session of its own behind, with init for its parent.
    let daemon = format!("sleep 3600.{}", std::process::id());
    let script = out.path().join("node-with-daemon");
    let text = format!(
        "#!/bin/sh\n(LD_PRELOAD= setsid {daemon} &)\nexec {} \"$@\"\n",
        node.display()
    );
    fs::write(&script, text).expect("writable");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, executable).expect("ours");
    let script = script.display().to_string();
    // Where it can be, each node in a network of its own.
    let links = if looked.contains("  ok links of packets") {
        "packets"
    } else {
        "proxies"
    };
    let arguments = [
        "--box",
        "on",
        "--links",
        links,
        "--binary",
        &script,
        "--nemesis",
        "pause",
        "--time",
        "600",
        "--nodes",
        "3",
        "--interval",
        "20",
    ];
    let (mut child, folder) = begin(out.path(), &arguments, "injuries.jsonl", "pause");
    let daemons = with_words(&daemon);
    assert_eq!(daemons.len(), 3, "each node has left one");
    let inside = |kind: &str| namespace(daemons[0], kind).expect("it lives");
    let kinds = ["pid", "net", "mnt", "ipc"];
    let own = kinds.map(inside);
    for (kind, own) in kinds.iter().zip(&own) {
        assert_ne!(
            Some(own),
            namespace(std::process::id(), kind).as_ref(),
            "{kind}"
        );
    }
    signal(&child, nix::sys::signal::Signal::SIGKILL);
    child.wait().expect("the harness ends");
    let left = || {
        let lives = |pid: &u32| {
            let in_there =
                |(kind, own): (&&str, &PathBuf)| namespace(*pid, kind).as_ref() == Some(own);
            kinds.iter().zip(&own).any(in_there)
        };
        let strangers = pids().into_iter().filter(lives);
        strangers.chain(with_words(&daemon)).collect::<Vec<u32>>()
    };
    let patience = Instant::now() + Duration::from_secs(10);
    while !left().is_empty() || !processes(&folder).is_empty() {
        assert!(Instant::now() < patience, "left behind: {:?}", left());
        std::thread::sleep(Duration::from_millis(10));
    }
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    assert!(
        !mounts.contains(&out.path().display().to_string()),
        "{mounts}"
    );
}

#[test]
fn a_kill_of_the_harness_under_all_faults_leaves_nothing() {
    let faults = [
        "bandwidth",
        "bit-flip",
        "client-partition",
        "clock-rate",
        "clock-skew",
        "corrupt",
        "disk-full",
        "duplicate",
        "fd-exhaustion",
        "flaky",
        "half-open",
        "hold",
        "kill",
        "latency",
        "loss",
        "memory",
        "messages",
        "partition",
        "pause",
        "reorder",
        "reset",
        "rolling-restart",
        "slow-cpu",
        "swizzle",
        "sync-error",
        "term",
    ];
    let out = tempfile::tempdir().expect("a folder");
    let all = faults.join(",");
    let arguments = [
        "--nemesis",
        &all,
        "--cadence",
        "fast",
        "--time",
        "600",
        "--nodes",
        "3",
    ];
    let (mut child, folder) = begin(out.path(), &arguments, "injuries.jsonl", "\"effect\":\"");
    let patience = Instant::now() + Duration::from_secs(120);
    let begun = || fs::read_to_string(folder.join("injuries.jsonl")).unwrap_or_default();
    let missing = || {
        let lines = begun();
        faults
            .into_iter()
            .find(|fault| !lines.contains(&format!("\"fault\":\"{fault}\"")))
    };
    while let Some(fault) = missing() {
        assert!(Instant::now() < patience, "{fault} was never inflicted");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, nix::sys::signal::Signal::SIGKILL);
    child.wait().expect("the harness ends");
    let patience = Instant::now() + Duration::from_secs(10);
    while !processes(&folder).is_empty() {
        let left = processes(&folder);
        assert!(Instant::now() < patience, "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    let swept = run(&["heal"]);
    assert_eq!(swept.status.code(), Some(0));
    // Links, limits, clocks and disks were the harness' own or its nodes': all that could be left is a mount.
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    assert!(!mounts.contains(&folder.display().to_string()), "{mounts}");
}

#[test]
fn links_of_packets_are_cut_lossy_and_reset_and_the_cluster_stays_right() {
    let looked = run(&["doctor"]);
    let looked = String::from_utf8_lossy(&looked.stdout).to_string();
    if !looked.contains("  ok links of packets") {
        // The harness says what is missing.
        assert!(looked.contains("  -- links of packets"), "{looked}");
        return;
    }
    let out = tempfile::tempdir().expect("a folder");
    let faults =
        "partition:means=black-hole,client-partition:means=black-hole,loss,reset,hold,latency";
    let arguments = [
        "--links",
        "packets",
        "--nemesis",
        faults,
        "--time",
        "10",
        "--nodes",
        "3",
        "--cadence",
        "fast",
        "--quiet",
    ];
    let output = harness()
        .args(arguments)
        .arg("--out")
        .arg(out.path())
        .output()
        .expect("the harness starts");
    let said = String::from_utf8_lossy(&output.stdout).to_string();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let injuries = fs::read_to_string(out.path().join("latest/injuries.jsonl")).expect("injuries");
    for effect in [
        "packets (",
        "bytes dropped on",
        "packets lost",
        "connections reset",
        "held",
        "late by",
    ] {
        let has = |line: &&str| line.contains("\"effect\":\"") && line.contains(effect);
        assert!(
            injuries.lines().any(|line| has(&line)),
            "no effect: {effect}"
        );
    }
}

#[test]
fn faults_schedules_and_systems_that_make_no_sense_are_refused() {
    refused(
        &["--nemesis", "kill:everybody"],
        64,
        &["everybody", "majority"],
    );
    refused(
        &["--nemesis", "kill:n7", "--nodes", "3"],
        64,
        &["n7", "n1 to n3"],
    );
    refused(
        &["--nemesis", "loss", "--system", "etcd"],
        69,
        &["loss", "etcd", "frames"],
    );
    refused(
        &["--system", "etcd", "--kill-means", "power-loss"],
        69,
        &["power loss", "etcd"],
    );
    refused(
        &["--system", "etcd", "--replication", "async"],
        69,
        &["etcd", "majority"],
    );
    refused(&["--links", "string"], 64, &["string", "packets"]);
    refused(
        &["--links", "none", "--nemesis", "partition"],
        69,
        &["partition", "none", "--links"],
    );
    refused(
        &["--links", "packets", "--nemesis", "corrupt"],
        69,
        &["corrupt", "packets"],
    );
    refused(&["--schedule", "/nowhere"], 66, &["/nowhere"]);
    refused(&["--replay", "/nowhere"], 66, &["/nowhere"]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(
        file.path(),
        "[[injury]]\nat = \"1s\"\nfor = \"1s\"\nfault = \"comet\"\n",
    )
    .expect("writable");
    let name = file.path().display().to_string();
    refused(
        &["--schedule", &name],
        64,
        &["injury 1", "comet", "partition"],
    );
}

#[test]
fn an_interrupt_heals_judges_and_reports() {
    let out = tempfile::tempdir().expect("a folder");
    let arguments = [
        "--nemesis",
        "kill,partition",
        "--time",
        "600",
        "--nodes",
        "3",
        "--interval",
        "0.3",
    ];
    let (child, folder) = begin(out.path(), &arguments, "injuries.jsonl", "\"effect\":\"");
    let patience = Instant::now() + Duration::from_secs(120);
    // Enough to be judged: work, and an effect of each fault that was asked for.
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let acted = |fault: &str| {
        let name = format!("\"fault\":\"{fault}\"");
        let has = |line: &str| line.contains(&name) && line.contains("\"effect\":\"");
        read("injuries.jsonl").lines().any(has)
    };
    while read("history.jsonl").lines().count() < 2000 || !acted("kill") || !acted("partition") {
        assert!(Instant::now() < patience, "the run did not come so far");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, nix::sys::signal::Signal::SIGINT);
    let output = child.wait_with_output().expect("the harness ends");
    let said = String::from_utf8_lossy(&output.stdout).to_string();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.starts_with("VALID"), "{said}");
    assert!(folder.join("report.html").is_file());
    assert_eq!(processes(&folder), Vec::<String>::new());
    damaged_files_are_refused(&folder);
}

#[test]
fn the_four_replication_modes_are_compared_and_calm_loses_nothing_in_any() {
    let out = tempfile::tempdir().expect("a folder");
    let mut command = harness();
    command.args([
        "modes",
        "--nemesis",
        "none",
        "--time",
        "1",
        "--nodes",
        "3",
        "--quiet",
    ]);
    let output = command.arg("--out").arg(out.path()).output();
    let output = output.expect("the harness starts");
    let said = String::from_utf8_lossy(&output.stdout).to_string();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for mode in ["sync", "majority", "semi-sync", "async"] {
        let line = said
            .lines()
            .find(|line| line.split_whitespace().next() == Some(mode));
        let cells: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        assert_eq!(
            cells[cells.len().saturating_sub(2)..],
            ["0", "valid"],
            "{said}"
        );
    }
    let folders = fs::read_dir(out.path()).expect("a folder");
    let tables = folders.filter(|folder| {
        let path = folder.as_ref().expect("an entry").path();
        path.join("modes.json").is_file() && path.join("modes.html").is_file()
    });
    assert_eq!(tables.count(), 1);
}

/// Breaks the files of a finished run one after the other.
fn damaged_files_are_refused(folder: &Path) {
    let name = folder.display().to_string();
    let history = folder.join("history.jsonl");
    let whole = fs::read_to_string(&history).expect("a history");

    // A torn last line is what a run that died leaves: the rest is judged.
    fs::write(&history, &whole[..whole.len() - 20]).expect("writable");
    let torn = run(&["check", &name]);
    assert!(
        matches!(torn.status.code(), Some(0 | 2)),
        "{}",
        String::from_utf8_lossy(&torn.stderr)
    );

    let mut lines: Vec<&str> = whole.lines().collect();
    lines[7] = "{\"index\":7,";
    fs::write(&history, lines.join("\n")).expect("writable");
    refused(&["check", &name], 65, &["history.jsonl:8"]);

    lines.remove(7);
    fs::write(&history, lines.join("\n")).expect("writable");
    refused(&["check", &name], 65, &["history.jsonl:"]);

    fs::write(&history, &whole).expect("writable");
    let mut plan = fs::OpenOptions::new()
        .append(true)
        .open(folder.join("plan.json"))
        .expect("a plan");
    writeln!(plan, "]").expect("writable");
    refused(&["check", &name], 65, &["plan.json"]);

    fs::remove_file(&history).expect("removable");
    refused(&["check", &name], 66, &["history.jsonl"]);
}

#[test]
fn no_more_nodes_are_down_at_a_time_than_asked() {
    let out = tempfile::tempdir().expect("a folder");
    let folder = out.path().to_str().expect("a readable path");
    let output = run(&[
        "--nemesis",
        "kill:restart=heal,pause,term:restart=heal",
        "--cadence",
        "fast",
        "--max-down",
        "2",
        "--time",
        "8",
        "--rate",
        "200",
        "--seed",
        "1",
        "--no-events",
        "--quiet",
        "--out",
        folder,
    ]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let injuries =
        fs::read_to_string(out.path().join("latest/injuries.jsonl")).expect("injuries are there");
    let mut times: Vec<(u64, bool, Vec<String>)> = Vec::new();
    for line in injuries.lines() {
        let injury: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let nodes = serde_json::from_value(injury["targets"].clone()).expect("names of nodes");
        match injury["healed_ns"][1].as_u64() {
            Some(healed) => times.push((healed, false, nodes)),
            None => times.push((
                injury["planned_ns"][0].as_u64().expect("a time"),
                true,
                nodes,
            )),
        }
    }
    times.sort();
    let (mut down, mut most): (Vec<String>, usize) = (Vec::new(), 0);
    for (_, begins, nodes) in times {
        for node in nodes {
            if begins {
                down.push(node);
            } else if let Some(at) = down.iter().position(|other| *other == node) {
                down.remove(at);
            }
        }
        let mut different = down.clone();
        different.sort();
        different.dedup();
        most = most.max(different.len());
    }
    assert_eq!(most, 2, "{injuries}");
}

#[test]
fn the_runs_of_a_table_end_with_it_by_an_interrupt_and_by_a_kill() {
    for how in [
        nix::sys::signal::Signal::SIGINT,
        nix::sys::signal::Signal::SIGKILL,
    ] {
        let out = tempfile::tempdir().expect("a folder");
        let mut command = harness();
        command.args(["table", "--nemesis", "kill,pause,term", "--jobs", "2"]);
        command.args(["--time", "600", "--out"]).arg(out.path());
        let child = command.spawn().expect("the harness starts");
        let begun = |fault: &str| {
            let injuries = out
                .path()
                .join(format!("node/{fault}/latest/injuries.jsonl"));
            fs::read_to_string(injuries).is_ok_and(|text| text.contains("\"effect\":\""))
        };
        let patience = Instant::now() + Duration::from_secs(240);
        while !begun("kill") || !begun("pause") {
            assert!(Instant::now() < patience, "the runs did not come so far");
            std::thread::sleep(Duration::from_millis(20));
        }
        signal(&child, how);
        let output = child.wait_with_output().expect("the harness ends");
        let said = String::from_utf8_lossy(&output.stdout);
        let named = |fault: &str| said.contains(&format!("| node | {fault} |"));
        let interrupted = how == nix::sys::signal::Signal::SIGINT;
        let rows = ["kill", "pause", "term"].map(named);
        assert_eq!(rows, [interrupted; 3], "{said}");
        assert_eq!(said.contains("term | not begun"), interrupted, "{said}");
        // Whoever was killed has said nothing, and what it started is being killed now.
        let words = out.path().display().to_string();
        let patience = Instant::now() + Duration::from_secs(10);
        while !with_words(&words).is_empty() {
            assert!(Instant::now() < patience, "processes are left behind");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
