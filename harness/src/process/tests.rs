//! Real processes: ended, stopped, and orphaned.

use std::io::{BufRead, BufReader};
use std::process::{self, Command};

use super::*;

/// A shell that runs the script, and the folder of its log.
fn shell(script: &str) -> (Process, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    (
        Process::spawn(command, &folder.path().join("log")).unwrap(),
        folder,
    )
}

fn sleeper() -> (Process, tempfile::TempDir) {
    shell("exec sleep 1000")
}

fn log(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap()
}

/// Waits for what must come; fails when it does not.
fn until(mut wanted: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(10);
    while !wanted() {
        assert!(Instant::now() < late, "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}

const LONG: Duration = Duration::from_secs(10);

#[test]
fn what_it_prints_goes_to_its_log_and_it_reads_nothing() {
    let (process, folder) = shell("cat; echo out; echo err >&2; exit 3");
    let exit = process.wait(LONG).unwrap().unwrap();
    assert_eq!(log(&folder), "out\nerr\n");
    assert_eq!(exit.to_string(), "exited with 3: err");
    assert_eq!(process.state().unwrap(), State::Ended);
}

#[test]
fn a_second_process_adds_to_the_same_log() {
    let (first, folder) = shell("echo first; exit 1");
    first.wait(LONG).unwrap().unwrap();
    let second = Process::spawn(Command::new("false"), &folder.path().join("log")).unwrap();
    let exit = second.wait(LONG).unwrap().unwrap();
    assert_eq!(log(&folder), "first\n");
    assert_eq!(exit.to_string(), "exited with 1, having printed nothing");
}

#[test]
fn a_kill_is_told_as_one_and_may_be_repeated() {
    let (process, _folder) = sleeper();
    assert_eq!(process.wait(Duration::ZERO).unwrap(), None);
    let exit = process.kill().unwrap();
    assert_eq!(exit.to_string(), "killed by signal 9 (SIGKILL)");
    assert_eq!(process.kill().unwrap(), exit);
    process.ask_to_end(Signal::SIGTERM).unwrap();
    assert_eq!(process.exit().unwrap(), Some(exit));
}

#[test]
fn a_program_can_end_itself_when_asked() {
    let (process, folder) =
        shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done");
    until(|| log(&folder).contains("up"));
    process.ask_to_end(Signal::SIGTERM).unwrap();
    assert_eq!(
        process.wait(LONG).unwrap().unwrap().to_string(),
        "exited with 0"
    );
}

#[test]
fn it_stands_until_the_last_holder_resumes_it() {
    let (process, _folder) = sleeper();
    process.pause(1).unwrap();
    process.pause(2).unwrap();
    process.pause(2).unwrap();
    assert_eq!(
        (process.state().unwrap(), process.holders()),
        (State::Stopped, 2)
    );
    process.resume(2).unwrap();
    process.resume(7).unwrap();
    assert_eq!(process.state().unwrap(), State::Stopped);
    process.resume(1).unwrap();
    until(|| process.state().unwrap() == State::Running);
    process.pause(3).unwrap();
    process.resume_all().unwrap();
    until(|| process.state().unwrap() == State::Running);
}

#[test]
fn a_stopped_process_can_be_killed_and_then_resumed_in_vain() {
    let (process, _folder) = sleeper();
    process.pause(1).unwrap();
    assert_eq!(process.kill().unwrap().signal(), Some(9));
    process.resume(1).unwrap();
    let error = process.pause(2).unwrap_err().to_string();
    assert!(
        error.ends_with("is not running: it was killed by signal 9 (SIGKILL)"),
        "{error}"
    );
}

#[test]
fn a_missing_program_and_a_log_without_a_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let error = Process::spawn(Command::new("/no/such/node"), &log)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot start /no/such/node: No such file"),
        "{error}"
    );
    let log = folder.path().join("none/log");
    let error = Process::spawn(Command::new("true"), &log)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot write the log ") && error.contains("none/log"),
        "{error}"
    );
}

#[tokio::test]
async fn an_end_can_be_awaited() {
    let (process, _folder) = sleeper();
    let (exit, ()) = tokio::join!(process.exited(), async { drop(process.kill().unwrap()) });
    assert_eq!(exit.unwrap().signal(), Some(9));
    assert_eq!(process.exited().await.unwrap().signal(), Some(9));
}

#[test]
fn dropping_kills() {
    let (process, _folder) = sleeper();
    let pid = process.pid();
    drop(process);
    assert!(gone(pid));
}

#[test]
fn children_live_on_when_the_thread_that_asked_for_them_ends() {
    let (process, _folder) = thread::spawn(sleeper).join().unwrap();
    assert_eq!(process.wait(Duration::from_millis(50)).unwrap(), None);
}

#[test]
fn no_child_is_left_when_the_harness_is_killed() {
    let mut harness = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "process::tests::a_harness",
            "--ignored",
            "--nocapture",
        ])
        .env("ORDEAL_TEST_HARNESS", "1")
        .stdout(process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(harness.stdout.take().unwrap());
    let pids = output.lines().find_map(|line| {
        let line = line.unwrap();
        let (_, pids) = line.split_once("children ")?;
        Some(
            pids.split(' ')
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<u32>>(),
        )
    });
    let pids = pids.unwrap();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| !gone(*pid)));
    harness.kill().unwrap();
    harness.wait().unwrap();
    until(|| pids.iter().all(|pid| gone(*pid)));
}

/// Run by the test above as a process of its own.
#[test]
#[ignore = "waits to be killed"]
fn a_harness() {
    if std::env::var_os("ORDEAL_TEST_HARNESS").is_none() {
        return;
    }
    let (paused, _folder) = sleeper();
    let (running, _folder) = sleeper();
    paused.pause(1).unwrap();
    println!("children {} {}", paused.pid(), running.pid());
    loop {
        thread::park();
    }
}

/// Ended, whether or not its new parent has noticed.
fn gone(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "))
}
