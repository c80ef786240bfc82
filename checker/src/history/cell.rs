//! Values as a history stores them: one word each; texts, lists and odd ones in tables beside.

use std::fmt;

use serde_json::Value;
use smol_str::SmolStr;

use crate::hash::Map;

/// A value in one word. Two cells of one history are equal iff the values are, lists apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell(u64);

// The low three bits say what the others mean.
const PLAIN: u64 = 0;
const INTEGER: u64 = 1;
const PAIR: u64 = 2;
const TEXT: u64 = 3;
const LIST: u64 = 4;
const OTHER: u64 = 5;

/// Half of a pair is stored in so many bits; its greatest number stands for null.
const HALF: u32 = 30;
const HALF_NULL: u64 = (1 << HALF) - 1;
const HALF_ZERO: i64 = 1 << (HALF - 1);

impl Cell {
    /// JSON's null.
    pub const NULL: Cell = Cell(PLAIN);

    /// True or false.
    pub fn boolean(value: bool) -> Cell {
        Cell((1 + u64::from(value)) << 3 | PLAIN)
    }

    /// A whole number, if it is not too large for a word.
    pub fn integer(number: i64) -> Option<Cell> {
        let fits = (-(1 << 60)..1 << 60).contains(&number);
        fits.then_some(Cell((number as u64) << 3 | INTEGER))
    }

    /// Null and small whole numbers, as compare-and-sets have them, in one word.
    fn pair(first: Cell, second: Cell) -> Option<Cell> {
        let half = |cell: Cell| match cell {
            Cell::NULL => Some(HALF_NULL),
            cell => {
                let shifted = cell.as_i64()?.checked_add(HALF_ZERO)?;
                (0..HALF_NULL as i64)
                    .contains(&shifted)
                    .then_some(shifted as u64)
            }
        };
        Some(Cell(half(first)? << (3 + HALF) | half(second)? << 3 | PAIR))
    }

    /// The halves of a small pair.
    #[inline]
    fn halves(self) -> Option<[Cell; 2]> {
        let whole = |half: u64| match half & HALF_NULL {
            HALF_NULL => Cell::NULL,
            half => Cell(((half as i64 - HALF_ZERO) as u64) << 3 | INTEGER),
        };
        (self.0 & 7 == PAIR).then(|| [whole(self.0 >> (3 + HALF)), whole(self.0 >> 3)])
    }

    /// True for null.
    pub fn is_null(self) -> bool {
        self == Cell::NULL
    }

    /// The number, if it is a whole one.
    pub fn as_i64(self) -> Option<i64> {
        (self.0 & 7 == INTEGER).then_some(self.0 as i64 >> 3)
    }

    /// True unless equal lists may be stored in different cells.
    pub fn tells(self) -> bool {
        self.0 & 7 != LIST
    }

    /// The word itself: a name for the value within its history, where [`Cell::tells`].
    pub fn word(self) -> u64 {
        self.0
    }

    fn index(self) -> usize {
        (self.0 >> 3) as usize
    }
}

/// Texts, each stored once, numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    all: Vec<SmolStr>,
    numbers: Map<SmolStr, u32>,
}

impl Texts {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    /// The text with a number.
    pub fn get(&self, number: u32) -> &SmolStr {
        &self.all[number as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// What does not fit into cells.
#[derive(Clone, Debug, Default)]
pub struct Values {
    texts: Texts,
    /// The members of all lists, and by list where its own begin; the last number is where they end.
    members: Vec<Cell>,
    lists: Vec<u32>,
    others: Vec<Value>,
    numbers: Map<String, u32>,
}

impl Values {
    /// Stores a text.
    pub fn text(&mut self, text: &str) -> Cell {
        Cell(u64::from(self.texts.number(text)) << 3 | TEXT)
    }

    /// Stores a list.
    pub fn list(&mut self, members: &[Cell]) -> Cell {
        if let [first, second] = members
            && let Some(pair) = Cell::pair(*first, *second)
        {
            return pair;
        }
        let number = self.lists.len() as u64;
        self.lists.push(self.members.len() as u32);
        self.members.extend(members);
        Cell(number << 3 | LIST)
    }

    /// Stores any value. O(its size).
    pub fn store(&mut self, value: &Value) -> Cell {
        match value {
            Value::Null => Cell::NULL,
            Value::Bool(value) => Cell::boolean(*value),
            Value::String(text) => self.text(text),
            Value::Array(all) => {
                let members: Vec<Cell> = all.iter().map(|member| self.store(member)).collect();
                self.list(&members)
            }
            other => match other.as_i64().and_then(Cell::integer) {
                Some(cell) => cell,
                None => {
                    let next = self.others.len() as u32;
                    let number = *self.numbers.entry(other.to_string()).or_insert(next);
                    if number == next {
                        self.others.push(other.clone());
                    }
                    Cell(u64::from(number) << 3 | OTHER)
                }
            },
        }
    }

    /// A stored value, to look at.
    pub fn datum(&self, cell: Cell) -> Datum<'_> {
        Datum { cell, values: self }
    }
}

/// A value of a history, to look at.
#[derive(Clone, Copy)]
pub struct Datum<'a> {
    cell: Cell,
    values: &'a Values,
}

impl<'a> Datum<'a> {
    /// The word that stores it.
    pub fn cell(self) -> Cell {
        self.cell
    }

