//! A healthy story of three nodes, and every way of spoiling it that a rule must notice.

mod causes;

use super::event::DiskOperation;
use super::*;

fn node(n: u16) -> Node {
    Node(n)
}

fn id(index: u64, term: u64) -> Id {
    Id::new(index, term)
}

/// Events in the order in which they happened.
#[derive(Clone, Default)]
struct Story(Vec<(Node, Event)>);

impl Story {
    fn on(&mut self, n: u16, event: Event) -> &mut Story {
        self.0.push((node(n), event));
        self
    }

    fn start(&mut self, n: u16, incarnation: u64, boot: Boot) {
        self.on(n, Event::Start { node: node(n) });
        let members = Members::simple([1, 2, 3]);
        self.on(
            n,
            Event::Boot(Box::new(Boot {
                incarnation,
                members,
                ..boot
            })),
        );
    }

    fn vote(&mut self, n: u16, write: u64, term: u64, vote: u16) {
        let vote = Some(node(vote));
        self.on(n, Event::HardState { write, term, vote });
        let file = File::HardState;
        self.on(n, Event::Synced { file, write });
    }

    fn append(&mut self, n: u16, write: u64, records: &[(u64, u64)]) {
        let entries = records
            .iter()
            .map(|(index, term)| Record {
                id: id(*index, *term),
                hash: index * 100 + term,
            })
            .collect();
        let file = File::Wal(1);
        self.on(
            n,
            Event::Append {
                write,
                file,
                entries,
            },
        );
        self.on(n, Event::Synced { file, write });
    }

    fn say(&mut self, from: u16, to: u16, term: u64, message: Message) {
        let sent = Event::Send {
            to: node(to),
            term,
            message: message.clone(),
        };
        self.on(from, sent);
        self.on(
            to,
            Event::Recv {
                from: node(from),
                term,
                message,
            },
        );
    }

    fn commit(&mut self, n: u16, index: u64, term: u64) {
        self.on(
            n,
            Event::Commit {
                last: id(index, term),
            },
        );
    }

    fn apply(&mut self, n: u16, index: u64, term: u64) {
        let hash = index * 100 + term;
        let entry = Applied {
            id: id(index, term),
            hash,
            state: 7000 + index,
        };
        self.on(
            n,
            Event::Apply {
                entries: vec![entry],
            },
        );
    }

    fn judge(&self) -> Judgement {
        let mut judge = Judge::new();
        for (number, (node, event)) in self.0.iter().enumerate() {
            let line = number as u64 + 1;
            judge.observe(
                Place {
                    node: *node,
                    line,
                    at_ns: line * 1000,
                },
                event,
            );
        }
        judge.finish()
    }

    /// Replaces the first event for which `change` gives another.
    fn with(&self, change: impl Fn(Node, &Event) -> Option<Event>) -> Story {
        let mut story = self.clone();
        let spoilt = story.0.iter_mut().find_map(|(node, event)| {
            let other = change(*node, event)?;
            *event = other;
            Some(())
        });
        assert!(spoilt.is_some(), "the story has nothing to change");
        story
    }

    /// Without the first event that is `unwanted`.
    fn without(&self, unwanted: impl Fn(Node, &Event) -> bool) -> Story {
        let mut story = self.clone();
        let at = story
            .0
            .iter()
            .position(|(node, event)| unwanted(*node, event));
        story.0.remove(at.expect("the story has it"));
        story
    }

    fn then(&self, more: impl FnOnce(&mut Story)) -> Story {
        let mut story = self.clone();
        more(&mut story);
        story
    }
}

