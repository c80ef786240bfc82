//! Injuries in act: each draws its details from dice of its own, and undoes at its end what it did.

use node::events::Event as Told;
use node::raft::{Change, Membership, NodeId};

use crate::disk::Failing;
use crate::injury::{Injury, Kind, MILLISECOND};
use crate::network::{Link, Rule};
use crate::rng::Rng;
use crate::world::{Event, World};

/// Kinds of messages on the wire, in families that are worth disturbing together.
const FAMILIES: &[&[u8]] = &[
    &[2, 3],
    &[4],
    &[5],
    &[4, 5],
    &[6],
    &[7],
    &[6, 7],
    &[8],
    &[9],
    &[10, 11],
    &[12],
    &[13],
    &[14],
    &[15],
    &[14, 15],
    &[16],
];

/// Every kind.
const ANY: u32 = u32::MAX;

fn bits(kinds: &[u8]) -> u32 {
    kinds.iter().fold(0, |all, kind| all | 1 << kind)
}

impl World {
    /// An injury happens.
    pub fn injure(&mut self, place: usize) {
        if !self.faults {
            return;
        }
        let injury = self.scenario.injuries[place].clone();
        let mut rng = Rng::new(injury.seed, 3);
        let ids = self.ids(|_| true);
        let victim = match (self.leader(), rng.chance(60)) {
            // Faults at the leader find most.
            (Some(leader), true) => leader,
            _ => rng.one_of(&ids),
        };
        if self.is_traced() {
            let ms = injury.length / MILLISECOND;
            self.say(format_args!(
                "injury {}: {:?} at {victim} for {ms} ms",
                injury.number, injury.kind
            ));
        }
        self.note(7, injury.number as u64);
        self.inflict(&injury, victim, &ids, &mut rng);
        self.after(injury.length, Event::Heal(place));
    }

