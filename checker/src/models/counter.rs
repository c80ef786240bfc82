//! A counter: add an amount, read the sum.

use super::model::{Model, Said, Spoken, Told};

/// Starts at 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

/// What a counter can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Add this much, which may be negative.
    Add(i64),
    /// Tell the sum.
    Read,
}

/// No more amounts than these are shared out.
const SHARED: usize = 12;

impl Model for Counter {
    type Op = Op;
    type Reply = i64;
    type State = i64;

    const TRADES: bool = true;

    fn init(&self) -> i64 {
        0
    }

    fn step(&self, sum: &i64, op: &Op, reply: Option<&i64>) -> Option<i64> {
        match op {
            Op::Add(amount) => Some(sum.wrapping_add(*amount)),
            Op::Read => reply.is_none_or(|told| told == sum).then_some(*sum),
        }
    }

    fn leads(&self, sum: &i64, _: &Op, told: Option<&i64>) -> bool {
        told.is_none_or(|told| sum <= told)
    }

    /// Where nothing negative is added, and nothing goes round.
    fn only_grows<'a>(&self, mut ops: impl Iterator<Item = &'a Op>) -> bool {
        let sum = ops.try_fold(0_i64, |sum, op| match op {
            Op::Add(amount) if *amount < 0 => None,
            Op::Add(amount) => sum.checked_add(*amount),
            Op::Read => Some(sum),
        });
        sum.is_some()
    }

    /// Sums that are small are made of the amounts one by one; of others only the bounds are looked at.
    fn reaches<'a>(
        &self,
        sum: &i64,
        _: &Op,
        told: Option<&i64>,
        others: impl Iterator<Item = (&'a Op, u32)>,
    ) -> bool {
        let Some(told) = told else { return true };
        let (mut low, mut high) = (i128::from(*sum), i128::from(*sum));
        // One bit for each sum that can be made.
        let mut sums: u128 = 1;
        for (op, count) in others {
            let Op::Add(amount) = op else { continue };
            let all = i128::from(*amount) * i128::from(count);
            (low, high) = (low + all.min(0), high + all.max(0));
            if (1..128).contains(amount) {
                for _ in 0..i64::from(count).min(127 / amount) {
                    sums |= sums << amount;
                }
            }
        }
        // A counter that overflows goes round.
        if low < i128::from(i64::MIN) || high > i128::from(i64::MAX) {
            return true;
        }
        let told = i128::from(*told);
        let gap = told - i128::from(*sum);
        let is_small = low == i128::from(*sum) && (0..128).contains(&gap);
        (low..=high).contains(&told) && (!is_small || sums >> gap & 1 == 1)
    }

    /// If for each amount that is lost there are some of those kept that add up to it, added all at once.
    fn makes_up(&self, lost: &[(&Op, u32)], kept: &[(&Op, u32)]) -> bool {
        let amounts = |ops: &[(&Op, u32)]| -> Option<Vec<i64>> {
            let mut all = Vec::new();
            for (op, count) in ops {
                let Op::Add(amount) = op else { return None };
                if *amount <= 0 || all.len() + *count as usize > SHARED {
                    return None;
                }
                all.extend(std::iter::repeat_n(*amount, *count as usize));
            }
            all.sort_unstable_by_key(|amount| std::cmp::Reverse(*amount));
            Some(all)
        };
        match (amounts(lost), amounts(kept)) {
            (Some(lost), Some(kept)) => shared_out(&lost, &kept, 0),
            _ => false,
        }
    }

    fn changes(&self, op: &Op) -> bool {
        !matches!(op, Op::Read | Op::Add(0))
    }
}

/// True if disjoint choices of `kept`, without those in `taken`, add up to each of `lost`. Amounts are positive, the largest
/// first.
fn shared_out(lost: &[i64], kept: &[i64], taken: u32) -> bool {
    match lost.split_first() {
        Some((first, rest)) => adds_up(*first, 0, rest, kept, taken),
        None => true,
    }
}

/// The same, `gap` being what the first of them still lacks, to be made of `kept` from `from` on.
fn adds_up(gap: i64, from: usize, rest: &[i64], kept: &[i64], taken: u32) -> bool {
    if gap == 0 {
        return shared_out(rest, kept, taken);
    }
    let mut tried = 0;
    (from..kept.len()).any(|at| {
        let amount = kept[at];
        // Of equal ones any will do.
        let fits = taken >> at & 1 == 0 && amount != tried && amount <= gap;
        if fits {
            tried = amount;
        }
        fits && adds_up(gap - amount, at + 1, rest, kept, taken | 1 << at)
    })
}

impl Spoken for Counter {
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String> {
        let amount = |sign: i64| match (told.argument().is_null(), told.argument().as_i64()) {
            (true, _) => Ok(Some((Op::Add(sign), None))),
            (_, Some(amount)) if amount.checked_mul(sign).is_some() => {
                Ok(Some((Op::Add(amount * sign), None)))
            }
            _ => told.wrong_value("a whole number"),
        };
        match told.verb() {
            "add" | "inc" | "increment" => amount(1),
            "dec" | "decrement" => amount(-1),
            "read" => match told.answer() {
                None => Ok(None),
                Some(value) if value.is_null() => Ok(Some((Op::Read, Some(0)))),
                Some(value) => match value.as_i64() {
                    Some(sum) => Ok(Some((Op::Read, Some(sum)))),
                    None => told.wrong_value("a whole number"),
                },
            },
            _ => told.unknown_verb("a counter knows add, inc, dec and read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_make_up_for_one_that_they_add_up_to() {
        let ops = |amounts: &[i64]| -> Vec<Op> { amounts.iter().map(|a| Op::Add(*a)).collect() };
        let makes_up = |lost: &[i64], kept: &[i64]| {
            let (lost, kept) = (ops(lost), ops(kept));
            let each = |ops: &'static [Op]| ops.iter().map(|op| (op, 1)).collect::<Vec<_>>();
            let [lost, kept] = [lost, kept].map(|ops| each(ops.leak()));
            Counter.makes_up(&lost, &kept)
        };
        assert!(makes_up(&[4], &[3, 1]));
        assert!(makes_up(&[4, 3], &[3, 2, 1, 1]));
        assert!(makes_up(&[5, 4], &[3, 3, 2, 1]));
        // Together they would, but not each of them.
        assert!(!makes_up(&[3, 1], &[4]));
        assert!(!makes_up(&[5, 5], &[3, 3, 3, 1]));
        assert!(!makes_up(&[4], &[3, 3]));
        assert!(!makes_up(&[4], &[5, -1]));
        assert!(makes_up(&[i64::MAX], &[i64::MAX - 1, 1]));
        // None is used twice, and none where there is nothing.
        assert!(makes_up(&[2, 2], &[2, 2]) && makes_up(&[3, 3], &[3, 2, 1]));
        assert!(!makes_up(&[3, 3], &[3, 1]) && !makes_up(&[2, 2], &[2, 1]));
        assert!(!makes_up(&[2], &[3]) && !makes_up(&[1], &[]));
        // Too many to be tried.
        let many = |count| Counter.makes_up(&[(&Op::Add(1), 1)], &[(&Op::Add(1), count)]);
        assert!(many(SHARED as u32) && !many(SHARED as u32 + 1) && !many(40));
    }
}