    /// True for null, "no value".
    pub fn is_null(self) -> bool {
        self.cell.is_null()
    }

    /// The number, if it is a whole one.
    pub fn as_i64(self) -> Option<i64> {
        let large = || match self.cell.0 & 7 {
            OTHER => self.values.others[self.cell.index()].as_i64(),
            _ => None,
        };
        self.cell.as_i64().or_else(large)
    }

    /// True or false, if it is one of these.
    pub fn as_bool(self) -> Option<bool> {
        [false, true]
            .into_iter()
            .find(|value| self.cell == Cell::boolean(*value))
    }

    /// The text, if it is one.
    pub fn as_str(self) -> Option<&'a SmolStr> {
        (self.cell.0 & 7 == TEXT).then(|| self.values.texts.get(self.cell.index() as u32))
    }

    /// The members, if it is a list.
    pub fn list(self) -> Option<impl ExactSizeIterator<Item = Datum<'a>>> {
        let values = self.values;
        let halves = self.cell.halves();
        let stored = (self.cell.0 & 7 == LIST).then(|| {
            let (lists, at) = (&values.lists, self.cell.index());
            let end = lists
                .get(at + 1)
                .map_or(values.members.len(), |end| *end as usize);
            &values.members[lists[at] as usize..end]
        });
        let length = halves.map_or(0, |_| 2) + stored.map_or(0, <[Cell]>::len);
        (halves.is_some() || stored.is_some()).then(|| {
            (0..length).map(move |at| {
                let cell = halves
                    .map_or_else(|| stored.map_or(Cell::NULL, |all| all[at]), |pair| pair[at]);
                Datum { cell, values }
            })
        })
    }

    /// The two members, if it is a list of two.
    #[inline]
    pub fn pair(self) -> Option<[Datum<'a>; 2]> {
        if let Some(halves) = self.cell.halves() {
            let values = self.values;
            return Some(halves.map(|cell| Datum { cell, values }));
        }
        self.stored_pair()
    }

    fn stored_pair(self) -> Option<[Datum<'a>; 2]> {
        let mut members = self.list().filter(|all| all.len() == 2)?;
        Some([members.next()?, members.next()?])
    }

    /// As JSON. O(its size).
    pub fn to_value(self) -> Value {
        match self.cell.0 & 7 {
            INTEGER => self.cell.as_i64().into(),
            TEXT => Value::String(self.as_str().map_or_else(String::new, ToString::to_string)),
            PAIR | LIST => self
                .list()
                .into_iter()
                .flatten()
                .map(Datum::to_value)
                .collect(),
            OTHER => self.values.others[self.cell.index()].clone(),
            _ => self.as_bool().map_or(Value::Null, Value::Bool),
        }
    }
}

impl fmt::Display for Datum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_value_comes_back_and_equal_ones_share_a_cell() {
        let all = [
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(-1),
            json!(1_i64 << 60),
            json!((1_i64 << 60) - 1),
            json!(-(1_i64 << 60)),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1.5),
            json!(""),
            json!("1"),
            json!([]),
            json!([1]),
            json!([1, null]),
            json!([null, -5]),
            json!([(1 << 29) - 2, -(1 << 29)]),
            json!([(1 << 29) - 1, 0]),
            json!([1, 2, 3]),
            json!([[1, 2], "x"]),
            json!({"a": [1]}),
        ];
        let mut values = Values::default();
        let cells: Vec<Cell> = all.iter().map(|value| values.store(value)).collect();
        for (at, (value, cell)) in all.iter().zip(&cells).enumerate() {
            assert_eq!(values.datum(*cell).to_value(), *value);
            assert_eq!(values.datum(*cell).as_i64(), value.as_i64());
            assert!(!cells[..at].contains(cell), "{value}");
            let again = values.store(value);
            assert_eq!(again == *cell, cell.tells(), "{value}");
        }
        let pair = values.store(&json!([7, "x"]));
        let [first, second] = values.datum(pair).pair().unwrap();
        assert_eq!(
            (first.as_i64(), second.as_str().map(SmolStr::as_str)),
            (Some(7), Some("x"))
        );
    }
}
