//! Numbers as people read them: counts with separators, durations in a fitting unit, moments in seconds.

/// A count with thousands separators: `102,331`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 fault`, `12 faults`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A length of time to three digits in the unit that fits: `340 µs`, `8.12 ms`, `1.24 s`, `2 min 5 s`.
pub fn duration(ns: u64) -> String {
    let three = |value: f64, unit: &str| {
        let decimals = match value {
            v if v >= 99.95 => 0,
            v if v >= 9.995 => 1,
            _ => 2,
        };
        format!("{value:.decimals$} {unit}")
    };
    match ns {
        0 => "0 s".into(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => three(ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => three(ns as f64 / 1e6, "ms"),
        1_000_000_000..120_000_000_000 => three(ns as f64 / 1e9, "s"),
        _ => {
            let seconds = (ns as f64 / 1e9).round() as u64;
            match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
                (0, minutes, 0) => format!("{minutes} min"),
                (0, minutes, rest) => format!("{minutes} min {rest} s"),
                (hours, minutes, _) => format!("{hours} h {minutes} min"),
            }
        }
    }
}

/// A round duration without the zeros that say nothing: `1 s`, `200 ms`.
pub fn round(ns: u64) -> String {
    let words = duration(ns);
    match words.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => words,
    }
}

/// A moment of the run, in seconds to the millisecond: `12.204 s`.
pub fn moment(ns: u64) -> String {
    // Rounded as the checker's words are.
    let ms = ns.saturating_add(500_000) / 1_000_000;
    format!("{}.{:03} s", count(ms / 1_000), ms % 1_000)
}

/// A share in percent; never rounded up to 100 or down to 0.
pub fn percent(part: u64, whole: u64) -> String {
    match (part, whole) {
        (_, 0) => "–".into(),
        (0, _) => "0 %".into(),
        (part, whole) if part >= whole => "100 %".into(),
        (part, whole) => {
            let share = (100.0 * part as f64 / whole as f64).clamp(0.01, 99.99);
            let decimals = if (1.0..=99.0).contains(&share) { 1 } else { 2 };
            format!("{share:.decimals$} %")
        }
    }
}

/// A rate in operations a second: `341/s`, `3.4/s`.
pub fn rate(number: u64, ns: u64) -> String {
    if ns == 0 {
        return "–".into();
    }
    let rate = number as f64 * 1e9 / ns as f64;
    if rate >= 10.0 {
        format!("{}/s", count(rate.round() as u64))
    } else {
        format!("{rate:.1}/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "fault"), "1 fault");
        assert_eq!(moment(12_204_400_000), "12.204 s");
        assert_eq!(moment(12_999_500_000), "13.000 s");
        assert_eq!(rate(1_000, 2_000_000_000), "500/s");
        assert_eq!(rate(1_000, 0), "–");
    }

    #[test]
    fn a_duration_takes_the_unit_that_fits() {
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(512), "512 ns");
        assert_eq!(duration(340_000), "340 µs");
        assert_eq!(duration(8_120_000), "8.12 ms");
        assert_eq!(duration(1_240_000_000), "1.24 s");
        assert_eq!(duration(125_000_000_000), "2 min 5 s");
        assert_eq!(duration(300_000_000_000), "5 min");
        assert_eq!(round(1_000_000_000), "1 s");
        assert_eq!(round(10_000_000), "10 ms");
        assert_eq!(round(120_000_000_000), "2 min");
        assert_eq!(duration(7_260_000_000_000), "2 h 1 min");
    }

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        assert_eq!(percent(0, 10), "0 %");
        assert_eq!(percent(1, 1_000_000), "0.01 %");
        assert_eq!(percent(999_999, 1_000_000), "99.99 %");
        assert_eq!(percent(10, 10), "100 %");
        assert_eq!(percent(1, 4), "25.0 %");
        assert_eq!(percent(0, 0), "–");
    }
}
