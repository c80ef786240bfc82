//! Judges a run folder: reads it, asks every checker, decides the exit code, writes verdict and report.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;

use checker::availability::Availability;
use checker::enough::{Minimum, WorkDone};
use checker::history::jsonl::{self, ReadError};
use checker::{Checker, Event, History, Kind, Valid, Verdict, Violation};
use serde_json::json;
use smol_str::{SmolStr, ToSmolStr};

use crate::deeds::{self, Deed};
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::injury::Injury;
use crate::journal;
use crate::kept;
use crate::messages::{self, Batch, Message};
use crate::observation::Observation;
use crate::plan::Plan;
use crate::progress::{Progress, Style};
use crate::repeat;
use crate::report::{self, Run};
use crate::runs::{FORMAT, VerdictFile};
use crate::slo;
use crate::store;
use crate::terminal::{Colour, paint};
use crate::whitebox;

/// Below this many operations that happened nothing is proved.
const LEAST_OK: u64 = 100;

/// What others read of `verdict.json`.
#[derive(Debug, serde::Deserialize)]
pub struct Verdicts {
    /// Each checker's, worst first.
    pub verdicts: Vec<Verdict>,
}

/// Judges the run in `folder`, writes `verdict.json` and `report.html` into it and prints the verdict, as `progress`
/// would have it.
///
/// # Errors
/// The folder's files are missing or damaged, or it cannot be written to.
pub fn judge_and_report(folder: &Path, progress: &Progress) -> Result<u8, Failure> {
    let plan: Plan = store::read_json(&folder.join(store::PLAN))?;
    if !(1..=9).contains(&plan.nodes) || plan.keys > crate::cli::MOST_KEYS {
        let message = format!(
            "{} is damaged: no run has such a plan",
            folder.join(store::PLAN).display()
        );
        return Err(Failure::new(exit::DAMAGED, message));
    }
    let (history, torn) = read_history(&folder.join(store::HISTORY))?;
    let injuries = last_words(store::read_lines(&folder.join(store::INJURIES))?);
    let observations: Vec<Observation> = store::read_lines(&folder.join(store::OBSERVATIONS))?;
    // A run that died has no ending; what it recorded can be judged all the same.
    let ending_path = folder.join(store::ENDING);
    let ending: Option<Ending> = if ending_path.exists() {
        Some(store::read_json(&ending_path)?)
    } else {
        None
    };
    let slo_path = folder.join(store::SLO);
    let slo = if slo_path.exists() {
        Some(slo::read(&slo_path)?)
    } else {
        None
    };
    let mut verdicts = judge(&plan, &history, &injuries, &observations, ending.as_ref())?;
    let inside = whitebox::judge(folder, plan.nodes, ending.as_ref());
    let (judgement, inside) = inside
        .map(|judged| (judged.judgement, judged.verdict))
        .unzip();
    verdicts.extend(inside);
    verdicts.extend(ending.as_ref().and_then(files));
    verdicts.extend(slo.map(|slo| slo.judge(&report::service(&history, &injuries))));
    // Worst first, by what follows from it; among equals the order in which they were asked.
    verdicts.sort_by_key(|verdict| (std::cmp::Reverse(verdict.valid), exit::rank(code(verdict))));
    let exit_code = exit::worst(verdicts.iter().map(code));
    let valid = verdicts
        .iter()
        .map(|verdict| verdict.valid)
        .max()
        .unwrap_or(Valid::Unknown);
    let (figures, _) = report::measured(&history, &injuries, &observations);
    let file = VerdictFile {
        format: FORMAT,
        valid,
        exit_code,
        figures: Some(figures),
        verdicts,
    };
    let cannot =
        |name: &str, error: std::io::Error| store::cannot_write(&folder.join(name), &error);
    store::write_json(&folder.join(store::VERDICT), &file)
        .map_err(|error| cannot(store::VERDICT, error))?;
    let notes = notes(folder, &plan, ending.as_ref(), torn);
    let (messages, messages_missed) = messages(folder)?;
    let deeds = deeds(
        folder,
        plan.nodes,
        ending.as_ref(),
        &history,
        &file.verdicts,
    );
    let began_monotonic_ns = ending.as_ref().and_then(|ending| ending.began_monotonic_ns);
    let environment = ending.map(|ending| ending.environment).unwrap_or_default();
    let run = Run {
        messages,
        messages_missed,
        deeds,
        began_monotonic_ns,
        plan,
        history,
        injuries,
        observations,
        verdicts: file.verdicts,
        exit_code,
        notes,
        environment,
        judgement,
    };
    draw(&run, folder)?;
    let said: Vec<_> = (run.verdicts.iter())
        .map(|v| json!({"checker": v.checker, "valid": v.valid, "summary": plain(&v.summary)}))
        .collect();
    progress.verdict(&json!({
        "valid": valid,
        "exit_code": exit_code,
        "verdicts": said,
        "folder": folder,
        "report": folder.join(store::REPORT),
    }));
    if progress.style() != Style::JsonLines {
        print(&run, folder);
    }
    Ok(exit_code)
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

/// What the nodes said to each other, and how much of it was not written down; nothing in runs of harnesses that did not write it down.
///
/// # Errors
/// The file is damaged: code 65.
pub fn messages(folder: &Path) -> Result<(Vec<Message>, u64), Failure> {
    let path = folder.join(store::MESSAGES);
    if !path.exists() {
        return Ok(Default::default());
    }
    let batches: Vec<Batch> = store::read_lines(&path)?;
    Ok(messages::unpack(&batches))
}

/// What the nodes did around violations, by the evidence in a run's folder.
pub fn deeds(
    folder: &Path,
    nodes: u16,
    ending: Option<&Ending>,
    history: &History,
    verdicts: &[Verdict],
) -> Vec<Deed> {
    let Some(began_ns) = ending.and_then(|ending| ending.began_monotonic_ns) else {
        return Vec::new();
    };
    deeds::read(
        folder,
        nodes,
        began_ns,
        &report::stretches(history, verdicts),
    )
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

/// What a reader must know beside the verdict.
pub fn notes(folder: &Path, plan: &Plan, ending: Option<&Ending>, torn: bool) -> Vec<String> {
    let mut notes: Vec<String> = repeat::told(folder, plan).into_iter().collect();
    match ending {
        None => notes
            .push("The run broke off before its end: only what it had recorded is judged.".into()),
        Some(ending) if ending.interrupted => notes.push(format!(
            "The run was interrupted after {:.1} s of {} s: what there is was judged.",
            ending.main_phase_ended_ns as f64 / 1e9,
            plan.time.as_secs_f64()
        )),
        Some(_) => {}
    }
    if torn {
        notes.push("The last line of the history was torn and is left out.".into());
    }
    notes
}

/// An injury is written down before and after: the later line has all that the earlier one had. One that has
/// no later line acted to the end of a run that broke off.
fn last_words(lines: Vec<Injury>) -> Vec<Injury> {
    let by_id: BTreeMap<u64, Injury> = lines
        .into_iter()
        .map(|injury| (injury.id, injury))
        .collect();
    let known = |mut injury: Injury| {
        let begun = [injury.planned_ns[0]; 2];
        injury.injected_ns.get_or_insert(begun);
        injury
    };
    by_id.into_values().map(known).collect()
}

fn judge(
    plan: &Plan,
    history: &History,
    injuries: &[Injury],
    observations: &[Observation],
    ending: Option<&Ending>,
) -> Result<Vec<Verdict>, Failure> {
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
    verdicts.extend(rolled_back(plan, history, observations, ending));
    let settings = workloads::Settings {
        nodes: plan.nodes,
        keys: plan.keys,
        seed: plan.seed,
    };
    verdicts.extend(enough(
        plan,
        history,
        injuries,
        ending,
        workload.final_reads_expected(&settings),
    ));
    verdicts.extend(ending.map(recovery));
    verdicts.extend(ending.map(nodes));
    verdicts.extend(healed(injuries));
    let heals: Vec<_> = injuries
        .iter()
        .filter_map(|injury| injury.healed_ns)
        .map(|[_, end]| std::time::Duration::from_nanos(end))
        .collect();
    verdicts.push(Availability { heals }.check(history));
    Ok(verdicts)
}

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

/// A leader may drop a deposed leader's tail, but never an entry that a client was told is kept; unless the
/// replication mode answers ahead of that.
///
/// None where the system names no log entries: then there is nothing to compare.
fn rolled_back(
    plan: &Plan,
    history: &History,
    observations: &[Observation],
    ending: Option<&Ending>,
) -> Option<Verdict> {
    let columns = history.columns();
    let all = || 0..columns.len();
    if !all().any(|event| columns.entry(event).is_some()) {
        return None;
    }
    if ending.is_some() && observations.is_empty() {
        let summary =
            "the observations of the nodes' logs are gone: nobody knows what was rolled back";
        return Some(verdict("rollback", Valid::Unknown, summary.into()));
    }
    let acknowledged: HashSet<&SmolStr> = all()
        .filter(|event| columns.kind(*event) == Kind::Ok)
        .filter_map(|event| columns.entry(event))
        .collect();
    let mut dropped = 0;
    let mut violations = Vec::new();
    for observation in observations {
        let Observation::RolledBack { node, entries, .. } = observation else {
            continue;
        };
        dropped += entries.len();
        for entry in entries
            .iter()
            .map(|entry| entry.to_smolstr())
            .filter(|entry| acknowledged.contains(entry))
        {
            let event = all().find(|event| columns.entry(*event) == Some(&entry));
            let event = event.map(|event| columns.event(event));
            violations.extend(event.map(|event| acknowledged_and_dropped(node, &entry, &event)));
        }
    }
    let allowed = !plan.promise().keeps();
    let betrayed = violations.len();
    if allowed {
        // What was lost for good is told, and judged, by its own check.
        violations.clear();
    }
    let summary = if dropped == 0 {
        "no entry was rolled back".into()
    } else if allowed && betrayed > 0 {
        format!(
            "{dropped} entries were rolled back, and {betrayed} times that was one that had been acknowledged, as {} may",
            plan.replication
        )
    } else if dropped == 1 && violations.is_empty() {
        "1 entry was rolled back; it had not been acknowledged to a client".into()
    } else if violations.is_empty() {
        format!("{dropped} entries were rolled back, none of them acknowledged to a client")
    } else {
        format!(
            "{} of {dropped} rolled back entries had been acknowledged to clients",
            violations.len()
        )
    };
    let valid = if violations.is_empty() {
        Valid::Yes
    } else {
        Valid::No
    };
    Some(Verdict {
        violations,
        details: json!({ "rolled_back": dropped }),
        ..verdict("rollback", valid, summary)
    })
}

fn acknowledged_and_dropped(node: &str, entry: &str, event: &Event) -> Violation {
    let key = event.key.clone();
    let name = key.clone().unwrap_or_default();
    Violation {
        explanation: format!(
            "The {} of {} on {name} was acknowledged at {:.3} s as log entry {entry}, but {node} dropped that entry.",
            event.f,
            event.value,
            event.time.as_secs_f64()
        ),
        key,
        anomaly: "acknowledged entry rolled back".into(),
        prefix_end: event.index,
        operations: Vec::new(),
    }
}

/// Unknown where too little happened for a verdict to mean anything.
fn enough(
    plan: &Plan,
    history: &History,
    injuries: &[Injury],
    ending: Option<&Ending>,
    final_reads_expected: u64,
) -> Option<Verdict> {
    let done = WorkDone {
        faults_that_acted: injuries
            .iter()
            .filter(|injury| injury.effect.is_some())
            .count() as u64,
        faults_planned: injuries.len() as u64,
        final_reads_expected,
        ..WorkDone::of(history)
    };
    let minimum = Minimum {
        ok_operations: LEAST_OK,
        faults_that_acted: u64::from(!plan.nemesis.is_empty()),
        final_reads: 1.0,
    };
    let idle: Vec<&str> = (plan.nemesis.iter().map(String::as_str))
        .filter(|name| {
            !injuries
                .iter()
                .any(|injury| injury.fault == *name && injury.effect.is_some())
        })
        .collect();
    if ending.is_some() && !injuries.is_empty() && !idle.is_empty() {
        let summary = format!(
            "{} was asked for, but never had a measured effect: give the run more --time or a shorter --interval",
            idle.join(", ")
        );
        return Some(verdict("enough", Valid::Unknown, summary));
    }
    if ending.is_none() {
        let summary = "the run broke off before its end: what was recorded is judged, but final reads are missing";
        return Some(verdict("enough", Valid::Unknown, summary.into()));
    }
    done.verdict(&minimum)
}

fn recovery(ending: &Ending) -> Verdict {
    match (&ending.not_recovered, ending.recovered_after_ns) {
        (Some(problem), _) => verdict(
            "recovery",
            Valid::No,
            format!("the cluster did not recover after everything was healed: {problem}"),
        ),
        (None, Some(after)) => verdict(
            "recovery",
            Valid::Yes,
            format!(
                "one leader and everybody caught up {:.2} s after the last heal, without new writes",
                after as f64 / 1e9
            ),
        ),
        (None, None) => verdict(
            "recovery",
            Valid::Unknown,
            "nobody looked whether the cluster recovered".into(),
        ),
    }
}

/// V30; none where nobody looked.
fn files(ending: &Ending) -> Option<Verdict> {
    let (valid, summary) = match ending.damaged.as_slice() {
        [] if ending.verified == 0 => return None,
        [] => {
            let count = ending.verified;
            (
                Valid::Yes,
                format!("the data directories of all {count} nodes are whole"),
            )
        }
        damaged => {
            let summary = format!("data directories are damaged (V30): {}", damaged.join("; "));
            (Valid::No, summary)
        }
    };
    Some(verdict("files", valid, summary))
}

fn nodes(ending: &Ending) -> Verdict {
    match ending.node_failures.as_slice() {
        [] => verdict("nodes", Valid::Yes, "no node ended by itself".into()),
        failures => verdict(
            "nodes",
            Valid::No,
            format!("nodes ended by themselves: {}", failures.join("; ")),
        ),
    }
}

/// An injury that could not be inflicted or healed makes the run worth less.
fn healed(injuries: &[Injury]) -> Option<Verdict> {
    let wrong: Vec<String> = injuries
        .iter()
        .filter_map(|injury| {
            Some(format!(
                "{} {}: {}",
                injury.fault,
                injury.id,
                injury.error.as_ref()?
            ))
        })
        .collect();
    let first = wrong.first()?;
    let summary = format!(
        "{} injuries could not be inflicted or healed as planned, such as {first}",
        wrong.len()
    );
    Some(verdict("faults", Valid::Unknown, summary))
}

/// A summary without the verdict's word, which stands before it already.
fn plain(summary: &str) -> &str {
    let words = ["Valid: ", "Invalid: ", "Unknown: "];
    words
        .iter()
        .find_map(|word| summary.strip_prefix(word))
        .unwrap_or(summary)
}

/// The verdict in words on standard output.
fn print(run: &Run, folder: &Path) {
    // Whoever reads may have left; the verdict is in its file and in the exit code.
    let _ = write_verdict(run, folder, &mut std::io::stdout().lock());
}

fn write_verdict(run: &Run, folder: &Path, out: &mut impl Write) -> std::io::Result<()> {
    let (word, colour) = match run.exit_code {
        exit::VALID => ("VALID", Colour::Good),
        exit::INVALID => ("INVALID", Colour::Bad),
        exit::UNKNOWN => ("UNKNOWN", Colour::Doubtful),
        exit::NOT_LIVE => ("SERVICE LEVEL OR RECOVERY BROKEN", Colour::Bad),
        exit::NODE_FAILED => ("NODE FAILED", Colour::Bad),
        _ => ("FAILED", Colour::Bad),
    };
    writeln!(out, "{}", paint(word, colour))?;
    for note in &run.notes {
        writeln!(out, "  {note}")?;
    }
    if !run.plan.bugs.is_empty() {
        let valid = run
            .verdicts
            .iter()
            .map(|verdict| verdict.valid)
            .max()
            .unwrap_or(Valid::Unknown);
        writeln!(out, "  {}", report::planted(&run.plan, valid))?;
    }
    for verdict in &run.verdicts {
        let mark = match verdict.valid {
            Valid::Yes => "ok",
            Valid::Unknown => "??",
            Valid::No => "XX",
        };
        writeln!(
            out,
            "  {mark} {}: {}",
            verdict.checker,
            plain(&verdict.summary)
        )?;
        if let Some(violation) = verdict.violations.first() {
            writeln!(out, "     {}: {}", violation.anomaly, violation.explanation)?;
        }
    }
    let acted = run
        .injuries
        .iter()
        .filter(|injury| injury.effect.is_some())
        .count();
    writeln!(
        out,
        "  faults: {} injected, {acted} with a measured effect",
        run.injuries.len()
    )?;
    writeln!(out, "  report: {}", folder.join(store::REPORT).display())?;
    writeln!(out, "  repeat: {}", run.plan.command)?;
    Ok(())
}
