//! A run read back from its folder.

use std::path::Path;

use checker::History;

use super::summary::VerdictFile;
use crate::exit::{self, Failure};
use crate::judge::{self, Recorded};
use crate::out::print_line;
use crate::{store, whitebox};

/// The history of a run; a torn last line is left out.
///
/// # Errors
/// Missing: 66. Damaged: 65.
pub fn history(folder: &Path) -> Result<History, Failure> {
    judge::read_history(&folder.join(store::HISTORY)).map(|(history, _)| history)
}

/// Draws the report of a stored run again, from its stored verdict: nothing is judged.
///
/// # Errors
/// A file is missing (66) or damaged (65), or the report cannot be written (73).
pub fn redraw(folder: &Path) -> Result<u8, Failure> {
    let verdict_path = folder.join(store::VERDICT);
    if !verdict_path.is_file() {
        let text = format!(
            "{} has no {}: `harness check` judges the run and draws its report",
            folder.display(),
            store::VERDICT
        );
        return Err(Failure::new(exit::MISSING, text));
    }
    let verdict: VerdictFile = store::read_json(&verdict_path)?;
    let recorded = Recorded::read(folder)?;
    // The nodes' own events are read again: what they show is not in the verdict.
    let inside = whitebox::judge(folder, recorded.plan.nodes, recorded.ending.as_ref());
    let run = recorded.with(folder, verdict.verdicts, verdict.exit_code, inside)?;
    judge::draw(&run, folder)?;
    print_line!("{}", folder.join(store::REPORT).display());
    Ok(exit::VALID)
}
