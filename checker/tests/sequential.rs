//! Sequential consistency against brute force on small random histories, where values are written once and where not.

use checker::models::register::{Action, INITIAL, NEVER, Step};
use checker::sequential::{Ordered, judge, keeps};

/// Tries every order in which each client's steps keep their own.
fn brute_force(steps: &[Step], clients: &[u64], used: u32, state: u32) -> bool {
    let free = |at: usize| used & 1 << at == 0;
    if (0..steps.len()).all(|at| !free(at) || !steps[at].must) {
        return true;
    }
    (0..steps.len()).any(|at| {
        let others = |at: usize, other: usize| clients[other] != clients[at];
        let first =
            (0..at).all(|before| !free(before) || !steps[before].must || others(at, before));
        let first = first && (at..steps.len()).all(|after| free(after) || others(at, after));
        let next = steps[at].action.step(state);
        free(at)
            && first
            && next.is_some_and(|next| brute_force(steps, clients, used | 1 << at, next))
    })
}

/// True if these steps have no order even where all other writes may have happened or not, and all else is forgotten.
/// Nobody proves here that an unknown outcome took effect.
fn contradict(steps: &[Step], clients: &[u64], named: &[u32]) -> bool {
    if named.is_empty() || named.iter().any(|at| !steps[*at as usize].must) {
        return true;
    }
    let (mut weaker, mut whose) = (Vec::new(), Vec::new());
    for ((at, step), client) in (0..).zip(steps).zip(clients) {
        let must = named.contains(&at);
        if must || step.action.installs().is_some() {
            weaker.push(Step { must, ..*step });
            whose.push(*client);
        }
    }
    !brute_force(&weaker, &whose, 0, INITIAL)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u32 {
        // A linear congruential generator (Knuth's MMIX).
        self.0 = (self.0.wrapping_mul(6364136223846793005)).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % bound) as u32
    }
}

fn cases() -> u64 {
    let more = std::env::var("CHECKER_CASES").ok();
    more.and_then(|cases| cases.parse().ok()).unwrap_or(40_000)
}

/// Steps of a few clients, and whose they are; a client stops after an unknown outcome.
fn history(random: &mut Random, distinct: bool) -> (Vec<Step>, Vec<u64>) {
    let (mut steps, mut clients, mut fresh) = (Vec::new(), Vec::new(), 0);
    let mut gone = [false; 3];
    for at in 0..2 + random.below(6) {
        let client = random.below(3);
        if gone[client as usize] {
            continue;
        }
        fresh += 1;
        let new = if distinct { fresh } else { 1 + random.below(2) };
        let old = random.below(if distinct { u64::from(fresh) } else { 3 });
        let action = match random.below(8) {
            0..4 => Action::Read(old),
            4..6 => Action::Write(new),
            6 => Action::Cas(old, new),
            _ if distinct && random.below(4) != 0 => Action::Write(new),
            _ => Action::Differs(old),
        };
        let must = action.installs().is_none() || random.below(6) != 0;
        gone[client as usize] = !must;
        steps.push(Step {
            operation: at,
            start: 2 * at + 1,
            end: if must { 2 * at + 2 } else { NEVER },
            must,
            action,
        });
        clients.push(u64::from(client));
    }
    (steps, clients)
}

#[test]
fn orders_are_found_where_there_are_any() {
    let mut random = Random(11);
    for distinct in [true, false] {
        let mut tally = [0_u64; 3];
        for _ in 0..cases() {
            let (steps, clients) = history(&mut random, distinct);
            let truth = brute_force(&steps, &clients, 0, INITIAL);
            match judge(&steps, &clients, 20) {
                Ordered::Yes(order) => {
                    assert!(
                        truth && keeps(&steps, &clients, &order),
                        "{steps:#?} {clients:?}"
                    );
                    tally[0] += 1;
                }
                Ordered::No(named) => {
                    assert!(!truth, "{steps:#?} {clients:?}");
                    assert!(
                        !distinct || contradict(&steps, &clients, &named),
                        "{named:?} {steps:#?} {clients:?}"
                    );
                    tally[1] += 1;
                }
                Ordered::Unknown => tally[2] += 1,
            }
        }
        let [right, wrong, open] = tally;
        assert!(right > cases() / 10 && wrong > cases() / 10, "{tally:?}");
        assert_eq!(open, 0);
    }
}
