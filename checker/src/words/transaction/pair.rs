//! Two transactions that contradict each other: the point first, in a sentence that names the key and the revisions.

use serde_json::Value;

use super::{Told, conditions, show};
use crate::history::{History, Process};

/// One of the two: who did it, what it did and the revision it told.
struct One<'a> {
    process: String,
    told: Told<'a>,
    held: bool,
    revision: i64,
    answers: &'a [Value],
}

/// Somebody saw what the first wrote under another revision than the first told.
pub fn twice(history: &History, [writer, reader]: [usize; 2]) -> Option<String> {
    with(history, [writer, reader], took_effect_twice)
}

fn took_effect_twice(writer: &One<'_>, reader: &One<'_>) -> Option<String> {
    let puts = writer.puts();
    let mut sights = reader.sights().into_iter();
    let (key, value, by) = sights.find_map(|(key, value, by)| {
        let ours = puts.contains(&(key, value));
        (ours && by != writer.revision).then_some((key, value, by))
    })?;
    let (value, own) = (show(value), writer.revision);
    Some(format!(
        "{} transaction took effect twice: as revision {by} ({} read {key} = {value} of revision {by}) and as revision {own} (its own answer). Nobody else was asked to set {key} to {value}.",
        writer.owner(),
        reader.process
    ))
}

/// The second tells of a revision by which the first had written a key, but found it as it was before.
pub fn unseen(history: &History, [writer, reader]: [usize; 2]) -> Option<String> {
    with(history, [writer, reader], |writer, reader| {
        let (puts, sights, own) = (writer.puts(), reader.sights(), writer.revision);
        let put_to = |key: &str| puts.iter().find(|(put, _)| *put == key);
        let old = |(_, _, by): &&(&str, &Value, i64)| *by < own;
        let mut missed = sights
            .iter()
            .filter(old)
            .filter(|(key, ..)| put_to(key).is_some());
        // What was not there at all may have been deleted; what was old was not.
        let (key, value, by) =
            (missed.clone().find(|(.., by)| *by > 0)).or_else(|| missed.next())?;
        let found = match by {
            0 => format!("no value in {key}"),
            by => format!("{key} = {} of revision {by}", show(value)),
        };
        let (_, new) = put_to(key)?;
        Some(format!(
            "{} transaction read {found} and told revision {}, but revision {own}, {}'s transaction, had set {key} to {}.",
            reader.owner(),
            reader.revision,
            writer.process,
            show(new)
        ))
    })
}

/// The second's conditions held at a revision by which the first had written what they ask for.
pub fn condition(history: &History, [writer, reader]: [usize; 2]) -> Option<String> {
    with(history, [writer, reader], |writer, reader| {
        let (puts, own) = (writer.puts(), writer.revision);
        let broken = reader.told.compares.iter().find_map(|compare| {
            let (key, by) = (compare[1].as_str()?, compare[2].as_i64()?);
            let new = puts.iter().find(|(put, _)| *put == key)?.1;
            (compare[0] == "mod" && by < own).then_some((key, compare, new))
        });
        let (key, compare, new) = broken?;
        Some(format!(
            "{} transaction found {} and made revision {}, but revision {own}, {}'s transaction, had set {key} to {}.",
            reader.owner(),
            conditions(std::slice::from_ref(compare), " to be "),
            reader.revision,
            writer.process,
            show(new)
        ))
    })
}

