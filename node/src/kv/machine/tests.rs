//! What commands do, one sentence each.

use super::super::arbitrary::{apply, apply_in, put};
use super::super::outcome::Refused;
use super::super::session::Token;
use super::super::value::Data;
use super::*;

fn some(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn cas(key: &str, expected: Option<&str>, new: Option<&str>) -> Command {
    Command::Cas {
        key: key.to_owned(),
        expected: expected.map(str::to_owned),
        new: new.map(str::to_owned),
    }
}

fn delete(key: &str) -> Command {
    Command::Delete {
        key: key.to_owned(),
    }
}

fn entry(machine: &Machine, payload: Payload) -> Entry {
    let id = LogId::new(machine.applied().0 + 1, 1);
    Entry { id, payload }
}

fn value(machine: &Machine, key: &str) -> Option<String> {
    match &machine.get(key)?.data {
        Data::Text(text) => Some(text.clone()),
        list @ Data::List(_) => panic!("{list:?}"),
    }
}

#[test]
fn a_put_is_read_with_its_revision() {
    let mut machine = Machine::new();
    assert_eq!(
        apply(&mut machine, &put("x", "1")),
        Outcome::Written { revision: 1 }
    );
    assert_eq!(
        apply(&mut machine, &put("y", "2")),
        Outcome::Written { revision: 2 }
    );
    assert_eq!(machine.get("x").map(|v| v.revision), Some(1));
    assert_eq!(value(&machine, "y"), some("2"));
}

#[test]
fn compare_and_set_succeeds_only_on_what_it_expects() {
    let mut machine = Machine::new();
    apply(&mut machine, &cas("x", None, Some("1")));
    assert_eq!(value(&machine, "x"), some("1"));
    let failed = apply(&mut machine, &cas("x", Some("0"), Some("2")));
    let current = machine.get("x").cloned();
    let revision = 1;
    assert_eq!(failed, Outcome::Mismatch { current, revision });
    apply(&mut machine, &cas("x", Some("1"), Some("2")));
    assert_eq!(value(&machine, "x"), some("2"));
    apply(&mut machine, &cas("x", Some("2"), None));
    assert_eq!(value(&machine, "x"), None);
}

#[test]
fn deleting_what_is_absent_leaves_the_revision() {
    let mut machine = Machine::new();
    apply(&mut machine, &put("x", "1"));
    let (existed, revision) = (false, 1);
    assert_eq!(
        apply(&mut machine, &delete("y")),
        Outcome::Deleted { existed, revision }
    );
    let (existed, revision) = (true, 2);
    assert_eq!(
        apply(&mut machine, &delete("x")),
        Outcome::Deleted { existed, revision }
    );
}

#[test]
fn bytes_that_are_no_command_change_nothing_but_the_chain() {
    let mut machine = Machine::new();
    let (chain, content) = (machine.chain(), machine.content());
    let garbage = Payload::Command(vec![0xff; 9].into());
    assert_eq!(
        machine.apply(&entry(&machine, garbage)).outcome,
        Outcome::Undecodable
    );
    assert_ne!(machine.chain(), chain);
    assert_eq!(machine.content(), content);
}

#[test]
fn the_content_hash_depends_on_the_content_not_on_the_way_there() {
    let (mut a, mut b) = (Machine::new(), Machine::new());
    apply(&mut a, &put("x", "0"));
    apply(&mut a, &put("x", "1"));
    apply(&mut b, &put("y", "0"));
    assert_ne!(a.content(), b.content());
    apply(&mut b, &put("x", "1"));
    assert_ne!(a.content(), b.content());
    apply(&mut a, &put("z", "3"));
    apply(&mut a, &delete("z"));
    apply(&mut b, &cas("q", None, Some("5")));
    apply(&mut b, &delete("q"));
    apply(&mut a, &delete("nothing"));
    apply(&mut a, &put("y", "0"));
    apply(&mut b, &delete("y"));
    // Same keys are not enough: revisions count.
    assert_ne!(a.content(), b.content());
    let mut c = a.clone();
    apply(&mut c, &delete("absent"));
    assert_eq!(a.content(), c.content());
    assert_ne!(a.chain(), c.chain());
}

fn add(by: i64) -> Command {
    let key = "n".to_owned();
    Command::Do(Operation::Add { key, by })
}

fn append(key: &str, value: &str) -> Operation {
    let (key, value) = (key.to_owned(), value.to_owned());
    Operation::Append { key, value }
}

fn open(machine: &mut Machine, lifetime: u64) -> u64 {
    match apply(machine, &Command::OpenSession { lifetime }) {
        Outcome::SessionOpened { session, .. } => session,
        other => panic!("{other:?}"),
    }
}

#[test]
fn counters_count_and_refuse_what_is_no_number_or_does_not_fit() {
    let mut machine = Machine::new();
    apply(&mut machine, &add(5));
    let (result, revision) = (Done::Counted(3), 2);
    assert_eq!(
        apply(&mut machine, &add(-2)),
        Outcome::Done { result, revision }
    );
    let refused = |why| Outcome::Refused {
        why,
        operation: 0,
        revision: 2,
    };
    assert_eq!(
        apply(&mut machine, &add(i64::MAX)),
        refused(Refused::Overflow)
    );
    let to_text = Command::Do(append("n", "1"));
    assert_eq!(apply(&mut machine, &to_text), refused(Refused::NotAList));
    apply(&mut machine, &put("n", "five"));
    let why = apply(&mut machine, &add(1));
    assert!(matches!(
        why,
        Outcome::Refused {
            why: Refused::NotANumber,
            ..
        }
    ));
}

#[test]
fn a_transaction_reads_no_more_than_an_answer_may_hold() {
    let mut machine = Machine::new();
    apply(&mut machine, &put("x", &"v".repeat(1 << 20)));
    let read = |times| Command::Transaction {
        compares: Vec::new(),
        success: vec![
            Operation::Get {
                key: "x".to_owned()
            };
            times
        ],
        failure: Vec::new(),
    };
    let done = apply(&mut machine, &read(4));
    assert!(matches!(done, Outcome::Transaction { .. }));
    let refused = apply(&mut machine, &read(5));
    let expect = Outcome::Refused {
        why: Refused::AnswerTooLarge,
        operation: 4,
        revision: 1,
    };
    assert_eq!(refused, expect);
}

#[test]
fn a_transaction_happens_wholly_or_not_at_all() {
    let mut machine = Machine::new();
    let transfer = |from: &str| Command::Transaction {
        compares: vec![super::super::Compare::Value {
            key: "a".to_owned(),
            value: Some(from.to_owned()),
        }],
        success: vec![
            append("log", "1"),
            Operation::Add {
                key: "a".to_owned(),
                by: 1,
            },
        ],
        failure: vec![append("log", "failed")],
    };
    apply(&mut machine, &put("a", "1"));
    let done = apply(&mut machine, &transfer("1"));
    let expect = Outcome::Transaction {
        succeeded: true,
        results: vec![Done::Appended(1), Done::Counted(2)],
        revision: 2,
    };
    assert_eq!(done, expect);
    apply(&mut machine, &put("a", "x"));
    let before = machine.content();
    let refused = apply(&mut machine, &transfer("x"));
    assert!(matches!(refused, Outcome::Refused { operation: 1, .. }));
    assert_eq!(machine.content(), before);
    apply(&mut machine, &transfer("not so"));
    let log = machine.get("log").map(|value| value.data.clone());
    let expect = ["1", "failed"].map(Into::into).into_iter().collect();
    assert_eq!(log, Some(Data::List(expect)));
}

#[test]
fn a_repeated_command_is_answered_as_before_and_not_applied() {
    let mut machine = Machine::new();
    let session = open(&mut machine, 100);
    let token = |sequence| Some(Token { session, sequence });
    let first = apply_in(&mut machine, token(1), &add(5));
    let again = apply_in(&mut machine, token(1), &add(5));
    assert!(again.repeated && !first.repeated);
    assert_eq!((again.entry, &again.outcome), (first.entry, &first.outcome));
    apply_in(&mut machine, token(2), &add(5));
    assert_eq!(value(&machine, "n"), some("10"));
    let late = apply_in(&mut machine, token(1), &add(5)).outcome;
    assert_eq!(late, Outcome::OldSequence { latest: 2 });
    assert_eq!(value(&machine, "n"), some("10"));
}

#[test]
fn a_repeat_is_known_even_by_a_restored_state() {
    let mut machine = Machine::new();
    let session = open(&mut machine, 100);
    let token = Token {
        session,
        sequence: 7,
    };
    let first = apply_in(&mut machine, Some(token), &add(5));
    let mut restored = Machine::restore(&machine.snapshot()).expect("whole");
    let again = apply_in(&mut restored, Some(token), &add(5));
    assert_eq!((again.entry, again.repeated), (first.entry, true));
    assert_eq!(value(&restored, "n"), some("5"));
}

#[test]
fn a_session_ends_after_its_lifetime_in_entries_since_its_last_command() {
    let mut machine = Machine::new();
    let session = open(&mut machine, 3);
    let token = |sequence| Some(Token { session, sequence });
    for sequence in 0..3 {
        for _ in 0..2 {
            apply(&mut machine, &put("x", "1"));
        }
        let outcome = apply_in(&mut machine, token(sequence), &add(1)).outcome;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }
    for _ in 0..3 {
        apply(&mut machine, &put("x", "1"));
    }
    assert_eq!(machine.sessions(), 1);
    let late = apply_in(&mut machine, token(9), &add(1)).outcome;
    assert_eq!(late, Outcome::NoSession);
    assert_eq!((machine.sessions(), value(&machine, "n")), (0, some("3")));
}

fn leased(machine: &mut Machine, key: &str, lease: u64) -> Outcome {
    let (key, value, lease) = (key.to_owned(), "1".to_owned(), Some(lease));
    apply(machine, &Command::Do(Operation::Put { key, value, lease }))
}

#[test]
fn what_is_attached_to_a_lease_ends_with_it_and_nothing_else() {
    let mut machine = Machine::new();
    let Outcome::Leased { lease, .. } = apply(&mut machine, &Command::GrantLease { ttl_ms: 100 })
    else {
        panic!("no lease")
    };
    for key in ["a", "b", "c"] {
        leased(&mut machine, key, lease);
    }
    // A write without a lease takes the key out of it.
    apply(&mut machine, &put("b", "2"));
    apply(&mut machine, &Command::Clock { now_ms: 10 });
    assert_eq!(machine.clock_due_ms(Term(1)), Some(110));
    let mut machine = Machine::restore(&machine.snapshot()).expect("whole");
    let before = machine.revision();
    apply(&mut machine, &Command::Clock { now_ms: 109 });
    assert_eq!(value(&machine, "a"), some("1"));
    apply(&mut machine, &Command::Clock { now_ms: 110 });
    let keys: Vec<&str> = machine.iter().map(|(key, _)| key).collect();
    assert_eq!((keys, machine.revision()), (vec!["b"], before + 1));
    let late = leased(&mut machine, "d", lease);
    let why = Refused::NoLease;
    assert!(matches!(late, Outcome::Refused { why: w, .. } if w == why));
}

#[test]
fn sessions_count_in_the_content() {
    let (mut a, mut b) = (Machine::new(), Machine::new());
    let session = open(&mut a, 9);
    assert_ne!(a.content(), b.content());
    open(&mut b, 9);
    assert_eq!(a.content(), b.content());
    apply(&mut a, &Command::CloseSession { session });
    assert_ne!(a.content(), b.content());
}

#[test]
#[should_panic(expected = "entry 2@1 cannot be applied after 0@0")]
fn a_skipped_entry_is_not_applied_over() {
    let payload = Payload::Noop;
    let id = LogId::new(2, 1);
    Machine::new().apply(&Entry { id, payload });
}

#[test]
fn it_knows_of_every_entry_whether_it_was_applied() {
    let mut machine = Machine::new();
    for (index, term) in [(1, 1), (2, 1), (3, 4)] {
        let id = LogId::new(index, term);
        let payload = Payload::Noop;
        machine.apply(&Entry { id, payload });
    }
    let known = |index, term| machine.has_applied(LogId::new(index, term));
    assert_eq!((known(2, 1), known(3, 4)), (Some(true), Some(true)));
    assert_eq!((known(2, 2), known(3, 1)), (Some(false), Some(false)));
    // Behind the end: what an earlier term put there is gone, the rest is open.
    assert_eq!((known(4, 3), known(4, 4)), (Some(false), None));
    let restored = Machine::restore(&machine.snapshot()).expect("whole");
    assert_eq!(restored.has_applied(LogId::new(3, 4)), Some(true));
    assert!(restored.terms().eq([LogId::new(1, 1), LogId::new(3, 4)]));
}
