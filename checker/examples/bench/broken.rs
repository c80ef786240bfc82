//! One answer that is provably wrong, in a history that was right: told by the history alone, without a judge.

use std::collections::HashMap;

use checker::Kind;
use checker::models::ModelKind;
use serde_json::{Value, json};

use super::families::Op;

/// So many candidates are looked at.
const TRIED: usize = 400;

/// Changes an answer (of containers two) near the middle. False: none was found that is certainly wrong then.
pub fn break_one(kind: ModelKind, all: &mut [Op]) -> bool {
    let answers = |f: &[&str]| -> Vec<usize> {
        let middle = all.len() / 2;
        (middle..all.len())
            .filter(|at| f.contains(&all[*at].f) && all[*at].kind == Some(Kind::Ok))
            .take(TRIED)
            .collect()
    };
    match kind {
        ModelKind::Register => stale(all, &answers(&["read"])),
        ModelKind::Queue => swap(all, &answers(&["dequeue"]), "enqueue", |x, y, _| {
            x.end < y.start
        }),
        ModelKind::Stack => swap(all, &answers(&["pop"]), "push", |x, y, first| {
            y.end < x.start && x.end < first.start
        }),
        ModelKind::PriorityQueue => {
            swap(all, &answers(&["delete-min"]), "insert", |x, y, first| {
                let smaller = x.argument.as_u64() < y.argument.as_u64();
                smaller && x.end < first.start && y.end < first.start
            })
        }
        ModelKind::Counter => too_little(all, &answers(&["read"])),
        ModelKind::Set | ModelKind::Log => lacking(all, &answers(&["read"])),
        ModelKind::Lock => both_hold(all),
        _ => false,
    }
}

/// A read of a value that was certainly overwritten and that nobody was writing; else of one that nobody ever wrote.
fn stale(all: &mut [Op], reads: &[usize]) -> bool {
    let installs = |op: &Op| match op.f {
        "write" => Some(op.argument.clone()),
        "cas" => Some(op.argument[1].clone()),
        _ => None,
    };
    for &at in reads {
        let read = &all[at];
        let same = |op: &&Op| op.key == read.key && op.kind != Some(Kind::Fail);
        let before = all[..at].iter().rev().take(1000).filter(same);
        let written: Vec<&Op> = before
            .filter(|op| op.f == "write" && op.kind == Some(Kind::Ok) && op.end < read.start)
            .collect();
        // The one that began last hides all that ended before.
        let Some(hides) = written.iter().map(|op| op.start).max() else {
            continue;
        };
        for old in written.iter().take(20).map(|op| &op.argument) {
            let mut writers =
                (all.iter().filter(same)).filter(|op| installs(op).as_ref() == Some(old));
            if writers.all(|op| op.start > read.end || op.kind == Some(Kind::Ok) && op.end < hides)
            {
                all[at].answer = old.clone();
                return true;
            }
        }
    }
    let Some(&at) = reads.first() else {
        return false;
    };
    all[at].answer = json!(-1);
    true
}

/// Swaps what two takes got, the first over before the other began, where `wrong` says so of the puts of what the
/// first and the second had got.
fn swap(all: &mut [Op], takes: &[usize], put: &str, wrong: impl Fn(&Op, &Op, &Op) -> bool) -> bool {
    let put = |op: &&Op| op.f == put && op.kind == Some(Kind::Ok);
    let puts: HashMap<String, &Op> = (all.iter().filter(put))
        .map(|op| (op.argument.to_string(), op))
        .collect();
    let put_of = |at: usize| puts.get(&all[at].answer.to_string());
    let mut pairs = (takes.iter().enumerate())
        .flat_map(|(at, first)| takes[at + 1..].iter().map(move |second| (*first, *second)));
    let found = pairs.find(|(first, second)| {
        let (Some(x), Some(y)) = (put_of(*first), put_of(*second)) else {
            return false;
        };
        let (first, second) = (&all[*first], &all[*second]);
        first.key == second.key && first.end < second.start && wrong(x, y, first)
    });
    let Some((first, second)) = found else {
        return false;
    };
    let got = std::mem::take(&mut all[first].answer);
    all[first].answer = std::mem::replace(&mut all[second].answer, got);
    true
}

/// A read of less than what had certainly been added.
fn too_little(all: &mut [Op], reads: &[usize]) -> bool {
    let Some(&at) = reads.first() else {
        return false;
    };
    let (key, start) = (all[at].key, all[at].start);
    let added = (all.iter())
        .filter(|op| op.key == key && op.f == "add" && op.kind == Some(Kind::Ok) && op.end < start);
    let sum: u64 = added.filter_map(|op| op.argument.as_u64()).sum();
    all[at].answer = json!(sum.saturating_sub(1));
    sum > 0
}

/// A list without an element that had certainly been added.
fn lacking(all: &mut [Op], reads: &[usize]) -> bool {
    for &at in reads {
        let (key, start) = (all[at].key, all[at].start);
        let mut added = (all.iter().rev()).filter(|op| {
            let adds = op.f == "add" || op.f == "append";
            op.key == key && adds && op.kind == Some(Kind::Ok) && op.end < start
        });
        let Some(element) = added.next().map(|op| op.argument.clone()) else {
            continue;
        };
        let Value::Array(list) = &mut all[at].answer else {
            continue;
        };
        list.retain(|other| *other != element);
        return true;
    }
    false
}

/// An acquisition that succeeds although another holds the lock, and nobody, known or unknown, gives it back.
fn both_hold(all: &mut [Op]) -> bool {
    for at in (0..=all.len() / 2).rev() {
        let late = &all[at];
        if late.f != "acquire" || late.kind != Some(Kind::Fail) {
            continue;
        }
        let around = || all.iter().filter(|op| op.key == late.key);
        let holds = around()
            .filter(|op| op.f == "acquire" && op.kind == Some(Kind::Ok) && op.end < late.start)
            .max_by_key(|op| op.start);
        let Some(holds) = holds else { continue };
        let free = |op: &Op| match op.kind {
            Some(Kind::Ok) => op.end > holds.start && op.start < late.end,
            _ => op.start < late.end,
        };
        if !around().any(|op| op.f == "release" && free(op)) {
            all[at].kind = Some(Kind::Ok);
            all[at].answer = Value::Null;
            return true;
        }
    }
    false
}
