//! Which mutant acts: chosen by the environment, since one build holds all of them.
//!
//! `MUTANT=7` lets the seventh act, and ends the process at the first panic after it has acted. `MUTANTS_REACHED=FILE` lets none act
//! and appends the number of each site to the file when it is first reached. Without either the code does what it did.

use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

include!("sites.rs");

/// Of each site whether it is still to be asked about.
static OPEN: [AtomicU8; SITES.len()] = [const { AtomicU8::new(1) }; SITES.len()];

enum Mode {
    Healthy,
    Reached(File),
    Acts(u32),
}

static MODE: OnceLock<Mode> = OnceLock::new();

/// Whether a mutant of this site acts.
#[inline(always)]
pub(crate) fn at(site: usize) -> bool {
    OPEN[site].load(Ordering::Relaxed) != 0 && asked(site)
}

/// Whether this mutant acts.
#[cold]
#[inline(never)]
pub(crate) fn on(mutant: u32) -> bool {
    matches!(mode(), Mode::Acts(acts) if *acts == mutant)
}

fn mode() -> &'static Mode {
    MODE.get_or_init(|| {
        if let Ok(mutant) = std::env::var("MUTANT") {
            std::panic::set_hook(Box::new(|_| std::process::exit(101)));
            return Mode::Acts(mutant.parse().expect("MUTANT is a number"));
        }
        match std::env::var_os("MUTANTS_REACHED") {
            Some(path) => Mode::Reached(
                File::options()
                    .append(true)
                    .create(true)
                    .open(path)
                    .expect("MUTANTS_REACHED can be written"),
            ),
            None => Mode::Healthy,
        }
    })
}

#[cold]
#[inline(never)]
fn asked(site: usize) -> bool {
    match mode() {
        Mode::Acts(acts) if SITES[site].0 <= *acts && *acts <= SITES[site].1 => return true,
        Mode::Reached(file) => {
            let mut file: &File = file;
            file.write_all(format!("{site}\n").as_bytes())
                .expect("MUTANTS_REACHED can be written");
        }
        _ => {}
    }
    OPEN[site].store(0, Ordering::Relaxed);
    false
}

/// One of two iterators: what a function answers that hides which one it is.
pub(crate) enum Either<A, B> {
    Left(A),
    Right(B),
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for Either<A, B> {
    type Item = A::Item;

    fn next(&mut self) -> Option<A::Item> {
        match self {
            Either::Left(some) => some.next(),
            Either::Right(some) => some.next(),
        }
    }
}
