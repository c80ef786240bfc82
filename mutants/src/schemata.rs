//! A file with all its mutants in it: each beside the code that it replaces, and chosen when the program runs.
//!
//! A place that has mutants becomes a site: `if !at(SITE) { the code } else if on(7) { one mutant } else { another }`. The code comes
//! first, so that the compiler takes types from it and blames the mutants where these do not fit. The tree is changed, not
//! the text: `a && b && c` with an `||` is `(a || b) && c`.

use crate::edits::{self, Changed, Edit, Piece};
use crate::list::{Genre, Mutant, Place};
use proc_macro2::Span;
use std::collections::HashMap;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The first and the last mutant of a site. Numbers of one site follow each other.
pub type Site = (u32, u32);

/// What cannot be put in, by where it is in the list of all, and why.
pub type Refused = (usize, &'static str);

/// Puts the mutants into a file. `wanted` has them with where they are in the list of all; what cannot be put in is
/// told with the reason. Numbers begin after `numbers.len()`, which tells for each where it is in the list of all.
pub fn rewrite(
    source: &str,
    wanted: &[(usize, &Mutant)],
    sites: &mut Vec<Site>,
    numbers: &mut Vec<usize>,
) -> Result<(Changed, Vec<Refused>), String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut left: HashMap<(Genre, Place), Vec<(usize, &Mutant)>> = HashMap::new();
    for (at, mutant) in wanted {
        left.entry((mutant.genre, mutant.start))
            .or_default()
            .push((*at, mutant));
    }
    let mut visitor = Visitor {
        source,
        left,
        edits: Vec::new(),
        refused: Vec::new(),
        constant: 0,
        sites,
        numbers,
    };
    visitor.visit_file(&file);
    let mut refused = visitor.refused;
    refused.extend(
        visitor
            .left
            .values()
            .flatten()
            .map(|(at, _)| (*at, "its place was not found")),
    );
    Ok((edits::apply(source, visitor.edits), refused))
}

struct Visitor<'a> {
    source: &'a str,
    /// The mutants that no place was found for yet.
    left: HashMap<(Genre, Place), Vec<(usize, &'a Mutant)>>,
    edits: Vec<Edit>,
    refused: Vec<Refused>,
    /// Within how many constants this is: nothing can be chosen there when the program runs.
    constant: usize,
    sites: &'a mut Vec<Site>,
    numbers: &'a mut Vec<usize>,
}

fn text(some: impl Into<String>) -> Piece {
    Piece::Text(some.into())
}

fn range(some: &impl Spanned) -> Range<usize> {
    some.span().byte_range()
}

/// Whether an operand binds names, as `let Some(x) = y` does between `&&`.
fn binds(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => {
            matches!(binary.op, syn::BinOp::And(_)) && (binds(&binary.left) || binds(&binary.right))
        }
        _ => false,
    }
}

/// Whether a function answers `impl Iterator`.
fn hides(signature: &syn::Signature) -> bool {
    matches!(&signature.output, syn::ReturnType::Type(_, kind) if matches!(**kind, syn::Type::ImplTrait(_)))
}

impl<'a> Visitor<'a> {
    /// The mutants of a place; none in a constant.
    fn take(&mut self, genre: Genre, span: Span) -> Vec<(usize, &'a Mutant)> {
        let start = span.start();
        self.take_at(genre, (start.line, start.column + 1))
    }

    fn take_at(&mut self, genre: Genre, place: Place) -> Vec<(usize, &'a Mutant)> {
        let found = self.left.remove(&(genre, place)).unwrap_or_default();
        if self.constant == 0 {
            return found;
        }
        self.refuse(&found, "a constant has its value before the program runs");
        Vec::new()
    }

    fn refuse(&mut self, some: &[(usize, &Mutant)], why: &'static str) {
        self.refused.extend(some.iter().map(|(at, _)| (*at, why)));
    }

    /// Numbers a site and its mutants.
    fn site(&mut self, mutants: &[(usize, &Mutant)]) -> (usize, Vec<u32>) {
        let first = self.numbers.len() as u32 + 1;
        self.numbers.extend(mutants.iter().map(|(at, _)| *at));
        let last = self.numbers.len() as u32;
        self.sites.push((first, last));
        (self.sites.len() - 1, (first..=last).collect())
    }

