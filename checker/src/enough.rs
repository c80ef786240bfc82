//! The minimum of work below which a clean verdict means nothing.

use serde::{Deserialize, Serialize};

use crate::history::{History, Outcome};
use crate::verdict::{Valid, Verdict};

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkDone {
    /// Operations that ended ok, final reads left out.
    pub ok_operations: u64,
    /// Faults that had a measured effect.
    pub faults_that_acted: u64,
    /// Faults that were injected.
    pub faults_planned: u64,
    /// Final reads that were answered.
    pub final_reads_ok: u64,
    /// Final reads that a whole run makes.
    pub final_reads_expected: u64,
}

/// What a run must do at least before "valid" is said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    /// Operations that ended ok.
    pub ok_operations: u64,
    /// Faults that had a measured effect.
    pub faults_that_acted: u64,
    /// Fraction (0 to 1) of the expected final reads that were answered.
    pub final_reads: f64,
}

impl Default for Minimum {
    /// One acknowledged operation: the least about which anything can be said.
    fn default() -> Self {
        Minimum {
            ok_operations: 1,
            faults_that_acted: 0,
            final_reads: 0.0,
        }
    }
}

impl WorkDone {
    /// Counts what the history alone tells: ok operations and final reads. O(operations).
    pub fn of(history: &History) -> WorkDone {
        let mut done = WorkDone::default();
        for operation in history.operations() {
            let ok = u64::from(operation.outcome == Outcome::Ok);
            let is_final = u64::from(history.columns().is_final(operation.invoke()));
            done.ok_operations += ok * (1 - is_final);
            done.final_reads_ok += ok * is_final;
            done.final_reads_expected += is_final;
        }
        done
    }

    /// The first threshold that was not met, in a sentence; `None`: enough was done.
    pub fn lacks(&self, minimum: &Minimum) -> Option<String> {
        if self.ok_operations < minimum.ok_operations {
            return Some(format!(
                "only {} operations succeeded, at least {} are needed",
                self.ok_operations, minimum.ok_operations
            ));
        }
        if self.faults_planned == 0 && minimum.faults_that_acted > 0 {
            return Some("no fault acted before the run ended".into());
        }
        if self.faults_that_acted < minimum.faults_that_acted {
            return Some(format!(
                "only {} of {} faults had a measured effect, at least {} are needed",
                self.faults_that_acted, self.faults_planned, minimum.faults_that_acted
            ));
        }
        let needed = (self.final_reads_expected as f64 * minimum.final_reads).ceil();
        ((self.final_reads_ok as f64) < needed).then(|| {
            format!(
                "only {} of {} final reads were answered, at least {needed} are needed",
                self.final_reads_ok, self.final_reads_expected
            )
        })
    }

    /// A verdict of unknown where too little was done; `None`: enough.
    pub fn verdict(&self, minimum: &Minimum) -> Option<Verdict> {
        self.lacks(minimum).map(|reason| Verdict {
            checker: "enough".into(),
            valid: Valid::Unknown,
            summary: format!("Unknown: too little was done to say anything: {reason}."),
            violations: Vec::new(),
            details: serde_json::json!({ "work": self, "minimum": minimum }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: WorkDone = WorkDone {
        ok_operations: 90,
        faults_that_acted: 2,
        faults_planned: 5,
        final_reads_ok: 9,
        final_reads_expected: 10,
    };

    fn lacks(ok_operations: u64, faults_that_acted: u64, final_reads: f64) -> String {
        DONE.lacks(&Minimum {
            ok_operations,
            faults_that_acted,
            final_reads,
        })
        .unwrap_or_default()
    }

    #[test]
    fn each_threshold_that_is_not_met_is_named_with_its_number() {
        assert_eq!(lacks(90, 2, 0.9), "");
        assert_eq!(
            lacks(91, 2, 0.9),
            "only 90 operations succeeded, at least 91 are needed"
        );
        assert_eq!(
            lacks(90, 3, 0.9),
            "only 2 of 5 faults had a measured effect, at least 3 are needed"
        );
        assert_eq!(
            lacks(90, 2, 1.0),
            "only 9 of 10 final reads were answered, at least 10 are needed"
        );
    }

    #[test]
    fn too_little_work_is_unknown_and_enough_says_nothing() {
        let minimum = Minimum {
            ok_operations: 91,
            ..Minimum::default()
        };
        assert_eq!(
            DONE.verdict(&minimum).map(|verdict| verdict.valid),
            Some(Valid::Unknown)
        );
        assert_eq!(DONE.verdict(&Minimum::default()), None);
        assert!(
            WorkDone::of(&History::default())
                .verdict(&Minimum::default())
                .is_some()
        );
    }
}
