//! Fixed seeds: all clean, everything that should happen sometimes happens, and a seed repeats itself.

use simulator::coverage::Coverage;
use simulator::run::run;
use simulator::scenario::Scenario;

const SEEDS: u64 = 200;

#[test]
fn a_seed_repeats_itself_bit_for_bit() {
    for seed in 0..8 {
        let scenario = Scenario::new(seed, 2_000, 4);
        assert_eq!(run(&scenario, true), run(&scenario, true), "seed {seed}");
    }
}

// In quarters, so that it uses all cores.
fn quarter(number: u64) -> Coverage {
    let mut sum = Coverage::default();
    for seed in (number..SEEDS).step_by(4) {
        let scenario = Scenario::new(seed, 4_000, 6);
        let outcome = run(&scenario, false);
        assert_eq!(outcome.violation, None, "simulator {scenario} --trace");
        sum.add(&outcome.coverage);
    }
    sum
}

#[test]
fn no_check_speaks_in_any_of_two_hundred_seeds_and_everything_happens() {
    let quarters = [0, 1, 2, 3].map(|n| std::thread::spawn(move || quarter(n)));
    let mut sum = Coverage::default();
    for quarter in quarters {
        sum.add(&quarter.join().expect("no check speaks"));
    }
    for (name, count) in sum.all() {
        let may_not = ["undecided", "writes_lost"].contains(&name);
        assert!(count > 0 || may_not, "never: {name}");
    }
}