/// The keys that one of the two wrote and the other looked at: their revisions belong into labels.
pub fn shared(history: &History, [one, other]: [usize; 2]) -> Vec<String> {
    let keys = |one: &One<'_>, other: &One<'_>| {
        let puts = one.puts();
        let seen = other.sights().into_iter().map(|(key, ..)| key);
        seen.filter(|key| puts.iter().any(|(put, _)| put == key))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let both = |one: &One<'_>, other: &One<'_>| Some([keys(one, other), keys(other, one)].concat());
    with(history, [one, other], both).unwrap_or_default()
}

fn with<T>(
    history: &History,
    pair: [usize; 2],
    tell: impl Fn(&One<'_>, &One<'_>) -> Option<T>,
) -> Option<T> {
    let [one, other] = pair.map(|number| {
        let operation = history.operations().get(number)?;
        let asked = history.invocation(operation);
        Some((asked, history.completion(operation)?.value))
    });
    let ((one, one_answer), (other, other_answer)) = (one?, other?);
    let of = |process, asked, answer| One::of(process, asked, answer);
    tell(
        &of(one.process, &one.value, &one_answer)?,
        &of(other.process, &other.value, &other_answer)?,
    )
}

impl<'a> One<'a> {
    fn of(process: Process, asked: &'a Value, answer: &'a Value) -> Option<One<'a>> {
        let told = Told::of(asked, Some(answer))?;
        let (held, revision, answers) = told.answer?;
        let process = match process {
            Process::Client(id) => format!("process {id}"),
            Process::Nemesis => "the nemesis".into(),
        };
        Some(One {
            process,
            told,
            held,
            revision,
            answers,
        })
    }

    /// `Process 5's`, at the beginning of a sentence.
    fn owner(&self) -> String {
        let mut letters = self.process.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).chain("'s".chars()).collect()
    }

    /// The keys that hold a value of its own when it ends.
    fn puts(&self) -> Vec<(&'a str, &'a Value)> {
        let mut puts: Vec<(&str, &Value)> = Vec::new();
        for act in self.told.list(self.held) {
            let Some(key) = act[1].as_str() else { continue };
            match (act[0].as_str(), act.get(2)) {
                (Some("put"), Some(value)) => {
                    puts.retain(|(put, _)| *put != key);
                    puts.push((key, value));
                }
                (Some("delete"), _) => puts.retain(|(put, _)| *put != key),
                _ => {}
            }
        }
        puts
    }

    /// What it saw of keys before it wrote them itself: key, value and revision (0 where there was none).
    fn sights(&self) -> Vec<(&'a str, &'a Value, i64)> {
        let (mut own, mut sights) = (Vec::new(), Vec::new());
        for (at, act) in self.told.list(self.held).iter().enumerate() {
            let Some(key) = act[1].as_str() else { continue };
            if act[0] != "get" {
                own.push(key);
            } else if !own.contains(&key) {
                let got = self.answers.get(at).unwrap_or(&Value::Null);
                sights.push((key, &got[0], got[1].as_i64().unwrap_or(0)));
            }
        }
        sights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one<'a>(id: u64, asked: &'a Value, answer: &'a Value) -> One<'a> {
        One::of(Process::Client(id), asked, answer).expect("a transaction")
    }

    #[test]
    fn own_writes_are_no_sights_and_deleted_ones_no_puts() {
        let asked = json!([
            [],
            [
                ["put", "a", 1],
                ["get", "a"],
                ["get", "b"],
                ["get", "c"],
                ["put", "d", 2],
                ["delete", "d"]
            ],
            []
        ]);
        let answer = json!([true, 9, [null, [1, 9], [7, 4], null, null, null]]);
        let one = one(3, &asked, &answer);
        let seven = json!(7);
        assert_eq!(one.sights(), [("b", &seven, 4), ("c", &Value::Null, 0)]);
        assert_eq!(one.puts(), [("a", &json!(1))]);
        assert_eq!(one.owner(), "Process 3's");
    }

    #[test]
    fn what_took_effect_twice_is_told_with_both_revisions() {
        let asked = json!([[], [["put", "k1", 5], ["put", "k2", 6]], []]);
        let looked = json!([[], [["get", "k2"], ["get", "k1"]], []]);
        let (done, saw) = (
            json!([true, 9, [null, null]]),
            json!([true, 7, [null, [5, 4]]]),
        );
        let (writer, reader) = (one(3, &asked, &done), one(8, &looked, &saw));
        assert_eq!(
            took_effect_twice(&writer, &reader).as_deref(),
            Some(
                "Process 3's transaction took effect twice: as revision 4 (process 8 read k1 = 5 of revision 4) and as revision 9 (its own answer). Nobody else was asked to set k1 to 5."
            )
        );
        let saw = json!([true, 9, [[6, 9], [5, 9]]]);
        assert_eq!(took_effect_twice(&writer, &one(8, &looked, &saw)), None);
    }
}
