//! A run read back from its folder.

use std::collections::BTreeMap;
use std::path::Path;

use checker::History;

use super::summary::VerdictFile;
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::injury::Injury;
use crate::plan::Plan;
use crate::report::Run;
use crate::{judge, store, whitebox};

/// The history of a run; a torn last line is left out.
///
/// # Errors
/// Missing: 66. Damaged: 65.
pub fn history(folder: &Path) -> Result<History, Failure> {
    judge::read_history(&folder.join(store::HISTORY)).map(|(history, _)| history)
}

/// The injuries of a run, each with its last words.
///
/// # Errors
/// Missing: 66. Damaged: 65.
pub fn injuries(folder: &Path) -> Result<Vec<Injury>, Failure> {
    let lines: Vec<Injury> = store::read_lines(&folder.join(store::INJURIES))?;
    let by_id: BTreeMap<u64, Injury> = lines
        .into_iter()
        .map(|injury| (injury.id, injury))
        .collect();
    Ok(by_id.into_values().collect())
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
    let ending_path = folder.join(store::ENDING);
    let ending: Option<Ending> = match ending_path.exists() {
        true => Some(store::read_json(&ending_path)?),
        false => None,
    };
    let plan: Plan = store::read_json(&folder.join(store::PLAN))?;
    // The nodes' own events are read again: what they show is not in the verdict.
    let inside = whitebox::judge(folder, plan.nodes, ending.as_ref());
    let history = history(folder)?;
    let (messages, messages_missed) = judge::messages(folder)?;
    let deeds = judge::deeds(
        folder,
        plan.nodes,
        ending.as_ref(),
        &history,
        &verdict.verdicts,
    );
    let run = Run {
        notes: judge::notes(folder, &plan, ending.as_ref(), false),
        plan,
        history,
        injuries: injuries(folder)?,
        observations: store::read_lines(&folder.join(store::OBSERVATIONS))?,
        messages,
        messages_missed,
        deeds,
        began_monotonic_ns: ending.as_ref().and_then(|ending| ending.began_monotonic_ns),
        verdicts: verdict.verdicts,
        exit_code: verdict.exit_code,
        judgement: inside.map(|judged| judged.judgement),
        environment: ending.map(|ending| ending.environment).unwrap_or_default(),
    };
    judge::draw(&run, folder)?;
    println!("{}", folder.join(store::REPORT).display());
    Ok(exit::VALID)
}
