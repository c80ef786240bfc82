//! Keys are texts here; in a file they may be numbers, too.

use smol_str::SmolStr;

use crate::hash::Set;

/// How the keys of one file were written.
#[derive(Default)]
pub(super) struct Keys {
    texts: Set<SmolStr>,
    others: Set<SmolStr>,
}

impl Keys {
    /// Hears of a key in a file. 1 and "1" would become one key, of which nothing said about either would be true.
    ///
    /// # Errors
    /// A sentence about a key that was written both ways.
    pub(super) fn hear(&mut self, key: &str, is_text: bool) -> Result<(), String> {
        // Mostly that is all there is to see.
        let looks_odd =
            |first: u8| matches!(first, b'0'..=b'9' | b'-' | b'[' | b'{' | b't' | b'f' | b'n');
        if is_text && !key.bytes().next().is_some_and(looks_odd) {
            return Ok(());
        }
        let (own, other) = match is_text {
            true => (&mut self.texts, &self.others),
            false => (&mut self.others, &self.texts),
        };
        if own.contains(key) {
            return Ok(());
        }
        if other.contains(key) {
            return Err(format!(
                "the key {key} is a text here and none in another line, or the other way round; write one key in one way"
            ));
        }
        own.insert(key.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_text_or_it_is_not() {
        let mut keys = Keys::default();
        let mut hear = |key, is_text| keys.hear(key, is_text).is_ok();
        assert!(hear("1", false) && hear("2", true) && hear("x", true));
        assert!(hear("1", false) && hear("2", true) && hear("x", true));
        assert!(!hear("1", true) && !hear("2", false));
        assert!(hear("[1]", false) && !hear("[1]", true));
    }
}
