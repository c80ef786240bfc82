//! Linearizability of everything that is not a register: the exact algorithm where there is one, else a search.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::depth::Depth;
use super::exact::{Exact, FEW, Judged};
use super::general::{Found, certifies, search_ahead, search_within};
use super::limits::{Meter, NO_END};
use super::portfolio::answer_all;
use super::shorten::{Contradiction, reduce, shortest};
use super::{Limits, Linearizable, summaries, threads, transactions};
use crate::enough::{Minimum, WorkDone};
use crate::history::{History, Outcome};
use crate::models::counter::Counter;
use crate::models::fenced_lock::FencedLock;
use crate::models::kv::Kv;
use crate::models::lock::Lock;
use crate::models::log::Log;
use crate::models::priority_queue::PriorityQueue;
use crate::models::queue::Queue;
use crate::models::register::{Key, NEVER, by_key, some_parts, times};
use crate::models::semaphore::Semaphore;
use crate::models::set::Set;
use crate::models::stack::Stack;
use crate::models::txn::Txn;
use crate::models::{Call, Calls, ModelKind, Told};
use crate::verdict::{Checker, Involved, Valid, Verdict, Violation};
use crate::words::{Words, name_key, transaction};

/// How many violations are explained; the others are only counted.
const EXPLAINED: usize = 10;

/// First every part gets this fraction of the steps.
const FIRST: u64 = 500;

/// But never more than this.
const FIRST_STEPS: u64 = 60_000;

/// Steps that a first search in depth may take, beside two for each call.
const QUICKLY: u64 = 1024;

/// Above this many operations a violation is told by the last of them.
const TELLABLE: usize = 16;

/// What is said of a few reads and all that can have been added between them.
const LATER: &str = "Nothing else can have been added between these reads, and no choice of it leads from each sum to the next.";

/// Judges whether a history of one kind of object is linearizable, key by key. Registers are passed on to
/// [`Linearizable`].
#[derive(Clone, Copy, Debug)]
pub struct Objects {
    /// Which object it is.
    pub kind: ModelKind,
    /// What may be tried for each key where no exact algorithm decides.
    pub limits: Limits,
    /// Below it nothing is called valid.
    pub minimum: Minimum,
}

/// One key in the verdict's details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectDetails {
    /// The key.
    pub key: Option<SmolStr>,
    /// The answer about it.
    pub valid: Valid,
    /// Operations judged.
    pub operations: u64,
    /// `exact` or `search`.
    pub engine: String,
    /// True: a linearization was found and verified once more by the definition.
    pub certified: bool,
    /// The prefix up to this event, itself included, is proved linearizable; `None`: all is, or nothing.
    pub proved_to_event: Option<u64>,
}

/// What was found out about one part.
pub(super) struct Decided {
    valid: Valid,
    engine: &'static str,
    certified: bool,
    /// What contradicts each other, and its name, where the exact algorithm tells.
    pub(super) wrong: Option<Contradiction>,
    /// Time at which the shortest wrong prefix ends, or up to which all is proved right.
    pub(super) time: u32,
}

impl Checker for Objects {
    fn name(&self) -> &'static str {
        "linearizable"
    }

    fn check(&self, history: &History) -> Verdict {
        let meter = Meter::new(NO_END).with_threads(threads::available());
        self.check_within(history, &meter)
    }
}

impl Objects {
    /// As [`Checker::check`], until the meter says stop; what is not decided by then is unknown.
    pub fn check_within(&self, history: &History, meter: &Meter<'_>) -> Verdict {
        match self.kind {
            ModelKind::Register => Linearizable {
                limits: self.limits,
                minimum: self.minimum,
            }
            .check_within(history, meter),
            ModelKind::Kv => self.judge(history, Kv::default, meter),
            ModelKind::Set => self.judge(history, Set::default, meter),
            ModelKind::Queue => self.judge(history, Queue::default, meter),
            ModelKind::Stack => self.judge(history, Stack::default, meter),
            ModelKind::PriorityQueue => self.judge(history, PriorityQueue::default, meter),
            ModelKind::Counter => self.judge(history, Counter::default, meter),
            ModelKind::Lock => self.judge(history, Lock::default, meter),
            ModelKind::Log => self.judge(history, Log::default, meter),
            ModelKind::FencedLock => self.judge(history, FencedLock::default, meter),
            ModelKind::Semaphore(permits) => self.judge(history, || Semaphore { permits }, meter),
            ModelKind::Txn => self.judge(history, Txn::default, meter),
        }
    }

