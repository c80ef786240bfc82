//! The formats of histories: which one a text is in, and one door to all.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::str::FromStr;

use super::edn::Wrong;
use super::jsonl::{self, ReadError, Recorded};
use super::{Event, History, jepsen, porcupine};

/// How a history is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line: ours.
    JsonLines,
    /// One JSON array of Jepsen's operations.
    Json,
    /// Jepsen's operations as EDN maps, in a vector, a list, or one after the other; Porcupine's `c*.txt` too.
    Edn,
    /// Porcupine's `etcd_*.log`: lines of Jepsen's console.
    EtcdLog,
}

impl Format {
    const NAMES: [(&'static str, Format); 4] = [
        ("jsonl", Format::JsonLines),
        ("json", Format::Json),
        ("edn", Format::Edn),
        ("etcd-log", Format::EtcdLog),
    ];

    /// Tells the format from how a text begins; a few kilobytes are enough.
    pub fn recognise(beginning: &[u8]) -> Format {
        let text = String::from_utf8_lossy(beginning);
        if text.contains(porcupine::ETCD) {
            return Format::EtcdLog;
        }
        // A comment may stand before EDN.
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines
            .find(|line| !line.starts_with(';'))
            .unwrap_or_default();
        let after = |open: char| first.strip_prefix(open).map(str::trim_start);
        match (after('['), after('{')) {
            (Some(inner), _)
                if inner.starts_with("{\"") || inner.is_empty() && !text.contains("{:") =>
            {
                Format::Json
            }
            (Some(_), _) => Format::Edn,
            (_, Some(inner)) if inner.starts_with(':') => Format::Edn,
            // A list, or a record of Jepsen's with its name before it.
            _ if first.starts_with(['(', '#']) => Format::Edn,
            _ => Format::JsonLines,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Format::NAMES.iter().find(|(_, format)| format == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let found = Format::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| *format).ok_or_else(|| {
            format!("{text} is no format; use one of jsonl, json, edn, etcd-log, or leave it out")
        })
    }
}

/// Some editors begin a text with it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a history from a file; the format is recognised where none is given.
///
/// # Errors
/// As [`read`], and [`ReadError::Missing`].
pub fn open(path: &Path, format: Option<Format>) -> Result<Recorded, ReadError> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => read(&name, BufReader::with_capacity(1 << 16, file), format),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ReadError::Missing { file: name })
        }
        Err(error) => Err(ReadError::Io { file: name, error }),
    }
}

/// Reads a history; `name` is what messages call it. JSON lines hold one line of text at a time, the other
/// formats all of it. Jepsen's clock may go back a little between neighbours: there the order of events decides.
///
/// # Errors
/// Damaged text and events that make no history, with the line and the reason; what the reader fails with.
pub fn read(
    name: &str,
    mut input: impl BufRead,
    format: Option<Format>,
) -> Result<Recorded, ReadError> {
    let io = |error| ReadError::Io {
        file: name.into(),
        error,
    };
    if input.fill_buf().map_err(io)?.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    let format = match format {
        Some(format) => format,
        None => Format::recognise(input.fill_buf().map_err(io)?),
    };
    if format == Format::JsonLines {
        return jsonl::read(name, input);
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(io)?;
    let events = match std::str::from_utf8(&bytes) {
        Ok(text) => match format {
            Format::Json => jepsen::from_json(text),
            Format::Edn => jepsen::from_edn(text),
            Format::EtcdLog | Format::JsonLines => porcupine::etcd(text),
        },
        Err(error) => Err(Wrong {
            line: 1 + bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count(),
            reason: "not UTF-8 text".into(),
        }),
    };
    let paired = events.and_then(|events| {
        let (lines, events): (Vec<usize>, Vec<Event>) = events.into_iter().unzip();
        History::new(events).map_err(|malformed| Wrong {
            line: lines.get(malformed.index).copied().unwrap_or(1),
            reason: malformed.reason,
        })
    });
    match paired {
        Ok(history) => Ok(Recorded {
            history,
            truncated: false,
        }),
        Err(Wrong { line, reason }) => Err(ReadError::Damaged {
            file: name.into(),
            line,
            reason,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_text_tells_its_format() {
        for (text, format) in [
            ("{\"process\":0}", Format::JsonLines),
            ("", Format::JsonLines),
            ("[{\"type\":\"invoke\"}]", Format::Json),
            (" [\n {\"type\":\"invoke\"}]", Format::Json),
            ("[{:type :invoke}]", Format::Edn),
            ("[\n{:type :invoke}]", Format::Edn),
            ("({:type :invoke})", Format::Edn),
            ("#jepsen.history.Op{:type :invoke}", Format::Edn),
            ("; made by hand\n{:process 0}", Format::Edn),
            ("INFO  jepsen.util - 0\t:invoke", Format::EtcdLog),
        ] {
            assert_eq!(Format::recognise(text.as_bytes()), format, "{text}");
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn a_byte_order_mark_says_nothing() {
        for text in [
            "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}",
            "[{:process 0 :type :invoke :f :read}]",
        ] {
            let marked = format!("\u{feff}{text}");
            let read = read("h", marked.as_bytes(), None).unwrap();
            assert_eq!(read.history.operations().len(), 1);
        }
    }

    #[test]
    fn numbers_that_others_would_read_like_are_refused_or_kept_as_they_stand() {
        let write = |value: &str| {
            format!("{{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":{value}}}")
        };
        for number in [
            "18446744073709551617",
            "0.12345678901234567890",
            "[1,0.10000000000000000001]",
        ] {
            for text in [write(number), format!("[\n{}]", write(number))] {
                let error = read("h", text.as_bytes(), None).unwrap_err().to_string();
                assert!(error.contains("write it as a text"), "{error}");
            }
            let edn = format!(
                "[{{:process 0 :type :invoke :f :write :value {}}}]",
                number.replace(',', " ")
            );
            let read = read("h", edn.as_bytes(), None).unwrap();
            let value = read.history.columns().value(0).to_string();
            assert!(
                value.contains("18446744073709551617") || value.contains("0.1"),
                "{value}"
            );
            assert!(value.contains('"'), "{value}");
        }
        assert!(read("h", write("0.1").as_bytes(), None).is_ok());
    }

    #[test]
    fn an_ill_formed_history_is_refused_with_its_line_in_every_format() {
        for text in [
            "{:process 0 :type :invoke :f :read}\n{:process 0 :type :invoke :f :read}",
            "[{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"},\n{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}]",
            "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:invoke\t:read\tnil",
        ] {
            let error = read("h", text.as_bytes(), None).unwrap_err().to_string();
            assert_eq!(error, "h:2: process 0 has two operations open", "{text}");
        }
        let error = read("h", &b"[{:a\n\xff"[..], None).unwrap_err().to_string();
        assert_eq!(error, "h:2: not UTF-8 text");
    }
}
