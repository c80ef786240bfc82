//! What a system of registers gives that is not linearizable: how stale reads were, and which promises its sessions
//! kept.
//!
//! Terry et al., "Session guarantees for weakly consistent replicated data", PDIS 1994. One value is called *older* than
//! another here if its write had ended before the other one's began: whatever the versions are, these two are
//! ordered. So what is told as broken is broken; what is told as kept was kept as far as these answers show.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::hash::Map;
use crate::history::{History, Process};
use crate::linearizable::Meter;
use crate::models::register::{Action, INITIAL, Part, Step};
use crate::sequential::{self, Ordered};
use crate::words::{Words, count, name_key};

/// At most so many operations are told of a key that has no order.
const TOLD: usize = 6;

/// What was kept and what was broken.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Promises {
    /// Reads that were looked at: those of keys where no value is written twice.
    pub reads: u64,
    /// Of these, how many found a value that had been overwritten before they began.
    pub stale_reads: u64,
    /// By how many acknowledged writes, one after the other or not, at most.
    pub most_versions: u64,
    /// For how long at most, in nanoseconds.
    pub most_ns: u64,
    /// A client that wrote finds what it wrote, or something newer.
    pub read_your_writes: Promise,
    /// A client never finds something older than it found before.
    pub monotonic_reads: Promise,
    /// What one client wrote in order is never found in reverse.
    pub monotonic_writes: Promise,
    /// What was written after something was read is never found before that.
    pub writes_follow_reads: Promise,
    /// Some order keeps each client's own, key by key.
    pub sequential: Sequential,
}

/// Sequential consistency of the keys that are not linearizable, each by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequential {
    /// Keys that are sequentially consistent.
    pub kept: u64,
    /// Keys that are not.
    pub broken: u64,
    /// Keys of which that is not decided.
    pub undecided: u64,
    /// The first key that is not, in words.
    pub example: Option<String>,
}

/// One promise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// How often it was broken; never: it was kept, as far as was seen.
    pub broken: u64,
    /// The first time, in words.
    pub example: Option<String>,
}

#[derive(Clone, Copy)]
struct Write {
    step: Step,
    client: u64,
}

/// What a client has seen of one key.
#[derive(Default)]
struct Session {
    /// The write that began last, of those that it read, and its reading.
    read: Option<(Write, u32)>,
    /// Its own acknowledged write that began last.
    written: Option<Write>,
}

impl Serialize for Promises {
    /// Where no read was looked at, nothing is said of reads: zeros would look like promises that were kept.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.reads > 0 {
            map.serialize_entry("reads", &self.reads)?;
            map.serialize_entry("stale_reads", &self.stale_reads)?;
            map.serialize_entry("most_versions", &self.most_versions)?;
            map.serialize_entry("most_ns", &self.most_ns)?;
            map.serialize_entry("read_your_writes", &self.read_your_writes)?;
            map.serialize_entry("monotonic_reads", &self.monotonic_reads)?;
            map.serialize_entry("monotonic_writes", &self.monotonic_writes)?;
            map.serialize_entry("writes_follow_reads", &self.writes_follow_reads)?;
        }
        map.serialize_entry("sequential", &self.sequential)?;
        map.end()
    }
}

impl Promises {
    /// Looks at all keys where no value is written twice, and asks of those that are `wrong` whether they are sequentially
    /// consistent, until the meter says stop; `None` where there is nothing to tell. O(n log n), and the budget of
    /// [`sequential`].
    pub fn of(
        history: &History,
        parts: &[Part],
        wrong: impl Fn(usize) -> bool,
        meter: &Meter<'_>,
    ) -> Option<Promises> {
        let mut promises = Promises::default();
        for (number, part) in parts.iter().enumerate() {
            if meter.spent(part.steps.len() as u64) {
                break;
            }
            promises.look(history, part);
            if wrong(number) {
                promises.ask_for_an_order(history, part, meter);
            }
        }
        let Sequential {
            kept,
            broken,
            undecided,
            ..
        } = promises.sequential;
        (promises.reads + kept + broken + undecided > 0).then_some(promises)
    }