    /// Only whether the history is linearizable: nothing is explained, no minimum of work is asked for, and the first
    /// wrong part decides. As [`Checker::check`], but for the time that an explanation takes.
    ///
    /// # Errors
    /// What the model does not understand, in a sentence.
    pub fn answer_within(&self, history: &History, meter: &Meter<'_>) -> Result<Valid, String> {
        match self.kind {
            ModelKind::Register => {
                let parts = some_parts(history, |_| true, meter)?;
                Ok(answer_all(&parts, self.limits, meter))
            }
            ModelKind::Kv => self.answer(history, Kv::default, meter),
            ModelKind::Set => self.answer(history, Set::default, meter),
            ModelKind::Queue => self.answer(history, Queue::default, meter),
            ModelKind::Stack => self.answer(history, Stack::default, meter),
            ModelKind::PriorityQueue => self.answer(history, PriorityQueue::default, meter),
            ModelKind::Counter => self.answer(history, Counter::default, meter),
            ModelKind::Lock => self.answer(history, Lock::default, meter),
            ModelKind::Log => self.answer(history, Log::default, meter),
            ModelKind::FencedLock => self.answer(history, FencedLock::default, meter),
            ModelKind::Semaphore(permits) => self.answer(history, || Semaphore { permits }, meter),
            ModelKind::Txn => self.answer(history, Txn::default, meter),
        }
    }

    fn answer<M: Judged>(
        &self,
        history: &History,
        model: impl Fn() -> M + Sync,
        meter: &Meter<'_>,
    ) -> Result<Valid, String> {
        let parts = parts(history, model, meter)?;
        let wrong = |found: &Decided| found.valid == Valid::No;
        let mut open: Vec<&PartOf<M>> = parts.iter().collect();
        for hard in [false, true] {
            let found = decide_all(&open, (self.limits, hard), meter, false, wrong);
            if found.iter().flatten().any(wrong) {
                return Ok(Valid::No);
            }
            let known = |found: &Option<Decided>| {
                (found.as_ref()).is_some_and(|found| found.valid != Valid::Unknown)
            };
            let mut found = found.iter();
            open.retain(|_| !found.next().is_some_and(known));
            if open.is_empty() || meter.is_over() {
                break;
            }
        }
        Ok(match open.is_empty() {
            true => Valid::Yes,
            false => Valid::Unknown,
        })
    }

    fn judge<M: Judged>(
        &self,
        history: &History,
        model: impl Fn() -> M + Sync,
        meter: &Meter<'_>,
    ) -> Verdict {
        let parts = match parts(history, model, meter) {
            Ok(parts) => parts,
            Err(reason) => {
                return self.verdict(
                    Valid::Unknown,
                    format!("Unknown: {reason}."),
                    Vec::new(),
                    &[],
                );
            }
        };
        // First a little for every part; then all that may be.
        let all: Vec<&PartOf<M>> = parts.iter().collect();
        let found = decide_all(&all, (self.limits, false), meter, true, |_| false);
        let mut found: Vec<Decided> = found.into_iter().flatten().collect();
        let any_wrong = found.iter().any(|found| found.valid == Valid::No);
        if !any_wrong && !meter.is_over() {
            let unknown =
                (found.iter_mut().zip(&parts)).filter(|(found, _)| found.valid == Valid::Unknown);
            let (places, open): (Vec<&mut Decided>, Vec<&PartOf<M>>) = unknown.unzip();
            let further = decide_all(&open, (self.limits, true), meter, true, |_| false);
            for (place, further) in places.into_iter().zip(further.into_iter().flatten()) {
                *place = further;
            }
        }
        let (mut details, mut wrong) = (Vec::new(), Vec::new());
        for (found, (key, model, calls)) in found.into_iter().zip(&parts) {
            details.push(ObjectDetails {
                key: key.clone(),
                valid: found.valid,
                operations: calls.len() as u64,
                engine: found.engine.into(),
                certified: found.certified,
                proved_to_event: match found.valid {
                    Valid::Yes => None,
                    _ => found.time.checked_sub(2).map(u64::from),
                },
            });
            if found.valid == Valid::No {
                wrong.push((found, key, model, calls));
            }
        }
        wrong.sort_by_key(|(found, ..)| found.time);
        let violations: Vec<Violation> = (wrong.iter().take(EXPLAINED))
            .map(|(found, key, model, calls)| {
                self.violation(history, found, key, *model, calls, meter)
            })
            .collect();
        let worst = details.iter().map(|key| key.valid).max();
        let lacks = WorkDone::of(history).lacks(&Minimum {
            faults_that_acted: 0,
            ..self.minimum
        });
        let operations = history.operations().len();
        let kind = self.kind.to_string();
        let noun = ["part", kind.as_str()];
        let (valid, summary) = match (worst.unwrap_or(Valid::Yes), violations.first(), lacks) {
            (Valid::No, Some(first), _) => {
                let name = match &first.key {
                    Some(key) => name_key(Some(key)),
                    None if self.kind == ModelKind::Txn => "the store".into(),
                    None => format!("the {}", self.kind),
                };
                let told = [name.as_str(), &first.anomaly];
                let of = [wrong.len(), parts.len()];
                (Valid::No, summaries::invalid(of, "part", told, meter))
            }
            (_, _, Some(reason)) => (Valid::Unknown, format!("Unknown: {reason}.")),
            (Valid::Yes, ..) => (
                Valid::Yes,
                summaries::valid(operations as u64, parts.len(), noun, ""),
            ),
            _ => {
                let open = || details.iter().filter(|key| key.valid == Valid::Unknown);
                let proved = open().map(|key| key.proved_to_event).min().flatten();
                let proved = proved.map(|event| format!("event {event}"));
                let of = [open().count(), parts.len()];
                let within = (self.limits, meter);
                (Valid::Unknown, summaries::unknown(of, noun, within, proved))
            }
        };
        self.verdict(valid, summary, violations, &details)
    }

