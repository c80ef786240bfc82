//! Reads EDN, the notation of Jepsen's histories, into JSON values.

use serde_json::{Map, Number, Value};

use super::exact::is_exact;

/// Lists within lists deeper than this are refused: nothing that is meant as a history has them.
const DEPTH: usize = 64;

/// Where in a text something is wrong, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// A cursor over EDN. Keywords, symbols and characters become strings, sets and lists arrays; a tagged value
/// becomes the value; keys of maps become text. O(bytes).
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Reader<'a> {
    /// From the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        Reader {
            text: text.as_bytes(),
            at: 0,
            line: 1,
        }
    }

    /// The line that comes next, after blanks and comments.
    pub fn line(&mut self) -> usize {
        self.blanks();
        self.line
    }

    /// If an array or list comes next: steps into it. A history may be one, or a row of maps without one.
    pub fn enter(&mut self) -> Option<u8> {
        self.blanks();
        let close = match self.peek()? {
            b'[' => b']',
            b'(' => b')',
            _ => return None,
        };
        self.at += 1;
        Some(close)
    }

    /// True, and past it, if the closing bracket comes next.
    pub fn leave(&mut self, close: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(close);
        self.at += usize::from(found);
        found
    }

    /// True if nothing but blanks and comments is left.
    pub fn is_done(&mut self) -> bool {
        self.blanks();
        self.at >= self.text.len()
    }

    /// The next value.
    ///
    /// # Errors
    /// What is not EDN, or ends in the middle.
    pub fn value(&mut self) -> Result<Value, Wrong> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Value, Wrong> {
        self.blanks();
        if depth > DEPTH {
            return self.wrong(format!("more than {DEPTH} brackets inside each other"));
        }
        match self.peek() {
            None => self.wrong("the text ends where a value was expected; it was cut off".into()),
            Some(b'[') => self.sequence(b']', depth),
            Some(b'(') => self.sequence(b')', depth),
            Some(b'{') => self.map(depth),
            Some(b'"') => self.string(),
            Some(b'#') => self.dispatch(depth),
            Some(b'\\') => {
                self.at += 1;
                Ok(Value::String(self.token().to_string()))
            }
            Some(b':') => {
                self.at += 1;
                match self.token() {
                    "" => self.wrong("a colon without a name".into()),
                    name => Ok(Value::String(name.to_string())),
                }
            }
            Some(other) => match self.token() {
                "" => self.wrong(format!("unexpected {:?}", char::from(other))),
                token => self.atom(token),
            },
        }
    }

    fn atom(&self, token: &str) -> Result<Value, Wrong> {
        Ok(match token {
            "nil" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            // 3N and 3M are exact integers and decimals.
            _ => {
                let digits = token.trim_end_matches(['N', 'M']);
                let digits = digits.strip_prefix('+').unwrap_or(digits);
                let whole = digits.strip_prefix('-').unwrap_or(digits);
                let is_whole = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
                let number = (digits.parse::<i64>().ok().map(Number::from))
                    .or_else(|| digits.parse::<u64>().ok().map(Number::from))
                    .or_else(|| digits.parse().ok().and_then(Number::from_f64));
                match number {
                    // Its digits, where as a double it would equal others.
                    Some(number) if number.is_f64() && (is_whole || !is_exact(digits)) => {
                        Value::String(digits.into())
                    }
                    Some(number) => Value::Number(number),
                    None if token.starts_with(|first: char| first.is_ascii_digit()) => {
                        return self.wrong(format!("{token} is not a number"));
                    }
                    None => Value::String(token.into()),
                }
            }
        })
    }

    fn sequence(&mut self, close: u8, depth: usize) -> Result<Value, Wrong> {
        let began = self.line;
        self.at += 1;
        let mut values = Vec::new();
        while !self.leave(close) {
            if self.is_done() {
                return self.wrong(format!(
                    "the bracket that opens in line {began} is never closed; the text was cut off"
                ));
            }
            values.push(self.nested(depth + 1)?);
        }
        Ok(Value::Array(values))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Wrong> {
        let began = self.line;
        self.at += 1;
        let mut map = Map::new();
        while !self.leave(b'}') {
            if self.is_done() {
                return self.wrong(format!(
                    "the brace that opens in line {began} is never closed; the text was cut off"
                ));
            }
            let key = match self.nested(depth + 1)? {
                Value::String(key) => key,
                other => other.to_string(),
            };
            self.blanks();
            if self.peek() == Some(b'}') {
                return self.wrong(format!("the key {key} has no value"));
            }
            let value = self.nested(depth + 1)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    fn string(&mut self) -> Result<Value, Wrong> {
        let began = self.line;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let next = self.peek();
            self.at += 1;
            match next {
                None => return self.wrong(format!(
                    "the string that opens in line {began} is never closed; the text was cut off"
                )),
                Some(b'"') => break,
                Some(b'\\') => {
                    let escaped = self.peek();
                    self.at += 1;
                    bytes.push(match escaped {
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'r') => b'\r',
                        Some(other) => other,
                        None => continue,
                    });
                }
                Some(other) => {
                    self.line += usize::from(other == b'\n');
                    bytes.push(other);
                }
            }
        }
        Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// `#{…}` is a set, `#_ x` leaves x out, `#tag x` is x.
    fn dispatch(&mut self, depth: usize) -> Result<Value, Wrong> {
        self.at += 1;
        match self.peek() {
            Some(b'{') => self.sequence(b'}', depth),
            Some(b'_') => {
                self.at += 1;
                self.nested(depth + 1)?;
                self.nested(depth + 1)
            }
            _ => {
                self.token();
                self.nested(depth + 1)
            }
        }
    }

    fn token(&mut self) -> &'a str {
        let from = self.at;
        while self.peek().is_some_and(|byte| !ends_token(byte)) {
            self.at += 1;
        }
        // The text is valid UTF-8 and tokens end at ASCII bytes.
        std::str::from_utf8(&self.text[from..self.at]).unwrap_or_default()
    }

    fn blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => self.line += 1,
                b';' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                    continue;
                }
                byte if byte.is_ascii_whitespace() || byte == b',' => {}
                _ => break,
            }
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn wrong<T>(&self, reason: String) -> Result<T, Wrong> {
        Err(Wrong {
            line: self.line,
            reason,
        })
    }
}

