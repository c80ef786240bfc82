//! `--repeat N` and `--replay`: one plan, its injuries drawn once, run again and again; and how often it gave which verdict.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::RunWish;
use crate::exit::{self, Failure};
use crate::out::print_line;
use crate::plan::Plan;
use crate::{run, runs, schedule, store};

/// Does the run as often as is wished. The injuries that the first one drew are inflicted again in all others. Real
/// processes are not deterministic, so the verdicts may differ: they are counted.
///
/// # Errors
/// A run could not begin, or its results could not be written.
pub fn run(wish: &RunWish) -> Result<u8, Failure> {
    let (first, folder) = run::run(wish)?;
    if wish.repeat <= 1 {
        return Ok(first);
    }
    let mut again = wish.clone();
    if !again.plan.nemesis.is_empty() && again.plan.schedule.is_empty() {
        again.plan.schedule = schedule::replay(&folder)?;
        again.plan.orders = Vec::new();
    }
    again.plan.repeats = again.plan.repeats.or_else(|| name(&folder));
    let mut codes = vec![first];
    for _ in 1..wish.repeat {
        codes.push(run::run(&again)?.0);
    }
    print_line!("the same plan {}", counted(&codes));
    Ok(exit::worst(codes))
}

/// The name of a run's folder, also where `latest` points at it.
pub fn name(run: &Path) -> Option<String> {
    let folder = run.canonicalize().ok()?;
    Some(folder.file_name()?.to_str()?.into())
}

/// How the run in `folder`, and those beside it that repeat the same plan, were judged; `None`: it stands alone.
pub fn told(folder: &Path, plan: &Plan) -> Option<String> {
    let own = name(folder)?;
    let first = plan.repeats.clone().unwrap_or_else(|| own.clone());
    let folders = folder.canonicalize().ok()?;
    let mut codes = Vec::new();
    for entry in std::fs::read_dir(folders.parent()?).ok()?.flatten() {
        // Links, such as `latest`, lead to what is counted anyway.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let read = store::read_json::<Plan>(&entry.path().join(store::PLAN));
        let Ok(plan) = read else { continue };
        if entry.file_name().to_str() == Some(&first) || plan.repeats.as_ref() == Some(&first) {
            let verdict = store::read_json::<runs::VerdictFile>(&entry.path().join(store::VERDICT));
            codes.extend(verdict.map(|verdict| verdict.exit_code));
        }
    }
    (codes.len() > 1).then(|| {
        format!(
            "The plan of {first} was run {}. What is drawn of a plan repeats; real processes do not.",
            counted(&codes)
        )
    })
}

/// `5 times: 4 valid, 1 invalid`.
fn counted(codes: &[u8]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for code in codes {
        *counts.entry(exit::word(*code)).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    format!("{} times: {}", codes.len(), words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_the_most_frequent_first() {
        let codes = [exit::VALID, exit::INVALID, exit::VALID];
        assert_eq!(counted(&codes), "3 times: 2 valid, 1 invalid");
    }

    #[test]
    fn runs_of_one_plan_are_found_beside_each_other() {
        let out = tempfile::tempdir().unwrap();
        let mut plan = crate::report::fixture::valid().plan;
        let mut store = |name: &str, repeats: Option<&str>, code: u8| {
            let folder = out.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            plan.repeats = repeats.map(String::from);
            store::write_json(&folder.join(store::PLAN), &plan).unwrap();
            let verdict = runs::VerdictFile {
                format: runs::FORMAT,
                valid: checker::Valid::Unknown,
                exit_code: code,
                figures: None,
                verdicts: Vec::new(),
            };
            store::write_json(&folder.join(store::VERDICT), &verdict).unwrap();
            told(&folder, &plan)
        };
        assert_eq!(store("first", None, exit::VALID), None);
        assert_eq!(store("other", None, exit::VALID), None);
        let said = store("second", Some("first"), exit::INVALID).unwrap();
        assert!(
            said.contains("first was run 2 times: 1 invalid, 1 valid"),
            "{said}"
        );
        let said = store("third", Some("first"), exit::INVALID).unwrap();
        assert!(said.contains("3 times: 2 invalid, 1 valid"), "{said}");
    }
}