/// n1 is elected by n2, commits its first entry and one of a client, and serves a read; n3 hears nothing.
fn healthy() -> Story {
    let mut s = Story::default();
    for n in 1..=3 {
        s.start(n, 1, Boot::default());
    }
    s.vote(1, 1, 1, 1);
    s.say(
        1,
        2,
        1,
        Message::Vote {
            last: id(0, 0),
            transfer: false,
        },
    );
    s.vote(2, 1, 1, 1);
    s.say(2, 1, 1, Message::VoteReply { granted: true });
    let leader = Some(node(1));
    s.on(
        1,
        Event::Role {
            role: Role::Leader,
            term: 1,
            leader,
        },
    );
    for (index, write) in [(1, 2), (2, 3)] {
        s.append(1, write, &[(index, 1)]);
        let (prev, last, commit) = (id(index - 1, index.min(2) - 1), id(index, 1), index - 1);
        s.say(
            1,
            2,
            1,
            Message::Append {
                prev,
                last,
                commit,
                round: 0,
            },
        );
        s.append(2, write, &[(index, 1)]);
        s.say(2, 1, 1, Message::Matched { index, round: 0 });
        s.commit(1, index, 1);
        s.apply(1, index, 1);
        s.commit(2, index, 1);
        s.apply(2, index, 1);
    }
    s.on(1, Event::Reply { entry: id(2, 1) });
    s.on(1, Event::ReadBegin { id: 5 });
    s.say(
        1,
        2,
        1,
        Message::Heartbeat {
            commit: 2,
            round: 1,
        },
    );
    s.say(2, 1, 1, Message::HeartbeatReply { round: 1 });
    s.on(1, Event::Read { id: 5, applied: 2 });
    s
}

/// What is violated, each once.
fn violated(story: &Story) -> Vec<Invariant> {
    story.judge().violated.into_keys().collect()
}

fn caught(story: &Story, invariant: Invariant) {
    let judgement = story.judge();
    assert!(
        judgement.violated.contains_key(&invariant),
        "{invariant} was not noticed; {:#?}",
        judgement.violations
    );
}

#[test]
fn the_healthy_story_is_valid_and_puts_the_invariants_to_the_test() {
    let judgement = healthy().judge();
    assert_eq!(judgement.violations, []);
    for invariant in [
        Invariant::V01,
        Invariant::V02,
        Invariant::V03,
        Invariant::V04,
        Invariant::V06,
        Invariant::V07,
        Invariant::V08,
        Invariant::V09,
        Invariant::V10,
        Invariant::V11,
        Invariant::V12,
        Invariant::V13,
        Invariant::V14,
        Invariant::V15,
        Invariant::V18,
        Invariant::V26,
        Invariant::V29,
        Invariant::V31,
    ] {
        assert!(judgement.checks.contains_key(&invariant), "{invariant}");
    }
}

#[test]
fn v01_two_leaders_of_a_term() {
    let story = healthy().then(|s| {
        s.say(
            3,
            2,
            1,
            Message::Heartbeat {
                commit: 0,
                round: 1,
            },
        );
    });
    caught(&story, Invariant::V01);
}

#[test]
fn v02_a_second_vote_on_disk_or_by_words() {
    caught(&healthy().then(|s| s.vote(2, 9, 1, 3)), Invariant::V02);
    let story = healthy().then(|s| s.say(2, 3, 1, Message::VoteReply { granted: true }));
    caught(&story, Invariant::V02);
    // The same vote again is none.
    let story = healthy().then(|s| s.say(2, 1, 1, Message::VoteReply { granted: true }));
    assert_eq!(violated(&story), []);
}

#[test]
fn v03_a_restart_that_has_forgotten() {
    let run = |last| {
        vec![Run {
            first: 1,
            last,
            term: 1,
        }]
    };
    let boot = |term, vote, last| Boot {
        term,
        vote,
        log: run(last),
        ..Boot::default()
    };
    let restarted = |boot: Boot| healthy().then(|s| s.start(2, 2, boot));
    assert_eq!(violated(&restarted(boot(1, Some(node(1)), 2))), []);
    caught(&restarted(boot(1, None, 2)), Invariant::V03);
    caught(&restarted(boot(0, None, 2)), Invariant::V03);
    caught(&restarted(boot(1, Some(node(1)), 1)), Invariant::V03);
    // A snapshot stands in for what it covers.
    let snapshot = Boot {
        snapshot: id(2, 1),
        log: Vec::new(),
        ..boot(1, Some(node(1)), 0)
    };
    assert_eq!(violated(&restarted(snapshot)), []);
}

