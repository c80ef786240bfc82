//! The definition of linearizability, tried in every order: what every algorithm must agree with.

use checker::linearizable::Limits;
use checker::linearizable::depth::Depth;
use checker::linearizable::exact::{Exact, Judged};
use checker::linearizable::general::{Found, certifies, search, search_ahead};
use checker::linearizable::limits::{Meter, NO_END};
use checker::models::register::NEVER;
use checker::models::{Calls, Model};

pub const LIMITS: Limits = Limits {
    configurations: 100_000,
    steps: 10_000_000,
    bytes: 1 << 30,
};

/// Tries every order: Herlihy and Wing's definition, and nothing clever.
pub fn brute_force<M: Model>(model: &M, calls: &Calls<M>) -> bool {
    fn place<M: Model>(model: &M, calls: &Calls<M>, used: u32, state: &M::State) -> bool {
        let free = |at: usize| used & (1 << at) == 0;
        if (0..calls.len()).all(|at| !free(at) || !calls[at].must) {
            return true;
        }
        let first_end = (0..calls.len()).filter(|at| free(*at) && calls[*at].must);
        let first_end = first_end.map(|at| calls[at].end).min().unwrap_or(NEVER);
        (0..calls.len()).any(|at| {
            let call = &calls[at];
            free(at)
                && call.start < first_end
                && (model.step(state, &call.op, call.reply.as_ref()))
                    .is_some_and(|next| place(model, calls, used | 1 << at, &next))
        })
    }
    place(model, calls, 0, &model.init())
}

/// The exact algorithm and the search must say what brute force says, and prove it where it is right.
pub fn agree<M: Judged>(model: &M, calls: &Calls<M>, tally: &mut [u64; 3]) {
    let right = brute_force(model, calls);
    match model.exact(calls) {
        Exact::Linearizable(order) => {
            assert!(right, "{calls:#?}");
            if let Some(order) = order {
                assert!(certifies(model, calls, &order), "{order:?} {calls:#?}");
            }
            tally[0] += 1;
        }
        Exact::Wrong { calls: witness, .. } => {
            assert!(!right, "{calls:#?}");
            assert!(!witness.is_empty());
            tally[1] += 1;
        }
        Exact::NotForThis | Exact::Undecided => tally[2] += 1,
    }
    match search(model, calls, LIMITS).found {
        Found::Linearizable(order) => {
            assert!(right && certifies(model, calls, &order), "{calls:#?}")
        }
        Found::Stuck { .. } => assert!(!right, "{calls:#?}"),
        Found::Undecided { .. } => panic!("too small a budget for {} calls", calls.len()),
    }
    let never = Meter::new(NO_END);
    let mut ahead = Depth::new(model, calls).expect("few are open").ahead();
    for found in [
        ahead.run(&LIMITS, &never),
        search_ahead(model, calls, LIMITS, &never).found,
    ] {
        match found {
            Found::Linearizable(order) => {
                assert!(right && certifies(model, calls, &order), "{calls:#?}")
            }
            Found::Stuck { .. } => assert!(!right, "ahead: {calls:#?}"),
            Found::Undecided { .. } => panic!("too small a budget for {} calls", calls.len()),
        }
    }
    // In depth, in one go, and a little at a time.
    for slice in [LIMITS.steps, 5] {
        let mut depth = Depth::new(model, calls).expect("few are open");
        let mut limits = Limits { steps: 0, ..LIMITS };
        let found = loop {
            limits.steps += slice;
            match depth.run(&limits, &Meter::new(NO_END)) {
                Found::Undecided { .. } => assert!(limits.steps < 100_000, "{calls:#?}"),
                found => break found,
            }
        };
        match found {
            Found::Linearizable(order) => {
                assert!(right && certifies(model, calls, &order), "{calls:#?}")
            }
            found => {
                assert!(!right, "in depth: {calls:#?}");
                assert_eq!(found, search(model, calls, LIMITS).found);
            }
        }
    }
}
