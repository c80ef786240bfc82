//! Changes to a text that lie within each other, and where each mutant's own code ends up.

use std::cmp::Reverse;
use std::ops::Range;

/// What a changed range becomes, piece by piece.
#[derive(Debug)]
pub enum Piece {
    /// New text.
    Text(String),
    /// A range as it was, without any change within. Mutated code holds only such, or its size would explode.
    Same(Range<usize>),
    /// A range with all changes within.
    Inner(Range<usize>),
    /// The code of one mutant.
    Mutant(u32, Vec<Piece>),
}

/// A range and what becomes of it.
#[derive(Debug)]
pub struct Edit {
    pub range: Range<usize>,
    pub pieces: Vec<Piece>,
}

/// A changed text.
#[derive(Debug, Default)]
pub struct Changed {
    pub text: String,
    /// Where each mutant's code is.
    pub mutants: Vec<(Range<usize>, u32)>,
}

/// Makes all changes. Of two with the same range the first is the outer one.
pub fn apply(source: &str, mut edits: Vec<Edit>) -> Changed {
    edits.sort_by_key(|edit| (edit.range.start, Reverse(edit.range.end)));
    let mut changed = Changed::default();
    within(source, &edits, 0, 0..source.len(), &mut changed);
    changed
}

fn within(source: &str, edits: &[Edit], from: usize, range: Range<usize>, out: &mut Changed) {
    let mut at = range.start;
    for (number, edit) in edits.iter().enumerate().skip(from) {
        if edit.range.start > range.end {
            break;
        }
        if edit.range.start < at || edit.range.end > range.end {
            continue;
        }
        out.text += &source[at..edit.range.start];
        pieces(source, edits, number + 1, &edit.pieces, out);
        at = edit.range.end;
    }
    out.text += &source[at..range.end];
}

fn pieces(source: &str, edits: &[Edit], from: usize, some: &[Piece], out: &mut Changed) {
    for piece in some {
        match piece {
            Piece::Text(text) => out.text += text,
            Piece::Same(range) => out.text += &source[range.clone()],
            Piece::Inner(range) => within(source, edits, from, range.clone(), out),
            Piece::Mutant(number, inner) => {
                let start = out.text.len();
                pieces(source, edits, from, inner, out);
                out.mutants.push((start..out.text.len(), *number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(some: &str) -> Piece {
        Piece::Text(some.to_owned())
    }

    #[test]
    fn changes_lie_within_each_other_and_mutants_hold_what_was() {
        // Both operators have a mutant; that of the outer one leaves the inner one as it was.
        let inner = Edit {
            range: 1..6,
            pieces: vec![
                text("["),
                Piece::Inner(1..2),
                text("-"),
                Piece::Inner(5..6),
                text("]"),
            ],
        };
        let outer = Edit {
            range: 0..11,
            pieces: vec![
                Piece::Inner(0..7),
                text("+"),
                Piece::Inner(10..11),
                text("|"),
                Piece::Mutant(4, vec![Piece::Same(0..7), text("*"), Piece::Same(10..11)]),
            ],
        };
        let changed = apply("(a - b) + c;", vec![inner, outer]);
        assert_eq!(changed.text, "([a-b])+c|(a - b)*c;");
        assert_eq!(changed.mutants, [(10..19, 4)]);
    }

    #[test]
    fn of_two_changes_of_one_range_the_first_is_the_outer_one() {
        let around = |open: &str| Edit {
            range: 0..1,
            pieces: vec![text(open), Piece::Inner(0..1), text(";")],
        };
        let changed = apply("a", vec![around("1"), around("2")]);
        assert_eq!(changed.text, "12a;;");
    }
}
