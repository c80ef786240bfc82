//! A run in figures: as service levels are stated, for `verdict.json`, and second by second for comparisons.

use checker::History;

use super::{leaders, outages, samples, windows};
use crate::injury::Injury;
use crate::observation::Observation;
use crate::runs::{FaultFigures, Figures};

/// What clients got in a run, as service levels are stated. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The longest stretch in which clients waited and nobody in the whole cluster was served.
    pub longest_outage_ns: u64,
    /// All such stretches together.
    pub outage_ns: u64,
    /// Until the last event that is no final read.
    pub length_ns: u64,
    /// 99th percentile of the latency of served operations; `None`: nobody was served.
    pub p99_ns: Option<u64>,
    /// The longest time from the heal of a fault to the first answer to an operation invoked after it; `None`: no
    /// fault was healed while clients still asked.
    pub worst_recovery_ns: Option<u64>,
    /// A fault was healed while clients asked, and nobody was served after it.
    pub never_recovered: bool,
}

/// Measures it. O(n log n) in operations.
pub fn service(history: &History, injuries: &[Injury]) -> Service {
    let samples = samples::Samples::new(history);
    let outages = outages::Outages::new(&samples);
    let windows = windows::Window::all(injuries, samples.end_ns);
    let mut service = Service {
        longest_outage_ns: outages.longest().map_or(0, |outage| outage.length_ns()),
        outage_ns: outages.inside_ns(0, samples.end_ns),
        length_ns: samples.end_ns,
        p99_ns: samples::quantile(&samples::latencies(&samples.all), 0.99),
        ..Service::default()
    };
    for window in windows {
        // Where nobody asked afterwards, nobody knows.
        if samples.invoked_in(window.to_ns, u64::MAX).is_empty() {
            continue;
        }
        match windows::Felt::during(&window, &samples, &outages).recovery_ns {
            Some(ns) => service.worst_recovery_ns = service.worst_recovery_ns.max(Some(ns)),
            None if window.injury.healed_ns.is_some() => service.never_recovered = true,
            None => {}
        }
    }
    service
}

/// A run second by second and injury by injury, for tests of significance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PerSecond {
    /// Operations served in each whole second.
    pub served: Vec<f64>,
    /// Median latency of those invoked in each second, in milliseconds; seconds without any are left out.
    pub p50_ms: Vec<f64>,
    /// Their 99th percentile.
    pub p99_ms: Vec<f64>,
    /// Every injury that was inflicted.
    pub injuries: Vec<EachInjury>,
}

/// What clients felt of one injury.
#[derive(Clone, Debug, PartialEq)]
pub struct EachInjury {
    /// Its fault.
    pub fault: String,
    /// The longest outage that began in it, in milliseconds.
    pub longest_outage_ms: f64,
    /// From its heal to the first served operation, in milliseconds.
    pub recovery_ms: Option<f64>,
}

/// A run in figures, and second by second. O(n log n) in operations.
pub fn measured(
    history: &History,
    injuries: &[Injury],
    observations: &[Observation],
) -> (Figures, PerSecond) {
    const SECOND: u64 = 1_000_000_000;
    let ms = |ns: u64| ns as f64 / 1e6;
    let samples = samples::Samples::new(history);
    let outages = outages::Outages::new(&samples);
    let windows = windows::Window::all(injuries, samples.end_ns);
    let latencies = samples::latencies(&samples.all);
    let counts: samples::Counts = samples.all.iter().collect();
    let mut seconds = PerSecond::default();
    for second in 0..samples.end_ns / SECOND {
        let (from, to) = (second * SECOND, (second + 1) * SECOND);
        let at = |ns| samples.served_ns.partition_point(|served| *served < ns);
        seconds.served.push((at(to) - at(from)) as f64);
        let inside = samples::latencies(samples.invoked_in(from, to));
        seconds
            .p50_ms
            .extend(samples::quantile(&inside, 0.5).map(ms));
        seconds
            .p99_ms
            .extend(samples::quantile(&inside, 0.99).map(ms));
    }
    let mut faults: Vec<FaultFigures> = Vec::new();
    for injury in injuries {
        let at = faults.iter().position(|known| known.fault == injury.fault);
        let at = at.unwrap_or_else(|| {
            faults.push(FaultFigures {
                fault: injury.fault.clone(),
                ..FaultFigures::default()
            });
            faults.len() - 1
        });
        faults[at].injuries += 1;
        faults[at].with_effect += u64::from(injury.effect.is_some());
    }
    for kind in &mut faults {
        let of = || {
            windows
                .iter()
                .filter(|window| window.injury.fault == kind.fault)
        };
        let felt = windows::Felt::over(&windows::union(of()), &samples, &outages);
        kind.longest_outage_ms = ms(felt.longest_outage_ns);
        kind.outage_ms = ms(felt.outage_ns);
        kind.p50_ms = felt.p50_ns.map(ms);
        kind.p99_ms = felt.p99_ns.map(ms);
        for window in of() {
            let felt = windows::Felt::during(window, &samples, &outages);
            let recovery_ms = felt.recovery_ns.map(ms);
            seconds.injuries.push(EachInjury {
                fault: kind.fault.clone(),
                longest_outage_ms: ms(felt.longest_outage_ns),
                recovery_ms,
            });
            let worse = recovery_ms > kind.worst_recovery_ms;
            kind.worst_recovery_ms = if worse {
                recovery_ms
            } else {
                kind.worst_recovery_ms
            };
        }
    }
    let figures = Figures {
        ok: counts.ok,
        unequal: counts.unequal,
        fail: counts.fail,
        info: counts.info,
        seconds: samples.end_ns as f64 / 1e9,
        served_per_second: counts.served() as f64 * 1e9 / samples.end_ns.max(1) as f64,
        p50_ms: samples::quantile(&latencies, 0.5).map(ms),
        p99_ms: samples::quantile(&latencies, 0.99).map(ms),
        longest_outage_ms: ms(outages.longest().map_or(0, |outage| outage.length_ns())),
        outage_ms: ms(outages.inside_ns(0, samples.end_ns)),
        leader_changes: leaders::Leaders::new(observations, samples.end_ns).changes(),
        faults,
    };
    (figures, seconds)
}
