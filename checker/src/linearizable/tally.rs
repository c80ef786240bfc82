//! How often each class of unknown outcomes was used: one word where that holds all counts, else a number of a table.

use super::configuration::Usages;

/// What was used, of the [`Tally`] that made it. Equal ones have equal counts.
pub type Used = u64;

/// Nothing was used.
pub const NONE: Used = 0;

/// Counts the uses of classes whose sizes are known.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By class: where its count begins, and the bits of one that begins at 0.
    fields: Vec<(u32, u64)>,
    /// Instead, where one word does not hold all counts.
    table: Option<Usages>,
}

impl Tally {
    /// For classes of so many members each, one at least. O(classes).
    pub fn of(sizes: impl Iterator<Item = usize>) -> Tally {
        let (mut fields, mut from) = (Vec::with_capacity(sizes.size_hint().0), 0);
        for size in sizes {
            let bits = usize::BITS - size.leading_zeros();
            if from + bits > u64::BITS {
                return Tally {
                    table: Some(Usages::default()),
                    ..Tally::default()
                };
            }
            fields.push((from, u64::MAX >> (u64::BITS - bits)));
            from += bits;
        }
        Tally {
            fields,
            table: None,
        }
    }

    /// How often a class was used.
    #[inline]
    pub fn uses(&self, used: Used, class: usize) -> u32 {
        match &self.table {
            Some(table) => table.uses(used as u32, class as u32),
            None => {
                let (from, bits) = self.fields[class];
                (used >> from & bits) as u32
            }
        }
    }

    /// After one more use of a class, which has a member left.
    pub fn spend(&mut self, used: Used, class: usize) -> Used {
        match &mut self.table {
            Some(table) => table.spend(used as u32, class as u32).into(),
            None => used + (1 << self.fields[class].0),
        }
    }

    /// Bytes held beyond its own, about.
    pub fn bytes(&self) -> usize {
        self.table.as_ref().map_or(0, Usages::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_table() {
        // One word; a class that fills it alone; more than one word holds.
        for sizes in [vec![1, 7, 8, 1], vec![u32::MAX as usize; 2], vec![9; 17]] {
            let mut tally = Tally::of(sizes.iter().copied());
            assert_eq!(tally.table.is_some(), sizes.len() == 17);
            let (mut table, mut used, mut number) = (Usages::default(), NONE, Usages::NONE);
            for round in 0..40_usize {
                let class = (round * 7 + round / 3) % sizes.len();
                if table.uses(number, class as u32) as usize == sizes[class] {
                    continue;
                }
                used = tally.spend(used, class);
                number = table.spend(number, class as u32);
                for class in 0..sizes.len() {
                    assert_eq!(tally.uses(used, class), table.uses(number, class as u32));
                }
            }
            assert_ne!(used, NONE);
        }
    }
}
