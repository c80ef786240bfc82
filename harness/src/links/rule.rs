//! What a link does with bytes: pass, disturb, hold, drop, reset. Healthy is `Pass`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::shape::Shape;

/// How many kinds a frame can be of; see `frame.rs`.
pub const KINDS: usize = 32;

/// Kinds as `node/README.md` names them; the position is the number on the wire.
const NAMES: [&str; 17] = [
    "?",
    "hello",
    "pre-vote",
    "pre-vote-reply",
    "vote",
    "vote-reply",
    "append",
    "append-reply",
    "heartbeat",
    "heartbeat-reply",
    "read-index",
    "read-index-reply",
    "forward",
    "forward-reply",
    "snapshot",
    "snapshot-reply",
    "timeout-now",
];

/// The wanted state of one directed link. Level-triggered: setting it twice is setting it once, and
/// whatever was set before, [`Rule::Pass`] heals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Everything passes.
    #[default]
    Pass,
    /// Bytes come late or slowly; frames vanish, come twice, out of order or damaged. Frames stand for
    /// themselves, so the heal needs no reset.
    Shaped(Arc<[Shape]>),
    /// Nothing passes and nothing is lost. Once the rule is another, what was held goes in order, each frame
    /// after a random pause, on average this long: so the links of a cluster interleave anew.
    Hold(Duration),
    /// The side that was dialled sees the connection end, the side that dialled does not: what it says is
    /// swallowed. New connections are accepted and lead nowhere. Reset once the rule is another.
    HalfOpen,
    /// Black hole: bytes, and the ends of connections, are swallowed without a word; new connections are
    /// accepted and swallowed too. A connection that lost anything is reset once the rule is another.
    Drop,
    /// Connections are reset at once, new ones as soon as they are accepted.
    Reset,
}

impl Rule {
    /// One disturbance.
    pub fn shape(shape: Shape) -> Rule {
        Rule::Shaped([shape].into())
    }

    /// Both at once: the harsher one, or both disturbances.
    #[must_use]
    pub fn and(self, other: Rule) -> Rule {
        match (self, other) {
            (Rule::Shaped(one), Rule::Shaped(other)) => {
                Rule::Shaped(one.iter().chain(other.iter()).copied().collect())
            }
            (one, other) if one.harshness() >= other.harshness() => one,
            (_, other) => other,
        }
    }

    fn harshness(&self) -> u8 {
        match self {
            Rule::Pass => 0,
            Rule::Shaped(_) => 1,
            Rule::Hold(_) => 2,
            Rule::HalfOpen => 3,
            Rule::Drop => 4,
            Rule::Reset => 5,
        }
    }
}

/// The name of a kind of frame: `append`; `kind-23` for one that has none yet.
pub fn kind_name(kind: u8) -> String {
    match NAMES.get(usize::from(kind)) {
        Some(name) if kind > 0 => (*name).to_owned(),
        _ => format!("kind-{kind}"),
    }
}

/// A set of kinds of frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// The set of these kinds; numbers that no frame can have are left out.
    pub fn of(kinds: &[u8]) -> Kinds {
        Kinds(kinds.iter().fold(0, |set, &kind| set | Kinds::bit(kind)))
    }

    /// The kind of this name, alone.
    pub fn named(name: &str) -> Option<Kinds> {
        let kind = NAMES.iter().skip(1).position(|known| *known == name)? + 1;
        Some(Kinds::of(&[u8::try_from(kind).ok()?]))
    }

    /// Both sets together.
    pub fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Is the kind in the set?
    pub fn contains(self, kind: u8) -> bool {
        self.0 & Kinds::bit(kind) != 0
    }

    /// No kind at all?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(kind: u8) -> u32 {
        1u32.checked_shl(u32::from(kind)).unwrap_or(0)
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = (0..KINDS as u8).filter(|&kind| self.contains(kind));
        f.write_str(&kinds.map(kind_name).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_on_the_wire() {
        assert_eq!(kind_name(6), "append");
        assert_eq!(kind_name(16), "timeout-now");
        assert_eq!(kind_name(23), "kind-23");
        assert_eq!(Kinds::named("vote-reply"), Some(Kinds::of(&[5])));
        assert_eq!(Kinds::named("?"), None);
        assert_eq!(Kinds::named("banana"), None);
    }

    #[test]
    fn of_two_rules_the_harsher_one_counts_and_disturbances_add_up() {
        let loss = Shape::dropping(Kinds::of(&[6]));
        let both = Rule::shape(loss).and(Rule::shape(Shape::default()));
        assert_eq!(both, Rule::Shaped([loss, Shape::default()].into()));
        let hold = Rule::Hold(Duration::from_millis(3));
        assert_eq!(both.clone().and(hold.clone()), hold);
        assert_eq!(Rule::Drop.and(hold), Rule::Drop);
        assert_eq!(Rule::Pass.and(both.clone()), both);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_shows_it() {
        let set = Kinds::of(&[6, 200]).and(Kinds::of(&[8]));
        assert!(set.contains(6) && set.contains(8));
        assert!(!set.contains(7) && !set.contains(200));
        assert_eq!(set.to_string(), "append, heartbeat");
    }
}
