//! Transactions in words: what one asked for, what it found and did.

pub mod pair;

use serde_json::Value;

use super::show;
use crate::history::{History, Operation, Outcome};

/// A transaction as a history tells it: `[compares, then, else]`, and `[succeeded, revision, answers]` where it was answered.
struct Told<'a> {
    compares: &'a [Value],
    then: &'a [Value],
    otherwise: &'a [Value],
    answer: Option<(bool, i64, &'a [Value])>,
}

/// An operation that is a transaction on one line: `if k1 = 3 (yes): k1 := 5, k2 := 6 [made revision 17]`. `None`: it is none.
pub fn of(history: &History, operation: &Operation) -> Option<String> {
    naming(history, operation, &[])
}

/// The same, with the revisions of these keys' values where it read them: `k1 → 5 (of revision 17) [at revision 18]`.
pub fn naming(history: &History, operation: &Operation, keys: &[String]) -> Option<String> {
    if history.verb(operation) != "txn" {
        return None;
    }
    let answer = history
        .completion(operation)
        .filter(|_| operation.outcome == Outcome::Ok);
    let asked = history.invocation(operation).value;
    line(&asked, answer.map(|event| event.value).as_ref(), keys)
}

/// `if k1 = 3 (yes): k1 := 5, k2 := 6 [made revision 17]`. `None`: that is no transaction.
fn line(asked: &Value, answer: Option<&Value>, keys: &[String]) -> Option<String> {
    let told = Told::of(asked, answer)?;
    let Some((held, revision, answers)) = told.answer else {
        return Some(told.request());
    };
    let acts = told.acts(held, answers, |act| act.line(keys));
    let acts = some(acts, "nothing");
    let did = if told.wrote(held) { "made" } else { "at" };
    let end = format!("[{did} revision {revision}]");
    Some(match told.compares {
        [] => format!("{acts} {end}"),
        compares => {
            let mark = if held { "yes" } else { "no" };
            format!("if {} ({mark}): {acts} {end}", conditions(compares, " = "))
        }
    })
}

/// What it found and did, after its name: `found k1 to be 3 as it had asked, set k1 to 5 and k2 to 6, and left revision 17`.
pub fn deeds(asked: &Value, answer: &Value) -> Option<String> {
    let told = Told::of(asked, Some(answer))?;
    let (held, revision, answers) = told.answer?;
    let mut parts = Vec::new();
    match told.compares {
        [] => {}
        compares if held => parts.push(format!(
            "found {} as it had asked",
            conditions(compares, " to be ")
        )),
        compares => parts.push(format!("did not find {}", conditions(compares, " to be "))),
    }
    parts.extend(told.acts(held, answers, |act| act.words()));
    parts.push(format!(
        "{} revision {revision}",
        if told.wrote(held) { "made" } else { "saw" }
    ));
    Some(listed(parts))
}

/// What it asks for: `a transaction (if k1 = 3: k1 := 5, else read k1)`.
pub fn noun(asked: &Value) -> Option<String> {
    let told = Told::of(asked, None)?;
    Some(format!("a transaction ({})", told.request()))
}

/// An operation of a transaction, and its answer.
struct Act<'a> {
    what: &'a str,
    key: &'a str,
    value: Option<&'a Value>,
    /// What a get told; `None`: nobody knows.
    got: Option<&'a Value>,
}

impl Act<'_> {
    /// On a line; `keys` are those whose revisions matter.
    fn line(&self, keys: &[String]) -> String {
        let key = self.key;
        match (self.what, self.value, self.got) {
            ("put", Some(value), _) => format!("{key} := {}", show(value)),
            ("delete", ..) => format!("delete {key}"),
            (_, _, Some(got)) => match got.get(1).filter(|_| keys.iter().any(|one| one == key)) {
                Some(by) => format!("{key} → {} (of revision {by})", value_of(got)),
                None => format!("{key} → {}", value_of(got)),
            },
            _ => format!("read {key}"),
        }
    }

    fn words(&self) -> String {
        let key = self.key;
        match (self.what, self.value, self.got) {
            ("put", Some(value), _) => format!("set {key} to {}", show(value)),
            ("delete", ..) => format!("deleted {key}"),
            (_, _, Some(got)) => match got.get(1) {
                Some(by) => format!("read {} from {key} (of revision {by})", value_of(got)),
                None => format!("read no value from {key}"),
            },
            _ => format!("read {key}"),
        }
    }
}

fn value_of(got: &Value) -> String {
    show(got.get(0).unwrap_or(&Value::Null))
}

