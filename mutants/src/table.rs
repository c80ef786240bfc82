//! What became of the mutants of each file.

use crate::list::Mutant;
use std::collections::BTreeMap;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A test failed.
    Caught,
    /// A test ran for too long or took too much memory.
    Stopped,
    Survived {
        explained: bool,
    },
    Unviable,
    NotTried,
}

/// The table, in Markdown, one line a file.
pub fn table<'a>(fates: impl Iterator<Item = (&'a Mutant, Fate)>) -> String {
    let mut rows: BTreeMap<&str, [usize; 7]> = BTreeMap::new();
    for (mutant, fate) in fates {
        let columns: &[usize] = match fate {
            Fate::Caught => &[0, 1],
            Fate::Stopped => &[0, 1, 2],
            Fate::Survived { explained: true } => &[0, 3],
            Fate::Survived { explained: false } => &[0, 4],
            Fate::Unviable => &[0, 5],
            Fate::NotTried => &[0, 6],
        };
        for column in columns {
            rows.entry(&mutant.file).or_default()[*column] += 1;
            rows.entry("~").or_default()[*column] += 1;
        }
    }
    let mut text = String::from(
        "| file of `checker/src` | mutants | caught | of these by time or memory | survivors explained | not explained | do not compile | not tried |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (file, row) in rows {
        let name = if file == "~" {
            "all".to_owned()
        } else {
            format!("`{file}`")
        };
        let cells: String = row.iter().map(|count| format!(" {count} |")).collect();
        text += &format!("| {name} |{cells}\n");
    }
    text
}
