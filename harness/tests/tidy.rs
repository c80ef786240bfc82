//! The house keeps its own rules: what no compiler checks is read from manifests and sources here.

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("harness is in the workspace")
        .to_path_buf()
}

/// All Rust sources below a folder.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("the folder is there")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are readable");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The code of a file: without comments, and without what follows `#[cfg(test)]`.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn refuse(folder: &str, words: &[&str], except: &[&str]) {
    for (path, text) in sources(folder) {
        if except.iter().any(|name| path.ends_with(name))
            || path.components().any(|part| part.as_os_str() == "tests")
        {
            continue;
        }
        let code = code(&text);
        for word in words {
            assert!(!code.contains(word), "{} names {word}", path.display());
        }
    }
}

fn dependencies(package: &str) -> String {
    let manifest =
        fs::read_to_string(workspace().join(package).join("Cargo.toml")).expect("a manifest");
    manifest
        .split("[dependencies]")
        .nth(1)
        .expect("dependencies")
        .split("\n[")
        .next()
        .unwrap_or_default()
        .into()
}

#[test]
fn the_checker_opens_no_socket_spawns_nothing_and_reads_no_clock() {
    refuse(
        "checker/src",
        &["std::net", "std::process::Command", "tokio"],
        &[],
    );
    refuse(
        "checker/src",
        &["Instant::now", "SystemTime::now"],
        &["main.rs"],
    );
}

#[test]
fn the_raft_core_and_the_replica_do_no_io() {
    let words = [
        "tokio",
        "std::fs",
        "std::net",
        "std::thread",
        "Instant",
        "SystemTime",
        "rand::rng",
        "HashMap",
        "HashSet",
    ];
    refuse("node/src/raft", &words, &[]);
    refuse("node/src/replica", &words, &[]);
    // Nor does the world that it is simulated in, where one seed is one run; its command tells how long it took.
    refuse("simulator/src", &words, &["campaign.rs", "table.rs"]);
}

#[test]
fn the_judge_shares_no_code_with_the_accused() {
    for (package, strangers) in [
        ("harness", ["node", "simulator"].as_slice()),
        ("checker", &["node", "simulator", "harness", "workloads"]),
        ("workloads", &["node", "simulator", "harness"]),
        ("node", &["checker", "simulator", "harness", "workloads"]),
        ("simulator", &["harness", "workloads"]),
    ] {
        for line in dependencies(package).lines() {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            assert!(!strangers.contains(&name), "{package} depends on {name}");
        }
    }
}

#[test]
fn only_the_interpreter_appends_to_a_history() {
    refuse(
        "harness/src",
        &["recorder.append", "Recorder::append"],
        &["interpreter.rs", "history.rs"],
    );
}

#[test]
fn only_storage_attests() {
    for (path, text) in sources("node/src") {
        let storage = path.components().any(|part| part.as_os_str() == "storage");
        assert!(
            storage || !text.contains("Durable::attest"),
            "{} attests",
            path.display()
        );
    }
}

#[test]
fn every_module_says_what_it_is_in_its_first_line() {
    for folder in [
        "checker/src",
        "workloads/src",
        "harness/src",
        "harness/shim/src",
        "node/src",
        "simulator/src",
    ] {
        for (path, text) in sources(folder) {
            assert!(
                text.starts_with("//! "),
                "{} has no door plate",
                path.display()
            );
        }
    }
}
