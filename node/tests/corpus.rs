//! What fuzzing has found worth keeping, checked without a fuzzer: `scripts/fuzz` finds more.

#[path = "../../fuzz/checks/frames.rs"]
mod frames;
#[path = "../../fuzz/checks/http.rs"]
mod http;

use std::fs;
use std::path::PathBuf;

fn folder(target: &str) -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.join("../fuzz/corpus").join(target)
}

fn replay(target: &str, seeds: Vec<Vec<u8>>, check: fn(&[u8])) {
    for seed in seeds {
        check(&seed);
    }
    let mut inputs = 0;
    for file in fs::read_dir(folder(target)).unwrap() {
        check(&fs::read(file.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 10, "the corpus of {target} has gone");
}

#[test]
fn frames_of_the_corpus_are_taken_or_refused() {
    replay("frames", frames::seeds(), frames::check);
}

#[test]
fn requests_of_the_corpus_are_answered() {
    replay("http", http::seeds(), http::check);
}

/// Of `scripts/fuzz`, which begins with them.
#[test]
#[ignore = "writes into the source tree"]
fn write_seeds() {
    for (target, seeds) in [("frames", frames::seeds()), ("http", http::seeds())] {
        fs::create_dir_all(folder(target)).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder(target).join(format!("seed-{number:03}")), seed).unwrap();
        }
    }
}
