//! Judges registers while the run goes on, and ends it as soon as a violation is certain.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use checker::online::Online;
use checker::{Event, Verdict};
use tokio::sync::watch;

use crate::progress::Progress;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(250);

/// Reads the history as it grows; once it is wrong for good, says so and tells the run to stop. The verdict itself is
/// given at the end, about all that was recorded. Ends with the run.
pub fn stop_when_wrong(history: PathBuf, stop: Arc<watch::Sender<bool>>, progress: Arc<Progress>) {
    let stop: Weak<watch::Sender<bool>> = Arc::downgrade(&stop);
    // A thread of its own: judging takes a processor for a while.
    std::thread::spawn(move || {
        let Ok(file) = File::open(&history) else {
            return;
        };
        let mut listener = Listener {
            reader: BufReader::new(file),
            line: Vec::new(),
            judge: Online::default(),
        };
        while let Some(stop) = stop.upgrade() {
            if let Some(verdict) = listener.listen() {
                progress.line(&format!(
                    "a violation is certain: {}; the run ends here",
                    verdict
                        .violations
                        .first()
                        .map_or("", |first| &first.anomaly)
                ));
                let _ = stop.send(true);
                return;
            }
            drop(stop);
            std::thread::sleep(EVERY);
        }
    });
}

struct Listener<R> {
    reader: R,
    /// What was read of a line that is not whole yet.
    line: Vec<u8>,
    judge: Online,
}

impl<R: BufRead> Listener<R> {
    /// Hears what was written since the last time. What cannot be read is left to the judge at the end.
    fn listen(&mut self) -> Option<Verdict> {
        while self.reader.read_until(b'\n', &mut self.line).ok()? > 0 {
            if self.line.last() != Some(&b'\n') {
                break;
            }
            let event: Event = serde_json::from_slice(&self.line).ok()?;
            self.line.clear();
            self.judge.hear(&event).ok()?;
        }
        self.judge.verdict()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checker::history::jsonl::to_line;
    use checker::{Kind, Process};
    use std::collections::VecDeque;
    use std::io::Read;

    /// A file that grows: each piece is all there is until it was read to its end twice.
    struct Growing(VecDeque<Vec<u8>>);

    impl Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let Some(piece) = self.0.front_mut() else {
                return Ok(0);
            };
            if piece.is_empty() {
                self.0.pop_front();
                return Ok(0);
            }
            let read = piece.as_slice().read(buffer)?;
            piece.drain(..read);
            Ok(read)
        }
    }

    #[test]
    fn a_lie_is_heard_as_soon_as_its_line_is_whole() {
        let value = |value: Option<u64>| value.map_or(serde_json::Value::Null, Into::into);
        let events = [
            Event::new(0, Process::Client(0), Kind::Invoke, "write", value(Some(1))),
            Event::new(1, Process::Client(0), Kind::Ok, "write", value(Some(1))),
            Event::new(2, Process::Client(1), Kind::Invoke, "read", value(None)),
            Event::new(3, Process::Client(1), Kind::Ok, "read", value(None)),
        ];
        let text: String = events.iter().map(to_line).collect();
        let (first, second) = text.as_bytes().split_at(text.len() - 9);
        let pieces = [first.to_vec(), second.to_vec()];
        let mut listener = Listener {
            reader: BufReader::new(Growing(pieces.into())),
            line: Vec::new(),
            judge: Online::default(),
        };
        assert_eq!(listener.listen(), None);
        let verdict = listener.listen().expect("1 was there");
        assert_eq!(verdict.violations[0].anomaly, "stale read");
        assert_eq!(listener.listen(), None);
    }
}
