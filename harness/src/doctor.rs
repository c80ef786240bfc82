//! `harness doctor`: what can act on this machine, what cannot, and the mend. It tries; it never asks who it is.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::exit::{self, Failure};
use crate::faults::{FAULTS, Need};
use crate::links::Links;
use crate::out::print_line;
use crate::process::{Limit, Process};
use crate::{binaries, databases, lists, sandbox, store};

/// One thing that was tried.
struct Finding {
    what: &'static str,
    /// What it is good for.
    good_for: &'static str,
    /// What stands in the way, and the mend.
    problem: Option<String>,
}

/// Tries everything and prints a table; code 0 if all that a run of `node` needs is there, else 66 or 69.
///
/// # Errors
/// No folder for the trials can be made.
pub fn examine() -> Result<u8, Failure> {
    let folder = std::env::temp_dir().join(format!("ordeal-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| store::cannot_write(&folder, &error))?;
    let findings = findings(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    print_line!("This machine:");
    for Finding {
        what,
        good_for,
        problem,
    } in &findings
    {
        match problem {
            None => print_line!("  ok {what} ({good_for})"),
            Some(problem) => print_line!("  -- {what} ({good_for}): {problem}"),
        }
    }
    let missing = |what: &str| {
        findings
            .iter()
            .any(|f| f.what == what && f.problem.is_some())
    };
    print_line!("\nFaults:");
    for fault in FAULTS {
        let lacks = match fault.needs() {
            Need::Signals => missing(SIGNALS),
            Need::Limits | Need::Memory => missing(PRLIMIT),
            Need::Links | Need::Frames | Need::Clients => missing(LOOPBACK),
            Need::Membership | Need::Checksums => false,
            Need::Preload => missing(SHIM),
        };
        let (name, systems) = (fault.name(), lists::systems(*fault).join(", "));
        if lacks {
            print_line!("  -- {name}: needs {}, see above", fault.needs());
        } else {
            print_line!("  ok {name}: on {systems}");
        }
    }
    print_line!("\nSystems:");
    for system in databases::DATABASES {
        match system.missing() {
            None => print_line!("  ok {}", system.name()),
            Some(problem) => print_line!("  -- {}: {problem}", system.name()),
        }
    }
    Ok(if missing(LOOPBACK) || missing(SIGNALS) {
        exit::UNAVAILABLE
    } else if missing(CARGO) || missing(INSTALLED) {
        exit::MISSING
    } else {
        exit::VALID
    })
}

const LOOPBACK: &str = "addresses in 127.64.0.0/10";
const SIGNALS: &str = "stopping and killing children";
const PRLIMIT: &str = "prlimit on children";
const SHIM: &str = "the preloaded library";
const CARGO: &str = "cargo";
const INSTALLED: &str = "what lies beside the harness";
const BOX: &str = "a box";
const PACKETS: &str = "links of packets";

fn findings(folder: &Path) -> Vec<Finding> {
    // Before anything here starts a thread.
    let boxed = sandbox::problem();
    let packets = match &boxed {
        None => sandbox::problem_with(&Links::problem_with_packets),
        Some(_) => Some("there is no box for them".into()),
    };
    let bind = TcpListener::bind((Ipv4Addr::new(127, 64, 0, 254), 0));
    let finding = |what, good_for, problem| Finding {
        what,
        good_for,
        problem,
    };
    let [signals, limits] = trials(folder);
    let device = |path: &str| {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        opened.err().map(|error| format!("{path}: {error}"))
    };
    vec![
        finding(
            LOOPBACK,
            "nodes, links",
            bind.err()
                .map(|error| format!("{error}; bring the loopback up: ip link set lo up")),
        ),
        finding(SIGNALS, "kill, term, pause, slow-cpu, swizzle", signals),
        finding(PRLIMIT, "memory, fd-exhaustion", limits),
        finding(
            SHIM,
            "clock-skew, clock-rate, disk-full, sync-error",
            shim(),
        ),
        match binaries::installed() {
            None => finding(CARGO, "building node", cargo()),
            Some(folder) => finding(INSTALLED, "node", lacking(&folder)),
        },
        finding(BOX, "nothing outlives a run, whatever kills it", boxed),
        finding(PACKETS, "--links packets, for any system", packets),
        finding(
            "/dev/net/tun",
            "nothing yet: links are proxies, or pairs of virtual Ethernet devices",
            device("/dev/net/tun"),
        ),
        finding(
            "/dev/fuse",
            "nothing yet: full disks are the preloaded library's",
            device("/dev/fuse"),
        ),
    ]
}

/// Does to a child what faults do to nodes.
fn trials(folder: &std::path::Path) -> [Option<String>; 2] {
    let mut sleeper = Command::new("sleep");
    sleeper.arg("60");
    let child = match Process::spawn(sleeper, &folder.join("log")) {
        Ok(child) => child,
        Err(error) => return [Some(error.to_string()), Some(error.to_string())],
    };
    let limits = child
        .limit(Limit::Files, 8)
        .and_then(|()| child.unlimit(Limit::Files));
    let signals = child
        .pause(0)
        .and_then(|()| child.resume(0))
        .and_then(|()| child.kill());
    [
        signals.err().map(|error| error.to_string()),
        limits.err().map(|error| error.to_string()),
    ]
}

fn shim() -> Option<String> {
    let beside = crate::shim::Library::beside_harness();
    beside.err().map(|error| error.to_string())
}

fn cargo() -> Option<String> {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    quiet(Command::new(cargo).arg("--version"))
        .then_some(())
        .map_or(Some("install Rust 1.90 or newer".into()), |()| None)
}

/// What an installed harness has not got.
fn lacking(folder: &Path) -> Option<String> {
    let lacking = |name: &&str| !folder.join(name).is_file();
    let lacks = ["node", "libshim.so"].into_iter().find(lacking)?;
    let lacks = folder.join(lacks);
    Some(format!("{} is missing: put it there", lacks.display()))
}

/// Does it run and end well?
fn quiet(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
