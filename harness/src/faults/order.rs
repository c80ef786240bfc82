//! What is asked of a fault, as `kill:leader:restart=5-400ms` or in a schedule, checked before anything starts.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::site::NodeId;

/// A fault with its settings; what is not set, the fault chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The fault's name.
    pub fault: String,
    /// By name of the setting.
    pub settings: BTreeMap<String, String>,
}

/// One thing that can be chosen of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name before the `=`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is unless chosen; empty: the fault draws.
    pub default: &'static str,
    /// In a few words.
    pub about: &'static str,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `leader`, `one`, `minority`, `majority`, `primaries`, `all`, or nodes such as `n1` and `n1+n3`.
    Targets,
    /// `50ms`, `2s`, or a range to draw from: `5-400ms`.
    Time,
    /// `20%`, or a range: `5-40%`.
    Percent,
    /// A number of bytes, `64k` or `2m`, or a range.
    Bytes,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of these words, or a time.
    WordsOrTime(&'static [&'static str]),
    /// Kinds of the node's frames, joined by `+`: `append+vote-reply`.
    Frames,
    /// Who no longer hears whom: `n1|n2,n3` (groups, both ways) or `n1>n2,n3>n2` (directed links); `leader` and `f1`, `f2` … (the
    /// others, in order) are roles.
    Cut,
    /// Directed links: `leader>f1,n3>n2`.
    Links,
    /// Words for the command line of a node, parted by spaces.
    Text,
}

/// The setting that every fault on nodes has.
pub const TARGETS: Setting = Setting {
    name: "targets",
    kind: Kind::Targets,
    default: "",
    about: "whom it hits",
};

impl Order {
    /// The fault with nothing chosen.
    pub fn plain(fault: &str) -> Order {
        Order {
            fault: fault.into(),
            settings: BTreeMap::new(),
        }
    }

    /// Reads `NAME[:SETTING=VALUE…]`; a word without `=` is the fault's first setting: its targets or shape.
    ///
    /// # Errors
    /// Says what is wrong: the fault, the setting or its value.
    pub fn parse(text: &str) -> Result<Order, String> {
        let mut parts = text.split(':').map(str::trim);
        let mut order = Order::plain(parts.next().unwrap_or_default());
        let first = order
            .row()?
            .settings()
            .first()
            .map_or("", |setting| setting.name);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((first, part));
            if order.settings.insert(name.into(), value.into()).is_some() {
                return Err(format!("'{text}' sets {name} twice"));
            }
        }
        order.check()?;
        Ok(order)
    }

    /// The row in the table of faults.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn row(&self) -> Result<&'static dyn Fault, String> {
        super::find(&self.fault).ok_or_else(|| {
            let known: Vec<&str> = super::FAULTS.iter().map(|fault| fault.name()).collect();
            format!(
                "there is no fault named '{}': choose from {}",
                self.fault,
                known.join(", ")
            )
        })
    }

    /// Are all settings known, and their values readable?
    ///
    /// # Errors
    /// Says which is not, and what could be.
    pub fn check(&self) -> Result<(), String> {
        let fault = self.row()?;
        for (name, value) in &self.settings {
            let Some(setting) = fault.settings().iter().find(|s| s.name == name) else {
                let known: Vec<&str> = fault.settings().iter().map(|s| s.name).collect();
                return Err(format!(
                    "{} has no setting '{name}': it has {}",
                    self.fault,
                    known.join(", ")
                ));
            };
            setting
                .kind
                .check(value)
                .map_err(|problem| format!("{}: {name}={value}: {problem}", self.fault))?;
        }
        Ok(())
    }

    /// Nodes that are named, in targets, cuts or links; `f2` needs three nodes, as `n3` does.
    pub fn nodes(&self) -> Vec<NodeId> {
        let texts = ["targets", "cut", "links"]
            .iter()
            .filter_map(|n| self.settings.get(*n));
        texts
            .flat_map(|text| text.split(['+', ',', '|', '>']))
            .filter_map(|word| {
                let behind = super::follower(word).and_then(|f| u16::try_from(f + 1).ok());
                super::node(word).or(behind.map(NodeId))
            })
            .collect()
    }

    /// The text of a setting: chosen, or the default.
    pub fn text(&self, name: &str) -> &str {
        if let Some(value) = self.settings.get(name) {
            return value;
        }
        let row = super::find(&self.fault);
        let setting = row.and_then(|row| row.settings().iter().find(|s| s.name == name));
        setting.map_or("", |setting| setting.default)
    }

    /// Draws a time from a setting; `None` where it is empty or a word.
    pub fn time(&self, name: &str, rng: &mut StdRng) -> Option<Duration> {
        let range = times(self.text(name)).ok()?;
        let (least, most) = (range.start().as_secs_f64(), range.end().as_secs_f64());
        Some(Duration::from_secs_f64(rng.random_range(least..=most)))
    }

    /// Draws a probability, from 0 to 1, from a setting in percent.
    pub fn share(&self, name: &str, rng: &mut StdRng) -> f64 {
        percents(self.text(name)).map_or(0.0, |range| rng.random_range(range) / 100.0)
    }

    /// Draws a number of bytes.
    pub fn bytes(&self, name: &str, rng: &mut StdRng) -> u64 {
        bytes(self.text(name)).map_or(0, |range| rng.random_range(range))
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault)?;
        self.settings
            .iter()
            .try_for_each(|(name, value)| write!(f, ":{name}={value}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Targets => write!(f, "{}, or nodes such as n1+n3", super::SHAPES.join(", ")),
            Kind::Time => f.write_str("a time such as 50ms or 5-400ms"),
            Kind::Percent => f.write_str("a percentage such as 20% or 5-40%"),
            Kind::Bytes => f.write_str("bytes such as 1500, 64k or 8-64k"),
            Kind::Words(words) => f.write_str(&words.join(", ")),
            Kind::WordsOrTime(words) => write!(f, "{}, or a time", words.join(", ")),
            Kind::Frames => f.write_str("kinds of frame such as append+vote-reply"),
            Kind::Cut => f.write_str("n1|n2+n3, or in a file n1|n2,n3 or n1>n2,n3>n2"),
            Kind::Links => f.write_str("links such as leader>f1 or, in a file, n1>n2,n3>n2"),
            Kind::Text => f.write_str("words"),
        }
    }
}

