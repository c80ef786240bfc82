//! The state of a run as a few lines for a terminal, which are drawn again in place.

use std::collections::VecDeque;

use super::moment::{Counts, Moment};

/// How many rates the sparkline remembers.
const REMEMBERED: usize = 48;

/// What the dashboard remembers from moment to moment.
#[derive(Debug, Default)]
pub struct Dashboard {
    rates: VecDeque<u64>,
}

impl Dashboard {
    /// The lines for a moment, each no wider than `width` letters.
    pub fn lines(&mut self, moment: &Moment, width: usize) -> Vec<String> {
        self.rates.push_back(moment.rate);
        if self.rates.len() > REMEMBERED {
            self.rates.pop_front();
        }
        let Counts {
            ok,
            unequal,
            fail,
            info,
        } = moment.counts;
        let latency = match (moment.p50_ms, moment.p99_ms) {
            (Some(p50), Some(p99)) => format!("p50 {}  p99 {}", ms(p50), ms(p99)),
            _ => "nobody is served".into(),
        };
        let nodes = moment.nodes.iter().map(|node| {
            let role = match node.role.as_str() {
                "leader" => "LEADER",
                role => role,
            };
            match node.term {
                Some(term) => format!("{} {role} t{term}", node.node),
                None => format!("{} {role}", node.node),
            }
        });
        let faults = match moment.faults.as_slice() {
            [] => "none at the moment".into(),
            faults => faults.join("; "),
        };
        let wrong = match (moment.wrong().as_slice(), &moment.violations) {
            ([], Some(_)) => "0 violations so far; all is judged once more at the end".into(),
            ([], None) => "nothing so far; what clients saw is judged at the end".into(),
            (wrong, _) => wrong.join("; "),
        };
        let all = moment.passed_s + moment.left_s;
        let lines = [
            format!(
                "  time    {} {:.0} s of {all:.0} s left",
                bar(moment.passed_s / all.max(f64::EPSILON), 24),
                moment.left_s
            ),
            format!(
                "  served  {} {}/s  {latency}",
                sparkline(self.rates.iter().copied()),
                moment.rate
            ),
            format!("  so far  ok {ok}  unequal {unequal}  fail {fail}  unknown {info}"),
            format!("  nodes   {}", nodes.collect::<Vec<_>>().join("  ")),
            format!(
                "  faults  {faults}  ({} of {} had an effect)",
                moment.injuries_with_effect, moment.injuries
            ),
            format!("  wrong   {wrong}"),
        ];
        lines
            .into_iter()
            .map(|line| line.chars().take(width).collect())
            .collect()
    }
}

fn ms(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// A bar of `width` letters of which a share is full.
fn bar(share: f64, width: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

/// Numbers as letters of growing height; the highest is full, and zero is a blank line at the foot.
fn sparkline(numbers: impl Iterator<Item = u64> + Clone) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = numbers.clone().max().unwrap_or(0).max(1);
    let letter = |number: u64| match number {
        0 => '_',
        number => HEIGHTS[((number * 8).div_ceil(highest) - 1) as usize],
    };
    numbers.map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::super::moment::tests::moment;
    use super::*;

    #[test]
    fn the_dashboard_says_what_matters_and_keeps_to_its_width() {
        let mut dashboard = Dashboard::default();
        dashboard.lines(&moment(), 200);
        let lines = dashboard.lines(&moment(), 200);
        let all = lines.join("\n");
        for part in [
            "250 s of 300 s left",
            "██ 950/s  p50 1.2 ms  p99 14 ms",
            "n1 down  n2 LEADER t17  n3 follower t16",
            "n2 was cut off",
            "(8 of 9 had an effect)",
        ] {
            assert!(all.contains(part), "{part} in\n{all}");
        }
        let narrow = dashboard.lines(&moment(), 30);
        assert!(narrow.iter().all(|line| line.chars().count() <= 30));
        assert_eq!(narrow.len(), lines.len());
    }

    #[test]
    fn sparklines_are_scaled_to_the_highest() {
        assert_eq!(sparkline([0, 1, 4, 8].into_iter()), "_▁▄█");
        assert_eq!(sparkline([0, 0].into_iter()), "__");
        assert_eq!(bar(0.5, 4), "██░░");
        assert_eq!(bar(7.0, 2), "██");
    }
}
