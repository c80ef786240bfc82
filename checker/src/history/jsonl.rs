//! JSON lines, one event a line: read a history, append to one.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use smol_str::{SmolStr, ToSmolStr};

use super::columns::Said;
use super::exact;
use super::keys::Keys;
use super::line::{self, Key};
use super::operation::Recorder;
use super::{Event, History, Kind, Malformed, Process};

/// A history as it was found in a file.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// What could be read.
    pub history: History,
    /// True where the last line was torn: the recorder died while it wrote. What stands before is whole.
    pub truncated: bool,
}

/// Why a file is not a history.
#[derive(Debug)]
pub enum ReadError {
    /// The file is not there.
    Missing {
        /// The file.
        file: String,
    },
    /// The operating system refused to read on.
    Io {
        /// The file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// A line is not what it must be.
    Damaged {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and what was expected.
        reason: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Missing { file } => {
                write!(
                    f,
                    "{file}: no such file; name a history, or - for standard input"
                )
            }
            ReadError::Io { file, error } => write!(f, "{file}: cannot be read: {error}"),
            ReadError::Damaged { file, line, reason } => write!(f, "{file}:{line}: {reason}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads a history from a file. O(size of the file); holds one line of text at a time.
///
/// # Errors
/// As [`read`], and [`ReadError::Missing`].
pub fn open(path: &Path) -> Result<Recorded, ReadError> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => read(&name, BufReader::with_capacity(1 << 16, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ReadError::Missing { file: name })
        }
        Err(error) => Err(ReadError::Io { file: name, error }),
    }
}

/// Reads a history; `name` is what messages call it.
///
/// Only a last line that lacks its newline and does not parse is forgiven ([`Recorded::truncated`]). Lines
/// without `index` are counted, lines without `time` happen when the line before did.
///
/// ```
/// let lines = concat!(
///     r#"{"process":0,"type":"invoke","f":"write","value":1}"#, "\n",
///     r#"{"process":0,"type":"ok","f":"write","value":1}"#, "\n",
///     r#"{"process":0,"type":"inv"#, // the recorder died here
/// );
/// let recorded = checker::history::jsonl::read("history.jsonl", lines.as_bytes()).unwrap();
/// assert_eq!(recorded.history.operations().len(), 1);
/// assert!(recorded.truncated);
/// ```
///
/// # Errors
/// A line that is not an event, events that make no history ([`super::Malformed`]), and what the reader fails with.
pub fn read(name: &str, mut input: impl BufRead) -> Result<Recorded, ReadError> {
    let damaged = |line: usize, reason: String| ReadError::Damaged {
        file: name.into(),
        line,
        reason,
    };
    let mut recorder = Recorder::default();
    let mut keys = Keys::default();
    let mut text = Vec::new();
    let mut truncated = false;
    let mut blank: Option<usize> = None;
    for line in 1.. {
        text.clear();
        let length = input
            .read_until(b'\n', &mut text)
            .map_err(|error| ReadError::Io {
                file: name.into(),
                error,
            })?;
        if length == 0 {
            break;
        }
        let recorded = match line::read(&text, recorder.columns_mut().values_mut()) {
            Some(plain) if blank.is_none() => recorded(&mut recorder, &mut keys, &plain),
            _ if text.iter().all(u8::is_ascii_whitespace) => {
                blank.get_or_insert(line);
                continue;
            }
            // Lines and events keep the same count, so that a refused event can be named by its line.
            _ if blank.is_some() => {
                let blank = blank.unwrap_or(line);
                return Err(damaged(blank, "an empty line, expected an event".into()));
            }
            _ => match serde_json::from_slice::<Line>(&text) {
                Ok(parsed) => {
                    let numbers = std::str::from_utf8(&text).ok().and_then(exact::inexact);
                    if let Some((_, number)) = numbers {
                        return Err(damaged(line, exact::refusal(number)));
                    }
                    if let Some(key) = plain(parsed.key.clone()) {
                        let heard = keys.hear(&key, parsed.key.is_string());
                        heard.map_err(|reason| damaged(line, reason))?;
                    }
                    let columns = recorder.columns_mut();
                    let last = columns
                        .len()
                        .checked_sub(1)
                        .map_or(0, |at| columns.time_ns(at));
                    let event = parsed.into_event(columns.len() as u64, Duration::from_nanos(last));
                    recorder.record(&event)
                }
                Err(_) if text.last() != Some(&b'\n') => {
                    truncated = true;
                    Ok(())
                }
                Err(error) => return Err(damaged(line, reason(&error))),
            },
        };
        recorded.map_err(|malformed| damaged(malformed.index + 1, malformed.reason))?;
    }
    Ok(Recorded {
        history: recorder.into_history(),
        truncated,
    })
}

/// Records a plain line.
fn recorded(
    recorder: &mut Recorder,
    keys: &mut Keys,
    line: &line::Line<'_>,
) -> Result<(), Malformed> {
    let columns = recorder.columns_mut();
    let at = columns.len();
    if line.index.is_some_and(|index| index != at as u64) {
        return Err(Malformed {
            index: at,
            reason: format!(
                "its index is {}, expected {at}",
                line.index.unwrap_or_default()
            ),
        });
    }
    let number;
    let key = match line.key {
        Key::None => None,
        Key::Text(text) => Some(text),
        Key::Number(key) => {
            number = key.to_smolstr();
            Some(number.as_str())
        }
    };
    if let Some(key) = key {
        let is_text = matches!(line.key, Key::Text(_));
        let heard = keys.hear(key, is_text);
        heard.map_err(|reason| Malformed { index: at, reason })?;
    }
    let last = at.checked_sub(1).map_or(0, |at| columns.time_ns(at));
    recorder.record_said(&Said {
        time: line.time.unwrap_or(last),
        process: line.process.map_or(Process::Nemesis, Process::Client),
        kind: line.kind,
        f: line.f,
        key,
        value: line.value,
        error: line.error,
        node: line.node,
        current: line.current,
        entry: line.entry,
        is_final: line.is_final,
    })
}

/// The line of one event, newline included.
pub fn to_line(event: &Event) -> String {
    // An event holds nothing that JSON cannot say: maps have string keys, and there is no I/O.
    let mut line = serde_json::to_string(event).unwrap_or_default();
    line.push('\n');
    line
}

/// Appends events to a file as they happen.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
}

impl<W: Write> Writer<W> {
    /// A writer onto `output`, best a buffered one.
    pub fn new(output: W) -> Self {
        Writer { output }
    }

