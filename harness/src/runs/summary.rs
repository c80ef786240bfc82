//! What is known of every stored run at a glance: its plan, its verdict, its figures.

use std::fs;
use std::path::{Path, PathBuf};

use checker::{Valid, Verdict};
use serde::{Deserialize, Serialize};

use crate::exit::{self, Failure};
use crate::store;

/// Version of the shape of `verdict.json`. A field that is added does not change it; one that goes or changes does.
pub const FORMAT: u32 = 1;

/// `verdict.json`: what was judged. `docs/verdict.md` tells its fields one by one.
#[derive(Debug, Serialize, Deserialize)]
pub struct VerdictFile {
    /// [`FORMAT`] of the harness that wrote it.
    pub format: u32,
    /// The worst of all verdicts.
    pub valid: Valid,
    /// What the command ended with.
    pub exit_code: u8,
    /// What clients got, in figures.
    #[serde(default)]
    pub figures: Option<Figures>,
    /// Each checker's answer, worst first.
    pub verdicts: Vec<Verdict>,
}

/// A run in figures. Outages are stretches in which clients waited and nobody in the cluster was served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Operations that happened; final reads are never counted.
    pub ok: u64,
    /// Compare-and-sets that found another value.
    pub unequal: u64,
    /// Operations that did not happen.
    pub fail: u64,
    /// Operations of unknown outcome.
    pub info: u64,
    /// Length of the run in seconds.
    pub seconds: f64,
    /// Operations served a second.
    pub served_per_second: f64,
    /// Median latency of the served, in milliseconds.
    pub p50_ms: Option<f64>,
    /// Its 99th percentile.
    pub p99_ms: Option<f64>,
    /// The longest outage, in milliseconds.
    pub longest_outage_ms: f64,
    /// All outages together.
    pub outage_ms: f64,
    /// How often another node led than before.
    pub leader_changes: u64,
    /// By kind of fault.
    pub faults: Vec<FaultFigures>,
}

/// What clients felt of one kind of fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultFigures {
    /// `partition`, `kill` …
    pub fault: String,
    /// How many were inflicted.
    pub injuries: u64,
    /// How many of them had a measured effect.
    pub with_effect: u64,
    /// The longest outage that began in one, in milliseconds.
    pub longest_outage_ms: f64,
    /// All outages that began in one, together.
    pub outage_ms: f64,
    /// Median latency of the served while such faults acted, in milliseconds.
    pub p50_ms: Option<f64>,
    /// Its 99th percentile.
    pub p99_ms: Option<f64>,
    /// The longest time from a heal to the first served operation, in milliseconds.
    pub worst_recovery_ms: Option<f64>,
}

/// A stored run at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The folder's name.
    pub name: String,
    /// `2026-11-23 04:39:08`, from the folder's name; empty for a name of another kind.
    pub utc: String,
    /// The system under test.
    pub system: String,
    /// What clients did.
    pub workload: String,
    /// Faults, joined by commas.
    pub nemesis: String,
    /// Size of the cluster.
    pub nodes: u64,
    /// The seed.
    pub seed: u64,
    /// Planted bugs, joined by commas.
    pub bugs: String,
    /// When writes were acknowledged, where the plan says so.
    pub replication: String,
    /// `yes`, `unknown`, `no`; `none` where nothing was judged yet.
    pub valid: String,
    /// What the command ended with.
    pub exit_code: Option<u8>,
    /// The worst verdict in a sentence.
    pub sentence: String,
    /// In figures, where the verdict has them.
    pub figures: Option<Figures>,
    /// It has a report.
    pub report: bool,
}

/// All runs in a folder, the newest first. Folders that are no runs, and links to runs, are left out.
///
/// # Errors
/// The folder cannot be read: code 66.
pub fn all(folder: &Path) -> Result<Vec<Summary>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| {
        let text = format!(
            "cannot read {}: {error}; name the folder that --out was",
            folder.display()
        );
        Failure::new(exit::MISSING, text)
    })?;
    let mut runs: Vec<Summary> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| of(&entry.path()))
        .collect();
    runs.sort_by(|a, b| b.name.cmp(&a.name));
    Ok(runs)
}

