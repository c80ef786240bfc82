//! Every object, from the verbs of a history on: what it may answer, and what it may not.

use checker::history::{History, jsonl};
use checker::linearizable::{Limits, Linearizable, objects::Objects};
use checker::models::ModelKind;
use checker::{Checker, Valid, Verdict};

/// One client's calls, a line each: the verb, the argument, and after `->` the answer (or as asked); `?`: nobody knows.
fn history(calls: &[&str]) -> History {
    let mut lines = String::new();
    for (process, call) in calls.iter().enumerate() {
        let (asked, answer) = call.split_once(" -> ").unwrap_or((call, ""));
        let (verb, argument) = asked.split_once(' ').unwrap_or((asked, "null"));
        let (kind, answer) = match answer {
            "" => ("ok", argument),
            "?" => ("info", argument),
            answer => ("ok", answer),
        };
        for (kind, value) in [("invoke", argument), (kind, answer)] {
            lines +=
                &format!(r#"{{"process":{process},"type":"{kind}","f":"{verb}","value":{value}}}"#);
            lines.push('\n');
        }
    }
    jsonl::read("calls", lines.as_bytes()).unwrap().history
}

fn objects(kind: ModelKind) -> Objects {
    let Linearizable { limits, minimum } = Linearizable::default();
    Objects {
        kind,
        limits,
        minimum,
    }
}

/// Judged in both ways, by the model that is recognised if none is named.
#[track_caller]
fn judged(kind: Option<&str>, calls: &[&str]) -> Verdict {
    let history = history(calls);
    let kind = match kind {
        Some(name) => name.parse().unwrap(),
        None => ModelKind::recognise(&history),
    };
    let verdict = objects(kind).check(&history);
    let meter = checker::linearizable::limits::Meter::new(checker::linearizable::limits::NO_END);
    if let Ok(answer) = objects(kind).answer_within(&history, &meter) {
        assert_eq!(answer, verdict.valid, "{calls:?}: {}", verdict.summary);
    }
    verdict
}

#[track_caller]
fn right(kind: Option<&str>, calls: &[&str]) {
    let verdict = judged(kind, calls);
    assert_eq!(verdict.valid, Valid::Yes, "{calls:?}: {}", verdict.summary);
}

#[track_caller]
fn wrong(kind: Option<&str>, calls: &[&str]) {
    let verdict = judged(kind, calls);
    assert_eq!(verdict.valid, Valid::No, "{calls:?}: {}", verdict.summary);
}

/// Refused in a sentence that says so.
#[track_caller]
fn refused(kind: Option<&str>, calls: &[&str], says: &str) {
    let verdict = judged(kind, calls);
    assert_eq!(verdict.valid, Valid::Unknown, "{}", verdict.summary);
    assert!(verdict.summary.contains(says), "{}", verdict.summary);
}

#[test]
fn a_register() {
    right(
        None,
        &[
            "read -> null",
            "write 1",
            "read -> 1",
            "cas [1,2]",
            "read -> 2",
        ],
    );
    wrong(None, &["write 1", "read -> 2"]);
    wrong(None, &["cas [1,2]", "read -> 2"]);
}

#[test]
fn a_register_holds_anything() {
    for [one, other] in [
        [r#""a""#, r#""b""#],
        ["1", "-1"],
        ["9000000000", "1"],
        ["[1,2]", "[1,3]"],
        ["true", "1"],
        [r#""1""#, "1"],
        ["0", "null"],
    ] {
        let write = |value| format!("write {value}");
        let read = |value| format!("read -> {value}");
        right(
            None,
            &[&write(one), &read(one), &write(other), &read(other)],
        );
        wrong(None, &[&write(one), &read(other)]);
        wrong(None, &[&write(other), &read(one)]);
        wrong(None, &[&write(one), &write(other), &read(one)]);
        right(
            None,
            &[&write(other), &format!("cas [{other},{one}]"), &read(one)],
        );
        wrong(None, &[&write(one), &format!("cas [{other},{one}]")]);
    }
}

#[test]
fn what_is_wrong_or_open_is_told_key_by_key() {
    let details = |calls: &[&str]| judged(Some("stack"), calls).details["keys"][0].clone();
    let right = details(&["push 1", "pop -> 1"]);
    assert_eq!(
        (&right["engine"], &right["certified"]),
        (&"exact".into(), &true.into())
    );
    assert!(right["proved_to_event"].is_null());
    let wrong = details(&["push 1", "pop -> 2"]);
    assert_eq!(
        (&wrong["engine"], &wrong["certified"]),
        (&"exact".into(), &false.into())
    );
    assert_eq!(wrong["proved_to_event"], 2);
    let searched = details(&["push 1", "push 1", "pop -> 2"]);
    assert_eq!(
        (&searched["engine"], &searched["certified"]),
        (&"search".into(), &false.into())
    );
    assert_eq!(searched["proved_to_event"], 4);
}

#[test]
fn a_set() {
    right(
        None,
        &[
            "add 1",
            "contains 1 -> true",
            "remove 1",
            "contains 1 -> false",
            "add 2",
            "read -> [2]",
        ],
    );
    right(None, &["read -> []", "add 1", "add 2", "read -> [2,1]"]);
    right(None, &["read -> null", "add 1", "add 1", "read -> [1]"]);
    right(
        None,
        &["add 1 -> ?", "contains 1 -> false", "contains 1 -> true"],
    );
    right(None, &["remove 1", "contains 1 -> ?", "read -> ?", "add 1"]);
    wrong(None, &["add 1", "contains 1 -> false"]);
    wrong(None, &["remove 1", "contains 1 -> true"]);
    wrong(None, &["add 1", "remove 1", "contains 1 -> true"]);
    wrong(None, &["add 1", "remove 1", "read -> [1]"]);
    wrong(None, &["contains 2 -> false", "add 1", "read -> []"]);
    wrong(Some("set"), &["add 1", "read -> null"]);
    wrong(None, &["add 1", "read -> [1,1]"]);
    refused(None, &["add 1", "contains 1 -> 2"], "true or false");
    refused(Some("set"), &["add 1", "read -> 2"], "a list of elements");
    refused(Some("set"), &["push 1"], "a set knows add");
}

#[test]
fn a_queue() {
    right(
        None,
        &[
            "dequeue -> null",
            "enqueue 1",
            "enqueue 2",
            "dequeue -> 1",
            "dequeue -> 2",
            "dequeue -> null",
        ],
    );
    right(Some("queue"), &["offer [1]", "poll -> [1]"]);
    right(None, &["enqueue 1", "dequeue -> ?", "dequeue -> null"]);
    wrong(None, &["enqueue 1", "enqueue 2", "dequeue -> 2"]);
    wrong(None, &["enqueue 1", "dequeue -> null"]);
    wrong(Some("queue"), &["offer [1]", "poll -> [2]"]);
    // Things of all kinds are told apart.
    wrong(None, &["enqueue [1]", "enqueue 1", "dequeue -> 1"]);
    wrong(None, &["enqueue 1", "enqueue [1]", "dequeue -> [1]"]);
    // Put in twice, so that no exact algorithm decides.
    right(
        None,
        &["enqueue 1", "enqueue 1", "dequeue -> 1", "dequeue -> 1"],
    );
    wrong(
        None,
        &["enqueue 1", "enqueue 1", "dequeue -> 1", "dequeue -> null"],
    );
    wrong(
        None,
        &["enqueue 1", "enqueue 2", "enqueue 1", "dequeue -> 2"],
    );
    refused(Some("queue"), &["push 1"], "a queue knows enqueue");
}

#[test]
fn a_stack() {
    right(
        None,
        &[
            "pop -> null",
            "push 1",
            "push 2",
            "pop -> 2",
            "pop -> 1",
            "pop -> null",
        ],
    );
    wrong(None, &["push 1", "push 2", "pop -> 1"]);
    wrong(None, &["push 1", "pop -> null"]);
    right(None, &["push 1", "push 1", "pop -> 1", "pop -> 1"]);
    wrong(None, &["push 1", "push 2", "push 1", "pop -> 2"]);
    refused(Some("stack"), &["enqueue 1"], "a stack knows push");
}

#[test]
fn a_priority_queue() {
    let kind = Some("priority-queue");
    for take in ["delete-min", "extract-min", "poll"] {
        let took = |answer: &str| format!("{take} -> {answer}");
        let [two, one, nothing] = ["2", "-1", "null"].map(took);
        let put = ["insert 2", "insert -1"];
        right(kind, &[&put[..], &[&one, &two, &nothing]].concat());
        wrong(kind, &[&put[..], &[&two]].concat());
        wrong(kind, &[&put[..], &[&nothing]].concat());
    }
    right(None, &["insert 1", "delete-min -> ?", "delete-min -> null"]);
    right(
        None,
        &[
            "insert 1",
            "insert 1",
            "delete-min -> 1",
            "delete-min -> 1",
            "delete-min -> null",
        ],
    );
    wrong(
        None,
        &[
            "insert 1",
            "insert 1",
            "delete-min -> 1",
            "delete-min -> null",
        ],
    );
    wrong(
        None,
        &["insert 1", "insert 2", "insert 1", "extract-min -> 2"],
    );
    refused(kind, &["insert true"], "a whole number");
    refused(kind, &["insert 1", "poll -> true"], "a whole number");
    refused(kind, &["push 1"], "a priority queue knows insert");
}

#[test]
fn a_counter() {
    right(None, &["read -> 0", "inc", "read -> 1", "dec", "read -> 0"]);
    right(None, &["add 2", "increment 3", "decrement 1", "read -> 4"]);
    right(None, &["add -2", "read -> -2"]);
    wrong(None, &["inc", "read -> 0"]);
    wrong(None, &["add 2", "read -> 1"]);
    wrong(None, &["add 2", "read -> 3"]);
    wrong(None, &["dec", "read -> 1"]);
    right(None, &["inc -> ?", "read -> 0", "read -> 1"]);
    wrong(None, &["inc -> ?", "read -> 1", "read -> 0"]);
}

#[test]
fn what_can_lead_a_counter_beyond_64_bits_is_not_judged() {
    let (least, most) = (i64::MIN.to_string(), i64::MAX.to_string());
    let too_far = "beyond 64 bits";
    for (first, second) in [(&least, "-1"), (&most, "1")] {
        let [first, second] = [first.as_str(), second].map(|amount| format!("add {amount}"));
        let read = format!("read -> {}", &first[4..]);
        right(Some("counter"), &[&first, &read]);
        refused(Some("counter"), &[&first, &second, &read], too_far);
        refused(
            Some("counter"),
            &[&format!("{first} -> ?"), &second, &read],
            too_far,
        );
    }
    refused(
        Some("counter"),
        &[&format!("decrement {least}")],
        "whole number",
    );
    right(Some("counter"), &["decrement 5", "read -> -5"]);
}

#[test]
fn what_is_wrong_for_certain_is_wrong_though_the_rest_would_cost_too_much() {
    let mut lines = String::new();
    let mut say = |process: usize, kind: &str, verb: &str, value: &str| {
        lines +=
            &format!(r#"{{"process":{process},"type":"{kind}","f":"{verb}","value":{value}}}"#);
        lines.push('\n');
    };
    for kind in ["invoke", "ok"] {
        for (process, text) in (0..).zip([r#""a""#, r#""b""#, r#""c""#]) {
            say(process, kind, "append", text);
        }
    }
    say(0, "invoke", "get", "null");
    say(0, "ok", "get", r#""abd""#);
    let history = jsonl::read("calls", lines.as_bytes()).unwrap().history;
    let mut judge = objects(ModelKind::Kv);
    judge.limits.configurations = 1;
    let verdict = judge.check(&history);
    assert_eq!(verdict.valid, Valid::No, "{}", verdict.summary);
    assert_eq!(verdict.violations[0].prefix_end, 7);
}

#[test]
fn a_lock() {
    right(None, &["acquire", "release", "lock", "unlock"]);
    right(None, &["lock", "unlock -> ?", "acquire"]);
    wrong(None, &["acquire", "acquire"]);
    wrong(None, &["release"]);
    wrong(None, &["lock", "lock"]);
    wrong(None, &["unlock"]);
    wrong(None, &["acquire", "release", "release"]);
    refused(Some("lock"), &["push 1"], "a lock knows acquire");
}

#[test]
fn a_fenced_lock() {
    let kind = Some("fenced-lock");
    right(
        kind,
        &["acquire -> 1", "release 1", "lock -> 3", "unlock 3"],
    );
    right(kind, &["acquire -> 1", "release", "acquire -> 2"]);
    wrong(kind, &["acquire -> 1", "acquire -> 2"]);
    wrong(kind, &["release"]);
    wrong(kind, &["acquire -> 0"]);
    wrong(kind, &["acquire -> 2", "release 2", "acquire -> 2"]);
    wrong(kind, &["acquire -> 2", "release 2", "acquire -> 1"]);
    wrong(kind, &["acquire -> 2", "release", "acquire -> 2"]);
    wrong(kind, &["acquire -> 2", "release 1"]);
    wrong(kind, &["lock -> 2", "unlock 3"]);
    // Nobody was told the token, but it is above all before, and a release tells it.
    right(kind, &["acquire -> ?", "release 4", "acquire -> 5"]);
    right(
        kind,
        &["acquire -> 1", "release 1", "acquire -> ?", "release 2"],
    );
    wrong(kind, &["acquire -> ?", "release 4", "acquire -> 4"]);
    wrong(kind, &["acquire -> ?", "release 0"]);
    wrong(
        kind,
        &["acquire -> 1", "release 1", "acquire -> ?", "release 1"],
    );
    wrong(kind, &["acquire -> ?", "release", "acquire -> 1"]);
    right(kind, &["acquire -> ?", "release", "acquire -> 2"]);
    refused(kind, &["acquire -> true"], "the token");
    refused(kind, &["acquire -> 1", "release true"], "or nothing");
    refused(kind, &["push 1"], "a fenced lock knows acquire");
}

#[test]
fn a_semaphore() {
    let kind = Some("semaphore:3");
    right(kind, &["acquire", "acquire 2", "release 3", "acquire 3"]);
    right(kind, &["acquire 3", "acquire 0", "release", "acquire"]);
    wrong(kind, &["acquire 3", "acquire"]);
    wrong(kind, &["acquire 4"]);
    wrong(kind, &["acquire 2", "release 3"]);
    wrong(kind, &["release"]);
    right(kind, &["acquire 3 -> ?", "acquire 3"]);
    refused(kind, &["acquire true"], "a number of permits");
    refused(kind, &["push 1"], "a semaphore knows acquire");
}

#[test]
fn a_log() {
    right(
        Some("log"),
        &[
            "read -> null",
            "append 1",
            "append 2",
            "read -> [1,2]",
            "append 3 -> ?",
            "read -> ?",
            "read -> [1,2]",
            "read -> [1,2,3]",
        ],
    );
    right(None, &["read -> []", "append 1", "read -> [1]"]);
    wrong(None, &["append 1", "append 2", "read -> [2,1]"]);
    wrong(None, &["append 1", "append 2", "read -> [1]"]);
    wrong(None, &["append 1", "read -> []"]);
    wrong(Some("log"), &["append 1", "read -> null"]);
    wrong(Some("log"), &["append 1", "read -> [1,1]"]);
    // Entries that come twice leave it to the search.
    right(None, &["append 1", "append 1", "read -> [1,1]"]);
    wrong(None, &["append 1", "append 1", "read -> [1]"]);
    wrong(
        None,
        &["append 1", "append 2", "append 1", "read -> [1,1,2]"],
    );
    refused(Some("log"), &["append 1", "read -> 1"], "a list of entries");
    refused(Some("log"), &["push 1"], "a log knows append");
}

#[test]
fn a_key_of_a_store() {
    right(
        None,
        &[
            r#"get -> null"#,
            r#"put "a""#,
            r#"append "b""#,
            r#"get -> "ab""#,
            r#"get -> ?"#,
            r#"put "c""#,
            r#"get -> "c""#,
        ],
    );
    right(None, &[r#"append "b""#, r#"get -> "b""#]);
    wrong(None, &[r#"put "a""#, r#"append "b""#, r#"get -> "b""#]);
    wrong(None, &[r#"put "a""#, r#"get -> null"#]);
    wrong(None, &[r#"put "a""#, r#"put "b""#, r#"get -> "ab""#]);
    refused(None, &[r#"put 1"#], "a text");
    refused(None, &[r#"put "a""#, r#"get -> 1"#], "a text");
    refused(Some("kv"), &["push 1"], "a key of a store knows get");
}

#[test]
fn a_store_with_transactions() {
    let put = r#"txn [[],[["put","a",1]],[]] -> [true,2,[null]]"#;
    let swap = r#"[["value","a",1],["mod","b",0]],[["put","a",2],["get","a"],["delete","b"]],[["get","a"]]"#;
    let swapped = format!("txn [{swap}] -> [true,3,[null,[2,3],null]]");
    let kept = |answer: &str| format!("txn [{swap}] -> {answer}");
    let get = |answer: &str| format!(r#"txn [[],[["get","a"]],[]] -> {answer}"#);
    right(None, &[put, &swapped, &get("[true,3,[[2,3]]]")]);
    right(
        None,
        &[&get("[true,1,[null]]"), put, &get("[true,2,[[1,2]]]")],
    );
    right(None, &[&kept("[false,1,[null]]"), put]);
    wrong(None, &[put, &kept("[false,2,[[1,2]]]")]);
    wrong(None, &[&kept("[true,2,[null,[2,2],null]]")]);
    wrong(None, &[put, &get("[true,2,[null]]")]);
    wrong(None, &[put, &get("[true,2,[[2,2]]]")]);
    wrong(None, &[put, &get("[true,2,[[1,1]]]")]);
    wrong(None, &[put, &get("[true,1,[[1,2]]]")]);
    wrong(None, &[put, &swapped, &get("[true,3,[[1,2]]]")]);
    // The revision of a value that is there is not 0, and a value is not nothing.
    let new = r#"txn [[["mod","a",0]],[["put","a",3]],[]]"#;
    right(None, &[&format!("{new} -> [true,2,[null]]")]);
    right(None, &[put, &format!("{new} -> [false,2,[]]")]);
    wrong(None, &[put, &format!("{new} -> [true,3,[null]]")]);
    let nothing = r#"txn [[["value","a",null]],[["put","a",3]],[]]"#;
    right(None, &[&format!("{nothing} -> [true,2,[null]]")]);
    wrong(None, &[put, &format!("{nothing} -> [true,3,[null]]")]);
    // What is deleted is gone; a delete of what is not there makes no revision.
    let delete = |revision| format!(r#"txn [[],[["delete","a"]],[]] -> [true,{revision},[null]]"#);
    right(
        None,
        &[put, &delete(3), &get("[true,3,[null]]"), &delete(3)],
    );
    wrong(None, &[put, &delete(2)]);
    wrong(None, &[&delete(2)]);
    wrong(None, &[put, &delete(3), &get("[true,3,[[1,2]]]")]);
}

#[test]
fn a_transaction_that_nobody_answered_made_a_revision_that_nobody_else_made() {
    let put =
        |value: u32, answer: &str| format!(r#"txn [[],[["put","a",{value}]],[]] -> {answer}"#);
    let get = |answer: &str| format!(r#"txn [[],[["get","a"]],[]] -> {answer}"#);
    right(None, &[&put(1, "?"), &get("[true,2,[[1,2]]]")]);
    right(None, &[&put(1, "?"), &get("[true,1,[null]]")]);
    right(
        None,
        &[
            &put(1, "?"),
            &get("[true,1,[null]]"),
            &get("[true,2,[[1,2]]]"),
        ],
    );
    wrong(
        None,
        &[
            &put(1, "?"),
            &get("[true,2,[[1,2]]]"),
            &get("[true,1,[null]]"),
        ],
    );
    wrong(None, &[&put(1, "?"), &get("[true,3,[[1,3]]]")]);
    wrong(None, &[&put(1, "?"), &get("[true,2,[[1,1]]]")]);
    right(
        None,
        &[
            &put(1, "?"),
            &put(2, "[true,3,[null]]"),
            &get("[true,3,[[2,3]]]"),
        ],
    );
    right(
        None,
        &[
            &put(1, "?"),
            &put(2, "[true,2,[null]]"),
            &get("[true,3,[[1,3]]]"),
        ],
    );
    wrong(None, &[&put(1, "?"), &put(2, "[true,4,[null]]")]);
    // Another one had written the same.
    let same = [&put(1, "[true,2,[null]]"), &get("[true,2,[[1,2]]]")];
    let between = [&put(1, "?"), &put(2, "[true,4,[null]]")];
    let calls: Vec<&str> = same
        .into_iter()
        .chain(between)
        .map(String::as_str)
        .collect();
    right(None, &calls);
    right(
        None,
        &[
            &put(1, "?"),
            &put(1, "?"),
            &put(2, "[true,4,[null]]"),
            &get("[true,4,[[2,4]]]"),
        ],
    );
}

#[test]
fn a_transaction_that_is_none_is_refused() {
    let asked = "[compares, then, else]";
    for said in [
        r#"[[],[]]"#,
        r#"[[],[],[],[]]"#,
        r#"[[["less","a",1]],[],[]]"#,
        r#"[[["mod","a",-1]],[],[]]"#,
        r#"[[["value","a"]],[],[]]"#,
        r#"[[],[["get","a",1]],[]]"#,
        r#"[[],[["put","a"]],[]]"#,
        r#"[[],[],[["drop","a"]]]"#,
    ] {
        refused(None, &[&format!("txn {said} -> ?")], asked);
    }
    let answered = "[succeeded, revision, answers]";
    for said in [
        "[true,1]",
        "[1,1,[null]]",
        "[true,-1,[null]]",
        "[true,1,[]]",
        "[true,1,[null,null]]",
        "[true,1,[[1]]]",
        "[true,1,[[1,-1]]]",
    ] {
        let call = format!(r#"txn [[],[["get","a"]],[]] -> {said}"#);
        refused(None, &[&call], answered);
    }
    refused(
        Some("txn"),
        &["push 1"],
        "a store with transactions knows txn",
    );
}

#[test]
fn a_model_is_recognised_by_the_first_verb_that_tells() {
    let cases: [(&[&str], &str); 25] = [
        (&[], "register"),
        (&["read -> 1"], "register"),
        (&["write 1"], "register"),
        (&["cas [1,2]"], "register"),
        (&["write 1", "push 1"], "register"),
        (&["get -> null"], "kv"),
        (&[r#"put "a""#], "kv"),
        (&[r#"append "a""#], "kv"),
        (&[r#"append "a""#, r#"read -> ["a"]"#], "log"),
        (&["append 1"], "log"),
        (&["enqueue 1"], "queue"),
        (&["dequeue -> null"], "queue"),
        (&["push 1"], "stack"),
        (&["pop -> null"], "stack"),
        (&["insert 1"], "priority-queue"),
        (&["delete-min -> null"], "priority-queue"),
        (&["lock"], "lock"),
        (&["release"], "lock"),
        (&["inc"], "counter"),
        (&["decrement 1"], "counter"),
        (&["add 1", "read -> null", "read -> 1"], "counter"),
        (&["add 1", "read -> null", "read -> [1]"], "set"),
        (&["add 1"], "set"),
        (&["remove 1"], "set"),
        (&["contains 1 -> true"], "set"),
    ];
    for (calls, name) in cases {
        assert_eq!(
            ModelKind::recognise(&history(calls)).to_string(),
            name,
            "{calls:?}"
        );
    }
    let txn: ModelKind = "txn".parse().unwrap();
    assert_eq!(ModelKind::recognise(&history(&["txn {}"])), txn);
}

#[test]
fn names_of_models_are_told_as_they_are_read() {
    for name in ["fenced-lock", "semaphore:3", "txn", "log", "register"] {
        let kind: ModelKind = name.parse().unwrap();
        assert_eq!(kind.to_string(), name);
    }
    let mutex: ModelKind = "mutex".parse().unwrap();
    assert_eq!(mutex, ModelKind::Lock);
    let unknown = "colour".parse::<ModelKind>().unwrap_err();
    assert!(unknown.contains("colour is no model"), "{unknown}");
    let many = "semaphore:many".parse::<ModelKind>().unwrap_err();
    assert!(many.contains("expected a number of permits"), "{many}");
}

#[test]
fn a_verdict_says_by_whom_it_is_and_asks_for_work_but_not_for_faults() {
    let mut judge = objects(ModelKind::Stack);
    assert_eq!(judge.name(), "linearizable");
    judge.minimum.faults_that_acted = 3;
    let calls = history(&["push 1", "pop -> 1"]);
    assert_eq!(judge.check(&calls).valid, Valid::Yes);
    judge.minimum.ok_operations = 3;
    let verdict = judge.check(&calls);
    assert_eq!(verdict.valid, Valid::Unknown);
    assert!(
        !verdict.summary.contains("could not be decided"),
        "{}",
        verdict.summary
    );
}

#[test]
fn a_time_that_is_over_decides_nothing() {
    let calls = ["push 1", "push 1", "pop -> 1"];
    let over = || true;
    let meter = checker::linearizable::limits::Meter::new(&over);
    let limits = Limits {
        steps: 0,
        ..Linearizable::default().limits
    };
    let judge = Objects {
        limits,
        ..objects(ModelKind::Stack)
    };
    assert_eq!(
        judge.check_within(&history(&calls), &meter).valid,
        Valid::Unknown
    );
}
