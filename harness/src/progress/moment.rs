//! The state of a run at one moment, as words, as a line, and as JSON.

use serde::Serialize;

use crate::listening::Wrong;

/// Operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// They happened.
    pub ok: u64,
    /// Compare-and-sets that found another value: answered, but not done.
    pub unequal: u64,
    /// They certainly did not happen.
    pub fail: u64,
    /// Nobody knows.
    pub info: u64,
}

/// A node, as far as it was heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeNow {
    /// `n1`.
    pub node: String,
    /// `leader`, `follower` …; `down`: its process does not run; `silent`: it does not answer.
    pub role: String,
    /// Its term, where it told one.
    pub term: Option<u64>,
}

/// The state of a run at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Since faults and work began, in seconds.
    pub passed_s: f64,
    /// Until faults end, in seconds.
    pub left_s: f64,
    /// Operations so far.
    pub counts: Counts,
    /// Operations that happened, a second, lately.
    pub rate: u64,
    /// Median of their latency lately, in milliseconds, known to a fifth.
    pub p50_ms: Option<f64>,
    /// Their 99th percentile.
    pub p99_ms: Option<f64>,
    /// Who leads, such as `n2 leads in term 7`.
    pub leader: String,
    /// All nodes.
    pub nodes: Vec<NodeNow>,
    /// Faults that act now.
    pub faults: Vec<String>,
    /// Injuries that are over.
    pub injuries: u64,
    /// How many of them had a measured effect.
    pub injuries_with_effect: u64,
    /// What clients saw that is certainly wrong by now; `None`: nobody judges before the end.
    pub violations: Option<Wrong>,
    /// What else is wrong already: a node that ended by itself …
    pub anomalies: Vec<String>,
}

impl Moment {
    /// All that is wrong by now, in words.
    pub fn wrong(&self) -> Vec<String> {
        let seen = self.violations.iter().filter(|wrong| wrong.violations > 0);
        seen.map(Wrong::to_string)
            .chain(self.anomalies.iter().cloned())
            .collect()
    }

    /// One line. What matters most stands first: a narrow terminal cuts the end off.
    pub fn line(&self) -> String {
        let Counts {
            ok,
            unequal,
            fail,
            info,
        } = self.counts;
        let now = match self.faults.as_slice() {
            [] => "no fault".into(),
            faults => faults.join("; "),
        };
        let wrong = match self.wrong().as_slice() {
            [] => String::new(),
            wrong => format!(" | WRONG: {}", wrong.join("; ")),
        };
        format!(
            "{:>4.0} s left | {} | {now} | {} ok/s | ok {ok}, unequal {unequal}, fail {fail}, unknown {info} | {} of {} faults had an effect{wrong}",
            self.left_s, self.leader, self.rate, self.injuries_with_effect, self.injuries,
        )
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A moment in a partition.
    pub fn moment() -> Moment {
        let node = |number, role: &str, term| NodeNow {
            node: format!("n{number}"),
            role: role.into(),
            term,
        };
        Moment {
            passed_s: 50.0,
            left_s: 250.0,
            counts: Counts {
                ok: 100_000,
                unequal: 1,
                fail: 2,
                info: 3,
            },
            rate: 950,
            p50_ms: Some(1.2),
            p99_ms: Some(14.0),
            leader: "n2 leads in term 17".into(),
            nodes: vec![
                node(1, "down", None),
                node(2, "leader", Some(17)),
                node(3, "follower", Some(16)),
            ],
            faults: vec!["n2 was cut off from n1, n3, n4 and n5".into()],
            injuries: 9,
            injuries_with_effect: 8,
            violations: Some(Wrong::default()),
            anomalies: Vec::new(),
        }
    }

    #[test]
    fn leader_and_faults_fit_on_a_narrow_terminal() {
        let narrow: String = moment().line().chars().take(79).collect();
        assert!(
            narrow.contains("n2 leads") && narrow.contains("n2 was cut off"),
            "{narrow}"
        );
    }

    #[test]
    fn what_is_wrong_already_is_said() {
        let mut wrong = moment();
        wrong.anomalies = vec!["n3 exited with 101".into()];
        assert!(wrong.line().ends_with("WRONG: n3 exited with 101"));
        wrong.violations = Some(Wrong {
            violations: 2,
            first: "stale read on key k1".into(),
        });
        let line = wrong.line();
        let end = "WRONG: 2 violations, the first: stale read on key k1; n3 exited with 101";
        assert!(line.ends_with(end), "{line}");
    }
}