#[test]
fn v03_what_was_never_synced_may_go_or_stay() {
    let crash = |last| {
        healthy().then(|s| {
            let file = File::Wal(1);
            let entries = vec![Record {
                id: id(3, 1),
                hash: 301,
            }];
            s.on(
                1,
                Event::Append {
                    write: 4,
                    file,
                    entries,
                },
            );
            let log = vec![Run {
                first: 1,
                last,
                term: 1,
            }];
            s.start(
                1,
                2,
                Boot {
                    term: 1,
                    vote: Some(node(1)),
                    log,
                    ..Boot::default()
                },
            );
        })
    };
    assert_eq!(violated(&crash(3)), []);
    assert_eq!(violated(&crash(2)), []);
    assert_eq!(crash(2).judge().coverage.count(Sometimes::UnsyncedLost), 1);
    caught(&crash(1), Invariant::V03);
}

#[test]
fn v04_one_name_with_two_contents() {
    let story = healthy().with(|n, event| match event {
        Event::Append { write, file, .. } if n == node(2) => Some(Event::Append {
            write: *write,
            file: *file,
            entries: vec![Record {
                id: id(1, 1),
                hash: 1,
            }],
        }),
        _ => None,
    });
    caught(&story, Invariant::V04);
}

/// n3 is elected in term 2 by n2, as if n2 had not looked at its log.
fn elect_behind(s: &mut Story) {
    s.vote(3, 1, 2, 3);
    s.say(
        3,
        2,
        2,
        Message::Vote {
            last: id(0, 0),
            transfer: false,
        },
    );
    s.vote(2, 5, 2, 3);
    s.say(2, 3, 2, Message::VoteReply { granted: true });
    let leader = Some(node(3));
    s.on(
        3,
        Event::Role {
            role: Role::Leader,
            term: 2,
            leader,
        },
    );
}

#[test]
fn v05_a_leader_without_what_is_committed() {
    let story = healthy().then(|s| {
        elect_behind(s);
        s.append(3, 2, &[(1, 2)]);
    });
    assert_eq!(violated(&story), [Invariant::V05]);
}

#[test]
fn v05_where_an_earlier_leader_commits_late() {
    let story =
        healthy().without(|_, event| matches!(event, Event::Commit { last } if last.index == 2));
    let story = story.then(|s| {
        elect_behind(s);
        s.append(3, 2, &[(1, 2)]);
        s.commit(1, 2, 1);
    });
    caught(&story, Invariant::V05);
}

#[test]
fn v06_a_leader_that_overwrites_its_own_log() {
    let story = healthy().then(|s| {
        s.append(3, 1, &[(1, 1), (2, 1), (3, 1)]);
        elect_behind(s);
        s.append(3, 3, &[(3, 2)]);
    });
    assert_eq!(violated(&story), [Invariant::V06]);
}

#[test]
fn v06_lets_a_former_leader_take_its_own_entry_back() {
    let story = healthy().then(|s| {
        s.append(1, 4, &[(3, 1)]);
        s.vote(1, 5, 2, 3);
        s.append(1, 6, &[(3, 2)]);
        s.vote(1, 7, 3, 2);
        s.append(1, 8, &[(3, 1)]);
    });
    assert_eq!(violated(&story), []);
}

#[test]
fn v07_something_else_committed_at_an_index() {
    let story = healthy().then(|s| {
        elect_behind(s);
        s.append(3, 2, &[(1, 2), (2, 2)]);
        s.append(2, 6, &[(1, 2), (2, 2)]);
        s.commit(3, 2, 2);
    });
    caught(&story, Invariant::V07);
}

#[test]
fn v08_a_commit_on_one_disk_only() {
    let late = healthy().without(|n, event| {
        n == node(2)
            && matches!(
                event,
                Event::Synced {
                    file: File::Wal(_),
                    write: 3
                }
            )
    });
    caught(&late, Invariant::V08);
    caught(&late, Invariant::V14);
    // The leader's own disk counts as little.
    let own = healthy().without(|n, event| {
        n == node(1)
            && matches!(
                event,
                Event::Synced {
                    file: File::Wal(_),
                    write: 3
                }
            )
    });
    assert_eq!(violated(&own), [Invariant::V08]);
}