    fn verdict(
        &self,
        valid: Valid,
        summary: String,
        violations: Vec<Violation>,
        keys: &[ObjectDetails],
    ) -> Verdict {
        Verdict {
            checker: "linearizable".into(),
            valid,
            summary,
            violations,
            details: serde_json::json!({ "model": self.kind.to_string(), "keys": keys }),
        }
    }

    fn violation<M: Judged>(
        &self,
        history: &History,
        found: &Decided,
        key: &Option<SmolStr>,
        model: &M,
        calls: &Calls<M>,
        meter: &Meter<'_>,
    ) -> Violation {
        let is_lock = self.kind == ModelKind::Lock;
        let mut essential = match &found.wrong {
            // Two answers that contradict each other: with less nobody would see why.
            Some((pair, _)) if self.kind == ModelKind::Txn || is_lock && pair.len() == 2 => {
                let mut pair = pair.clone();
                pair.sort_unstable();
                pair
            }
            _ => reduce(model, calls, found, self.limits.explaining(), meter),
        };
        let later = (essential.len() > FEW).then(|| model.later(calls, found.time));
        let later = later
            .flatten()
            .filter(|later| later.len() < essential.len());
        let is_later = later.is_some();
        essential = later.unwrap_or(essential);
        let many = essential.len() > TELLABLE;
        if many {
            // Nobody reads so many: the one with whose end it became certain stands for them.
            essential.retain(|at| calls[*at as usize].end == found.time);
        }
        let numbers: Vec<usize> = essential
            .iter()
            .map(|at| calls[*at as usize].operation as usize)
            .collect();
        let anomaly = (found.wrong.as_ref()).map_or("not linearizable", |(_, name)| name);
        let words = Words::new(history, numbers.iter().copied());
        // Two transactions: the first wrote, the second contradicts it.
        let pair = (found.wrong.as_ref())
            .filter(|_| self.kind == ModelKind::Txn)
            .and_then(|(pair, _)| <[u32; 2]>::try_from(pair.as_slice()).ok())
            .map(|pair| pair.map(|at| calls[at as usize].operation as usize));
        let point = pair.and_then(|pair| transactions::point(history, anomaly, pair));
        let keys = pair.map_or_else(Vec::new, |pair| transaction::pair::shared(history, pair));
        let sentences: Vec<String> = numbers
            .iter()
            .map(|number| words.sentence(*number))
            .collect();
        Violation {
            key: key.clone(),
            anomaly: anomaly.into(),
            explanation: match many {
                true => format!(
                    "{} That fits no order of the operations before it.",
                    sentences.join(" ")
                ),
                false => match point {
                    Some(point) => format!("{point} {}", sentences.join(" ")),
                    None if is_later => format!("{} {LATER}", sentences.join(" ")),
                    None => format!("{} {}", sentences.join(" "), self.moral(anomaly)),
                },
            },
            prefix_end: u64::from(found.time).saturating_sub(1),
            operations: numbers
                .into_iter()
                .map(|number| {
                    let operation = &history.operations()[number];
                    Involved {
                        words: transaction::naming(history, operation, &keys),
                        ..Involved::new(history, number, true)
                    }
                })
                .collect(),
        }
    }

