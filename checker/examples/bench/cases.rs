//! What is measured: specimens by their file, made-up histories by family, length, clients, keys, unknown outcomes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use checker::models::ModelKind;
use checker::{History, history};

use super::families::Family;

/// One history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Case {
    /// A file below `specimens/`, and what it speaks of.
    Specimen { file: String, kind: ModelKind },
    /// Made up.
    Made(Family),
}

/// The folder of the specimens.
pub fn specimens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specimens")
}

impl Case {
    /// The history and its model.
    pub fn history(&self) -> Result<(History, ModelKind), String> {
        match self {
            Case::Specimen { file, kind } => history::open(&specimens().join(file), None)
                .map(|recorded| (recorded.history, *kind))
                .map_err(|error| error.to_string()),
            Case::Made(family) => {
                let history = family.history()?;
                let kind = family.kind();
                Ok((history, kind))
            }
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Specimen { file, kind } => write!(f, "{kind}:{file}"),
            Case::Made(family) => write!(f, "{family}"),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Case, String> {
        match text.split_once(':') {
            Some((kind, file)) => Ok(Case::Specimen {
                file: file.into(),
                kind: kind.parse()?,
            }),
            None => text.parse().map(Case::Made),
        }
    }
}

/// All specimens that `expected.csv` names.
pub fn all_specimens() -> Vec<Case> {
    let expected = std::fs::read_to_string(specimens().join("expected.csv")).unwrap_or_default();
    let case = |line: &str| {
        let mut fields = line.split(',');
        Some(Case::Specimen {
            file: fields.next()?.into(),
            kind: fields.next()?.parse().ok()?,
        })
    };
    expected.lines().skip(1).filter_map(case).collect()
}

/// Made-up histories of about so many operations, valid and invalid; fewer where the cost is known to explode.
pub fn families(operations: u64) -> Vec<Case> {
    // Name, clients, keys, unknown outcomes of a thousand, at most so many operations.
    const ALL: [(&str, u64, u64, u64, u64); 26] = [
        ("regu", 20, 1, 0, u64::MAX),
        ("regu", 20, 1, 50, u64::MAX),
        ("regu", 50, 1, 10, u64::MAX),
        ("regcas", 10, 1, 0, u64::MAX),
        ("regcas", 20, 1, 10, u64::MAX),
        ("regs", 10, 1, 0, u64::MAX),
        ("regs", 10, 1, 10, 10_000),
        ("regs", 10, 1, 10, u64::MAX),
        ("regs", 20, 1, 0, 10_000),
        ("regs", 50, 1, 0, 1_000),
        ("regu", 50, 100, 10, u64::MAX),
        ("regs", 10, 100, 0, u64::MAX),
        ("regs", 10, 100, 10, u64::MAX),
        ("regs", 50, 100, 10, u64::MAX),
        ("queue", 10, 1, 0, u64::MAX),
        ("queue", 50, 1, 10, u64::MAX),
        ("stack", 10, 1, 0, u64::MAX),
        ("stack", 50, 1, 10, u64::MAX),
        ("priority-queue", 10, 1, 0, 10_000),
        ("set", 10, 1, 10, 2_000),
        ("log", 10, 1, 10, 2_000),
        ("counter", 10, 1, 0, u64::MAX),
        ("counter", 10, 1, 10, 10_000),
        ("lock", 20, 1, 0, u64::MAX),
        ("lock", 20, 1, 10, u64::MAX),
        ("queue", 10, 100, 10, u64::MAX),
    ];
    let both = |(name, clients, keys, unknown, most)| {
        [false, true].map(|broken| {
            Case::Made(Family {
                name,
                operations: operations.min(most),
                clients,
                keys,
                unknown,
                broken,
            })
        })
    };
    ALL.into_iter().flat_map(both).collect()
}
