//! Service levels: what a run's clients must have got, beside correct answers. `--slo FILE`, kept as `slo.json`.

use std::path::Path;

use checker::{Valid, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::exit::{self, Failure};
use crate::report::Service;

/// The name of the checker that judges them.
pub const CHECKER: &str = "service-level";

/// Limits; what is left out is not demanded. In milliseconds, but for the share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// The longest stretch in which clients wait and nobody in the whole cluster is served.
    pub longest_outage_ms: Option<f64>,
    /// The share of the run's time, in percent, in which nobody is served.
    pub outage_percent: Option<f64>,
    /// The 99th percentile of the latency of served operations.
    pub p99_ms: Option<f64>,
    /// The longest time from a heal to the first served operation that was invoked after it.
    pub recovery_ms: Option<f64>,
}

/// Reads a file of limits.
///
/// # Errors
/// Missing: 66. Not JSON of this shape, no limit at all, or one that is no positive number: 65.
pub fn read(path: &Path) -> Result<Slo, Failure> {
    let slo: Slo = crate::store::read_json(path)?;
    let limits = slo.limits();
    let damaged = |what: &str| {
        let message = format!(
            "{} {what}: give longest_outage_ms, outage_percent, p99_ms or recovery_ms a positive number",
            path.display()
        );
        Err(Failure::new(exit::DAMAGED, message))
    };
    if limits.is_empty() {
        return damaged("has no limit");
    }
    if limits
        .iter()
        .any(|limit| !(limit.is_finite() && *limit > 0.0))
    {
        return damaged("has a limit that makes no sense");
    }
    Ok(slo)
}

impl Slo {
    fn limits(&self) -> Vec<f64> {
        [
            self.longest_outage_ms,
            self.outage_percent,
            self.p99_ms,
            self.recovery_ms,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Holds what clients got against the limits. Unknown where nothing was measured to hold.
    pub fn judge(&self, service: &Service) -> Verdict {
        let ms = |ns: u64| ns as f64 / 1e6;
        let share = 100.0 * service.outage_ns as f64 / service.length_ns.max(1) as f64;
        let recovery = match service.never_recovered {
            true => Some(f64::INFINITY),
            false => service.worst_recovery_ns.map(ms),
        };
        let demands = [
            (
                "longest outage",
                "ms",
                self.longest_outage_ms,
                Some(ms(service.longest_outage_ns)),
            ),
            (
                "time without service",
                "%",
                self.outage_percent,
                Some(share),
            ),
            ("p99", "ms", self.p99_ms, service.p99_ns.map(ms)),
            ("heal to first ok", "ms", self.recovery_ms, recovery),
        ];
        let mut valid = Valid::Yes;
        let mut words = Vec::new();
        let mut details = serde_json::Map::new();
        for (name, unit, limit, measured) in demands {
            let Some(limit) = limit else { continue };
            let (one, measured_words) = match measured {
                None => (Valid::Unknown, "not measured".to_string()),
                Some(value) if value.is_infinite() => (Valid::No, "never".into()),
                Some(value) if value > limit => (Valid::No, format!("{value:.1} {unit}")),
                Some(value) => (Valid::Yes, format!("{value:.1} {unit}")),
            };
            valid = valid.max(one);
            let broken = if one == Valid::No { "BROKEN: " } else { "" };
            words.push(format!(
                "{broken}{name} {measured_words}, allowed {limit} {unit}"
            ));
            details.insert(
                name.replace(' ', "_"),
                json!({"limit": limit, "measured": measured.filter(|value| value.is_finite()), "unit": unit, "valid": one}),
            );
        }
        Verdict {
            checker: CHECKER.into(),
            valid,
            summary: words.join("; "),
            violations: Vec::new(),
            details: details.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Service = Service {
        longest_outage_ns: 636_000_000,
        outage_ns: 2_000_000_000,
        length_ns: 20_000_000_000,
        p99_ns: Some(213_000_000),
        worst_recovery_ns: Some(90_000_000),
        never_recovered: false,
    };

    #[test]
    fn each_limit_is_held_against_its_own_figure() {
        let slo = |outage, percent, p99, recovery| Slo {
            longest_outage_ms: outage,
            outage_percent: percent,
            p99_ms: p99,
            recovery_ms: recovery,
        };
        let judge = |slo: Slo| slo.judge(&SERVICE).valid;
        assert_eq!(
            judge(slo(Some(700.0), Some(11.0), Some(250.0), Some(100.0))),
            Valid::Yes
        );
        assert_eq!(judge(slo(Some(600.0), None, None, None)), Valid::No);
        assert_eq!(judge(slo(None, Some(9.9), None, None)), Valid::No);
        assert_eq!(judge(slo(None, None, Some(200.0), None)), Valid::No);
        assert_eq!(judge(slo(None, None, None, Some(80.0))), Valid::No);
        let words = slo(Some(600.0), None, Some(250.0), None)
            .judge(&SERVICE)
            .summary;
        assert_eq!(
            words,
            "BROKEN: longest outage 636.0 ms, allowed 600 ms; p99 213.0 ms, allowed 250 ms"
        );
    }

    #[test]
    fn what_was_not_measured_is_unknown_and_what_never_came_is_broken() {
        let slo = Slo {
            p99_ms: Some(1.0),
            ..Slo::default()
        };
        assert_eq!(slo.judge(&Service::default()).valid, Valid::Unknown);
        let slo = Slo {
            recovery_ms: Some(1e9),
            ..Slo::default()
        };
        let never = Service {
            never_recovered: true,
            ..SERVICE
        };
        assert_eq!(slo.judge(&never).valid, Valid::No);
        assert_eq!(slo.judge(&Service::default()).valid, Valid::Unknown);
    }

    #[test]
    fn a_file_without_limits_or_with_unknown_ones_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slo.json");
        for text in ["{}", r#"{"p99": 3}"#, r#"{"p99_ms": -3}"#, "p99"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap_err().code, exit::DAMAGED, "{text}");
        }
        std::fs::write(&path, r#"{"p99_ms": 30, "recovery_ms": 2500}"#).unwrap();
        assert_eq!(read(&path).unwrap().recovery_ms, Some(2500.0));
        assert_eq!(read(Path::new("/nowhere")).unwrap_err().code, exit::MISSING);
    }
}