    fn inflict(&mut self, injury: &Injury, victim: NodeId, ids: &[NodeId], rng: &mut Rng) {
        let number = injury.number;
        let now = self.now;
        let others: Vec<NodeId> = ids.iter().copied().filter(|id| *id != victim).collect();
        match injury.kind {
            Kind::Isolate => self.network.cut(number, between(&[victim], &others)),
            Kind::Halves => {
                let (some, rest) = split(ids, rng);
                self.network.cut(number, between(&some, &rest));
            }
            Kind::OneWay => {
                let mut links = between(&[victim], &others);
                links.retain(|_| rng.chance(45));
                self.network.cut(number, links);
            }
            Kind::Bridge => {
                let (some, rest) = split(&others, rng);
                self.network.cut(number, between(&some, &rest));
            }
            Kind::LeaderPlusOne => {
                if let Some(spared) = others.get(rng.below(others.len().max(1) as u64) as usize) {
                    let cut: Vec<NodeId> = others.iter().copied().filter(|n| n != spared).collect();
                    self.network.cut(number, between(&[victim, *spared], &cut));
                }
            }
            Kind::Hold => {
                let mut links = between(&[victim], &others);
                links.retain(|_| rng.chance(60));
                self.network.hold(number, links);
            }
            Kind::ByKind => {
                let rule = Rule {
                    kinds: bits(FAMILIES[rng.below(FAMILIES.len() as u64) as usize]),
                    percent: rng.one_of(&[30, 100, 100]),
                    loss: rng.one_of(&[0, 0, 30, 100]),
                    twice: rng.one_of(&[0, 50]),
                    late: (5_000, rng.one_of(&[6_000, 50_000, 450_000])),
                };
                self.network.rule(number, rule);
            }
            Kind::Noise => {
                let rule = Rule {
                    kinds: ANY,
                    percent: rng.one_of(&[5, 20, 50]),
                    loss: rng.one_of(&[0, 50, 100]),
                    twice: rng.one_of(&[0, 30]),
                    late: (0, rng.one_of(&[1_000, 20_000, 200_000])),
                };
                self.network.rule(number, rule);
            }
            Kind::PowerLoss => self.crash_for(victim, injury.length / rng.one_of(&[1, 4, 20])),
            Kind::PowerLossInWrite => {
                let operations = rng.between(1, 14);
                self.process(victim).disk.die_after(operations);
            }
            Kind::PowerLossOnWord => {
                let kinds = bits(FAMILIES[rng.below(FAMILIES.len() as u64) as usize]);
                self.armed.push((number, kinds));
            }
            Kind::Blackout => {
                for id in ids {
                    let length = injury.length / rng.one_of(&[2, 4, 20]);
                    self.crash_for(*id, length);
                }
            }
            Kind::Kill => {
                self.kill(victim);
                self.coverage.kills += 1;
                self.after(injury.length / 4, Event::Restart(victim));
            }
            Kind::Stop => self.stop(victim, injury.length),
            Kind::Pause => {
                self.coverage.pauses += 1;
                let until = now + injury.length;
                let process = self.process_mut(victim);
                process.paused_until = process.paused_until.max(until);
            }
            Kind::SlowDisk => {
                let slow = rng.one_of(&[(5_000, 30_000), (20_000, 120_000), (200_000, 900_000)]);
                self.process_mut(victim).slow = Some(slow);
            }
            Kind::FullDisk => {
                let space = rng.one_of(&[0, 100, 1000, 5000]);
                self.process(victim).disk.set_space(Some(space));
            }
            Kind::DiskError => {
                let failing = [
                    Failing::Write,
                    Failing::SyncAndForget,
                    Failing::SyncAndPretend,
                ];
                let failing = rng.one_of(&failing);
                self.process(victim).disk.set_failing(Some(failing));
            }
            Kind::BitFlip => self.flip(victim, rng),
            Kind::ClockRate => self.change_clock(victim, rng),
            Kind::ClockJump => {
                // Leases reckon with wrong rates only.
                if self.scenario.swarm.clocks_may_jump() {
                    self.coverage.clock_faults += 1;
                    let by = rng.between(1, 1000) * MILLISECOND;
                    self.process_mut(victim).clock.jump(now, by);
                    let by_ms = (by / MILLISECOND) as i64;
                    if self.process(victim).is_up() {
                        self.tell(victim, || Told::ClockStep { by_ms });
                    }
                    self.turn_soon(victim);
                }
            }
            Kind::Transfer => {
                let to = rng.chance(50).then(|| rng.one_of(ids));
                let time = self.process(victim).clock.at(now);
                if let Some(running) = &mut self.process_mut(victim).running {
                    running.replica.transfer(time, to, Box::new(|_| {}));
                    self.turn_soon(victim);
                }
            }
            Kind::Snapshot => {
                if let Some(running) = &mut self.process_mut(victim).running {
                    running.replica.snapshot(Box::new(|_| {}));
                    self.turn_soon(victim);
                }
            }
            Kind::NewLeader => self.armed_for_leader.push((number, injury.length)),
            Kind::LateAnswers => {
                let longest = self.scenario.swarm.config.election_timeout.0.as_micros() as u64;
                let rule = Rule {
                    kinds: bits(&[7, 9]),
                    percent: 100,
                    loss: 0,
                    twice: 0,
                    late: (longest / 4, longest * rng.between(30, 100) / 100),
                };
                self.network.rule(number, rule);
                self.halfway_later(injury);
            }
            Kind::OldLeader => {
                if let Some(back) = others.get(rng.below(others.len().max(1) as u64) as usize) {
                    let rest: Vec<NodeId> = ids.iter().copied().filter(|n| n != back).collect();
                    self.network.cut(number, between(&[*back], &rest));
                    self.armed_for_vote.push((number, *back, injury.length));
                    self.halfway_later(injury);
                }
            }
            Kind::Membership => self.change(ids, rng),
            Kind::VoteStorm => self.storm(victim, &others, rng, number),
        }
    }

    /// Several nodes lose their leader, and their timers end together; what they then say is late.
    fn storm(&mut self, victim: NodeId, others: &[NodeId], rng: &mut Rng, number: usize) {
        self.network.cut(number, between(&[victim], others));
        let late = Rule {
            kinds: bits(&[4, 5]),
            percent: 60,
            loss: 0,
            twice: 30,
            late: (5_000, rng.one_of(&[20_000, 450_000])),
        };
        self.network.rule(number, late);
        if self.scenario.swarm.clocks_may_jump() {
            let now = self.now;
            let by = self.scenario.swarm.config.election_timeout.1.as_nanos() as u64;
            for id in others {
                if rng.chance(70) {
                    self.coverage.clock_faults += 1;
                    let little = rng.below(4 * MILLISECOND);
                    self.process_mut(*id).clock.jump(now, by + little);
                    self.turn_soon(*id);
                }
            }
        }
    }