/// One run; `None` where the folder has no plan. What is damaged is left empty: a list must not end at one bad run.
pub fn of(folder: &Path) -> Option<Summary> {
    let plan: serde_json::Value = store::read_json(&folder.join(store::PLAN)).ok()?;
    let verdict: Option<VerdictFile> = store::read_json(&folder.join(store::VERDICT)).ok();
    let text = |field: &str| plan[field].as_str().unwrap_or_default().to_string();
    let list = |field: &str| {
        let names = plan[field].as_array().into_iter().flatten();
        let names: Vec<&str> = names.filter_map(|name| name.as_str()).collect();
        names.join(",")
    };
    let name = name_of(folder);
    let worst = verdict.as_ref().and_then(|file| file.verdicts.first());
    Some(Summary {
        utc: utc(&name),
        system: text("system"),
        workload: text("workload"),
        nemesis: list("nemesis"),
        nodes: plan["nodes"].as_u64().unwrap_or_default(),
        seed: plan["seed"].as_u64().unwrap_or_default(),
        bugs: list("bugs"),
        replication: text("replication"),
        valid: match verdict.as_ref().map(|file| file.valid) {
            Some(Valid::Yes) => "yes",
            Some(Valid::Unknown) => "unknown",
            Some(Valid::No) => "no",
            None => "none",
        }
        .into(),
        exit_code: verdict.as_ref().map(|file| file.exit_code),
        sentence: worst.map_or_else(
            || "not judged: it is under way, or it broke off (harness check judges it)".into(),
            |worst| worst.summary.clone(),
        ),
        figures: verdict.and_then(|file| file.figures),
        report: folder.join(store::REPORT).is_file(),
        name,
    })
}

/// The folder's own name, links such as `latest` followed.
pub fn name_of(folder: &Path) -> String {
    let real: PathBuf = folder.canonicalize().unwrap_or_else(|_| folder.into());
    real.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// `20261123T043908Z-…` as `2026-11-23 04:39:08`.
fn utc(name: &str) -> String {
    let stamp = name.split('-').next().unwrap_or_default();
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 14 || stamp.len() != 16 {
        return String::new();
    }
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{} {}:{}:{}",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Writes a run of a name and a verdict.
    pub fn write(folder: &Path, name: &str, valid: &str) {
        let run = folder.join(name);
        fs::create_dir(&run).unwrap();
        let plan = r#"{"system": "node", "workload": "register", "nemesis": ["kill", "pause"], "nodes": 3, "seed": 7, "bugs": []}"#;
        fs::write(run.join(store::PLAN), plan).unwrap();
        if valid != "none" {
            let verdict =
                format!(r#"{{"format": 1, "valid": "{valid}", "exit_code": 1, "verdicts": []}}"#);
            fs::write(run.join(store::VERDICT), verdict).unwrap();
        }
    }

    #[test]
    fn runs_are_listed_newest_first_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "20261123T043908Z-node-register-kill-7",
            "yes",
        );
        write(
            folder.path(),
            "20261124T043908Z-node-register-kill-7",
            "none",
        );
        fs::create_dir(folder.path().join("notes")).unwrap();
        std::os::unix::fs::symlink(
            "20261123T043908Z-node-register-kill-7",
            folder.path().join("latest"),
        )
        .unwrap();
        let runs = all(folder.path()).unwrap();
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[0].utc, "2026-11-24 04:39:08");
        assert_eq!(
            (runs[0].valid.as_str(), runs[1].valid.as_str()),
            ("none", "yes")
        );
        assert_eq!(runs[1].nemesis, "kill,pause");
        assert_eq!(all(Path::new("/nowhere")).unwrap_err().code, exit::MISSING);
    }
}
