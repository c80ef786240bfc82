//! The survivors that are known, and why no test can or need notice them: `checker/mutants.csv`.

use crate::list::Mutant;
use std::collections::HashMap;
use std::path::Path;

/// What a reason may begin with. The file's readers find them in `checker/README.md`.
const KINDS: [&str; 4] = ["same", "cost", "words", "guard"];

/// File, function and mutation.
type Key = (String, String, String);

/// How many of each are explained.
#[derive(Debug)]
pub struct Explained {
    counts: HashMap<Key, usize>,
}

impl Explained {
    /// Reads the file; there may be none.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut counts = HashMap::new();
        for (number, line) in text.lines().enumerate().skip(1) {
            let wrong = |why: &str| format!("{}:{}: {why}", path.display(), number + 1);
            let cells = cells(line);
            let [file, function, mutation, count, reason] = cells
                .try_into()
                .map_err(|_| wrong("five cells are wanted"))?;
            let kind = reason.split([':', ' ']).next().unwrap_or_default();
            if !KINDS.contains(&kind) || reason.len() < kind.len() + 5 {
                return Err(wrong(
                    "a reason begins with same, cost, words or guard, and says why",
                ));
            }
            let count = match count.as_str() {
                "" => 1,
                count => count
                    .parse()
                    .map_err(|_| wrong("the fourth cell is a number"))?,
            };
            *counts.entry((file, function, mutation)).or_default() += count;
        }
        Ok(Explained { counts })
    }

    /// Whether one more survivor of its kind is explained.
    pub fn explains(&mut self, mutant: &Mutant) -> bool {
        let key = (
            mutant.file.clone(),
            mutant.function.clone(),
            mutant.mutation.clone(),
        );
        match self.counts.get_mut(&key) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// What is explained of these files and did not survive.
    pub fn left(&self, files: impl Fn(&str) -> bool) -> Vec<String> {
        let left = self
            .counts
            .iter()
            .filter(|((file, ..), count)| **count > 0 && files(file));
        let mut left: Vec<String> = left
            .map(|((file, function, mutation), count)| {
                format!("{file}: {mutation} in {function}: {count}")
            })
            .collect();
        left.sort_unstable();
        left
    }
}

/// The cells of a line; one with commas or quotes is quoted, and its quotes are doubled.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(next) = rest.next() {
        let cell = cells.last_mut().expect("there is one");
        match next {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}

/// A cell as it is written.
pub fn quoted(cell: &str) -> String {
    match cell.contains([',', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_they_are_written() {
        let said = ["a", "b, c", "", "say \"d\""];
        let line: Vec<String> = said.iter().map(|cell| quoted(cell)).collect();
        assert_eq!(line.join(","), r#"a,"b, c",,"say ""d""""#);
        assert_eq!(cells(&line.join(",")), said);
    }
}
