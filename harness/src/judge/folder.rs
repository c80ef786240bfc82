//! What a run's folder holds, read back.

use std::collections::BTreeMap;
use std::path::Path;

use checker::history::jsonl::{self, ReadError};
use checker::{History, Verdict};

use crate::deeds;
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::injury::Injury;
use crate::messages::{self, Batch, Message};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::repeat;
use crate::report::{self, Run};
use crate::store;
use crate::whitebox::Judged;

/// All that a run wrote down.
pub struct Recorded {
    /// What was planned.
    pub plan: Plan,
    /// What clients saw.
    pub history: History,
    /// The last line of the history was torn and is left out.
    pub torn: bool,
    /// What was done to the cluster, each injury with its last words.
    pub injuries: Vec<Injury>,
    /// What the harness saw.
    pub observations: Vec<Observation>,
    /// A run that died has none; what it recorded can be judged all the same.
    pub ending: Option<Ending>,
}

impl Recorded {
    /// Reads a folder.
    ///
    /// # Errors
    /// A file is missing (66) or damaged (65).
    pub fn read(folder: &Path) -> Result<Recorded, Failure> {
        let plan: Plan = store::read_json(&folder.join(store::PLAN))?;
        if !(1..=9).contains(&plan.nodes) || plan.keys > crate::cli::MOST_KEYS {
            let message = format!(
                "{} is damaged: no run has such a plan",
                folder.join(store::PLAN).display()
            );
            return Err(Failure::new(exit::DAMAGED, message));
        }
        let (history, torn) = read_history(&folder.join(store::HISTORY))?;
        let ending = folder.join(store::ENDING);
        Ok(Recorded {
            plan,
            history,
            torn,
            injuries: injuries(folder)?,
            observations: store::read_lines(&folder.join(store::OBSERVATIONS))?,
            ending: ending
                .exists()
                .then(|| store::read_json(&ending))
                .transpose()?,
        })
    }

    /// With what was judged of it: all that a report is drawn from.
    ///
    /// # Errors
    /// The messages' file is damaged: code 65.
    pub fn with(
        self,
        folder: &Path,
        verdicts: Vec<Verdict>,
        exit_code: u8,
        inside: Option<Judged>,
    ) -> Result<Run, Failure> {
        let (messages, messages_missed) = messages(folder)?;
        let notes = self.notes(folder);
        let began_monotonic_ns = (self.ending.as_ref()).and_then(|e| e.began_monotonic_ns);
        let deeds = began_monotonic_ns.map(|began_ns| {
            let stretches = report::stretches(&self.history, &verdicts);
            deeds::read(folder, self.plan.nodes, began_ns, &stretches)
        });
        Ok(Run {
            plan: self.plan,
            history: self.history,
            injuries: self.injuries,
            observations: self.observations,
            messages,
            messages_missed,
            deeds: deeds.unwrap_or_default(),
            verdicts,
            exit_code,
            notes,
            judgement: inside.map(|judged| judged.judgement),
            began_monotonic_ns,
            environment: self.ending.map(|e| e.environment).unwrap_or_default(),
        })
    }

    /// What a reader must know beside the verdict.
    fn notes(&self, folder: &Path) -> Vec<String> {
        let mut notes: Vec<String> = repeat::told(folder, &self.plan).into_iter().collect();
        match &self.ending {
            None => notes.push(
                "The run broke off before its end: only what it had recorded is judged.".into(),
            ),
            Some(ending) if ending.interrupted => notes.push(format!(
                "The run was interrupted after {:.1} s of {} s: what there is was judged.",
                ending.main_phase_ended_ns as f64 / 1e9,
                self.plan.time.as_secs_f64()
            )),
            Some(_) => {}
        }
        if self.torn {
            notes.push("The last line of the history was torn and is left out.".into());
        }
        notes
    }
}

/// What others read of `verdict.json`.
#[derive(Debug, serde::Deserialize)]
pub struct Verdicts {
    /// Each checker's, worst first.
    pub verdicts: Vec<Verdict>,
}

/// The history in a file, and whether its last line was torn and left out.
///
/// # Errors
/// It is missing (66) or damaged (65).
pub fn read_history(path: &Path) -> Result<(History, bool), Failure> {
    match jsonl::open(path) {
        Ok(read) => Ok((read.history, read.truncated)),
        Err(error @ ReadError::Damaged { .. }) => {
            Err(Failure::new(exit::DAMAGED, error.to_string()))
        }
        Err(error) => Err(Failure::new(exit::MISSING, error.to_string())),
    }
}

/// The injuries of a run. Each is written down before and after: the later line has all that the earlier one had. One that
/// has no later line acted to the end of a run that broke off.
///
/// # Errors
/// Missing: 66. Damaged: 65.
pub fn injuries(folder: &Path) -> Result<Vec<Injury>, Failure> {
    let lines: Vec<Injury> = store::read_lines(&folder.join(store::INJURIES))?;
    let by_id: BTreeMap<u64, Injury> = lines
        .into_iter()
        .map(|injury| (injury.id, injury))
        .collect();
    let known = |mut injury: Injury| {
        let begun = [injury.planned_ns[0]; 2];
        injury.injected_ns.get_or_insert(begun);
        injury
    };
    Ok(by_id.into_values().map(known).collect())
}

/// What the nodes said to each other, and how much of it was not written down; nothing in runs of harnesses that did not write it down.
///
/// # Errors
/// The file is damaged: code 65.
fn messages(folder: &Path) -> Result<(Vec<Message>, u64), Failure> {
    let path = folder.join(store::MESSAGES);
    if !path.exists() {
        return Ok(Default::default());
    }
    let batches: Vec<Batch> = store::read_lines(&path)?;
    Ok(messages::unpack(&batches))
}