fn ends_token(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b",;\"()[]{}".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str) -> Result<Value, Wrong> {
        Reader::new(text).value()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = r#"; a comment
            {:a nil, :b [1 -2 3N 1.5], 4 #{true}, "s\n" (x \c), :t #inst "2026", :u #_ gone :here}"#;
        let expected = json!({"a": null, "b": [1, -2, 3, 1.5], "4": [true], "s\n": ["x", "c"], "t": "2026", "u": "here"});
        assert_eq!(value(text), Ok(expected));
    }

    #[test]
    fn integers_beyond_a_word_stay_apart() {
        let (one, other) = ("36893488147419103232", "36893488147419103233");
        assert_ne!(value(one), value(other));
        assert_eq!(
            value("-36893488147419103233N"),
            Ok(json!("-36893488147419103233"))
        );
    }

    #[test]
    fn what_is_cut_off_or_no_edn_is_refused_with_its_line() {
        for (text, line, says) in [
            ("{:a\n [1 2", 2, "line 2 is never closed"),
            ("{:a 1\n :b}", 2, "the key b has no value"),
            ("\n\"abc", 2, "line 2 is never closed"),
            ("[1 }", 1, "unexpected '}'"),
            ("", 1, "cut off"),
            ("12x", 1, "12x is not a number"),
        ] {
            let wrong = value(text).unwrap_err();
            assert_eq!(wrong.line, line, "{text}: {wrong:?}");
            assert!(wrong.reason.contains(says), "{text}: {wrong:?}");
        }
        assert!(value(&"[".repeat(1000)).is_err());
    }
}
