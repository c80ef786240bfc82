//! Deletes old runs, carefully: nothing without `--yes`, no run that may be under way, no evidence unless asked.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::summary::{self, Summary};
use crate::exit::{self, Failure};
use crate::out::print_line;

/// A run without a verdict that was touched so lately may be under way.
const UNDER_WAY: Duration = Duration::from_secs(3600);

/// Deletes, or says what would go.
///
/// # Errors
/// The folder cannot be read, or something in it cannot be deleted.
pub fn prune(folder: &Path, keep: usize, everything: bool, really: bool) -> Result<u8, Failure> {
    let runs = summary::all(folder)?;
    let going = chosen(&runs, keep, everything, |run| {
        lately(&folder.join(&run.name))
    });
    let mut bytes = 0;
    for run in &going {
        let path = folder.join(&run.name);
        bytes += size(&path);
        let what = if really { "deleted" } else { "would delete" };
        if really {
            fs::remove_dir_all(&path).map_err(|error| {
                let text = format!("cannot delete {}: {error}", path.display());
                Failure::new(exit::CANNOT_WRITE, text)
            })?;
        }
        print_line!("{what} {} ({})", run.name, run.valid);
    }
    let rest = runs.len() - going.len();
    print_line!(
        "{} of {} runs, {:.1} MB{}; {rest} stay{}",
        going.len(),
        runs.len(),
        bytes as f64 / 1e6,
        if really { " freed" } else { " would be freed" },
        if really || going.is_empty() {
            ""
        } else {
            "; say --yes to delete"
        },
    );
    Ok(exit::VALID)
}

/// The runs that go: those beyond the newest `keep`, but none that may be under way, and of those that are not
/// valid none unless `everything` may go.
fn chosen(
    runs: &[Summary],
    keep: usize,
    everything: bool,
    lately: impl Fn(&Summary) -> bool,
) -> Vec<&Summary> {
    let old = runs.iter().skip(keep);
    old.filter(|run| match run.valid.as_str() {
        "yes" => true,
        "none" => everything && !lately(run),
        _ => everything,
    })
    .collect()
}

/// True where a run was written to lately.
fn lately(path: &Path) -> bool {
    let files = fs::read_dir(path).into_iter().flatten().flatten();
    let newest = files
        .filter_map(|file| file.metadata().ok()?.modified().ok())
        .max();
    newest.is_none_or(|newest| {
        SystemTime::now()
            .duration_since(newest)
            .is_ok_and(|age| age < UNDER_WAY)
    })
}

/// Bytes of all files below a folder; links are not followed.
fn size(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |facts| facts.len()),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::write;
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let runs = summary::all(folder).unwrap();
        runs.into_iter().map(|run| run.name).collect()
    }

    #[test]
    fn only_old_valid_runs_go_and_only_when_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for (name, valid) in [
            ("1-a", "yes"),
            ("2-b", "no"),
            ("3-c", "none"),
            ("4-d", "yes"),
            ("5-e", "yes"),
        ] {
            write(path, name, valid);
        }
        prune(path, 1, false, false).unwrap();
        assert_eq!(names(path).len(), 5, "nothing goes without --yes");
        prune(path, 1, false, true).unwrap();
        assert_eq!(names(path), ["5-e", "3-c", "2-b"]);
        prune(path, 0, true, true).unwrap();
        assert_eq!(names(path), ["3-c"], "it may be under way");
    }

    #[test]
    fn a_run_that_broke_off_long_ago_may_go_with_all() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "1-a", "none");
        let runs = summary::all(folder.path()).unwrap();
        assert!(chosen(&runs, 0, false, |_| false).is_empty());
        assert_eq!(chosen(&runs, 0, true, |_| false).len(), 1);
        assert!(chosen(&runs, 0, true, |_| true).is_empty());
    }
}