    /// Appends one event, in one call of `write_all`, so that only a last line can be torn.
    ///
    /// # Errors
    /// Those of the output.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        self.output.write_all(to_line(event).as_bytes())
    }

    /// Hands everything on to the operating system.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// An event as other tools write it: without an index, perhaps without a time, keys of any plain type.
#[derive(Deserialize)]
struct Line {
    index: Option<u64>,
    time: Option<u64>,
    process: Process,
    #[serde(rename = "type")]
    kind: Kind,
    f: SmolStr,
    #[serde(default)]
    key: Value,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    error: Value,
    node: Option<SmolStr>,
    #[serde(default, deserialize_with = "super::event::present")]
    current: Option<Value>,
    entry: Option<SmolStr>,
    #[serde(default, rename = "final")]
    is_final: bool,
}

impl Line {
    fn into_event(self, index: u64, last: Duration) -> Event {
        Event {
            index: self.index.unwrap_or(index),
            time: self.time.map_or(last, Duration::from_nanos),
            process: self.process,
            kind: self.kind,
            f: self.f,
            key: plain(self.key),
            value: self.value,
            error: plain(self.error),
            node: self.node,
            current: self.current,
            entry: self.entry,
            is_final: self.is_final,
        }
    }
}

fn plain(value: Value) -> Option<SmolStr> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        other => Some(other.to_smolstr()),
    }
}

fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The parser sees one line at a time: its "at line 1" would contradict the line named in front.
    let text = match text.rfind(" at line ") {
        Some(end) => format!("{} (column {})", &text[..end], error.column()),
        None => text,
    };
    if error.is_data() {
        format!(
            "{text}; expected an event with process, type (invoke, ok, fail or info), f and value"
        )
    } else {
        format!("not JSON: {text}; expected one event")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = concat!(
        r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"read","key":"x","value":null,"node":"n1"}"#,
        "\n",
        r#"{"index":1,"time":9,"process":1,"type":"ok","f":"read","key":"x","value":7,"node":"n1"}"#,
        "\n",
    );

    fn refusal(text: &str) -> String {
        read("h.jsonl", text.as_bytes())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let first = read("h", WHOLE.as_bytes()).unwrap().history;
        let mut writer = Writer::new(Vec::new());
        first
            .events()
            .for_each(|event| writer.append(&event).unwrap());
        assert_eq!(String::from_utf8(writer.output.clone()).unwrap(), WHOLE);
        let second = read("h", writer.output.as_slice()).unwrap().history;
        assert!(first.events().eq(second.events()));
    }

    #[test]
    fn a_torn_last_line_leaves_a_prefix_and_is_reported() {
        for cut in WHOLE.len() / 2 + 10..WHOLE.len() - 1 {
            let recorded = read("h", &WHOLE.as_bytes()[..cut]).unwrap();
            assert!(recorded.truncated, "cut at {cut}");
            assert_eq!(recorded.history.events().len(), 1);
        }
        let whole = read("h", WHOLE.trim_end().as_bytes()).unwrap();
        assert!(!whole.truncated, "only the newline is missing");
    }

    #[test]
    fn damage_before_the_end_is_refused_with_its_line() {
        let text = WHOLE.replacen("\"type\":\"ok\"", "\"type\":\"okay\"", 1);
        assert!(
            refusal(&text).starts_with("h.jsonl:2: unknown variant `okay`"),
            "{}",
            refusal(&text)
        );
        let text = format!("{{\"ind\n{WHOLE}");
        assert!(
            refusal(&text).starts_with("h.jsonl:1: not JSON: "),
            "{}",
            refusal(&text)
        );
        assert_eq!(
            refusal(&format!("\n{WHOLE}")),
            "h.jsonl:1: an empty line, expected an event"
        );
        let text = WHOLE.replacen("\"time\":9", "\"time\":4", 1);
        assert_eq!(refusal(&text), "h.jsonl:2: time goes back");
        let text: String = WHOLE
            .lines()
            .next_back()
            .unwrap()
            .replace("\"index\":1", "\"index\":0")
            + "\n";
        assert_eq!(
            refusal(&text),
            "h.jsonl:1: process 1 completes what it never invoked"
        );
    }

    #[test]
    fn an_index_is_counted_where_there_is_none_and_keys_may_be_numbers() {
        let text = "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"key\":3,\"value\":null}\n";
        let history = read("h", text.as_bytes()).unwrap().history;
        assert_eq!(history.columns().event(0).key.as_deref(), Some("3"));
        assert_eq!(history.operations().len(), 1);
    }

    #[test]
    fn a_key_that_was_absent_differs_from_a_system_that_did_not_tell() {
        let told =
            "{\"process\":0,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[1,2],\"current\":null}\n";
        let history = read("h", told.as_bytes()).unwrap().history;
        assert_eq!(history.columns().event(0).current, Some(Value::Null));
        let silent = told.replace(",\"current\":null", "");
        let history = read("h", silent.as_bytes()).unwrap().history;
        assert_eq!(history.columns().event(0).current, None);
    }

    #[test]
    fn an_empty_file_is_an_empty_history() {
        let recorded = read("h", &b""[..]).unwrap();
        assert!(recorded.history.columns().is_empty() && !recorded.truncated);
    }
}
