//! Exit codes, and the failure that carries one with a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything held.
pub const VALID: u8 = 0;
/// A promise was broken, and it is proved.
pub const INVALID: u8 = 1;
/// Too little happened to judge.
pub const UNKNOWN: u8 = 2;
/// The cluster did not recover after everything was healed, or broke a service level.
pub const NOT_LIVE: u8 = 3;
/// A node panicked, ended by itself or refused to start.
pub const NODE_FAILED: u8 = 4;
/// Flags or names that make no sense.
pub const USAGE: u8 = 64;
/// Damaged or ill-formed input.
pub const DAMAGED: u8 = 65;
/// A file or binary is missing.
pub const MISSING: u8 = 66;
/// A fault or system that was asked for cannot act here.
pub const UNAVAILABLE: u8 = 69;
/// A defect of the harness itself.
pub const INTERNAL: u8 = 70;
/// Results cannot be written.
pub const CANNOT_WRITE: u8 = 73;

/// Of a run's outcomes the worst counts: a defect of the judge first, then a proved violation.
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    codes
        .into_iter()
        .min_by_key(|code| rank(*code))
        .unwrap_or(VALID)
}

/// The outcome of a run in words.
pub fn word(code: u8) -> &'static str {
    match code {
        VALID => "valid",
        INVALID => "invalid",
        UNKNOWN => "unknown",
        NOT_LIVE => "not recovered",
        NODE_FAILED => "with a failed node",
        _ => "failed",
    }
}

/// Where a code stands among outcomes: the worst is 0.
pub fn rank(code: u8) -> usize {
    const ORDER: [u8; 7] = [
        INTERNAL,
        CANNOT_WRITE,
        INVALID,
        NODE_FAILED,
        NOT_LIVE,
        UNKNOWN,
        VALID,
    ];
    ORDER.iter().position(|known| *known == code).unwrap_or(0)
}

/// Why the harness stops, in one sentence that says what to do, and its exit code.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    /// One of this module's codes.
    pub code: u8,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_outranks_unknown_and_liveness() {
        assert_eq!(worst([VALID, UNKNOWN, INVALID, NOT_LIVE]), INVALID);
        assert_eq!(worst([VALID, UNKNOWN]), UNKNOWN);
        assert_eq!(worst([NODE_FAILED, NOT_LIVE]), NODE_FAILED);
        assert_eq!(worst([]), VALID);
    }
}
