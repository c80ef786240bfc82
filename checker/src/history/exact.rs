//! Whether a number is read as what it says: doubles stand for many, and two of these must not become one.

/// True if a decimal number is a whole one that fits into 64 bits, or the way in which a double is written: the shortest,
/// or with 17 digits. Of any others two can read the same.
pub(super) fn is_exact(token: &str) -> bool {
    if token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
        return true;
    }
    // What is no finite number is refused elsewhere.
    let Some(double) = token
        .parse::<f64>()
        .ok()
        .filter(|double| double.is_finite())
    else {
        return true;
    };
    let said = digits(token);
    digits(&format!("{double:e}")) == said || digits(&format!("{double:.16e}")) == said
}

/// The digits that count, and where the point is.
fn digits(token: &str) -> (String, i64) {
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    let short = all.trim_end_matches('0');
    if short.is_empty() {
        return (String::new(), 0);
    }
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let zeros = (all.len() - short.len()) as i64;
    (short.into(), exponent - fraction.len() as i64 + zeros)
}

/// The first number in a JSON text that would not be read as what it says, and the line on which it stands, from 1. O(text).
pub(super) fn inexact(text: &str) -> Option<(usize, &str)> {
    let (bytes, mut at, mut line, mut within) = (text.as_bytes(), 0, 1, false);
    while let Some(&byte) = bytes.get(at) {
        line += usize::from(byte == b'\n');
        match byte {
            b'\\' if within => at += 1,
            b'"' => within = !within,
            b'-' | b'0'..=b'9' if !within => {
                let length = (bytes[at..].iter()).take_while(|byte| {
                    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                });
                let end = at + length.count();
                if !is_exact(&text[at..end]) {
                    return Some((line, &text[at..end]));
                }
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Why such a number is refused.
pub(super) fn refusal(number: &str) -> String {
    format!(
        "{number} is larger or more precise than a double can tell from its neighbours; write it as a text, in quotes"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_other_number_reads_like_is_exact() {
        for exact in [
            "0",
            "-0.0",
            "7",
            "18446744073709551615",
            "-9223372036854775808",
            "0.1",
            "1.50",
            "-2.5e-3",
            "1e300",
            "100000000000000000000000",
            "0.30000000000000004",
            "0.10000000000000001",
            "1E+2",
            "5e-324",
        ] {
            assert!(is_exact(exact), "{exact}");
        }
        for not in [
            "18446744073709551616",
            "18446744073709551617",
            "-9223372036854775809",
            "0.12345678901234567890",
            "0.10000000000000000001",
            "1e-400",
        ] {
            assert!(!is_exact(not), "{not}");
        }
        let text = "{\"a\": \"0.12345678901234567890 \\\"\",\n \"b\": [0.5, 18446744073709551617]}";
        assert_eq!(inexact(text), Some((2, "18446744073709551617")));
        assert_eq!(inexact("[1, 2.25, \"\\\\\", -3e5]"), None);
    }
}