    /// An expression and what its mutants make of it.
    fn choice(
        &mut self,
        whole: Range<usize>,
        code: Vec<Piece>,
        mutants: &[(usize, &Mutant)],
        each: Vec<Vec<Piece>>,
    ) {
        let (site, numbers) = self.site(mutants);
        let mut pieces = vec![text(format!("(if !crate::mutant::at({site}) {{ ("))];
        pieces.extend(code);
        pieces.push(text(") }"));
        let last = numbers.len() - 1;
        for (at, (number, mutated)) in numbers.iter().zip(each).enumerate() {
            pieces.push(text(match at == last {
                true => " else { ".to_owned(),
                false => format!(" else if crate::mutant::on({number}) {{ "),
            }));
            let mutated = [vec![text("(")], mutated, vec![text(")")]];
            let mutated = mutated.into_iter().flatten().collect();
            pieces.push(Piece::Mutant(*number, mutated));
            pieces.push(text(" }"));
        }
        pieces.push(text(")"));
        self.edits.push(Edit {
            range: whole,
            pieces,
        });
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else {
            return;
        };
        let mutants = self.take(Genre::Value, first.span());
        // Who hides behind `impl Iterator` which iterator it answers must always answer the same.
        let hides = hides(signature);
        // A leaked box is no shared reference where no type is asked for.
        let (leaks, mutants): (Vec<_>, Vec<_>) = (mutants.into_iter())
            .partition(|(_, mutant)| hides && mutant.replacement.contains("Box::leak"));
        self.refuse(&leaks, UNVIABLE);
        if mutants.is_empty() {
            return;
        }
        if signature.constness.is_some() {
            return self.refuse(
                &mutants,
                "a constant function may be asked before the program runs",
            );
        }
        let whole = range(first).start..range(last).end;
        let (site, numbers) = self.site(&mutants);
        let mut pieces = vec![text(format!("if crate::mutant::at({site}) {{ "))];
        for (at, (number, (_, mutant))) in numbers.iter().zip(&mutants).enumerate() {
            let value = &mutant.replacement;
            let value = match hides {
                true => format!(
                    "{}crate::mutant::Either::Left({value}{}",
                    "crate::mutant::Either::Right(".repeat(at),
                    ")".repeat(at + 1)
                ),
                false => value.clone(),
            };
            pieces.push(text(format!("if crate::mutant::on({number}) {{ ")));
            pieces.push(Piece::Mutant(
                *number,
                vec![text(format!("return {value};"))],
            ));
            pieces.push(text(" } "));
        }
        pieces.push(text("} "));
        if hides {
            pieces.push(text(
                "crate::mutant::Either::Right(".repeat(mutants.len()) + "{ ",
            ));
            pieces.push(Piece::Inner(whole.clone()));
            pieces.push(text(" }".to_owned() + &")".repeat(mutants.len())));
        } else {
            pieces.push(Piece::Inner(whole.clone()));
        }
        self.edits.push(Edit {
            range: whole,
            pieces,
        });
    }