#[test]
fn v08_an_entry_of_an_earlier_term_committed_by_counting() {
    let mut s = Story::default();
    let log = vec![Run {
        first: 1,
        last: 2,
        term: 1,
    }];
    for n in 1..=3 {
        s.start(
            n,
            1,
            Boot {
                term: 1,
                log: log.clone(),
                ..Boot::default()
            },
        );
    }
    s.vote(1, 1, 2, 1);
    s.vote(2, 1, 2, 1);
    s.say(2, 1, 2, Message::VoteReply { granted: true });
    let leader = Some(node(1));
    s.on(
        1,
        Event::Role {
            role: Role::Leader,
            term: 2,
            leader,
        },
    );
    assert_eq!(
        violated(&s.then(|s| {
            s.append(1, 2, &[(3, 2)]);
            s.append(2, 2, &[(3, 2)]);
            s.commit(1, 3, 2);
        })),
        []
    );
    assert_eq!(violated(&s.then(|s| s.commit(1, 2, 1))), [Invariant::V08]);
}

#[test]
fn v08_and_v29_count_both_halves_of_a_joint_configuration() {
    let joint = Members {
        old: vec![node(1), node(2), node(3)],
        ..Members::simple([1, 4, 5])
    };
    let config = |s: &mut Story| {
        s.on(
            1,
            Event::Config {
                entry: id(2, 1),
                members: joint.clone(),
            },
        );
    };
    let story = healthy().then(|s| {
        config(s);
        s.append(1, 4, &[(3, 1)]);
        s.append(2, 4, &[(3, 1)]);
        s.commit(1, 3, 1);
    });
    caught(&story, Invariant::V08);
    let story = healthy().then(|s| {
        config(s);
        s.vote(1, 9, 2, 1);
        s.vote(2, 9, 2, 1);
        s.say(2, 1, 2, Message::VoteReply { granted: true });
        let leader = Some(node(1));
        s.on(
            1,
            Event::Role {
                role: Role::Leader,
                term: 2,
                leader,
            },
        );
    });
    assert_eq!(violated(&story), [Invariant::V29]);
}

#[test]
fn v09_commit_that_goes_back_or_ahead_of_everybody() {
    caught(&healthy().then(|s| s.commit(1, 1, 1)), Invariant::V09);
    caught(&healthy().then(|s| s.commit(3, 9, 1)), Invariant::V09);
}

#[test]
fn v10_v11_entries_skipped_repeated_or_early() {
    caught(&healthy().then(|s| s.apply(1, 2, 1)), Invariant::V10);
    let early = healthy().without(|n, event| n == node(2) && matches!(event, Event::Commit { .. }));
    assert_eq!(violated(&early), [Invariant::V11]);
    let hole = healthy().without(|n, event| n == node(2) && matches!(event, Event::Apply { .. }));
    assert_eq!(violated(&hole), [Invariant::V10]);
    let snapshot = healthy().then(|s| {
        s.on(
            2,
            Event::Snapshot {
                last: id(3, 1),
                hash: 0,
                installed: false,
            },
        );
    });
    caught(&snapshot, Invariant::V11);
}

#[test]
fn v12_v13_v16_states_and_contents_that_differ() {
    let applied = |hash, state| Event::Apply {
        entries: vec![Applied {
            id: id(1, 1),
            hash,
            state,
        }],
    };
    let change = |hash, state| {
        healthy().with(move |n, event| match event {
            Event::Apply { .. } if n == node(2) => Some(applied(hash, state)),
            _ => None,
        })
    };
    assert_eq!(violated(&change(101, 7002)), [Invariant::V12]);
    assert_eq!(violated(&change(102, 7001)), [Invariant::V13]);
    let restored = healthy().then(|s| {
        s.on(
            3,
            Event::Restore {
                last: id(2, 1),
                state: 1,
            },
        );
    });
    assert_eq!(violated(&restored), [Invariant::V16]);
    let snapshots = healthy().then(|s| {
        s.on(
            1,
            Event::Snapshot {
                last: id(2, 1),
                hash: 1,
                installed: false,
            },
        );
        s.on(
            2,
            Event::Snapshot {
                last: id(2, 1),
                hash: 2,
                installed: false,
            },
        );
    });
    assert_eq!(violated(&snapshots), [Invariant::V16]);
}

#[test]
fn v14_a_client_is_told_too_early() {
    let early = healthy().then(|s| {
        s.append(1, 4, &[(3, 1)]);
        s.on(1, Event::Reply { entry: id(3, 1) });
    });
    assert_eq!(violated(&early), [Invariant::V14]);
    let other = healthy().then(|s| {
        s.on(1, Event::Reply { entry: id(2, 0) });
    });
    assert_eq!(violated(&other), [Invariant::V14]);
}

