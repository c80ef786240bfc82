//! The command: exit codes, and one clear sentence about bad input.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn checker(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_checker"))
        .args(arguments)
        .output()
        .unwrap()
}

fn specimen(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("specimens")
        .join(name);
    path.display().to_string()
}

fn good() -> String {
    specimen("knossos/cas-register_good_memstress3-0.jsonl")
}

fn bad() -> String {
    specimen("knossos/cas-register_bad_bad-analysis.jsonl")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_valid_history_exits_0_and_an_invalid_one_1_with_its_reason() {
    let valid = checker(&[&good()]);
    assert_eq!(valid.status.code(), Some(0));
    assert!(
        out(&valid).contains("Valid: all 231 operations on 1 key"),
        "{}",
        out(&valid)
    );
    let invalid = checker(&[&bad()]);
    assert_eq!(invalid.status.code(), Some(1));
    assert!(
        out(&invalid).contains("stale read: Process 21 read 2"),
        "{}",
        out(&invalid)
    );
}

#[test]
fn the_worst_of_many_files_decides() {
    assert_eq!(checker(&[&good(), &bad(), &good()]).status.code(), Some(1));
    assert_eq!(checker(&[&bad(), "no-such-file"]).status.code(), Some(1));
    assert_eq!(checker(&[&good(), "no-such-file"]).status.code(), Some(66));
}

#[test]
fn json_is_one_object_a_history() {
    let output = checker(&["--json", &good(), &bad()]);
    let lines: Vec<serde_json::Value> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["verdict"]["valid"], "yes");
    assert_eq!(
        lines[1]["verdict"]["violations"][0]["anomaly"],
        "stale read"
    );
}

#[test]
fn standard_input_is_a_dash_and_a_budget_that_ends_is_unknown() {
    let run = |arguments: &[&str], input: &[u8]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    };
    let hard = std::fs::read(specimen("generated/regs_c20_n1000_u0_valid.jsonl")).unwrap();
    assert_eq!(run(&["-"], &hard).status.code(), Some(0));
    let unknown = run(&["-", "--steps", "10"], &hard);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        out(&unknown).contains("could not be decided within"),
        "{}",
        out(&unknown)
    );
    assert_eq!(run(&["-"], b"").status.code(), Some(2));
    let torn = run(&["-"], &hard[..hard.len() - 5]);
    assert!(
        out(&torn).contains("The last line is torn"),
        "{}",
        out(&torn)
    );
    let damaged = run(&["-"], b"{\"process\":1}\n");
    assert_eq!(damaged.status.code(), Some(65));
    assert!(
        err(&damaged).starts_with("checker: standard input:1: missing field"),
        "{}",
        err(&damaged)
    );
}

#[test]
fn usage_is_64_and_a_missing_file_66() {
    let usage = checker(&[]);
    assert_eq!(usage.status.code(), Some(64));
    assert!(err(&usage).contains("FILE"), "{}", err(&usage));
    assert_eq!(checker(&["--colour", "x"]).status.code(), Some(64));
    let missing = checker(&["no-such-file"]);
    assert_eq!(missing.status.code(), Some(66));
    assert!(
        err(&missing).starts_with("checker: no-such-file: no such file"),
        "{}",
        err(&missing)
    );
    assert_eq!(checker(&["--help"]).status.code(), Some(0));
}

#[test]
fn every_format_and_model_is_recognised_or_may_be_named() {
    for (file, code) in [
        ("porcupine/etcd_007.log", 0),
        ("porcupine/c01-bad.txt", 1),
        ("elle-cli/memstress3-9.edn", 0),
        ("elle-cli/memstress3-9.json", 0),
        ("generated/stack_c5_n1000_u0_invalid.jsonl", 1),
    ] {
        assert_eq!(
            checker(&[&specimen(file)]).status.code(),
            Some(code),
            "{file}"
        );
    }
    let counter = specimen("elle-cli/counter.edn");
    let named = checker(&["--model", "counter", "--format", "edn", &counter]);
    assert_eq!(named.status.code(), Some(0), "{}", out(&named));
    let wrong = checker(&["--model", "heap", &counter]);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(
        err(&wrong).contains("heap is no model; use one of register"),
        "{}",
        err(&wrong)
    );
    let wrong = checker(&["--format", "json", &counter]);
    assert_eq!(wrong.status.code(), Some(65));
    assert!(
        err(&wrong).contains("counter.edn:1: not a JSON array"),
        "{}",
        err(&wrong)
    );
}

#[test]
fn each_violation_is_drawn_into_the_folder_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let plots = folder.path().join("plots");
    let output = checker(&["--plots", &plots.display().to_string(), &bad()]);
    assert_eq!(output.status.code(), Some(1));
    let drawn = plots.join("cas-register_bad_bad-analysis.jsonl-1.svg");
    assert!(std::fs::read_to_string(drawn).unwrap().starts_with("<svg"));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = checker(&["--plots", &file.display().to_string(), &bad()]);
    assert_eq!(output.status.code(), Some(73), "{}", err(&output));
}

#[test]
fn budgets_of_time_and_memory_end_in_unknown() {
    let hard = specimen("generated/regs_c20_n1000_u0_valid.jsonl");
    for budget in ["--time", "--memory"] {
        let output = checker(&[budget, "0", &hard]);
        assert_eq!(output.status.code(), Some(2), "{budget}");
        assert!(out(&output).contains("Unknown: "), "{}", out(&output));
    }
    let forever = checker(&["--time", "1e300", &hard]);
    assert_eq!(forever.status.code(), Some(0));
}

#[test]
fn a_register_that_is_wrong_is_told_what_it_gives_all_the_same() {
    let output = checker(&[&specimen("generated/regu_c5_n1000_u0_invalid.jsonl")]);
    let text = out(&output);
    assert!(
        text.contains("1 of 489 reads was stale: by at most 1 version, and"),
        "{text}"
    );
    assert!(text.contains("monotonic reads: kept"), "{text}");
}