    /// Asks the leader for some change; many are refused.
    fn change(&mut self, ids: &[NodeId], rng: &mut Rng) {
        if !self.scenario.swarm.changes {
            return;
        }
        let node = rng.one_of(ids);
        let change = match rng.below(8) {
            0 | 1 => Change::AddLearner {
                node,
                address: None,
            },
            2 | 3 => Change::Promote(node),
            4 => Change::Demote(node),
            5 => Change::Remove(node),
            _ if self.scenario.swarm.config.membership == Membership::Single => {
                Change::Promote(node)
            }
            _ => Change::Replace(ids.iter().copied().filter(|_| rng.chance(60)).collect()),
        };
        self.ask_for(change);
        // Another operator, who does not wait for the first one's change.
        if rng.chance(30) {
            self.change(ids, rng);
        }
    }

    /// The leader is asked for a change.
    pub fn ask_for(&mut self, change: Change) {
        let Some(leader) = self.leader() else { return };
        let now = self.now;
        if self.is_traced() {
            self.say(format_args!("{leader} is asked for {change:?}"));
        }
        let process = self.process_mut(leader);
        let time = process.clock.at(now);
        if process.paused_until <= now
            && let Some(running) = &mut process.running
        {
            running.replica.change(time, change, Box::new(|_| {}));
            self.turn_soon(leader);
        }
    }

    fn halfway_later(&mut self, injury: &Injury) {
        let place = self
            .scenario
            .injuries
            .iter()
            .position(|i| i.number == injury.number);
        if let Some(place) = place {
            self.after(injury.length / 2, Event::Halfway(place));
        }
    }

    /// The second half of an injury that has two.
    pub fn halfway(&mut self, place: usize) {
        if !self.faults {
            return;
        }
        let injury = self.scenario.injuries[place].clone();
        match injury.kind {
            Kind::LateAnswers => self.cut_leader(injury.number),
            Kind::OldLeader => {
                self.network.heal(Some(injury.number));
                self.release();
            }
            _ => {}
        }
    }

    /// Who leads now can talk to no other node.
    fn cut_leader(&mut self, number: usize) {
        if let Some(leader) = self.leader() {
            let others = self.ids(|process| process.id != leader);
            self.network.cut(number, between(&[leader], &others));
        }
    }

    fn crash_for(&mut self, id: NodeId, length: u64) {
        self.crash(id);
        self.after(length, Event::Restart(id));
    }

    fn stop(&mut self, id: NodeId, length: u64) {
        let now = self.now;
        let process = self.process_mut(id);
        let time = process.clock.at(now);
        let boot = process.boot;
        if let Some(running) = &mut process.running {
            running.replica.on_stop(time);
            self.coverage.kills += 1;
            self.turn(id);
            self.after((length / 4).min(500 * MILLISECOND), Event::Kill(id, boot));
            self.after(length / 2, Event::Restart(id));
        }
    }

    /// Flips a bit on a node's disk, while it is down and as long as a majority stays whole.
    fn flip(&mut self, id: NodeId, rng: &mut Rng) {
        // With members that come and go, nobody could say what a minority is.
        if self.scenario.swarm.changes {
            return;
        }
        let damaged = self.ids(|process| process.flipped.is_some());
        if (damaged.len() + 1) * 2 >= self.processes.len() || damaged.contains(&id) {
            return;
        }
        self.crash(id);
        if self.process(id).is_up() || self.process(id).boot == 0 {
            return;
        }
        let process = self.process_mut(id);
        process.flipped = process.disk.flip(rng);
        if let Some((name, at, _)) = process.flipped.clone() {
            self.coverage.bits_flipped += 1;
            self.say(format_args!("{id}'s disk flips a bit in {name} at {at}"));
        }
        self.after(10 * MILLISECOND, Event::Restart(id));
    }

    fn change_clock(&mut self, id: NodeId, rng: &mut Rng) {
        let drift = self.scenario.swarm.clock_drift_ppm;
        let rate = 1_000_000 - drift + rng.below(2 * drift + 1);
        let now = self.now;
        self.coverage.clock_faults += u64::from(drift > 0);
        self.process_mut(id).clock.set_rate(now, Some(rate));
        // Its alarm was set by the old rate.
        self.turn_soon(id);
    }

