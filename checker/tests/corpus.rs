//! What fuzzing has found worth keeping, checked without a fuzzer: `scripts/fuzz histories` finds more.

#[path = "../../fuzz/checks/histories.rs"]
mod histories;

use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/histories")
}

#[test]
fn histories_of_the_corpus_are_read_or_refused() {
    let mut inputs = histories::seeds();
    let kept = fs::read_dir(folder()).expect("the corpus is there");
    inputs.extend(kept.map(|file| fs::read(file.unwrap().path()).unwrap()));
    assert!(inputs.len() > 2 * 20, "the corpus has gone");
    for input in inputs {
        histories::check(&input);
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same inputs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % limit.max(1)
    }
}

/// Without a fuzzer: files with a few bytes changed, and pieces left out, doubled or taken from another.
#[test]
fn histories_that_are_nearly_right_are_read_or_refused() {
    let cases = std::env::var("CHECKER_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(3_000);
    let (seeds, mut random) = (histories::seeds(), Random(11));
    for _ in 0..cases {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..1 + random.below(4) {
            let from = 1 + random.below(input.len() - 1);
            let to = (from + random.below(60)).min(input.len());
            let other = &seeds[random.below(seeds.len())];
            let piece = match random.below(4) {
                0 => vec![b"{}[]\",:\n0-e.\\#\xff"[random.below(15)]],
                1 => Vec::new(),
                2 => input[from..to].repeat(2),
                _ => other[other.len() / 2..]
                    .iter()
                    .copied()
                    .take(to - from)
                    .collect(),
            };
            input.splice(from..to, piece);
            input.resize(input.len().max(3), b' ');
        }
        histories::check(&input);
    }
}

/// Of `scripts/fuzz`, which begins with them.
#[test]
#[ignore = "writes into the source tree"]
fn write_seeds() {
    fs::create_dir_all(folder()).unwrap();
    for (number, seed) in histories::seeds().iter().enumerate() {
        fs::write(folder().join(format!("seed-{number:03}")), seed).unwrap();
    }
}