    /// What contradicts what, after the operations have been told.
    fn moral(&self, anomaly: &str) -> String {
        match anomaly {
            "lost element" => "That list lacks the element.".into(),
            "read from the future" => "What it told had not been added yet.".into(),
            "stale read" => "The later list lacks what the earlier one held.".into(),
            "reads that contradict each other" => {
                "Each of the two lists lacks something that the other one has.".into()
            }
            "not last in, first out" => {
                "Of two things on a stack the later one must be taken first.".into()
            }
            "lost addition" => {
                "No read may tell less than an earlier one did and what was added for certain between them.".into()
            }
            "counted what nobody had added" => {
                "Not so much can have been added by then.".into()
            }
            "not smallest first" => {
                "The smallest of all that are in must be taken first; a smaller one was in all the time.".into()
            }
            "not first in, first out" => {
                "What was put in first must be taken first; nobody took it in time.".into()
            }
            transactions::SAME_REVISION => {
                "Every transaction that writes raises the revision of the store by one: no two can have made the same.".into()
            }
            transactions::STALE => {
                "The second began after the first had ended, yet it tells of an older store.".into()
            }
            transactions::TWICE => {
                "One transaction made two revisions.".into()
            }
            transactions::HALF => {
                "A transaction happens as a whole: whoever sees one of its writes must see the others, too.".into()
            }
            transactions::OVERWRITTEN => {
                "By the revision that the one tells of, the other had written that key.".into()
            }
            transactions::CONDITION => {
                "By then the other had written that key: its condition did not hold any more.".into()
            }
            _ if self.kind == ModelKind::Txn => {
                "No store that does transactions one after the other, in whatever order, answers so.".into()
            }
            _ => format!("No {} answers so, in whatever order.", self.kind),
        }
    }
}

/// A key, its object, and what was called.
type PartOf<M> = (Option<SmolStr>, M, Calls<M>);

/// Splits a history by key. O(operations).
fn parts<M: Judged>(
    history: &History,
    model: impl Fn() -> M + Sync,
    meter: &Meter<'_>,
) -> Result<Vec<PartOf<M>>, String> {
    let part = |_: &mut (), (key, operations): &Key, _: &Meter<'_>| {
        let (mut model, mut calls) = (model(), Vec::with_capacity(operations.len()));
        for &number in operations {
            let operation = &history.operations()[number as usize];
            if operation.outcome == Outcome::Fail {
                continue;
            }
            let Some((op, reply)) = model.hear(&Told { history, operation })? else {
                continue;
            };
            let (start, end, must) = times(operation);
            calls.push(Call {
                operation: number,
                start,
                end,
                must,
                op,
                reply,
            });
        }
        match model.refuses(&calls) {
            Some(reason) => Err(format!("{}: {reason}", name_key(key.as_deref()))),
            None => Ok((key.clone(), model, calls)),
        }
    };
    let size = |(_, operations): &Key| operations.len();
    let parts = threads::each(&by_key(history), size, meter, || (), part, |_| false);
    parts.into_iter().flatten().collect()
}

/// What a part of so many calls may cost at first, so that a hard one hides nothing in the others.
fn few(limits: Limits, calls: usize) -> Limits {
    let each = (2 * calls as u64 + QUICKLY).min(limits.steps);
    Limits {
        steps: (limits.steps / FIRST).min(FIRST_STEPS).max(each),
        ..limits
    }
}