    /// In words, one sentence a line.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = self.sequential.sentences();
        if self.reads == 0 {
            return sentences;
        }
        sentences.push(match self.stale_reads {
            0 => format!("No read was stale by time ({} looked at).", self.reads),
            stale => format!(
                "{stale} of {} {} stale: by at most {}, and {:.3} ms.",
                count(self.reads, "read"),
                if stale == 1 { "was" } else { "were" },
                count(self.most_versions, "version"),
                self.most_ns as f64 / 1e6
            ),
        });
        let all = [
            ("read your writes", &self.read_your_writes),
            ("monotonic reads", &self.monotonic_reads),
            ("monotonic writes", &self.monotonic_writes),
            ("writes follow reads", &self.writes_follow_reads),
        ];
        sentences.extend(all.map(|(name, promise)| match &promise.example {
            Some(example) => format!(
                "{name}: broken {}; {example}",
                count(promise.broken, "time")
            ),
            None => format!("{name}: kept, as far as was seen."),
        }));
        sentences
    }

    fn ask_for_an_order(&mut self, history: &History, part: &Part, meter: &Meter<'_>) {
        let clients: Vec<u64> = (part.steps.iter())
            .map(|step| client_of(history, step))
            .collect();
        let sequential = &mut self.sequential;
        match sequential::judge_within(&part.steps, &clients, part.values, meter) {
            Ordered::Yes(_) => sequential.kept += 1,
            Ordered::Unknown => sequential.undecided += 1,
            Ordered::No(steps) => {
                sequential.broken += 1;
                sequential.example.get_or_insert_with(|| {
                    let numbers = steps.iter().take(TOLD);
                    let numbers: Vec<u32> = numbers
                        .map(|at| part.steps[*at as usize].operation)
                        .collect();
                    let key = name_key(part.key.as_deref());
                    match numbers.is_empty() {
                        true => format!("{key} has no such order."),
                        false => format!("{key}: {}", tell(history, &numbers)),
                    }
                });
            }
        }
    }

    fn look(&mut self, history: &History, part: &Part) {
        let client = |step: &Step| client_of(history, step);
        let mut writes: Vec<Option<Write>> = vec![None; part.values];
        // The initial value's imagined write ended before everything.
        let nobody = Step {
            operation: u32::MAX,
            start: 0,
            end: 0,
            must: true,
            action: Action::Write(INITIAL),
        };
        writes[INITIAL as usize] = Some(Write {
            step: nobody,
            client: u64::MAX,
        });
        for step in &part.steps {
            if let Some(value) = step.action.installs() {
                let write = Write {
                    step: *step,
                    client: client(step),
                };
                if writes[value as usize].replace(write).is_some() {
                    return;
                }
            }
        }
        // Acknowledged writes by start, and from each on the earliest end.
        let acknowledged: Vec<&Step> = part
            .steps
            .iter()
            .filter(|step| step.must && step.action.installs().is_some())
            .collect();
        let mut missed = Missed::default();
        let mut earliest: Vec<u32> = acknowledged.iter().map(|step| step.end).collect();
        for at in (1..earliest.len()).rev() {
            earliest[at - 1] = earliest[at - 1].min(earliest[at]);
        }
        let mut sessions: Map<u64, Session> = Map::default();
        let mut by_completion: Vec<&Step> = part.steps.iter().filter(|step| step.must).collect();
        by_completion.sort_unstable_by_key(|step| step.end);
        // What each client had read before it began a write: by the write's operation.
        let mut before: Map<u32, Option<Write>> = Map::default();
        let words = |numbers: &[u32]| tell(history, numbers);
        for step in by_completion {
            let session = sessions.entry(client(step)).or_default();
            if let Some(found) = step.action.needs().and_then(|value| writes[value as usize]) {
                self.reads += 1;
                self.stale(
                    history,
                    step,
                    &found,
                    (&acknowledged, &earliest),
                    &mut missed,
                );
                if let Some(own) = session
                    .written
                    .filter(|own| found.step.end < own.step.start)
                {
                    self.read_your_writes
                        .break_it(|| words(&[own.step.operation, step.operation]));
                }
                if let Some((newer, reading)) = session
                    .read
                    .filter(|(newer, _)| found.step.end < newer.step.start)
                {
                    let example = || words(&[reading, step.operation]);
                    self.monotonic_reads.break_it(example);
                    if newer.client == found.client {
                        self.monotonic_writes.break_it(example);
                    }
                    let known = before.get(&newer.step.operation).copied().flatten();
                    if known.is_some_and(|known| known.step.operation == found.step.operation) {
                        self.writes_follow_reads.break_it(example);
                    }
                }
                if session
                    .read
                    .is_none_or(|(newest, _)| newest.step.start < found.step.start)
                {
                    session.read = Some((found, step.operation));
                }
            }
            if step.action.installs().is_some() {
                before.insert(step.operation, session.read.map(|(write, _)| write));
                session.written = Some(Write {
                    step: *step,
                    client: client(step),
                });
            }
        }
        self.most_versions = self.most_versions.max(missed.most(&acknowledged));
    }

    fn stale(
        &mut self,
        history: &History,
        read: &Step,
        found: &Write,
        (writes, earliest): (&[&Step], &[u32]),
        missed: &mut Missed,
    ) {
        let later = writes.partition_point(|write| write.start <= found.step.end);
        let Some(overwritten) = earliest.get(later).filter(|end| **end < read.start) else {
            return;
        };
        missed.by.push((later, read.start));
        let time = |event: u32| history.columns().time_ns(event as usize - 1);
        self.stale_reads += 1;
        self.most_ns = self.most_ns.max(time(read.start) - time(*overwritten));
    }
}

