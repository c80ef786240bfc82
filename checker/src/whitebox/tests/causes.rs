//! V25, V28: answers that nobody asked for, and terms that come from nowhere.

use super::*;

fn role(role: Role, term: u64) -> Event {
    Event::Role {
        role,
        term,
        leader: None,
    }
}

#[test]
fn v25_an_answer_goes_once_to_who_asked_in_this_life() {
    let entry = Some(id(2, 1));
    let answer = |to| (to, Message::ForwardReply { id: 7, entry });
    let asked = healthy().then(|s| s.say(2, 1, 1, Message::Forward { id: 7 }));
    let answered = |story: &Story, (to, message): (u16, Message)| {
        story.then(|s| s.say(1, to, 1, message.clone()))
    };
    let once = answered(&asked, answer(2));
    assert_eq!(violated(&once), []);
    assert_eq!(once.judge().checks[&Invariant::V25], 1);
    for spoilt in [
        answered(&asked, answer(3)),
        answered(&once, answer(2)),
        answered(&asked, (2, Message::ForwardReply { id: 8, entry })),
    ] {
        assert_eq!(violated(&spoilt), [Invariant::V25]);
    }
}

#[test]
fn v28_a_term_begins_by_ones_own_step_or_a_peers_word() {
    let alone = |event: Event| {
        healthy().then(|s| {
            s.on(3, event);
        })
    };
    assert_eq!(violated(&alone(role(Role::Candidate, 1))), []);
    caught(&alone(role(Role::Candidate, 2)), Invariant::V28);
    caught(&alone(role(Role::Follower, 1)), Invariant::V28);
    let told = |message: Message| {
        healthy().then(|s| {
            let from = node(2);
            s.on(
                3,
                Event::Recv {
                    from,
                    term: 4,
                    message,
                },
            );
            s.on(3, role(Role::Follower, 4));
        })
    };
    let last = id(2, 1);
    let transfer = false;
    assert_eq!(violated(&told(Message::Vote { last, transfer })), []);
    // It asks about a term that nobody has.
    caught(&told(Message::PreVote { last }), Invariant::V28);
}