#[test]
fn v14_depends_on_when_clients_are_answered() {
    let answered = |replication, disks: &[u16]| {
        let mut story = healthy();
        for (_, event) in &mut story.0 {
            if let Event::Boot(boot) = event {
                boot.replication = replication;
            }
        }
        // The reply in the story itself would be too early where all must have it.
        let mut story = story.without(|_, event| matches!(event, Event::Reply { .. }));
        for n in disks {
            let records: &[(u64, u64)] = if *n == 3 {
                &[(1, 1), (2, 1), (3, 1)]
            } else {
                &[(3, 1)]
            };
            story.append(*n, 4, records);
        }
        story.on(1, Event::Reply { entry: id(3, 1) });
        violated(&story)
    };
    assert_eq!(answered(Replication::Async, &[1]), []);
    assert_eq!(answered(Replication::Async, &[]), [Invariant::V14]);
    assert_eq!(answered(Replication::SemiSync, &[1, 2]), []);
    assert_eq!(answered(Replication::SemiSync, &[1]), [Invariant::V14]);
    assert_eq!(answered(Replication::Sync, &[1, 2, 3]), []);
    assert_eq!(answered(Replication::Sync, &[1, 2]), [Invariant::V14]);
}

#[test]
fn v14_of_the_leaders_configuration_where_another_node_relays_the_answer() {
    let relayed = |replication, left: &[u16]| {
        let mut story = healthy().without(|_, event| matches!(event, Event::Reply { .. }));
        for (_, event) in &mut story.0 {
            if let Event::Boot(boot) = event {
                boot.replication = replication;
            }
        }
        let members = Members::simple(left.iter().copied());
        let entry = id(3, 1);
        story.append(1, 4, &[(3, 1)]);
        story.on(1, Event::Config { entry, members });
        story.on(2, Event::Reply { entry });
        violated(&story)
    };
    for replication in [Replication::SemiSync, Replication::Sync] {
        assert_eq!(relayed(replication, &[1]), []);
        assert_eq!(relayed(replication, &[1, 2]), [Invariant::V14]);
    }
}

#[test]
fn v14_a_snapshot_that_is_not_on_disk_is_acknowledged() {
    let reply = Message::SnapshotReply {
        last: id(2, 1),
        installed: true,
        round: 1,
    };
    caught(
        &healthy().then(|s| s.say(3, 1, 0, reply.clone())),
        Invariant::V14,
    );
    let story = healthy().then(|s| {
        s.on(
            3,
            Event::Snapshot {
                last: id(2, 1),
                hash: 0,
                installed: true,
            },
        );
        s.say(3, 1, 0, reply);
    });
    assert_eq!(violated(&story), []);
}

#[test]
fn v15_words_that_leave_before_the_vote_is_synced() {
    let story = healthy().without(|n, event| {
        n == node(2)
            && matches!(
                event,
                Event::Synced {
                    file: File::HardState,
                    ..
                }
            )
    });
    caught(&story, Invariant::V15);
    let story = healthy().without(|n, event| {
        n == node(1)
            && matches!(
                event,
                Event::Synced {
                    file: File::HardState,
                    ..
                }
            )
    });
    caught(&story, Invariant::V15);
    let story = healthy().then(|s| s.say(3, 1, 1, Message::HeartbeatReply { round: 1 }));
    assert_eq!(violated(&story), [Invariant::V15]);
}

#[test]
fn v15_a_vote_that_a_later_term_has_overtaken_on_its_way_to_the_disk_may_be_told() {
    let story = healthy().then(|s| {
        let vote = Some(node(1));
        s.on(
            3,
            Event::HardState {
                write: 1,
                term: 2,
                vote,
            },
        );
        s.vote(3, 2, 3, 2);
        s.say(3, 1, 2, Message::VoteReply { granted: true });
    });
    assert_eq!(violated(&story), []);
    let early = story.without(|n, event| {
        n == node(3)
            && matches!(
                event,
                Event::Synced {
                    file: File::HardState,
                    ..
                }
            )
    });
    assert_eq!(violated(&early), [Invariant::V15, Invariant::V26]);
}