    /// A node has said something of this kind: perhaps its last word.
    pub fn spoken(&mut self, from: NodeId, kind: u8) {
        const VOTE: u8 = 4;
        let asked = |(_, node, _): &(usize, NodeId, u64)| *node == from && kind == VOTE;
        if let Some(position) = self.armed_for_vote.iter().position(asked) {
            let (number, _, length) = self.armed_for_vote.remove(position);
            if !self.network.is_cut((from, self.leader().unwrap_or(from))) {
                self.cut_leader(number);
                let place = self
                    .scenario
                    .injuries
                    .iter()
                    .position(|i| i.number == number);
                if let Some(place) = place {
                    self.after(length, Event::Heal(place));
                }
            }
        }
        let armed = self
            .armed
            .iter()
            .position(|(_, kinds)| kinds >> kind & 1 == 1);
        if let Some(position) = armed {
            self.armed.remove(position);
            let length = self.rng.between(5, 200) * MILLISECOND;
            self.crash_for(from, length);
        }
    }

    /// A node leads: sometimes nobody hears it from its first entry on, while those that were cut off before are back.
    /// So logs come to end in entries of several terms, and each may be the longest.
    pub fn new_leader(&mut self, id: NodeId) {
        if let Some((number, length)) = self.armed_for_leader.pop() {
            self.network.heal(None);
            let others: Vec<NodeId> = self.ids(|process| process.id != id);
            self.network.cut(number, between(&[id], &others));
            let place = self
                .scenario
                .injuries
                .iter()
                .position(|i| i.number == number);
            if let Some(place) = place {
                self.after(length, Event::Heal(place));
            }
            self.release();
        }
    }

    /// An injury ends.
    pub fn heal(&mut self, place: usize) {
        let injury = self.scenario.injuries[place].clone();
        self.note(8, injury.number as u64);
        self.network.heal(Some(injury.number));
        self.release();
        let now = self.now;
        match injury.kind {
            Kind::PowerLossOnWord => self.armed.retain(|(number, _)| *number != injury.number),
            Kind::OldLeader => {
                self.armed_for_vote
                    .retain(|(number, ..)| *number != injury.number);
            }
            Kind::SlowDisk => self.processes.iter_mut().for_each(|p| p.slow = None),
            Kind::FullDisk => self.processes.iter().for_each(|p| p.disk.set_space(None)),
            Kind::ClockRate => {
                for process in &mut self.processes {
                    process.clock.set_rate(now, None);
                }
                for id in self.ids(|process| process.is_up()) {
                    self.turn_soon(id);
                }
            }
            _ => {}
        }
    }

    /// What was held back arrives.
    pub fn release(&mut self) {
        for (link, boot, message) in std::mem::take(&mut self.held) {
            match self.network.is_held(link) {
                true => self.held.push((link, boot, message)),
                false => self.after(1000, Event::Deliver(link, boot, message)),
            }
        }
    }

    /// Everything is healed, and everybody is up.
    pub fn heal_all(&mut self) {
        self.faults = false;
        self.armed.clear();
        self.armed_for_leader.clear();
        self.armed_for_vote.clear();
        self.network.heal(None);
        self.release();
        let now = self.now;
        for id in self.ids(|_| true) {
            let process = self.process_mut(id);
            process.paused_until = process.paused_until.min(now);
            process.slow = None;
            process.disk.set_space(None);
            process.disk.set_failing(None);
            if process.is_up() {
                process.disk.revive();
            }
            process.clock.set_rate(now, None);
            if let Some((name, at, bits)) = process.flipped.take() {
                // From a backup.
                process.disk.flip_at(&name, at, bits);
            }
            self.turn(id);
            self.restart(id);
        }
    }
}

/// All links between two groups, both ways.
fn between(some: &[NodeId], others: &[NodeId]) -> Vec<Link> {
    let pairs = some
        .iter()
        .flat_map(|a| others.iter().map(move |b| (*a, *b)));
    pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}

fn split(ids: &[NodeId], rng: &mut Rng) -> (Vec<NodeId>, Vec<NodeId>) {
    ids.iter().partition(|_| rng.chance(50))
}
