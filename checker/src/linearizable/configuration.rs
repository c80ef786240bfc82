//! One possible state of the register halfway through a history, and which of two is the better one.

use crate::hash::Map;
use crate::models::register::Interned;

/// One bit for each operation that is open.
pub type Mask = u128;

/// How many operations may be open at once.
pub const SLOTS: usize = Mask::BITS as usize;

/// What may have happened so far: everything that has ended took effect, and of what is open, this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// Open operations that took effect.
    pub done: Mask,
    /// Open writes that may have taken effect unseen, right before another write; or may do so yet.
    pub hidden: Mask,
    /// What the register holds.
    pub state: Interned,
    /// Which operations of unknown outcome took effect: a number in [`Usages`].
    pub used: u32,
}

impl Configuration {
    /// The start of a history.
    pub fn new(state: Interned) -> Self {
        Configuration {
            state,
            done: 0,
            hidden: 0,
            used: Usages::NONE,
        }
    }

    /// True if whatever can follow `other` can follow this one too, so that `other` need not be kept.
    ///
    /// The states are the same. A read that is done, and a write that may be hidden, leave more open than
    /// one that is not; a compare-and-set must agree; no class was used more often.
    pub fn dominates(
        &self,
        other: &Configuration,
        reads: Mask,
        writes: Mask,
        usages: &Usages,
    ) -> bool {
        let cas = !(reads | writes);
        self.state == other.state
            && (self.done ^ other.done) & cas == 0
            && other.done & !self.done & reads == 0
            && ((self.done ^ other.done) | (self.hidden ^ other.hidden)) & writes & !self.hidden
                == 0
            && usages.is_within(self.used, other.used)
    }
}

/// How often each class of unknown outcomes was used: sorted by class, zeros left out.
type Usage = Box<[(u32, u32)]>;

/// Usages by number, each stored once.
#[derive(Clone, Debug)]
pub struct Usages {
    all: Vec<Usage>,
    sums: Vec<u32>,
    numbers: Map<Usage, u32>,
    next: Map<(u32, u32), u32>,
}

impl Default for Usages {
    fn default() -> Self {
        Usages {
            all: vec![Box::default()],
            sums: vec![0],
            numbers: Map::default(),
            next: Map::default(),
        }
    }
}

impl Usages {
    /// Nothing was used.
    pub const NONE: u32 = 0;

    fn number(&mut self, usage: Usage) -> u32 {
        if usage.is_empty() {
            return Usages::NONE;
        }
        if let Some(number) = self.numbers.get(&usage) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.sums.push(usage.iter().map(|(_, count)| count).sum());
        self.all.push(usage.clone());
        self.numbers.insert(usage, number);
        number
    }

    /// How often a class was used.
    pub fn uses(&self, usage: u32, class: u32) -> u32 {
        let usage = &self.all[usage as usize];
        usage
            .binary_search_by_key(&class, |(class, _)| *class)
            .map_or(0, |at| usage[at].1)
    }

    /// How many operations of unknown outcome were used in all.
    pub fn sum(&self, usage: u32) -> u32 {
        self.sums[usage as usize]
    }

    /// After one more use of a class.
    pub fn spend(&mut self, usage: u32, class: u32) -> u32 {
        if let Some(next) = self.next.get(&(usage, class)) {
            return *next;
        }
        let mut more = self.all[usage as usize].to_vec();
        match more.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => more[at].1 += 1,
            Err(at) => more.insert(at, (class, 1)),
        }
        let next = self.number(more.into());
        self.next.insert((usage, class), next);
        next
    }

    /// True if nothing was used more often in `fewer` than in `more`.
    pub fn is_within(&self, fewer: u32, more: u32) -> bool {
        if fewer == more || fewer == Usages::NONE {
            return true;
        }
        let (fewer, more) = (&self.all[fewer as usize], &self.all[more as usize]);
        let mut rest = more.iter();
        fewer.len() <= more.len()
            && fewer.iter().all(|(class, count)| {
                rest.find(|(other, _)| other >= class)
                    .is_some_and(|(other, most)| other == class && count <= most)
            })
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.all.len() * 160 + self.next.len() * 16
    }

    /// Keeps only what `all` speak of, what all of them have used subtracted; tells `settled` of that. O(all).
    pub fn settle(&mut self, all: &mut [Configuration], mut settled: impl FnMut(u32, u32)) {
        let Some(first) = all.first() else { return };
        let mut common = self.all[first.used as usize].to_vec();
        for other in all.iter() {
            common.retain_mut(|(class, count)| {
                *count = self.uses(other.used, *class).min(*count);
                *count > 0
            });
        }
        let mut fresh = Usages::default();
        let mut renamed: Map<u32, u32> = Map::default();
        for configuration in all {
            configuration.used = *renamed.entry(configuration.used).or_insert_with(|| {
                let left =
                    self.all[configuration.used as usize]
                        .iter()
                        .filter_map(|(class, count)| {
                            let gone = common.iter().find(|(other, _)| other == class);
                            let count = count - gone.map_or(0, |(_, count)| *count);
                            (count > 0).then_some((*class, count))
                        });
                fresh.number(left.collect())
            });
        }
        for (class, count) in common {
            settled(class, count);
        }
        *self = fresh;
    }

    /// True where it is time to [`Usages::settle`].
    pub fn is_full(&self) -> bool {
        self.all.len() > 2048
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_are_compared_class_by_class_and_what_is_common_goes() {
        let mut usages = Usages::default();
        let one = usages.spend(Usages::NONE, 3);
        let two = usages.spend(one, 3);
        let both = usages.spend(one, 1);
        let other = usages.spend(Usages::NONE, 1);
        assert_eq!(usages.spend(other, 3), both);
        assert!(
            usages.is_within(one, two)
                && usages.is_within(one, both)
                && usages.is_within(other, both)
        );
        assert!(
            !usages.is_within(two, one)
                && !usages.is_within(two, both)
                && !usages.is_within(both, two)
        );
        assert_eq!(
            (usages.uses(two, 3), usages.uses(two, 1), usages.sum(both)),
            (2, 0, 2)
        );
        let mut all = [two, both].map(|used| Configuration {
            used,
            ..Configuration::new(0)
        });
        let mut settled = Vec::new();
        usages.settle(&mut all, |class, count| settled.push((class, count)));
        assert_eq!(settled, [(3, 1)]);
        assert_eq!(
            (usages.uses(all[0].used, 3), usages.uses(all[0].used, 1)),
            (1, 0)
        );
        assert_eq!(
            (usages.uses(all[1].used, 3), usages.uses(all[1].used, 1)),
            (0, 1)
        );
    }
}