impl Kind {
    fn check(self, value: &str) -> Result<(), String> {
        let one_of = |words: &[&str]| {
            if words.contains(&value) {
                Ok(())
            } else {
                Err(format!("choose from {}", words.join(", ")))
            }
        };
        match self {
            Kind::Targets => {
                let cast = anybody(value);
                let nodes = cast.split('+').all(|name| super::node(name).is_some());
                if nodes { Ok(()) } else { one_of(super::SHAPES) }
                    .map_err(|text| format!("{text}, or nodes such as n1+n3"))
            }
            Kind::Time => times(value).map(drop),
            Kind::Percent => percents(value).map(drop),
            Kind::Bytes => bytes(value).map(drop),
            Kind::Words(words) => one_of(words),
            Kind::WordsOrTime(words) => match times(value) {
                Ok(_) => Ok(()),
                Err(_) => {
                    one_of(words).map_err(|text| format!("{text}, or a time such as 5-400ms"))
                }
            },
            Kind::Frames => kinds(value).map(drop),
            Kind::Cut => super::partition::cut(&anybody(value)).map(drop),
            Kind::Links if !value.contains('>') => {
                Err("say which links as leader>f1,f2>leader or n1>n2".into())
            }
            Kind::Links => super::partition::cut(&anybody(value)).map(drop),
            Kind::Text => Ok(()),
        }
    }
}

/// A text about nodes with somebody in each role.
fn anybody(text: &str) -> String {
    let view = super::View {
        nodes: (1..=9).map(NodeId).collect(),
        leader: None,
        primaries: Vec::new(),
        leader_aware: false,
        kill_is_power_loss: false,
    };
    super::cast(text, &view)
}

/// Kinds of frame, by name, joined by `+`.
pub(super) fn kinds(text: &str) -> Result<crate::links::Kinds, String> {
    let mut all = crate::links::Kinds::default();
    for name in text.split('+') {
        let kind = crate::links::Kinds::named(name).ok_or_else(|| {
            format!(
                "'{name}' is no kind of frame: node/README.md has them, such as append+vote-reply"
            )
        })?;
        all = all.and(kind);
    }
    Ok(all)
}

/// A single time: `500ms` or `12s`.
pub fn moment(text: &str) -> Option<Duration> {
    let range = times(text).ok()?;
    (range.start() == range.end()).then(|| *range.start())
}

/// `50ms`, `0.5s`, `5-400ms`.
fn times(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let wrong = || "give a time such as 50ms or 2s, or a range such as 5-400ms".to_string();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').ok_or_else(wrong)?, 1.0),
    };
    let range = range::<f64>(number).ok_or_else(wrong)?;
    let second = |value: f64| Duration::try_from_secs_f64(value * unit).map_err(|_| wrong());
    Ok(second(*range.start())?..=second(*range.end())?)
}

