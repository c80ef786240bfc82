//! Do two samples differ? Mann and Whitney's U: ranks only, so that no shape of distribution is assumed.

/// The two-sided probability that samples of one distribution differ as much as these; `None` with fewer than eight
/// values on either side. By the normal approximation, corrected for ties and continuity.
///
/// Source: H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger
/// than the other", 1947. O(n log n).
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<f64> {
    const LEAST: usize = 8;
    if a.len() < LEAST || b.len() < LEAST {
        return None;
    }
    let mut all: Vec<(f64, bool)> = a.iter().map(|value| (*value, true)).collect();
    all.extend(b.iter().map(|value| (*value, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let count = same.len() as f64;
        let of_a = same.iter().filter(|(_, of_a)| *of_a).count() as f64;
        rank_sum += of_a * (before + (count + 1.0) / 2.0);
        ties += count.powi(3) - count;
        before += count;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let all = n + m;
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return Some(1.0);
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    Some(erfc(z / std::f64::consts::SQRT_2).min(1.0))
}

/// The complementary error function for x ≥ 0, to seven digits (Abramowitz and Stegun, 7.1.26).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [
        0.254_829_592,
        -0.284_496_736,
        1.421_413_741,
        -1.453_152_027,
        1.061_405_429,
    ];
    let sum = series.iter().rev().fold(0.0, |sum, a| (sum + a) * t);
    sum * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_shifted_samples_from_equal_ones() {
        let range = |from: u32| -> Vec<f64> { (from..from + 30).map(f64::from).collect() };
        let same = mann_whitney(&range(0), &range(0)).unwrap();
        assert!(same > 0.9, "{same}");
        let shifted = mann_whitney(&range(0), &range(20)).unwrap();
        assert!(shifted < 1e-6, "{shifted}");
        assert_eq!(mann_whitney(&[1.0; 20], &[1.0; 20]), Some(1.0));
        assert_eq!(mann_whitney(&range(0)[..7], &range(0)), None);
    }

    #[test]
    fn it_agrees_with_a_published_value() {
        // scipy.stats.mannwhitneyu(range(1, 11), range(6, 16), method="asymptotic"): U = 12.5, p = 0.00507.
        let a: Vec<f64> = (1..=10).map(f64::from).collect();
        let b: Vec<f64> = (6..=15).map(f64::from).collect();
        let p = mann_whitney(&a, &b).unwrap();
        assert!((p - 0.00507).abs() < 0.0001, "{p}");
    }
}
