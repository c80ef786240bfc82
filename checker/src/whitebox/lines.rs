//! Evidence as JSON lines: `{"s":7,"t":123456789,"e":{"commit":{"last":[5,3]}}}`, one file a node.
//!
//! `s` numbers the events of one life of the process, `t` is the monotonic clock of the machine in nanoseconds. A file
//! holds all lives of a node, each begun by `start`. A line that cannot be read is normal where a life ended: at the end of
//! the file, or before a `start`.

use std::fmt;
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use super::{Event, Node, Place};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Numbers the events of one life of the process, from 1.
    #[serde(rename = "s")]
    pub sequence: u64,
    /// The machine's monotonic clock, nanoseconds.
    #[serde(rename = "t")]
    pub at_ns: u64,
    /// What happened.
    #[serde(rename = "e")]
    pub event: Event,
}

/// Why evidence cannot be read.
#[derive(Debug)]
pub enum LineError {
    /// The system refused.
    Io(io::Error),
    /// A line, from 1, is no event, and not the torn end of a life either.
    Damaged {
        /// Which.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Io(error) => write!(f, "cannot be read: {error}"),
            LineError::Damaged { line, why } => write!(f, "line {line}: {why}"),
        }
    }
}

impl std::error::Error for LineError {}

/// The evidence of one node, event by event.
pub struct Lines<R> {
    from: R,
    line: u64,
    node: Option<Node>,
    sequence: u64,
    buffer: Vec<u8>,
    /// A line that could not be read; forgiven if a life begins behind it, or nothing does.
    torn: Option<(u64, String)>,
}

impl<R: BufRead> Lines<R> {
    /// Reads from `from`; the node is told by the first `start`.
    pub fn new(from: R) -> Lines<R> {
        Lines {
            from,
            line: 0,
            node: None,
            sequence: 0,
            buffer: Vec::new(),
            torn: None,
        }
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// See [`LineError`].
    pub fn next_event(&mut self) -> Result<Option<(Place, Event)>, LineError> {
        loop {
            self.buffer.clear();
            if self
                .from
                .read_until(b'\n', &mut self.buffer)
                .map_err(LineError::Io)?
                == 0
            {
                return Ok(None);
            }
            self.line += 1;
            if self.buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice::<Line>(&self.buffer) {
                Ok(line) => return self.place(line).map(Some),
                Err(error) if self.torn.is_none() => {
                    self.torn = Some((self.line, error.to_string()))
                }
                Err(_) => return Err(self.damaged()),
            }
        }
    }

    fn place(&mut self, line: Line) -> Result<(Place, Event), LineError> {
        if let Event::Start { node } = line.event {
            self.node = Some(node);
            self.sequence = line.sequence;
            self.torn = None;
        } else if self.torn.is_some() {
            return Err(self.damaged());
        } else if self.node.is_some() && line.sequence != self.sequence + 1 {
            return Err(LineError::Damaged {
                line: self.line,
                why: format!("event {} follows {}", line.sequence, self.sequence),
            });
        }
        self.sequence = line.sequence;
        let Some(node) = self.node else {
            return Err(LineError::Damaged {
                line: self.line,
                why: "evidence begins with a start, which names the node".to_owned(),
            });
        };
        let place = Place {
            node,
            line: self.line,
            at_ns: line.at_ns,
        };
        Ok((place, line.event))
    }

    fn damaged(&mut self) -> LineError {
        let (line, why) = self.torn.take().unwrap_or_default();
        LineError::Damaged { line, why }
    }
}

struct Source<R> {
    lines: Lines<R>,
    next: Option<(Place, Event)>,
}

/// The evidence of several nodes as one stream, by time.
pub struct Merged<R> {
    sources: Vec<Source<R>>,
    failures: Vec<(usize, LineError)>,
}

impl<R: BufRead> Merged<R> {
    /// Merges `sources`.
    pub fn new(sources: impl IntoIterator<Item = R>) -> Merged<R> {
        let mut merged = Merged {
            sources: Vec::new(),
            failures: Vec::new(),
        };
        for (number, source) in sources.into_iter().enumerate() {
            merged.sources.push(Source {
                lines: Lines::new(source),
                next: None,
            });
            merged.advance(number);
        }
        merged
    }

    /// The sources, by position, that could not be read to their end, and why. The others were.
    pub fn failures(&self) -> &[(usize, LineError)] {
        &self.failures
    }

    fn advance(&mut self, number: usize) {
        let source = &mut self.sources[number];
        match source.lines.next_event() {
            Ok(event) => source.next = event,
            Err(error) => self.failures.push((number, error)),
        }
    }
}

impl<R: BufRead> Iterator for Merged<R> {
    type Item = (Place, Event);

    /// The next event of all. O(sources).
    fn next(&mut self) -> Option<(Place, Event)> {
        let next = |(number, source): (usize, &Source<R>)| {
            source.next.as_ref().map(|(place, _)| (place.at_ns, number))
        };
        let (_, number) = self.sources.iter().enumerate().filter_map(next).min()?;
        let event = self.sources[number].next.take();
        self.advance(number);
        event
    }
}
