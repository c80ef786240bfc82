//! One line of JSON read quickly: what our own recorder and its like write. Anything else is left to the general
//! parser, which reads or refuses it.

use super::cell::{Cell, Values};
use super::event::Kind;

/// Lists within lists are read down to this depth.
const DEPTH: u32 = 8;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub index: Option<u64>,
    pub time: Option<u64>,
    /// `None`: the nemesis.
    pub process: Option<u64>,
    pub kind: Kind,
    pub f: &'a str,
    pub key: Key<'a>,
    pub value: Cell,
    pub error: Option<&'a str>,
    pub node: Option<&'a str>,
    pub current: Option<Cell>,
    pub entry: Option<&'a str>,
    pub is_final: bool,
}

/// A key as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    None,
    Text(&'a str),
    Number(i64),
}

/// Reads a line; `None`: not a plain one.
pub fn read<'a>(text: &'a [u8], values: &mut Values) -> Option<Line<'a>> {
    let mut reader = Reader { text, at: 0 };
    let mut line = Line {
        index: None,
        time: None,
        process: None,
        kind: Kind::Invoke,
        f: "",
        key: Key::None,
        value: Cell::NULL,
        error: None,
        node: None,
        current: None,
        entry: None,
        is_final: false,
    };
    reader.expect(b'{')?;
    let mut seen = 0_u32;
    loop {
        let name = reader.text()?;
        reader.expect(b':')?;
        let field = match name {
            "index" => {
                line.index = Some(reader.natural()?);
                0
            }
            "time" => {
                line.time = Some(reader.natural()?);
                1
            }
            "process" => {
                line.process = match reader.peek()? {
                    b'"' if reader.text()? == "nemesis" => None,
                    b'"' => return None,
                    _ => Some(reader.natural()?),
                };
                2
            }
            "type" => {
                line.kind = match reader.text()? {
                    "invoke" => Kind::Invoke,
                    "ok" => Kind::Ok,
                    "fail" => Kind::Fail,
                    "info" => Kind::Info,
                    _ => return None,
                };
                3
            }
            "f" => {
                line.f = reader.text()?;
                4
            }
            "key" => {
                line.key = match reader.peek()? {
                    b'"' => Key::Text(reader.text()?),
                    b'n' => reader.word(b"null").map(|()| Key::None)?,
                    _ => Key::Number(reader.integer()?),
                };
                5
            }
            "value" => {
                line.value = reader.value(values, DEPTH)?;
                6
            }
            "error" => {
                line.error = reader.text_or_null()?;
                7
            }
            "node" => {
                line.node = reader.text_or_null()?;
                8
            }
            "current" => {
                line.current = Some(reader.value(values, DEPTH)?);
                9
            }
            "entry" => {
                line.entry = reader.text_or_null()?;
                10
            }
            "final" => {
                line.is_final = match reader.peek()? {
                    b't' => reader.word(b"true").map(|()| true)?,
                    _ => reader.word(b"false").map(|()| false)?,
                };
                11
            }
            _ => return None,
        };
        if seen & 1 << field != 0 {
            return None;
        }
        seen |= 1 << field;
        match reader.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    // process, type and f are a must.
    (seen & 0b11100 == 0b11100 && reader.is_done()).then_some(line)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no space, left where it is.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.peek()?;
        self.text[self.at..]
            .starts_with(word)
            .then(|| self.at += word.len())
    }

    /// A text without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
        if rest[length] != b'"' {
            return None;
        }
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).ok()
    }

    fn text_or_null(&mut self) -> Option<Option<&'a str>> {
        match self.peek()? {
            b'"' => self.text().map(Some),
            _ => self.word(b"null").map(|()| None),
        }
    }

    /// A whole number that is not negative.
    fn natural(&mut self) -> Option<u64> {
        self.peek()?;
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, after) = rest.split_at(length);
        // JSON knows no leading zeros; fractions and very long numbers are not for here.
        if length == 0
            || length > 18
            || length > 1 && digits[0] == b'0'
            || matches!(after[0], b'.' | b'e' | b'E')
        {
            return None;
        }
        self.at += length;
        Some(
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')),
        )
    }

    fn integer(&mut self) -> Option<i64> {
        match self.peek()? {
            b'-' => {
                self.at += 1;
                // "- 1" is no number, and "-0" a fraction to the general parser.
                let digits = self.text.get(self.at)?;
                matches!(digits, b'1'..=b'9').then_some(())?;
                Some(-(self.natural()? as i64))
            }
            _ => Some(self.natural()? as i64),
        }
    }

    fn value(&mut self, values: &mut Values, depth: u32) -> Option<Cell> {
        match self.peek()? {
            b'n' => self.word(b"null").map(|()| Cell::NULL),
            b't' => self.word(b"true").map(|()| Cell::boolean(true)),
            b'f' => self.word(b"false").map(|()| Cell::boolean(false)),
            b'"' => self.text().map(|text| values.text(text)),
            b'[' => {
                self.at += 1;
                self.list(values, depth.checked_sub(1)?)
            }
            _ => Cell::integer(self.integer()?),
        }
    }

    fn list(&mut self, values: &mut Values, depth: u32) -> Option<Cell> {
        // Pairs are most common; longer lists spill.
        let (mut first, mut all) = ([Cell::NULL; 2], Vec::new());
        let mut length = 0;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(values.list(&[]));
        }
        loop {
            let member = self.value(values, depth)?;
            match first.get_mut(length) {
                Some(place) => *place = member,
                None => {
                    if length == first.len() {
                        all.extend(first);
                    }
                    all.push(member);
                }
            }
            length += 1;
            match self.next()? {
                b',' => {}
                b']' => break,
                _ => return None,
            }
        }
        Some(values.list(if length > first.len() {
            &all
        } else {
            &first[..length]
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn value_of(text: &str) -> Option<Value> {
        let mut values = Values::default();
        let line = format!(r#"{{"process":0,"type":"ok","f":"read","value":{text}}}"#);
        let cell = read(line.as_bytes(), &mut values)?.value;
        Some(values.datum(cell).to_value())
    }

    #[test]
    fn a_value_is_what_the_general_parser_reads_or_left_to_it() {
        let all = [
            "null",
            "true",
            "false",
            "0",
            "-7",
            "12345678901234567",
            "\"\"",
            "\"ab c\"",
            "[]",
            "[1]",
            "[1,2]",
            "[null, 2]",
            "[1,[2,[]],\"x\"]",
            "[ 1 , 2 , 3 ]",
            "01",
            "-01",
            "- 1",
            "-",
            "1.5",
            "1e3",
            "-0",
            "\"a\\n\"",
            "\"\u{e4}\"",
            "{}",
            "[1,]",
            "[1",
            "nul",
            "99999999999999999999",
            "\"\t\"",
            "1 2",
        ];
        let mut plain = 0;
        for text in all {
            if let Some(value) = value_of(text) {
                assert_eq!(
                    serde_json::from_str::<Value>(text).ok(),
                    Some(value),
                    "{text}"
                );
                plain += 1;
            }
        }
        assert_eq!(plain, 15);
        assert_eq!(value_of("[[[[[[[[[1]]]]]]]]]"), None);
    }

    #[test]
    fn a_line_with_everything() {
        let text = br#"{"index":4,"time":12,"process":3,"type":"fail","f":"cas","key":"x","value":[1,2],"error":null,"node":"n1","current":5,"entry":"5@3","final":true}
"#;
        let mut values = Values::default();
        let line = read(text, &mut values).unwrap();
        assert_eq!(
            (line.index, line.time, line.process),
            (Some(4), Some(12), Some(3))
        );
        assert_eq!(
            (line.kind, line.f, line.key),
            (Kind::Fail, "cas", Key::Text("x"))
        );
        assert_eq!(values.datum(line.value).to_value(), json!([1, 2]));
        assert_eq!(line.current.and_then(Cell::as_i64), Some(5));
        assert_eq!(
            (line.error, line.node, line.entry),
            (None, Some("n1"), Some("5@3"))
        );
        assert!(line.is_final);
        for cut in 0..text.len() - 2 {
            assert_eq!(read(&text[..cut], &mut values), None, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_odd_is_left_to_the_general_parser() {
        for text in [
            r#"{"process":0,"type":"ok","f":"read","f":"read"}"#,
            r#"{"process":0,"type":"ok"}"#,
            r#"{"process":"x","type":"ok","f":"read"}"#,
            r#"{"process":0,"type":"okay","f":"read"}"#,
            r#"{"process":0,"type":"ok","f":"read","more":1}"#,
            r#"{"process":0,"type":"ok","f":"read"} {"#,
            r#"{}"#,
            "",
        ] {
            assert_eq!(
                read(text.as_bytes(), &mut Values::default()),
                None,
                "{text}"
            );
        }
        let nemesis = br#"{"process":"nemesis","type":"info","f":"kill"}"#;
        assert_eq!(
            read(nemesis, &mut Values::default()).map(|line| line.process),
            Some(None)
        );
    }
}