impl<'a> Told<'a> {
    fn of(asked: &'a Value, answer: Option<&'a Value>) -> Option<Told<'a>> {
        let [compares, then, otherwise] = asked.as_array()?.as_slice() else {
            return None;
        };
        let answer = match answer.map(|answer| answer.as_array().map(Vec::as_slice)) {
            None => None,
            Some(Some([held, revision, answers])) => {
                Some((held.as_bool()?, revision.as_i64()?, answers.as_array()?))
            }
            Some(_) => return None,
        };
        let told = Told {
            compares: compares.as_array()?,
            then: then.as_array()?,
            otherwise: otherwise.as_array()?,
            answer: answer.map(|(held, revision, answers)| (held, revision, answers.as_slice())),
        };
        let all = [told.compares, told.then, told.otherwise];
        let is_whole = |part: &Value| part[0].is_string() && part[1].is_string();
        all.iter().copied().flatten().all(is_whole).then_some(told)
    }

    fn list(&self, held: bool) -> &'a [Value] {
        if held { self.then } else { self.otherwise }
    }

    fn acts(
        &self,
        held: bool,
        answers: &[Value],
        tell: impl Fn(&Act<'_>) -> String,
    ) -> Vec<String> {
        let acts = self.list(held).iter().enumerate();
        acts.map(|(at, act)| tell(&read(act, answers.get(at))))
            .collect()
    }

    /// It raised the revision, for certain: a delete may have found nothing.
    fn wrote(&self, held: bool) -> bool {
        self.list(held).iter().any(|act| act[0] == "put")
    }

    fn request(&self) -> String {
        let lines = |acts: &[Value]| -> Vec<String> {
            acts.iter().map(|act| read(act, None).line(&[])).collect()
        };
        let then = some(lines(self.then), "nothing");
        match (self.compares, self.otherwise) {
            ([], _) => then,
            (compares, []) => format!("if {}: {then}", conditions(compares, " = ")),
            (compares, otherwise) => format!(
                "if {}: {then}, else {}",
                conditions(compares, " = "),
                some(lines(otherwise), "nothing")
            ),
        }
    }
}

fn read<'a>(act: &'a Value, got: Option<&'a Value>) -> Act<'a> {
    Act {
        what: act[0].as_str().unwrap_or_default(),
        key: act[1].as_str().unwrap_or_default(),
        value: act.get(2),
        got,
    }
}

/// `k1 = 3 and k2 of revision 7`.
fn conditions(compares: &[Value], is: &str) -> String {
    let one = |compare: &Value| {
        let key = compare[1].as_str().unwrap_or_default();
        match (compare[0].as_str(), compare[2].as_i64()) {
            (Some("mod"), Some(0)) => format!("{key}{is}no value"),
            (Some("mod"), Some(by)) => format!("{key}{}of revision {by}", is.replace("= ", "")),
            _ => format!("{key}{is}{}", show(&compare[2])),
        }
    };
    listed(compares.iter().map(one).collect())
}

fn some(parts: Vec<String>, none: &str) -> String {
    match parts.is_empty() {
        true => none.into(),
        false => parts.join(", "),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(mut parts: Vec<String>) -> String {
    match parts.pop() {
        Some(last) if parts.is_empty() => last,
        Some(last) => format!("{} and {last}", parts.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_transaction_is_told_by_what_it_found_and_did() {
        let asked = json!([
            [["value", "k1", 3], ["mod", "k2", 7]],
            [["put", "k1", 5], ["delete", "k3"]],
            [["get", "k1"], ["get", "k2"]]
        ]);
        let done = json!([true, 17, [null, null]]);
        assert_eq!(
            line(&asked, Some(&done), &[]).as_deref(),
            Some("if k1 = 3 and k2 of revision 7 (yes): k1 := 5, delete k3 [made revision 17]")
        );
        assert_eq!(
            deeds(&asked, &done).as_deref(),
            Some(
                "found k1 to be 3 and k2 to be of revision 7 as it had asked, set k1 to 5, deleted k3 and made revision 17"
            )
        );
        let refused = json!([false, 16, [[4, 9], null]]);
        assert_eq!(
            line(&asked, Some(&refused), &["k1".into()]).as_deref(),
            Some(
                "if k1 = 3 and k2 of revision 7 (no): k1 → 4 (of revision 9), k2 → no value [at revision 16]"
            )
        );
        assert_eq!(
            deeds(&asked, &refused).as_deref(),
            Some(
                "did not find k1 to be 3 and k2 to be of revision 7, read 4 from k1 (of revision 9), read no value from k2 and saw revision 16"
            )
        );
        assert_eq!(
            noun(&asked).as_deref(),
            Some(
                "a transaction (if k1 = 3 and k2 of revision 7: k1 := 5, delete k3, else read k1, read k2)"
            )
        );
    }

    #[test]
    fn what_is_no_transaction_is_not_told_as_one() {
        for (asked, answer) in [
            (json!(5), None),
            (json!([[], [["put"]], []]), None),
            (json!([[], [], []]), Some(json!("ok"))),
        ] {
            assert_eq!(line(&asked, answer.as_ref(), &[]), None, "{asked}");
        }
    }
}
