//! What earlier runs found, so that after a new test only survivors need to be tried again.

use crate::list::Mutant;
use crate::suite::End;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// Which mutants are tried once more. What is not known is tried anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All that are wanted.
    All,
    /// Those that survived.
    Survivors,
    /// None.
    Nobody,
}

/// Ends by the keys of mutants.
#[derive(Debug)]
pub struct Known {
    ends: HashMap<String, End>,
    file: Mutex<File>,
}

impl Known {
    /// Reads what is known and forgets what shall be tried.
    pub fn open(
        path: &Path,
        mutants: &[Mutant],
        whom: Whom,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let mut ends = HashMap::new();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let Some((end, key)) = line.split_once('\t') else {
                continue;
            };
            let end = match end {
                "caught" => End::Failed,
                "stopped" => End::Stopped,
                _ => End::Passed,
            };
            ends.insert(key.to_owned(), end);
        }
        let keys: HashSet<&str> = mutants.iter().map(|mutant| mutant.key.as_str()).collect();
        ends.retain(|key, _| keys.contains(key.as_str()));
        for mutant in mutants.iter().filter(|mutant| wanted(&mutant.file)) {
            let survived = ends.get(&mutant.key) == Some(&End::Passed);
            if whom == Whom::All || whom == Whom::Survivors && survived {
                ends.remove(&mutant.key);
            }
        }
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let known = Known {
            ends,
            file: Mutex::new(file),
        };
        for (key, end) in &known.ends {
            known.write(key, *end)?;
        }
        Ok(known)
    }

    /// How a mutant ended earlier.
    pub fn end(&self, mutant: &Mutant) -> Option<End> {
        self.ends.get(&mutant.key).copied()
    }

    /// Writes down how a mutant ended.
    pub fn learn(&self, mutant: &Mutant, end: End) -> Result<(), String> {
        self.write(&mutant.key, end)
    }

    fn write(&self, key: &str, end: End) -> Result<(), String> {
        let word = match end {
            End::Failed => "caught",
            End::Stopped => "stopped",
            End::Passed => "survived",
        };
        let mut file = self.file.lock().map_err(|_| "a job ended")?;
        writeln!(file, "{word}\t{key}").map_err(|error| error.to_string())
    }
}