    fn in_constant(&mut self, visit: impl FnOnce(&mut Self)) {
        self.constant += 1;
        visit(self);
        self.constant -= 1;
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.sig, &node.block);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig, &node.block);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.sig, block);
        }
        visit::visit_trait_item_fn(self, node);
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.in_constant(|visitor| visit::visit_item_const(visitor, node));
    }

    fn visit_impl_item_const(&mut self, node: &'ast syn::ImplItemConst) {
        self.in_constant(|visitor| visit::visit_impl_item_const(visitor, node));
    }

    fn visit_item_static(&mut self, node: &'ast syn::ItemStatic) {
        self.in_constant(|visitor| visit::visit_item_static(visitor, node));
    }

    fn visit_type_array(&mut self, node: &'ast syn::TypeArray) {
        self.in_constant(|visitor| visit::visit_type_array(visitor, node));
    }

    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
        self.in_constant(|visitor| visitor.visit_expr(&node.len));
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        let mutants = self.take(Genre::Binary, node.op.span());
        let [left, op, right] = [range(&node.left), range(&node.op), range(&node.right)];
        if binds(&node.left) || binds(&node.right) {
            // An `||` between bindings is no Rust.
            self.refuse(&mutants, UNVIABLE);
        } else if !mutants.is_empty() {
            let code = vec![
                Piece::Inner(left.clone()),
                text(format!(" {} ", &self.source[op])),
                Piece::Inner(right.clone()),
            ];
            let assigns = mutants[0].1.replacement.ends_with('=')
                && !matches!(mutants[0].1.replacement.as_str(), "==" | "!=" | "<=" | ">=");
            let [open, close] = if assigns { ["", ""] } else { ["(", ")"] };
            let each = (mutants.iter())
                .map(|(_, mutant)| {
                    vec![
                        text(open),
                        Piece::Same(left.clone()),
                        text(format!("{close} {} (", mutant.replacement)),
                        Piece::Same(right.clone()),
                        text(")"),
                    ]
                })
                .collect();
            self.choice(range(node), code, &mutants, each);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let mutants = self.take(Genre::Unary, node.op.span());
        if !mutants.is_empty() {
            let inner = range(&node.expr);
            let code = vec![
                text(&self.source[range(&node.op)]),
                Piece::Inner(inner.clone()),
            ];
            self.choice(range(node), code, &mutants, vec![vec![Piece::Same(inner)]]);
        }
        visit::visit_expr_unary(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        let whole = range(node);
        let mut mutants = Vec::new();
        let mut each = Vec::new();
        for (at, field) in node.fields.iter().enumerate() {
            for mutant in self.take(Genre::Field, field.span()) {
                mutants.push(mutant);
                // Up to the next field, or to the base.
                let end = match node.fields.iter().nth(at + 1) {
                    Some(next) => range(next).start,
                    None => range(&node.dot2_token).start,
                };
                each.push(vec![
                    Piece::Same(whole.start..range(field).start),
                    Piece::Same(end..whole.end),
                ]);
            }
        }
        if !mutants.is_empty() {
            self.choice(whole.clone(), vec![Piece::Inner(whole)], &mutants, each);
        }
        visit::visit_expr_struct(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        let deleted = self.take(Genre::Arm, node.pat.span());
        let guards = node
            .guard
            .as_ref()
            .map(|(_, guard)| self.take(Genre::Guard, guard.span()))
            .unwrap_or_default();
        let all: Vec<(usize, &Mutant)> = deleted.iter().chain(&guards).copied().collect();
        if !all.is_empty() {
            let (site, numbers) = self.site(&all);
            let mut pieces = Vec::new();
            let whole = match &node.guard {
                None => range(&node.pat).end..range(&node.pat).end,
                Some((_, guard)) => range(guard),
            };
            if node.guard.is_none() {
                pieces.push(text(" if "));
            }
            pieces.push(text(format!("(if !crate::mutant::at({site}) {{ ")));
            pieces.push(if node.guard.is_none() {
                text("true")
            } else {
                Piece::Inner(whole.clone())
            });
            pieces.push(text(" }"));
            for (at, (number, (_, mutant))) in numbers.iter().zip(&all).enumerate() {
                let value = if at < deleted.len() {
                    "false"
                } else {
                    mutant.replacement.as_str()
                };
                pieces.push(match at + 1 == all.len() {
                    true => text(" else { "),
                    false => text(format!(" else if crate::mutant::on({number}) {{ ")),
                });
                pieces.push(Piece::Mutant(*number, vec![text(value)]));
                pieces.push(text(" }"));
            }
            pieces.push(text(")"));
            self.edits.push(Edit {
                range: whole,
                pieces,
            });
        }
        visit::visit_arm(self, node);
    }
}

/// What is no Rust: it counts with what does not compile.
pub const UNVIABLE: &str = "";

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(genre: Genre, start: Place, replacement: &str) -> Mutant {
        Mutant {
            file: String::new(),
            function: String::new(),
            genre,
            start,
            replacement: replacement.to_owned(),
            name: String::new(),
            mutation: String::new(),
            key: String::new(),
        }
    }

    fn rewritten(source: &str, mutants: &[Mutant]) -> (String, Vec<Refused>) {
        let wanted: Vec<_> = mutants.iter().enumerate().collect();
        let (changed, refused) =
            rewrite(source, &wanted, &mut Vec::new(), &mut Vec::new()).unwrap();
        assert!(syn::parse_file(&changed.text).is_ok(), "{}", changed.text);
        (changed.text, refused)
    }

    #[test]
    fn a_place_chooses_between_what_it_was_and_its_mutants() {
        let source = "fn f(a: u8, b: u8) -> bool {\n    !(a < b)\n}\n";
        let mutants = [
            mutant(Genre::Value, (2, 5), "true"),
            mutant(Genre::Unary, (2, 5), ""),
            mutant(Genre::Binary, (2, 9), "=="),
            mutant(Genre::Binary, (2, 9), ">"),
        ];
        let (text, refused) = rewritten(source, &mutants);
        assert!(refused.is_empty());
        assert!(
            text.contains("if crate::mutant::at(0) { if crate::mutant::on(1) { return true; } }")
        );
        assert!(text.contains("(if !crate::mutant::at(1) { (!("));
        assert!(text.contains("else { ((a < b)) }"));
        assert!(
            text.contains("else if crate::mutant::on(3) { ((a) == (b)) } else { ((a) > (b)) }")
        );
    }

    #[test]
    fn arms_get_guards_and_fields_are_left_out() {
        let source = "fn f(a: u8) -> S {\n    match a {\n        1 => S { x: a, ..S::y() },\n        b if b > 2 => S::y(),\n        _ => S::z(),\n    }\n}\n";
        let mutants = [
            mutant(Genre::Arm, (3, 9), ""),
            mutant(Genre::Field, (3, 18), ""),
            mutant(Genre::Guard, (4, 14), "true"),
        ];
        let (text, refused) = rewritten(source, &mutants);
        assert!(refused.is_empty());
        assert!(text.contains("1 if (if !crate::mutant::at(0) { true } else { false }) =>"));
        assert!(text.contains("else { (S { ..S::y() }) }"));
        assert!(text.contains("b if (if !crate::mutant::at(2) { b > 2 } else { true }) =>"));
    }

    #[test]
    fn what_cannot_be_chosen_is_told() {
        let source = "const A: u8 = 1 + 2;\nfn f(a: Option<u8>, b: bool) -> bool {\n    if let Some(_) = a && b { true } else { b }\n}\n";
        let mutants = [
            mutant(Genre::Binary, (1, 17), "-"),
            mutant(Genre::Binary, (3, 24), "||"),
            mutant(Genre::Binary, (9, 9), "||"),
        ];
        let (text, mut refused) = rewritten(source, &mutants);
        refused.sort_unstable();
        assert_eq!(text, source);
        let why: Vec<&str> = refused.iter().map(|(_, why)| *why).collect();
        assert!(why[0].contains("constant") && why[1] == UNVIABLE && why[2].contains("not found"));
    }
}
