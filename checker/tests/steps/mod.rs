//! Steps of a register, written down.

use checker::models::register::{Action, NEVER, Step};

/// One that began and ended then; without an end its outcome is unknown. Its start is its number, too.
pub fn step(start: u32, end: u32, action: Action) -> Step {
    Step {
        operation: start,
        start,
        end,
        must: end != NEVER,
        action,
    }
}
