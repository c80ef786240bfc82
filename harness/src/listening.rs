//! Judges while the run goes on: says what is certainly wrong by now, and ends the run for it if asked.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use checker::enough::Minimum;
use checker::linearizable::objects::Objects;
use checker::linearizable::{Limits, Linearizable};
use checker::models::ModelKind;
use checker::online::Online;
use checker::{Checker, Event, Valid, Verdict};
use serde::Serialize;
use tokio::sync::watch;

use crate::lock::lock;
use crate::progress::Progress;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(250);
/// Unless the run is to end at once, it rests so many times as long as it worked.
const REST: u32 = 9;
/// What may be tried for each key at a time; at the end all is judged once more.
const LIMITS: Limits = Limits {
    configurations: 4096,
    steps: 1_000_000,
    bytes: 1 << 26,
};

/// What is certainly wrong by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// How many violations.
    pub violations: u64,
    /// The first, in words.
    pub first: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.violations {
            1 => write!(f, "1 violation: {}", self.first),
            many => write!(f, "{many} violations, the first: {}", self.first),
        }
    }
}

/// What a listener has found, for whoever shows it.
#[derive(Debug, Default)]
pub struct Found(Mutex<Option<Wrong>>);

impl Found {
    /// What is wrong; nothing so far: `None`.
    pub fn wrong(&self) -> Option<Wrong> {
        lock(&self.0).clone()
    }

    fn tell(&self, wrong: Wrong) {
        *lock(&self.0) = Some(wrong);
    }
}

/// Reads the history as it grows, and says so once it is wrong for good. `stops`: the run is then told to stop. The verdict
/// itself is given at the end, about all that was recorded. Ends with the run.
pub fn listen(
    history: PathBuf,
    stop: &Arc<watch::Sender<bool>>,
    stops: bool,
    progress: Arc<Progress>,
) -> Arc<Found> {
    let stop: Weak<watch::Sender<bool>> = Arc::downgrade(stop);
    let found = Arc::new(Found::default());
    let told = found.clone();
    // A thread of its own: judging takes a processor for a while.
    std::thread::spawn(move || {
        let Ok(file) = File::open(&history) else {
            return;
        };
        let mut listener = Listener {
            reader: BufReader::new(file),
            line: Vec::new(),
            judge: Online::default(),
            wrong: false,
        };
        while let Some(stop) = stop.upgrade() {
            let began = Instant::now();
            let verdict = listener.listen();
            if let Some(wrong) = verdict.as_ref().and_then(wrong) {
                if told.wrong().is_none() {
                    let text = format!("a violation is certain: {}", wrong.first);
                    match stops {
                        true => progress.line(&format!("{text}; the run ends here")),
                        false => progress.say(&text),
                    }
                }
                told.tell(wrong);
                if stops {
                    let _ = stop.send(true);
                    return;
                }
            }
            drop(stop);
            let rest = if stops { 0 } else { REST };
            std::thread::sleep(EVERY.max(began.elapsed() * rest));
        }
    });
    found
}

fn wrong(verdict: &Verdict) -> Option<Wrong> {
    let first = verdict.violations.first()?;
    Some(Wrong {
        violations: verdict.violations.len() as u64,
        first: match &first.key {
            Some(key) => format!("{} on key {key}", first.anomaly),
            None => first.anomaly.clone(),
        },
    })
}

struct Listener<R> {
    reader: R,
    /// What was read of a line that is not whole yet.
    line: Vec<u8>,
    judge: Online,
    /// Something is wrong already.
    wrong: bool,
}

impl<R: BufRead> Listener<R> {
    /// Hears what was written since the last time; a verdict where that is worse news. What cannot be read is left to the
    /// judge at the end.
    fn listen(&mut self) -> Option<Verdict> {
        let mut news = false;
        while self.reader.read_until(b'\n', &mut self.line).ok()? > 0 {
            if self.line.last() != Some(&b'\n') {
                break;
            }
            let event: Event = serde_json::from_slice(&self.line).ok()?;
            self.line.clear();
            self.judge.hear(&event).ok()?;
            news = true;
        }
        let kind = ModelKind::recognise(self.judge.history());
        if kind != ModelKind::Register {
            let judge = Objects {
                kind,
                limits: LIMITS,
                minimum: Minimum::default(),
            };
            let verdict = news.then(|| judge.check(self.judge.history()));
            return verdict.filter(|verdict| verdict.valid == Valid::No);
        }
        if self.wrong {
            let judge = Linearizable {
                limits: LIMITS,
                minimum: Minimum::default(),
            };
            return news.then(|| judge.check(self.judge.history()));
        }
        let verdict = self.judge.verdict();
        self.wrong = verdict.is_some();
        verdict
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
            wrong: false,
        };
        assert_eq!(listener.listen(), None);
        let verdict = listener.listen().expect("1 was there");
        assert_eq!(verdict.violations[0].anomaly, "stale read");
        assert_eq!(listener.listen(), None);
    }

    #[test]
    fn half_a_transaction_is_heard_too() {
        let events = [
            (0, Kind::Invoke, r#"[[],[["put","a",1],["put","b",2]],[]]"#),
            (1, Kind::Ok, "[true,2,[null,null]]"),
            (2, Kind::Invoke, r#"[[],[["get","a"],["get","b"]],[]]"#),
            (3, Kind::Ok, "[true,2,[[1,2],null]]"),
        ];
        let text: String = events
            .map(|(index, kind, value)| {
                let value = serde_json::from_str(value).expect("JSON");
                to_line(&Event::new(index, Process::Client(0), kind, "txn", value))
            })
            .concat();
        let (first, second) = text.as_bytes().split_at(text.len() - 9);
        let mut listener = Listener {
            reader: BufReader::new(Growing([first.to_vec(), second.to_vec()].into())),
            line: Vec::new(),
            judge: Online::default(),
            wrong: false,
        };
        assert_eq!(listener.listen(), None);
        let verdict = listener.listen().expect("b was set with a");
        assert_eq!(verdict.violations[0].anomaly, "half a transaction");
    }

    #[test]
    fn after_the_first_lie_the_others_are_counted() {
        let mut index = 0;
        let mut lie = |key: &str| {
            let calls = [
                (Kind::Invoke, "write", 1.into()),
                (Kind::Ok, "write", 1.into()),
                (Kind::Invoke, "read", serde_json::Value::Null),
                (Kind::Ok, "read", serde_json::Value::Null),
            ];
            let lines = calls.map(|(kind, f, value)| {
                let mut event = Event::new(index, Process::Client(0), kind, f, value);
                event.key = Some(key.into());
                index += 1;
                to_line(&event)
            });
            lines.concat().into_bytes()
        };
        let pieces = [lie("a"), lie("b")];
        let mut listener = Listener {
            reader: BufReader::new(Growing(pieces.into())),
            line: Vec::new(),
            judge: Online::default(),
            wrong: false,
        };
        let mut count = || listener.listen().as_ref().and_then(super::wrong);
        let first = count().expect("a lie");
        assert_eq!(
            (first.violations, &*first.first),
            (1, "stale read on key a")
        );
        assert_eq!(count().map(|wrong| wrong.violations), Some(2));
        assert_eq!(count(), None);
    }
}
