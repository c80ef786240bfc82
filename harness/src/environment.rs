//! Facts about the machine and the moment, for a report's last section.

use std::fs;
use std::time::SystemTime;

/// Label and value, for people.
pub fn facts() -> Vec<(String, String)> {
    let mut facts = vec![("finished (UTC)".to_string(), utc())];
    let mut add = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.push((label.into(), value));
        }
    };
    add(
        "cores",
        std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.to_string()),
    );
    add(
        "kernel",
        nix::sys::utsname::uname().ok().map(|name| {
            format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            )
        }),
    );
    add("memory", meminfo());
    let has_box = crate::sandbox::entered();
    add("box", Some(if has_box { "yes" } else { "no" }.into()));
    add(
        "harness",
        Some(format!("{} ({})", env!("CARGO_PKG_VERSION"), profile())),
    );
    facts
}

/// The profile that the harness, and so the node, was built in.
fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "dev profile"
    } else {
        "release profile"
    }
}

fn meminfo() -> Option<String> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    Some(format!("{:.1} GiB", kib as f64 / 1024.0 / 1024.0))
}

/// `20261123T040506Z`, for names of folders.
pub fn utc_compact() -> String {
    utc().replace(['-', ':'], "")
}

/// `2026-11-23T04:05:06Z`.
fn utc() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