/// `20%`, `5-40%`.
fn percents(text: &str) -> Result<RangeInclusive<f64>, String> {
    let range = text.strip_suffix('%').and_then(range::<f64>);
    range
        .filter(|range| *range.start() >= 0.0 && *range.end() <= 100.0)
        .ok_or_else(|| "give a percentage such as 20%, or a range such as 5-40%".into())
}

/// `1500`, `64k`, `2m`, `8-64k`.
fn bytes(text: &str) -> Result<RangeInclusive<u64>, String> {
    let units = [('k', 1 << 10), ('m', 1 << 20)];
    let unit = units.iter().find(|(letter, _)| text.ends_with(*letter));
    let (number, unit) = unit.map_or((text, 1), |(letter, unit)| {
        (text.trim_end_matches(*letter), *unit)
    });
    let range = range::<u64>(number)
        .and_then(|range| Some(range.start().checked_mul(unit)?..=range.end().checked_mul(unit)?));
    range.ok_or_else(|| "give bytes such as 1500, 64k or 2m, or a range such as 8-64k".into())
}

/// `5` or `5-9`, ascending.
fn range<T: FromStr + PartialOrd + Clone>(text: &str) -> Option<RangeInclusive<T>> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most): (T, T) = (least.parse().ok()?, most.parse().ok()?);
    (least <= most).then_some(least..=most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn an_order_is_read_and_written_alike() {
        let order = Order::parse("kill:leader:restart=5-400ms").unwrap();
        assert_eq!(order.text("targets"), "leader");
        assert_eq!(order.text("restart"), "5-400ms");
        assert_eq!(Order::parse(&order.to_string()), Ok(order));
        let order = Order::parse("partition:halves").unwrap();
        assert_eq!(order.text("shape"), "halves");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_could_be() {
        for (text, words) in [
            ("comet", &["comet", "kill"][..]),
            ("kill:color=red", &["color", "targets", "restart"]),
            ("kill:everybody", &["everybody", "majority", "n1+n3"]),
            ("kill:restart=soon", &["soon", "at-once", "5-400ms"]),
            ("latency:delay=9", &["delay=9", "50ms"]),
            ("latency:delay=9-5ms", &["9-5ms", "range"]),
            ("loss:share=200%", &["200%", "20%"]),
            ("bandwidth:rate=fast", &["fast", "64k"]),
            ("messages:kinds=banana", &["banana", "vote-reply"]),
            ("partition:cut=n1", &["n1|n2,n3"]),
            ("hold:links=n1|n2", &["leader>f1"]),
            ("hold:links=boss>f1", &["n1>n2"]),
            ("kill:leader:targets=one", &["targets twice"]),
        ] {
            let said = Order::parse(text).unwrap_err();
            assert!(
                words.iter().all(|word| said.contains(word)),
                "{text}: {said}"
            );
        }
    }

    #[test]
    fn values_are_drawn_from_their_range() {
        let mut rng = StdRng::seed_from_u64(1);
        let order = Order::parse("latency:delay=5-400ms").unwrap();
        for _ in 0..100 {
            let delay = order.time("delay", &mut rng).unwrap();
            assert!((5..=400).contains(&delay.as_millis()), "{delay:?}");
        }
        assert_eq!(bytes("8-64k"), Ok(8192..=65536));
        assert_eq!(percents("0-100%"), Ok(0.0..=100.0));
        assert_eq!(bytes("99999999999999999999m").ok(), None);
    }

    #[test]
    fn every_default_is_a_value() {
        for fault in super::super::FAULTS {
            for setting in fault.settings() {
                let checked = setting.kind.check(setting.default);
                assert!(
                    setting.default.is_empty() || checked.is_ok(),
                    "{} {}: {checked:?}",
                    fault.name(),
                    setting.name
                );
            }
        }
    }

    #[test]
    fn named_nodes_are_found() {
        let nodes = |text| Order::parse(text).unwrap().nodes();
        assert_eq!(nodes("kill:n1+n3"), [NodeId(1), NodeId(3)]);
        assert_eq!(nodes("partition:cut=n1|n2,n7"), [1, 2, 7].map(NodeId));
        assert_eq!(nodes("hold:links=leader>f2"), [NodeId(3)]);
        assert_eq!(nodes("kill:leader"), []);
    }
}
