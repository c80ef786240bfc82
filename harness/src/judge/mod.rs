//! Judges a run folder: reads it, asks every checker, decides the exit code, writes verdict and report.

mod ending;
mod enough;
mod folder;
mod rollback;
mod telling;

use std::path::Path;
use std::time::Duration;

use checker::availability::Availability;
use checker::{Checker, Valid, Verdict};
use serde_json::json;

pub use folder::{Recorded, Verdicts, injuries, read_history};

use crate::exit::{self, Failure};
use crate::journal;
use crate::kept;
use crate::progress::{Progress, Style};
use crate::report::{self, Run};
use crate::runs::{FORMAT, VerdictFile};
use crate::slo;
use crate::store;
use crate::whitebox;

/// Judges the run in `folder`, writes `verdict.json` and `report.html` into it and prints the verdict, as `progress`
/// would have it.
///
/// # Errors
/// The folder's files are missing or damaged, or it cannot be written to.
pub fn judge_and_report(folder: &Path, progress: &Progress) -> Result<u8, Failure> {
    let recorded = Recorded::read(folder)?;
    let slo_path = folder.join(store::SLO);
    let slo = (slo_path.exists())
        .then(|| slo::read(&slo_path))
        .transpose()?;
    let mut verdicts = judge(&recorded)?;
    let end = recorded.ending.as_ref();
    let inside = whitebox::judge(folder, recorded.plan.nodes, end);
    verdicts.extend(inside.as_ref().map(|judged| judged.verdict.clone()));
    verdicts.extend(end.and_then(ending::files));
    let service = || report::service(&recorded.history, &recorded.injuries);
    verdicts.extend(slo.map(|slo| slo.judge(&service())));
    // Worst first, by what follows from it; among equals the order in which they were asked.
    verdicts.sort_by_key(|verdict| (std::cmp::Reverse(verdict.valid), exit::rank(code(verdict))));
    let exit_code = exit::worst(verdicts.iter().map(code));
    let valid = verdicts.iter().map(|verdict| verdict.valid).max();
    let valid = valid.unwrap_or(Valid::Unknown);
    let (figures, _) = report::measured(
        &recorded.history,
        &recorded.injuries,
        &recorded.observations,
    );
    let file = VerdictFile {
        format: FORMAT,
        valid,
        exit_code,
        figures: Some(figures),
        verdicts,
    };
    store::write_json(&folder.join(store::VERDICT), &file)
        .map_err(|error| store::cannot_write(&folder.join(store::VERDICT), &error))?;
    let run = recorded.with(folder, file.verdicts, exit_code, inside)?;
    draw(&run, folder)?;
    let said: Vec<_> = (run.verdicts.iter())
        .map(|v| json!({"checker": v.checker, "valid": v.valid, "summary": telling::plain(&v.summary)}))
        .collect();
    progress.verdict(&json!({
        "valid": valid,
        "exit_code": exit_code,
        "verdicts": said,
        "folder": folder,
        "report": folder.join(store::REPORT),
    }));
    if progress.style() != Style::JsonLines {
        telling::print(&run, folder);
    }
    Ok(exit_code)
}

/// Writes the report and its plots into the run's folder.
///
/// # Errors
/// They cannot be written: code 73.
pub fn draw(run: &Run, folder: &Path) -> Result<(), Failure> {
    let write = |path: &Path, content: &str| {
        store::write_whole(path, content.as_bytes())
            .map_err(|error| store::cannot_write(path, &error))
    };
    let plots = folder.join(store::PLOTS);
    std::fs::create_dir_all(&plots).map_err(|error| store::cannot_write(&plots, &error))?;
    for (name, picture) in report::pictures(run) {
        write(&plots.join(name), &picture)?;
    }
    write(&folder.join(store::REPORT), &report::render(run))
}

/// What every checker says of a run.
fn judge(run: &Recorded) -> Result<Vec<Verdict>, Failure> {
    let Recorded {
        plan,
        history,
        injuries,
        observations,
        ..
    } = run;
    let ending = run.ending.as_ref();
    let workload = workloads::find(&plan.workload).ok_or_else(|| {
        Failure::new(
            exit::DAMAGED,
            format!(
                "the plan names a workload that is unknown here: {}",
                plan.workload
            ),
        )
    })?;
    let logs = ending.and_then(|ending| ending.applied_logs.as_deref());
    let logs = logs.unwrap_or_default();
    let mut verdicts: Vec<Verdict> = workload
        .checkers()
        .iter()
        .map(|checker| checker.check(history))
        .map(|verdict| kept::against_promise(verdict, plan.promise(), logs))
        .collect();
    if let Some(ending) = ending
        && let Some(logs) = &ending.applied_logs
    {
        let recovered = ending.recovered_after_ns.is_some();
        let end = (logs.as_slice(), recovered);
        verdicts.extend(kept::kept(history, observations, plan.promise(), end));
    }
    if let Some(journal) = ending.and_then(|ending| ending.journal.as_ref()) {
        verdicts.push(journal::check(history, journal, plan.promise()));
    }
    if let Some(why) = ending.and_then(|ending| ending.journal_unread.as_deref()) {
        let summary = format!("nobody could look up what was kept: {why}");
        verdicts.push(verdict(kept::CHECKER, Valid::Unknown, summary));
    }
    verdicts.extend(rollback::rolled_back(plan, history, observations, ending));
    let settings = workloads::Settings {
        nodes: plan.nodes,
        keys: plan.keys,
        seed: plan.seed,
    };
    verdicts.extend(enough::enough(
        plan,
        history,
        injuries,
        ending,
        workload.final_reads_expected(&settings),
    ));
    verdicts.extend(ending.map(ending::recovery));
    verdicts.extend(ending.map(ending::nodes));
    verdicts.extend(enough::healed(injuries));
    let heals: Vec<_> = injuries
        .iter()
        .filter_map(|injury| injury.healed_ns)
        .map(|[_, end]| Duration::from_nanos(end))
        .collect();
    verdicts.push(Availability { heals }.check(history));
    Ok(verdicts)
}

/// A verdict without violations.
fn verdict(checker: &str, valid: Valid, summary: String) -> Verdict {
    Verdict {
        checker: checker.into(),
        valid,
        summary,
        violations: Vec::new(),
        details: json!({}),
    }
}

/// What a verdict means for the exit code.
fn code(verdict: &Verdict) -> u8 {
    match (verdict.valid, verdict.checker.as_str()) {
        (Valid::Yes, _) => exit::VALID,
        (Valid::Unknown, _) => exit::UNKNOWN,
        (Valid::No, "recovery" | slo::CHECKER) => exit::NOT_LIVE,
        (Valid::No, "nodes") => exit::NODE_FAILED,
        (Valid::No, _) => exit::INVALID,
    }
}
