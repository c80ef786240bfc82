//! How a run ended, apart from what clients saw: `ending.json`, so that a stored run can be judged again.

use serde::{Deserialize, Serialize};

use crate::kept::AppliedLog;

/// Facts of the run that are in no other file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// Ended before its time, by the user.
    pub interrupted: bool,
    /// When the main phase ended, in nanoseconds since the run began.
    pub main_phase_ended_ns: u64,
    /// From the last heal to all nodes up, one leader, and everybody caught up; `None`: it never came.
    pub recovered_after_ns: Option<u64>,
    /// What was still missing, where it never came.
    pub not_recovered: Option<String>,
    /// How many final reads were asked for.
    pub final_reads_expected: u64,
    /// Nodes that ended by themselves, each with how.
    pub node_failures: Vec<String>,
    /// What the machine's monotonic clock said when the run began, in nanoseconds: nodes' evidence is told by it.
    #[serde(default)]
    pub began_monotonic_ns: Option<u64>,
    /// Data directories that were not whole when everything had ended, each with why.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// How many data directories were looked at for that.
    #[serde(default)]
    pub verified: u64,
    /// Which entries each node had applied at the end, by its own word; of systems that name none, nothing. `None`:
    /// nobody asked, because the run is of a version that did not.
    #[serde(default)]
    pub applied_logs: Option<Vec<AppliedLog>>,
    /// All values that were ever written, as the system had them at the end, where it keeps a journal.
    #[serde(default)]
    pub journal: Option<Vec<i64>>,
    /// Why it could not be read, where it keeps one.
    #[serde(default)]
    pub journal_unread: Option<String>,
    /// Facts about the machine, as label and value.
    pub environment: Vec<(String, String)>,
}