/// [`decide`] of many, with [`few`] limits, until one is `enough`; those that are known to be `hard` get all, and are worth threads even
/// if they are few.
fn decide_all<M: Judged>(
    parts: &[&PartOf<M>],
    (limits, hard): (Limits, bool),
    meter: &Meter<'_>,
    explain: bool,
    enough: impl Fn(&Decided) -> bool + Sync,
) -> Vec<Option<Decided>> {
    let least = if hard { threads::WORTH_IT } else { 0 };
    let size = |(.., calls): &&PartOf<M>| calls.len() + least;
    let own = limits.shared(threads::worth(parts.iter().map(size), meter));
    let judge = |_: &mut (), (_, model, calls): &&PartOf<M>, meter: &Meter<'_>| {
        let own = if hard { own } else { few(own, calls.len()) };
        decide(model, calls, own, meter, explain)
    };
    threads::each(parts, size, meter, || (), judge, enough)
}

/// Judges one part; what is wrong is looked at closer if it is to be explained.
fn decide<M: Judged>(
    model: &M,
    calls: &Calls<M>,
    limits: Limits,
    meter: &Meter<'_>,
    explain: bool,
) -> Decided {
    let found = |valid, engine, certified, wrong, time| Decided {
        valid,
        engine,
        certified,
        wrong,
        time,
    };
    let certified = |order: &[u32]| {
        // An order that does not hold would be a fault of ours: then nothing is claimed.
        let holds = certifies(model, calls, order);
        let valid = if holds { Valid::Yes } else { Valid::Unknown };
        let time = if holds { NEVER } else { 0 };
        found(valid, "search", holds, None, time)
    };
    let searched = model.is_searched();
    // Wrong for certain, but not yet told from where on.
    let mut certain = false;
    let mut depth = (searched.then(|| Depth::new(model, calls)).flatten()).map(Depth::ahead);
    if let Some(depth) = &mut depth {
        let quickly = Limits {
            steps: limits.steps.min(2 * calls.len() as u64 + QUICKLY),
            ..limits
        };
        match depth.run(&quickly, meter) {
            Found::Linearizable(order) => return certified(&order),
            Found::Stuck { .. } if !explain => {
                return found(Valid::No, "search", false, None, NEVER);
            }
            // The exact algorithm knows a name for it.
            Found::Stuck { .. } => {
                meter.wrong();
                certain = true;
            }
            Found::Undecided { .. } => {}
        }
    }
    match model.exact(calls) {
        Exact::Linearizable(None) => return found(Valid::Yes, "exact", false, None, NEVER),
        Exact::Linearizable(Some(order)) => {
            return Decided {
                engine: "exact",
                ..certified(&order)
            };
        }
        Exact::Wrong { .. } if !explain => return found(Valid::No, "exact", false, None, NEVER),
        Exact::Wrong { calls: whole, name } => {
            meter.wrong();
            let (time, shorter) = shortest(model, calls, meter);
            return found(
                Valid::No,
                "exact",
                false,
                Some(shorter.unwrap_or((whole, name))),
                time,
            );
        }
        Exact::NotForThis | Exact::Undecided => {}
    }
    let mut by_sets = search_ahead(model, calls, limits, meter).found;
    if let (Found::Stuck { .. }, true) = (&by_sets, explain) {
        meter.wrong();
        // Wrong for certain; now the shortest wrong prefix, or else all of it.
        by_sets = match search_within(model, calls, limits, meter).found {
            Found::Undecided { .. } => Found::Stuck {
                time: last::<M>(calls),
            },
            found => found,
        };
    }
    let proved = match by_sets {
        Found::Linearizable(order) => return certified(&order),
        Found::Stuck { time } => return found(Valid::No, "search", false, None, time),
        Found::Undecided { .. } if certain => {
            return found(Valid::No, "search", false, None, last::<M>(calls));
        }
        Found::Undecided { proved } => proved,
    };
    let mut depth = if explain {
        Depth::new(model, calls)
    } else {
        depth
    };
    let by_depth = depth.as_mut().map(|depth| depth.run(&limits, meter));
    let proved = match by_depth {
        Some(Found::Linearizable(order)) => return certified(&order),
        Some(Found::Stuck { time }) => return found(Valid::No, "search", false, None, time),
        Some(Found::Undecided { proved: further }) => proved.max(further),
        None => proved,
    };
    found(
        Valid::Unknown,
        "search",
        false,
        None,
        proved.saturating_add(1),
    )
}

/// When the last call ended.
fn last<M: Judged>(calls: &Calls<M>) -> u32 {
    let ends = calls.iter().map(|call| call.end);
    ends.filter(|end| *end != NEVER).max().unwrap_or(0)
}
