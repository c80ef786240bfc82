//! What queues, stacks and priority queues have in common: put something in, take something out.

use crate::hash::Map;
use crate::history::Datum;

use super::model::{Said, Told};

/// A thing that is put in, numbered; equal things have equal numbers.
pub type Item = u32;

/// What can be asked of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Put this in.
    Put(Item),
    /// Take one out; which, is the reply, `None` where there was nothing.
    Take,
}

/// What a take answers: the thing, or that nothing was in.
pub type Reply = Option<Item>;

/// Numbers things by what they look like.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// Whole numbers, the usual case, as long as there are not many gaps; one more than the thing's number, 0: not met.
    small: Vec<Item>,
    others: Map<u64, Item>,
    lists: Map<String, Item>,
    met: Item,
}

/// Whole numbers have a place of their own up to so many for each that was met, and some more.
const GAPS: u32 = 4;
const AT_FIRST: u32 = 1024;

impl Items {
    /// The number of a thing. O(its size).
    pub fn number(&mut self, value: Datum<'_>) -> Item {
        let cell = value.cell();
        let small = cell
            .as_i64()
            .and_then(|number| usize::try_from(number).ok());
        if let Some(known @ 1..) = small.and_then(|small| self.small.get(small).copied()) {
            return known - 1;
        }
        let next = self.met;
        let limit = next.saturating_mul(GAPS).saturating_add(AT_FIRST) as usize;
        let known = match (cell.tells(), small) {
            (false, _) => *self.lists.entry(value.to_string()).or_insert(next),
            (true, Some(small)) if small < limit && !self.others.contains_key(&cell.word()) => {
                if self.small.len() <= small {
                    self.small.resize(small + 1, 0);
                }
                self.small[small] = next + 1;
                next
            }
            (true, _) => *self.others.entry(cell.word()).or_insert(next),
        };
        self.met += Item::from(known == next);
        known
    }

    /// Hears a put or a take. A take without an answer may have taken anything, or nothing.
    pub(super) fn hear(
        &mut self,
        told: &Told<'_>,
        [put, take]: [&[&str]; 2],
        knows: &str,
    ) -> Result<Option<(Op, Option<Reply>)>, String> {
        let verb = told.verb();
        if put.contains(&verb) {
            return Ok(Some((Op::Put(self.number(told.argument())), None)));
        }
        if take.contains(&verb) {
            let reply = (told.answer()).map(|value| (!value.is_null()).then(|| self.number(value)));
            return Ok(Some((Op::Take, reply)));
        }
        told.unknown_verb(knows)
    }
}

/// [`Said`] of any container.
pub type SaidOf<M> = Result<Option<Said<M>>, String>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::cell::Values;
    use serde_json::json;

    #[test]
    fn equal_things_have_equal_numbers_and_others_have_others() {
        let mut values = Values::default();
        // Met while it is far off, it is still the same when the numbers have come near.
        let far = i64::from(AT_FIRST) + 10;
        let mut things = vec![
            json!(far),
            json!(7),
            json!("7"),
            json!([1, [2]]),
            json!(-1),
            json!(1_i64 << 50),
            json!(true),
        ];
        things.extend(
            (0..3000)
                .map(|number| json!(number))
                .filter(|number| *number != json!(7) && *number != json!(far)),
        );
        let mut items = Items::default();
        for _ in 0..2 {
            for (number, thing) in (0..).zip(&things) {
                let cell = values.store(thing);
                assert_eq!(items.number(values.datum(cell)), number, "{thing}");
            }
        }
        assert!(items.others.len() < 10 && items.small.len() < 5000);
    }
}
