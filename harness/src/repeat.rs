//! `--repeat N`: one plan, its injuries drawn once, run again and again; and how often it gave which verdict.

use std::collections::BTreeMap;

use crate::cli::RunWish;
use crate::exit::{self, Failure};
use crate::{run, schedule};

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
    let mut codes = vec![first];
    for _ in 1..wish.repeat {
        codes.push(run::run(&again)?.0);
    }
    println!("{}", counted(&codes));
    Ok(exit::worst(codes))
}

/// `the same plan 5 times: 4 valid, 1 invalid`.
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
    format!("the same plan {} times: {}", codes.len(), words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_counted_the_most_frequent_first() {
        let codes = [exit::VALID, exit::INVALID, exit::VALID];
        assert_eq!(counted(&codes), "the same plan 3 times: 2 valid, 1 invalid");
    }
}
