//! Makes a failing run shorter: fewer injuries, fewer clients, less time, as long as the same check speaks.

use std::collections::BTreeSet;

use crate::injury::MILLISECOND;
use crate::run::run;
use crate::scenario::Scenario;

/// A scenario that may be made smaller.
struct Shrinker {
    check: &'static str,
    best: Scenario,
    runs_left: u32,
}

/// Looks for a smaller scenario in which the same check speaks as in `scenario`, with at most so many runs. Delta
/// debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002) over the list of
/// injuries; deterministic.
pub fn shrink(scenario: &Scenario, check: &'static str, at: u64, runs: u32) -> Scenario {
    let mut shrinker = Shrinker {
        check,
        best: scenario.clone(),
        runs_left: runs,
    };
    // What is injured later cannot have been the cause.
    let ms = (at / MILLISECOND + 1).min(scenario.length / MILLISECOND);
    shrinker.attempt(cut(&shrinker.best, ms));
    shrinker.fewer_injuries();
    for clients in [1, 2, 3, 4] {
        if clients >= shrinker.best.clients {
            break;
        }
        let mut smaller = shrinker.best.clone();
        smaller.clients = clients;
        if shrinker.attempt(smaller) {
            break;
        }
    }
    for percent in [25, 50, 75, 90] {
        let ms = shrinker.best.length / MILLISECOND * percent / 100;
        if shrinker.attempt(cut(&shrinker.best, ms)) {
            break;
        }
    }
    shrinker.fewer_injuries();
    shrinker.best
}

fn cut(scenario: &Scenario, ms: u64) -> Scenario {
    let mut shorter = scenario.clone();
    shorter.length = ms * MILLISECOND;
    shorter.injuries.retain(|injury| injury.at < shorter.length);
    shorter
}

impl Shrinker {
    /// Whether the check speaks in it, too; then it is the best so far.
    fn attempt(&mut self, candidate: Scenario) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let spoke = run(&candidate, false).violation;
        let same = spoke.is_some_and(|violation| violation.check == self.check);
        if same {
            self.best = candidate;
        }
        same
    }

    fn fewer_injuries(&mut self) {
        let mut parts = 2;
        while !self.best.injuries.is_empty() && self.runs_left > 0 {
            let numbers: Vec<usize> = self.best.injuries.iter().map(|i| i.number).collect();
            let size = numbers.len().div_ceil(parts);
            let mut smaller = false;
            for left_out in numbers.chunks(size) {
                let kept: BTreeSet<usize> = numbers
                    .iter()
                    .copied()
                    .filter(|number| !left_out.contains(number))
                    .collect();
                if self.attempt(self.best.clone().keep(&kept)) {
                    smaller = true;
                    break;
                }
            }
            if smaller {
                parts = (parts - 1).max(2);
            } else if size <= 1 {
                return;
            } else {
                parts = (parts * 2).min(numbers.len());
            }
        }
    }
}