/// What stale reads missed.
#[derive(Default)]
struct Missed {
    /// By read: the number of the first write that began after what it found had been written, and when it began itself.
    by: Vec<(usize, u32)>,
}

impl Missed {
    /// The most writes that one of them missed: all from its first on that had ended when it began. O(n log n): a replica that
    /// is never told anything misses every write in every read.
    fn most(mut self, writes: &[&Step]) -> u64 {
        self.by
            .sort_unstable_by_key(|(first, _)| std::cmp::Reverse(*first));
        let mut ends: Vec<u32> = writes.iter().map(|write| write.end).collect();
        ends.sort_unstable();
        let place = |time: u32| ends.partition_point(|end| *end < time);
        // Fenwick, "A new data structure for cumulative frequency tables", 1994: how many of the ends so far are in front.
        let mut tree = vec![0_u64; ends.len() + 1];
        let (mut next, mut most) = (writes.len(), 0);
        for (first, read) in self.by {
            while next > first {
                next -= 1;
                let mut at = place(writes[next].end) + 1;
                while let Some(count) = tree.get_mut(at) {
                    *count += 1;
                    at += at & at.wrapping_neg();
                }
            }
            let (mut at, mut sum) = (place(read), 0);
            while at > 0 {
                sum += tree[at];
                at &= at - 1;
            }
            most = most.max(sum);
        }
        most
    }
}

impl Sequential {
    fn sentences(&self) -> Vec<String> {
        let example = self.example.as_deref().unwrap_or_default();
        let told = [
            (
                self.broken,
                format!("broken for {}; {example}", count(self.broken, "key")),
            ),
            (
                self.kept,
                match self.kept {
                    1 => "kept for 1 key.".into(),
                    kept => format!("kept for {kept} keys, each by itself."),
                },
            ),
            (
                self.undecided,
                format!("not decided for {}.", count(self.undecided, "key")),
            ),
        ];
        let told = told.into_iter().filter(|(count, _)| *count > 0);
        told.map(|(_, text)| format!("sequential consistency: {text}"))
            .collect()
    }
}

fn client_of(history: &History, step: &Step) -> u64 {
    let invoke = history.operations()[step.operation as usize].invoke();
    match history.columns().process(invoke) {
        Process::Client(id) => id,
        Process::Nemesis => u64::MAX,
    }
}

/// Operations in words, a sentence each.
fn tell(history: &History, numbers: &[u32]) -> String {
    let numbers: Vec<usize> = numbers.iter().map(|number| *number as usize).collect();
    let words = Words::new(history, numbers.iter().copied());
    let sentences: Vec<String> = (numbers.iter())
        .map(|number| words.sentence(*number))
        .collect();
    sentences.join(" ")
}

impl Promise {
    fn break_it(&mut self, example: impl Fn() -> String) {
        self.broken += 1;
        self.example.get_or_insert_with(example);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Kind};
    use crate::linearizable::limits::NO_END;
    use crate::models::register::parts;
    use serde_json::{Value, json};

    /// Operations one after the other: client, verb, value.
    fn promises(operations: &[(u64, &str, u64)]) -> Promises {
        let mut events = Vec::new();
        for (client, f, value) in operations {
            for kind in [Kind::Invoke, Kind::Ok] {
                let asks = *f == "read" && kind == Kind::Invoke;
                let value = if asks || *value == 0 {
                    Value::Null
                } else {
                    json!(value)
                };
                let index = events.len() as u64;
                events.push(Event {
                    time: std::time::Duration::from_millis(index),
                    ..Event::new(index, Process::Client(*client), kind, f, value)
                });
            }
        }
        let history = History::new(events).unwrap();
        let meter = Meter::new(NO_END);
        Promises::of(&history, &parts(&history).unwrap(), |_| true, &meter).unwrap()
    }