#[test]
fn v17_two_readings_of_one_configuration_entry() {
    let config = |n, voters: [u16; 2]| {
        (
            n,
            Event::Config {
                entry: id(2, 1),
                members: Members::simple(voters),
            },
        )
    };
    let story = |second: [u16; 2]| {
        healthy().then(|s| {
            for (n, event) in [config(1, [1, 2]), config(2, second)] {
                s.on(n, event);
            }
        })
    };
    assert_eq!(violated(&story([1, 2])), []);
    assert_eq!(violated(&story([1, 3])), [Invariant::V17]);
}

#[test]
fn v18_a_read_that_nobody_has_confirmed() {
    let silent = healthy().without(|n, event| {
        n == node(1)
            && matches!(
                event,
                Event::Recv {
                    message: Message::HeartbeatReply { .. },
                    ..
                }
            )
    });
    assert_eq!(violated(&silent), [Invariant::V18]);
    // The echo of a round that left before the read began proves nothing.
    let late = silent.then(|s| {
        s.on(1, Event::ReadBegin { id: 6 });
        s.say(2, 1, 1, Message::HeartbeatReply { round: 1 });
        s.on(1, Event::Read { id: 6, applied: 2 });
    });
    assert_eq!(late.judge().violated[&Invariant::V18], 2);
}

#[test]
fn v18_through_a_follower() {
    let story = |index, round| {
        healthy().then(|s| {
            s.on(2, Event::ReadBegin { id: 8 });
            s.say(2, 1, 1, Message::ReadIndex { id: 40 });
            s.say(
                1,
                2,
                1,
                Message::Heartbeat {
                    commit: 2,
                    round: 2,
                },
            );
            s.say(2, 1, 1, Message::HeartbeatReply { round });
            s.say(
                1,
                2,
                1,
                Message::ReadIndexReply {
                    id: 40,
                    index: Some(index),
                },
            );
            s.on(2, Event::Read { id: 8, applied: 2 });
        })
    };
    assert_eq!(violated(&story(2, 2)), []);
    caught(&story(1, 2), Invariant::V18);
    caught(&story(2, 1), Invariant::V18);
}

#[test]
fn v18_of_the_configuration_that_was_in_effect_when_the_answers_came() {
    let story = |changed_before: bool| {
        healthy().then(|s| {
            let config = || Event::Config {
                entry: id(2, 1),
                members: Members::simple([1, 3, 4, 5]),
            };
            let (commit, round) = (2, 2);
            if changed_before {
                s.on(1, config());
            }
            s.on(2, Event::ReadBegin { id: 8 });
            s.say(2, 1, 1, Message::ReadIndex { id: 40 });
            s.say(1, 2, 1, Message::Heartbeat { commit, round });
            s.say(2, 1, 1, Message::HeartbeatReply { round });
            if !changed_before {
                s.on(1, config());
            }
            let index = Some(2);
            s.say(1, 2, 1, Message::ReadIndexReply { id: 40, index });
        })
    };
    assert_eq!(violated(&story(false)), []);
    caught(&story(true), Invariant::V18);
}

#[test]
fn v19_a_lease_that_shows_the_past() {
    let mut story = healthy();
    for (_, event) in &mut story.0 {
        if let Event::Boot(boot) = event {
            boot.lease_reads = true;
        }
    }
    let read = |applied| {
        story.then(|s| {
            s.on(1, Event::ReadBegin { id: 9 });
            s.on(1, Event::Read { id: 9, applied });
        })
    };
    assert_eq!(violated(&read(2)), []);
    assert_eq!(violated(&read(1)), [Invariant::V19]);
}

#[test]
fn v26_v29_votes_that_were_never_given() {
    let story = healthy().without(|n, event| {
        n == node(1)
            && matches!(
                event,
                Event::Recv {
                    message: Message::VoteReply { .. },
                    ..
                }
            )
    });
    assert_eq!(violated(&story), [Invariant::V29]);
    let story = healthy().then(|s| {
        let message = Message::VoteReply { granted: true };
        s.on(
            1,
            Event::Recv {
                from: node(3),
                term: 1,
                message,
            },
        );
    });
    assert_eq!(violated(&story), [Invariant::V26]);
}

