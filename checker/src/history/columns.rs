//! Events as columns: about thirty bytes each, whatever they say.

use std::time::Duration;

use serde_json::Value;
use smol_str::SmolStr;

use super::cell::{Cell, Datum, Texts, Values};
use super::event::{Event, Kind, Process};

/// No text here.
const NONE: u32 = u32::MAX;

/// The process of the nemesis.
const NEMESIS: u32 = u32::MAX;

/// Bits beside the kind.
const FINAL: u8 = 4;
const SELDOM: u8 = 8;

/// From here on a process stands for a number in a table.
const FAR: u32 = 1 << 31;

/// What an event says, before it is stored: texts as they are, values as cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) time: u64,
    pub(crate) process: Process,
    pub(crate) kind: Kind,
    pub(crate) f: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) value: Cell,
    pub(crate) error: Option<&'a str>,
    pub(crate) node: Option<&'a str>,
    pub(crate) current: Option<Cell>,
    pub(crate) entry: Option<&'a str>,
    pub(crate) is_final: bool,
}

/// What few events say.
#[derive(Clone, Copy, Debug)]
struct Seldom {
    event: u32,
    error: u32,
    entry: u32,
    current: Option<Cell>,
}

/// All events, by column.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    values: Values,
    texts: Texts,
    far: Vec<u64>,
    time: Vec<u64>,
    process: Vec<u32>,
    /// The kind in the low bits, then whether it is a final read, then whether it says something that few do.
    kind: Vec<u8>,
    f: Vec<u32>,
    key: Vec<u32>,
    node: Vec<u32>,
    value: Vec<Cell>,
    seldom: Vec<Seldom>,
    /// The texts of the last event: neighbours mostly say the same.
    recent: [u32; 4],
}

impl Columns {
    /// Appends an event.
    pub(crate) fn push(&mut self, said: &Said<'_>) {
        let at = self.time.len() as u32;
        let number = |texts: &mut Texts, recent: &mut u32, text: &str| {
            if texts.len() <= *recent as usize || texts.get(*recent) != text {
                *recent = texts.number(text);
            }
            *recent
        };
        let texts = &mut self.texts;
        let [f, key, node, error] = &mut self.recent;
        self.f.push(number(texts, f, said.f));
        self.key
            .push(said.key.map_or(NONE, |text| number(texts, key, text)));
        self.node
            .push(said.node.map_or(NONE, |text| number(texts, node, text)));
        let seldom = said.error.is_some() || said.entry.is_some() || said.current.is_some();
        if seldom {
            self.seldom.push(Seldom {
                event: at,
                error: said.error.map_or(NONE, |text| number(texts, error, text)),
                entry: said.entry.map_or(NONE, |text| texts.number(text)),
                current: said.current,
            });
        }
        self.time.push(said.time);
        self.process.push(match said.process {
            Process::Nemesis => NEMESIS,
            Process::Client(id) if id < u64::from(FAR) => id as u32,
            Process::Client(id) => {
                self.far.push(id);
                FAR + self.far.len() as u32 - 1
            }
        });
        let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
        self.kind
            .push(said.kind as u8 | bit(said.is_final, FINAL) | bit(seldom, SELDOM));
        self.value.push(said.value);
    }

    /// Appends an event; its index is not looked at.
    pub(crate) fn push_event(&mut self, event: &Event) {
        let value = self.values.store(&event.value);
        let current = event
            .current
            .as_ref()
            .map(|current| self.values.store(current));
        self.push(&Said {
            time: u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX),
            process: event.process,
            kind: event.kind,
            f: &event.f,
            key: event.key.as_deref(),
            value,
            error: event.error.as_deref(),
            node: event.node.as_deref(),
            current,
            entry: event.entry.as_deref(),
            is_final: event.is_final,
        });
    }

    /// The tables beside the cells.
    pub(crate) fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// True where nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// When, in nanoseconds since the run began.
    pub fn time_ns(&self, event: usize) -> u64 {
        self.time[event]
    }

    /// When.
    pub fn time(&self, event: usize) -> Duration {
        Duration::from_nanos(self.time[event])
    }

    /// Who.
    pub fn process(&self, event: usize) -> Process {
        match self.process[event] {
            NEMESIS => Process::Nemesis,
            near if near < FAR => Process::Client(near.into()),
            far => Process::Client(self.far[(far - FAR) as usize]),
        }
    }

    /// Began, or how it ended.
    pub fn kind(&self, event: usize) -> Kind {
        match self.kind[event] & 3 {
            0 => Kind::Invoke,
            1 => Kind::Ok,
            2 => Kind::Fail,
            _ => Kind::Info,
        }
    }

    /// True for the reads at the end.
    pub fn is_final(&self, event: usize) -> bool {
        self.kind[event] & FINAL != 0
    }

    /// The verb, or the name of a fault.
    pub fn verb(&self, event: usize) -> &SmolStr {
        self.texts.get(self.f[event])
    }

    /// The verb's number: equal ones have equal numbers.
    pub fn verb_number(&self, event: usize) -> u32 {
        self.f[event]
    }

    /// The key.
    pub fn key(&self, event: usize) -> Option<&SmolStr> {
        self.text(self.key[event])
    }

    /// The key's number; `u32::MAX` where there is none.
    pub fn key_number(&self, event: usize) -> u32 {
        self.key[event]
    }

    /// The key with a number.
    pub(crate) fn key_of_number(&self, number: u32) -> Option<&SmolStr> {
        self.text(number)
    }

    /// All keys are numbered below this.
    pub fn key_numbers(&self) -> usize {
        self.texts.len()
    }

    /// The node that was asked.
    pub fn node(&self, event: usize) -> Option<&SmolStr> {
        self.text(self.node[event])
    }

    /// Argument or answer.
    pub fn value(&self, event: usize) -> Datum<'_> {
        self.values.datum(self.value[event])
    }

    /// What a compare-and-set found that failed.
    pub fn current(&self, event: usize) -> Option<Datum<'_>> {
        let current = self.seldom(event)?.current?;
        Some(self.values.datum(current))
    }

    /// Why it did not end well.
    pub fn error(&self, event: usize) -> Option<&SmolStr> {
        self.text(self.seldom(event)?.error)
    }

    /// The log entry that carries a write.
    pub fn entry(&self, event: usize) -> Option<&SmolStr> {
        self.text(self.seldom(event)?.entry)
    }

    /// The whole event, copied out.
    pub fn event(&self, event: usize) -> Event {
        Event {
            index: event as u64,
            time: self.time(event),
            process: self.process(event),
            kind: self.kind(event),
            f: self.verb(event).clone(),
            key: self.key(event).cloned(),
            value: self.value(event).to_value(),
            error: self.error(event).cloned(),
            node: self.node(event).cloned(),
            current: self.current(event).map(Datum::to_value),
            entry: self.entry(event).cloned(),
            is_final: self.is_final(event),
        }
    }

    fn text(&self, number: u32) -> Option<&SmolStr> {
        (number != NONE).then(|| self.texts.get(number))
    }

    #[inline]
    fn seldom(&self, event: usize) -> Option<&Seldom> {
        if self.kind[event] & SELDOM == 0 {
            return None;
        }
        let at = self
            .seldom
            .binary_search_by_key(&(event as u32), |seldom| seldom.event);
        at.ok().map(|at| &self.seldom[at])
    }

    /// A value as JSON, for messages.
    pub fn to_value(&self, event: usize) -> Value {
        self.value(event).to_value()
    }
}