    fn broken(promises: &Promises) -> [u64; 4] {
        [
            &promises.read_your_writes,
            &promises.monotonic_reads,
            &promises.monotonic_writes,
            &promises.writes_follow_reads,
        ]
        .map(|promise| promise.broken)
    }

    #[test]
    fn what_is_up_to_date_keeps_every_promise() {
        let fresh = promises(&[
            (0, "read", 0),
            (0, "write", 1),
            (1, "read", 1),
            (1, "write", 2),
            (0, "read", 2),
        ]);
        assert_eq!(
            (fresh.reads, fresh.stale_reads, broken(&fresh)),
            (3, 0, [0; 4])
        );
        assert!(
            fresh
                .sentences()
                .iter()
                .all(|sentence| !sentence.contains("broken"))
        );
    }

    #[test]
    fn the_most_that_a_read_missed_is_what_looking_at_all_tells() {
        let mut state = 7_u64;
        let mut below = |most: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % most) as u32
        };
        for _ in 0..300 {
            let step = |start: u32, long: u32| Step {
                operation: 0,
                start,
                end: start + 1 + long,
                must: true,
                action: Action::Write(1),
            };
            let mut steps: Vec<Step> = (0..8).map(|_| step(below(20), below(9))).collect();
            steps.sort_by_key(|step| step.start);
            let writes: Vec<&Step> = steps.iter().collect();
            let by: Vec<(usize, u32)> = (0..5).map(|_| (below(9) as usize, below(30))).collect();
            let missed = |&(first, read): &(usize, u32)| {
                writes[first..]
                    .iter()
                    .filter(|write| write.end < read)
                    .count() as u64
            };
            let most = by.iter().map(missed).max().unwrap();
            assert_eq!(Missed { by }.most(&writes), most);
        }
    }

    #[test]
    fn where_no_read_was_looked_at_nothing_is_said_of_reads() {
        let looked = promises(&[(0, "write", 1), (1, "read", 1)]);
        let again = |promises: &Promises| serde_json::to_value(promises).unwrap();
        assert_eq!(again(&looked)["stale_reads"], 0);
        // A value that is written twice: nobody can tell which write a read found.
        let twice = promises(&[(0, "write", 1), (0, "write", 1), (1, "read", 1)]);
        let fields = again(&twice).as_object().map(|map| map.len());
        assert_eq!(fields, Some(1));
        for told in [looked, twice] {
            let read: Promises = serde_json::from_value(again(&told)).unwrap();
            assert_eq!(read, told);
        }
    }

    #[test]
    fn each_promise_is_broken_by_its_own_history() {
        // Stale for another client only: every session is content.
        let stale = promises(&[
            (0, "write", 1),
            (0, "write", 2),
            (0, "write", 3),
            (1, "read", 1),
        ]);
        assert_eq!(
            (stale.stale_reads, stale.most_versions, broken(&stale)),
            (1, 2, [0; 4])
        );
        assert_eq!(stale.most_ns, 3_000_000);
        let kept = |promises: &Promises| (promises.sequential.kept, promises.sequential.broken);
        // The other client may have been asleep all the time.
        assert_eq!(kept(&stale), (1, 0));
        let own = promises(&[(0, "write", 1), (0, "write", 2), (0, "read", 1)]);
        assert_eq!(broken(&own), [1, 0, 0, 0]);
        assert_eq!(kept(&own), (0, 1));
        assert!(own.sentences()[0].starts_with("sequential consistency: broken for 1 key; "));
        let back = promises(&[
            (0, "write", 1),
            (2, "write", 2),
            (1, "read", 2),
            (1, "read", 1),
        ]);
        assert_eq!(broken(&back), [0, 1, 0, 0]);
        let reverse = promises(&[
            (0, "write", 1),
            (0, "write", 2),
            (1, "read", 2),
            (1, "read", 1),
        ]);
        assert_eq!(broken(&reverse), [0, 1, 1, 0]);
        let follows = promises(&[
            (0, "write", 1),
            (2, "read", 1),
            (2, "write", 2),
            (1, "read", 2),
            (1, "read", 1),
        ]);
        assert_eq!(broken(&follows), [0, 1, 0, 1]);
        assert!(
            follows.sentences()[5]
                .starts_with("writes follow reads: broken 1 time; Process 1 read 2")
        );
    }
}