#[test]
fn v29_a_voter_of_the_configuration_before_may_win_until_the_last_one_is_committed() {
    let story = |entry| {
        healthy().then(|s| {
            let members = Members::simple([2, 3]);
            s.append(1, 4, &[(3, 1)]);
            s.on(1, Event::Config { entry, members });
            for n in [1, 2, 3] {
                s.vote(n, 9, 2, 1);
            }
            for n in [2, 3] {
                s.say(n, 1, 2, Message::VoteReply { granted: true });
            }
            let leader = Some(node(1));
            s.on(
                1,
                Event::Role {
                    role: Role::Leader,
                    term: 2,
                    leader,
                },
            );
        })
    };
    assert_eq!(violated(&story(id(3, 1))), []);
    assert_eq!(violated(&story(id(2, 1))), [Invariant::V29]);
}

#[test]
fn v31_going_on_after_a_failed_sync() {
    let failed = Event::DiskError {
        file: File::Wal(1),
        operation: DiskOperation::Sync,
        full: false,
    };
    let story = healthy().then(|s| {
        s.on(2, failed.clone());
        s.append(2, 4, &[(3, 1)]);
    });
    assert_eq!(violated(&story), [Invariant::V31]);
    let log = vec![Run {
        first: 1,
        last: 2,
        term: 1,
    }];
    let story = healthy().then(|s| {
        s.on(2, failed);
        s.start(
            2,
            2,
            Boot {
                term: 1,
                vote: Some(node(1)),
                log,
                ..Boot::default()
            },
        );
        s.append(2, 1, &[(3, 1)]);
    });
    assert_eq!(violated(&story), []);
}

#[test]
fn evidence_may_end_anywhere() {
    let story = healthy();
    for length in 0..story.0.len() {
        let part = Story(story.0[..length].to_vec());
        assert_eq!(violated(&part), [], "after {length} events");
    }
}

#[test]
fn a_violation_says_what_and_where() {
    let judgement = healthy().then(|s| s.commit(3, 9, 1)).judge();
    let text = judgement.violations[0].to_string();
    assert!(text.starts_with("V09 (commit grows"), "{text}");
    assert!(text.contains("n3 takes 9@1 for committed"), "{text}");
    assert!(text.contains("[n3 line "), "{text}");
}

mod as_lines {
    use super::*;
    use crate::whitebox::lines::{Line, Lines, Merged};

    /// Each node's evidence as a file, with the line of the story as its time.
    fn files(story: &Story) -> Vec<String> {
        let mut files = vec![String::new(); 3];
        let mut sequences = [0; 3];
        for (at, (node, event)) in story.0.iter().enumerate() {
            let of = usize::from(node.0) - 1;
            sequences[of] = match event {
                Event::Start { .. } => 1,
                _ => sequences[of] + 1,
            };
            let line = Line {
                sequence: sequences[of],
                at_ns: at as u64,
                event: event.clone(),
            };
            files[of] += &format!("{}\n", serde_json::to_string(&line).unwrap());
        }
        files
    }

    fn read(files: &[String]) -> Vec<(Node, Event)> {
        let mut merged = Merged::new(files.iter().map(String::as_bytes));
        let events = merged.by_ref().map(|(place, event)| (place.node, event));
        let events = events.collect();
        assert!(merged.failures().is_empty());
        events
    }

    #[test]
    fn what_is_written_is_read_back_in_the_order_of_time() {
        let story = healthy();
        assert_eq!(read(&files(&story)), story.0);
    }

    #[test]
    fn a_torn_end_of_a_life_is_normal_and_damage_is_not() {
        let whole = files(&healthy()).remove(0);
        let torn = &whole[..whole.len() - 9];
        let count = |text: &str| {
            let mut lines = Lines::new(text.as_bytes());
            let mut count = 0;
            while lines.next_event()?.is_some() {
                count += 1;
            }
            Ok::<_, lines::LineError>(count)
        };
        let events = whole.lines().count();
        assert_eq!(count(torn).unwrap(), events - 1);
        assert_eq!(count(&format!("{torn}\n{whole}")).unwrap(), 2 * events - 1);
        let (first, rest) = whole.split_once('\n').unwrap();
        assert!(
            count(rest)
                .unwrap_err()
                .to_string()
                .contains("begins with a start")
        );
        let (_, later) = rest.split_once('\n').unwrap();
        let hole = count(&format!("{first}\n{later}")).unwrap_err().to_string();
        assert_eq!(hole, "line 2: event 3 follows 1");
        assert!(count(&format!("{first}\nx\n{rest}")).is_err());
    }
}
