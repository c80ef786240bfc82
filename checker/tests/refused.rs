//! Files that say two things at once: refused with the line, not judged.

use std::io::Cursor;

use checker::history::jsonl::ReadError;
use checker::history::{self, Format};
use checker::linearizable::{Linearizable, objects::Objects};
use checker::models::ModelKind;
use checker::{Checker, Valid};

/// The line that is refused, and why; `None`: all is read.
fn refused(format: Format, text: &str) -> Option<(usize, String)> {
    match history::read("file", Cursor::new(text.as_bytes()), Some(format)) {
        Ok(_) => None,
        Err(ReadError::Damaged { line, reason, .. }) => Some((line, reason)),
        Err(error) => panic!("{error}"),
    }
}

/// One operation as JSON lines: what was asked, how it ended, what was answered.
fn one(f: &str, asked: &str, kind: &str, told: &str) -> String {
    let line = |kind, rest| format!("{{\"process\":0,\"type\":\"{kind}\",\"f\":\"{f}\",{rest}}}\n");
    line("invoke", asked) + &line(kind, told)
}

#[test]
fn a_completion_tells_of_what_was_invoked() {
    let told = |text: &str| refused(Format::JsonLines, text).map(|(line, _)| line);
    let write = |asked, kind, told| one("write", asked, kind, told);
    assert_eq!(told(&write(r#""value":1"#, "ok", r#""value":1"#)), None);
    assert_eq!(told(&write(r#""value":1"#, "ok", r#""value":2"#)), Some(2));
    assert_eq!(
        told(&write(r#""value":[1,"a"]"#, "ok", r#""value":[1,"a"]"#)),
        None
    );
    assert_eq!(
        told(&write(r#""value":"a""#, "ok", r#""value":"b""#)),
        Some(2)
    );
    // Nothing is said, or why it failed.
    assert_eq!(told(&write(r#""value":1"#, "ok", r#""value":null"#)), None);
    assert_eq!(
        told(&write(r#""value":1"#, "info", r#""value":"timeout""#)),
        None
    );
    assert_eq!(
        told(&one("read", r#""value":null"#, "ok", r#""value":7"#)),
        None
    );
    let cas = |answer| told(&one("cas", r#""value":[1,2]"#, "ok", answer));
    assert_eq!(
        (cas(r#""value":[1,2]"#), cas(r#""value":[1,3]"#)),
        (None, Some(2))
    );
    let keys = |asked, told| write(asked, "fail", told);
    assert_eq!(
        told(&keys(r#""key":"x","value":1"#, r#""key":"x","value":1"#)),
        None
    );
    assert_eq!(
        told(&keys(r#""key":"x","value":1"#, r#""key":"y","value":1"#)),
        Some(2)
    );
    assert_eq!(told(&keys(r#""key":"x","value":1"#, r#""value":1"#)), None);
    assert_eq!(
        told(&keys(r#""value":1"#, r#""key":"y","value":1"#)),
        Some(2)
    );
    // Read by the other parser of lines, too.
    let escaped = write(
        r#""key":"\u0078","value":1"#,
        "ok",
        r#""key":"\u0079","value":1"#,
    );
    assert_eq!(told(&escaped), Some(2));
    let edn = "[{:process 0 :type :invoke :f :write :value 1}\n {:process 0 :type :ok :f :write :value 2}]";
    assert_eq!(refused(Format::Edn, edn).map(|(line, _)| line), Some(2));
}

#[test]
fn a_number_and_a_text_are_not_one_key() {
    let key = |key: &str| {
        one(
            "write",
            &format!(r#""key":{key},"value":1"#),
            "ok",
            &format!(r#""key":{key},"value":1"#),
        )
    };
    let both = |a: &str, b: &str| refused(Format::JsonLines, &(key(a) + &key(b)));
    assert_eq!(both("1", "2"), None);
    assert_eq!(both("\"1\"", "\"2\""), None);
    let (line, reason) = both("1", "\"1\"").unwrap();
    assert!(
        line == 3 && reason.contains("the key 1 is a text here"),
        "{line}: {reason}"
    );
    assert_eq!(both("\"1.5\"", "1.5").map(|(line, _)| line), Some(3));
    let edn = |said: fn(&str) -> String, a: &str, b: &str| {
        let both = |key: &str| {
            ["invoke", "ok"]
                .map(|kind| format!("{{:process 0 :type :{kind} {}}}\n", said(key)))
                .concat()
        };
        refused(Format::Edn, &(both(a) + &both(b))).map(|(line, _)| line)
    };
    let keyed = |key: &str| format!(":f :write :key {key} :value 1");
    assert_eq!(
        (edn(keyed, "1", "2"), edn(keyed, "1", "\"1\"")),
        (None, Some(3))
    );
    // Jepsen's independent keys.
    let tupled = |key: &str| format!(":f :read :value [{key} nil]");
    assert_eq!(
        (edn(tupled, "1", "2"), edn(tupled, "1", "\"1\"")),
        (None, Some(3))
    );
}

#[test]
fn a_counter_that_may_leave_64_bits_is_not_judged() {
    let judged = |amounts: &[i64]| {
        let lines: String = (amounts.iter())
            .map(|amount| {
                one(
                    "add",
                    &format!(r#""value":{amount}"#),
                    "ok",
                    &format!(r#""value":{amount}"#),
                )
            })
            .collect();
        let lines = lines + &one("read", r#""value":null"#, "ok", r#""value":0"#);
        let history = history::read("file", Cursor::new(lines.as_bytes()), None).unwrap();
        let Linearizable { limits, minimum } = Linearizable::default();
        let kind = ModelKind::Counter;
        let verdict = Objects {
            kind,
            limits,
            minimum,
        }
        .check(&history.history);
        (verdict.valid, verdict.summary)
    };
    let large = 1 << 59;
    assert_eq!(judged(&[large, -large]).0, Valid::Yes);
    assert_eq!(judged(&[large]).0, Valid::No);
    let (valid, summary) = judged(&[large; 16]);
    assert!(
        valid == Valid::Unknown && summary.contains("beyond 64 bits"),
        "{summary}"
    );
}
