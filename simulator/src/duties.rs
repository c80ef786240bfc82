//! What a driver does for a replica, in simulated time: turns, writes, messages, starts and ends.

use node::events::{Event as Told, Events};
use node::raft::{Appended, Body, NodeId, RequestId, Role};
use node::replica::{Finished, Job};
use node::storage::{OpenError, StorageError};
use node::transport::{self, Outgoing, Payload};

use crate::disk::Disk;
use crate::injury::MILLISECOND;
use crate::network::{Fate, Link, kind};
use crate::process::{NoStart, Process};
use crate::world::{Event, World};

/// How long before a full disk is tried again, and before a process that ended is started again.
const AGAIN: u64 = 50 * MILLISECOND;

impl World {
    /// Starts a node that is down.
    pub fn restart(&mut self, id: NodeId) {
        if self.process(id).is_up() || self.retired.contains(&id) {
            return;
        }
        let now = self.now;
        let World {
            processes,
            scenario,
            evidence,
            ..
        } = self;
        let events = evidence.of(id);
        let process = &mut processes[usize::from(id.0) - 1];
        process.paused_until = now;
        let started = process.start(now, &scenario.swarm, events);
        let flipped = process.flipped.is_some();
        // A start that failed for it has told so already.
        process.disk.toll();
        if process.disk.is_dead() {
            self.coverage.power_losses_in_a_start += 1;
            self.end(id);
            self.lose_power(id);
            self.after(AGAIN, Event::Restart(id));
            return;
        }
        match started {
            Ok((recovered, boot)) => {
                process.flipped = None;
                self.coverage.torn_bytes += boot.torn_bytes;
                self.coverage.starts_from_a_snapshot += u64::from(recovered.snapshot.is_some());
                let last = recovered.entries.last().map_or(boot.snapshot, |e| e.id);
                self.say(format_args!(
                    "{id} starts: last={last} term={} snapshot={}",
                    recovered.hard_state.term, boot.snapshot
                ));
                self.note(1, u64::from(id.0) << 32 | last.index.0);
                let judged = self.oracle.recovered(id, &recovered);
                self.judge(judged);
                self.turn(id);
            }
            Err(NoStart::Refused(error)) if error.is_full() => {
                self.after(AGAIN, Event::Restart(id));
            }
            // One error of the system, which does not last.
            Err(NoStart::Refused(OpenError::Io(error)))
                if error.raw_os_error() == Some(libc::EIO) =>
            {
                self.say(format_args!("{id} does not start: {error}"));
                self.after(AGAIN, Event::Restart(id));
            }
            Err(NoStart::Refused(OpenError::Damage(damage))) if flipped => {
                self.coverage.damage_refused += 1;
                self.tell(id, || Told::Refused);
                self.say(format_args!("{id} refuses to start: {damage}"));
            }
            Err(NoStart::Refused(error)) => {
                self.object("V23", format!("{id} does not start: {error}"))
            }
            Err(NoStart::Unreadable(why)) => {
                self.object("V23", format!("{id} cannot read its snapshot: {why}"));
            }
        }
    }

    /// A process ends; its disk keeps what it has.
    pub fn end(&mut self, id: NodeId) {
        let process = self.process_mut(id);
        process.running = None;
        process.disk.set_failing(None);
        // What was done for those who asked it is not known any more.
        self.clients.drop_answers(id);
        self.oracle.ended(id);
    }

    /// A process is killed: what it was writing may have got half-way.
    pub fn kill(&mut self, id: NodeId) {
        if !self.process(id).is_up() {
            return;
        }
        self.say(format_args!("{id} is killed"));
        self.note(2, u64::from(id.0));
        self.interrupt(id);
        self.process(id).disk.revive();
        self.end(id);
    }

    /// Power goes.
    pub fn crash(&mut self, id: NodeId) {
        if !self.process(id).is_up() {
            return;
        }
        self.interrupt(id);
        self.end(id);
        self.lose_power(id);
    }

    /// Stops the write that is under way at some operation, or after all of them.
    fn interrupt(&mut self, id: NodeId) {
        let operations = self.rng.between(1, 12);
        let process = self.process_mut(id);
        let Some(running) = &mut process.running else {
            return;
        };
        if running.syncing > 0 && !process.disk.is_dead() {
            process.disk.die_after(operations);
            // Its proof never arrives.
            let _ = running.storage.persist(&running.queue[..running.syncing]);
        }
    }

    fn lose_power(&mut self, id: NodeId) {
        let percent = self.scenario.swarm.survive_percent;
        let World { processes, rng, .. } = self;
        let disk = &processes[usize::from(id.0) - 1].disk;
        disk.lose_power(rng, percent);
        let toll = disk.toll();
        self.coverage.power_losses += 1;
        self.coverage.sectors_lost += toll.sectors_lost;
        self.coverage.sectors_kept += toll.sectors_kept;
        self.coverage.names_lost += toll.names_lost;
        self.note(3, u64::from(id.0) << 32 | toll.sectors_lost);
        self.say(format_args!(
            "{id} loses power: {} sectors and {} names lost, {} sectors kept",
            toll.sectors_lost, toll.names_lost, toll.sectors_kept
        ));
    }

    /// A message arrives.
    pub fn deliver(&mut self, link: Link, boot: Option<u64>, message: Box<transport::Event>) {
        let id = link.1;
        if self.network.is_cut(link) {
            self.coverage.messages_lost += 1;
            return;
        }
        if self.network.is_held(link) {
            self.held.push((link, boot, message));
            return;
        }
        let now = self.now;
        let process = self.process_mut(id);
        if process.paused_until > now {
            // It waits in the socket.
            let until = process.paused_until;
            self.at(until, Event::Deliver(link, boot, message));
            return;
        }
        if boot.is_some_and(|boot| boot != process.boot) {
            return;
        }
        if !process.is_up() {
            return;
        }
        if let transport::Event::Received {
            from,
            term,
            payload,
        } = message.as_ref()
            && let Some(told) = Told::receives(*from, *term, payload)
        {
            self.tell(id, || told);
        }
        let process = self.process_mut(id);
        let time = process.clock.at(now);
        let Some(running) = &mut process.running else {
            return;
        };
        running.replica.on_peer(time, *message);
        self.turn_soon(id);
    }

    /// The driver gets round to what accumulates: mostly at once, sometimes when more has come.
    pub fn turn_soon(&mut self, id: NodeId) {
        if self.rng.chance(15) {
            let at = self.now + self.rng.between(50_000, MILLISECOND);
            if let Some(running) = &mut self.process_mut(id).running
                && running.turn_at.is_none()
            {
                running.turn_at = Some(at);
                let boot = self.process(id).boot;
                self.at(at, Event::Turn(id, boot));
            }
        } else {
            self.turn(id);
        }
    }

    /// A node wakes up.
    pub fn woken(&mut self, id: NodeId, boot: u64) {
        let now = self.now;
        let process = self.process_mut(id);
        if process.boot != boot {
            return;
        }
        if process.paused_until > now {
            let until = process.paused_until;
            self.at(until, Event::Turn(id, boot));
            return;
        }
        let Some(running) = &mut process.running else {
            return;
        };
        let due = running.turn_at.is_some_and(|at| at <= now);
        if due || running.wake_at <= now {
            self.turn(id);
        }
    }

    /// One turn of the driver's loop.
    pub fn turn(&mut self, id: NodeId) {
        let now = self.now;
        let World {
            processes,
            oracle,
            coverage,
            ..
        } = self;
        let process = &mut processes[usize::from(id.0) - 1];
        let time = process.clock.at(now);
        let Some(running) = &mut process.running else {
            return;
        };
        running.turn_at = None;
        running.replica.finish_turn(time);
        let work = running.replica.take_work();
        let before = std::mem::replace(&mut running.status, running.replica.core().status());
        let judged = oracle.issued(id, &work.writes, coverage);
        self.judge(judged);
        self.watch(id, &before);
        let judged = self.oracle.kept(id, &work.writes, &mut self.coverage);
        self.judge(judged);
        if let Some(running) = &mut self.process_mut(id).running {
            running.queue.extend(work.writes);
        }
        for line in work.lines {
            self.say(format_args!("{line}"));
        }
        for (to, outgoing) in work.messages {
            self.transmit((id, to), outgoing);
        }
        self.begin_jobs(id, work.jobs);
        self.tell_clients(id);
        self.begin_sync(id);
        self.set_alarm(id);
    }

    /// Work on whole states begins on a thread of its own: mostly soon done, sometimes long after.
    fn begin_jobs(&mut self, id: NodeId, jobs: Vec<Job>) {
        for job in jobs {
            let longest = if self.rng.chance(20) { 300 } else { 2 };
            let at = self.now + self.rng.between(100_000, longest * MILLISECOND);
            let boot = self.process(id).boot;
            if let Some(running) = &mut self.process_mut(id).running {
                running.jobs.push((at, job));
                self.at(at, Event::Done(id, boot));
            }
        }
    }

    /// Work on whole states is done.
    pub fn done(&mut self, id: NodeId, boot: u64) {
        let now = self.now;
        let process = self.process_mut(id);
        if process.boot != boot {
            return;
        }
        if process.paused_until > now {
            let until = process.paused_until;
            return self.at(until, Event::Done(id, boot));
        }
        let time = process.clock.at(now);
        let Some(running) = &mut process.running else {
            return;
        };
        let due = running.jobs.iter().position(|(at, _)| *at <= now);
        let Some(due) = due else { return };
        let finished = running.jobs.remove(due).1.run();
        if let Finished::Frozen(snapshot) = &finished
            && let Some(aside) = running.storage.aside()
        {
            aside.write(snapshot);
            // What fails there is of no consequence.
            let toll = process.disk.toll();
            self.coverage.refused_for_space += toll.refused;
        }
        if self.process(id).disk.is_dead() {
            self.coverage.power_losses_in_a_write += 1;
            self.end(id);
            self.lose_power(id);
            return self.after(AGAIN, Event::Restart(id));
        }
        if let Some(running) = &mut self.process_mut(id).running {
            running.replica.on_finished(time, finished);
        }
        self.turn(id);
    }

    fn set_alarm(&mut self, id: NodeId) {
        let now = self.now;
        let process = self.process_mut(id);
        let (boot, time) = (process.boot, process.clock.at(now));
        let Some(running) = &mut process.running else {
            return;
        };
        let due = running.replica.wake(time);
        let busy = running.replica.core().deadline() <= time;
        let wake = process.clock.when(due).max(now + 1000);
        if busy {
            return self.object("V24", format!("{id} would wake for ever"));
        }
        // An earlier alarm finds out that it is not due, and sets the next.
        if wake < running.wake_at || running.wake_at <= now {
            running.wake_at = wake;
            self.at(wake, Event::Turn(id, boot));
        }
    }

    /// After each turn: what the node says about itself, against what is known (most of V01 to V13).
    fn watch(&mut self, id: NodeId, before: &node::raft::Status) {
        let World {
            processes,
            oracle,
            coverage,
            ..
        } = self;
        let process = &processes[usize::from(id.0) - 1];
        let Some(running) = &process.running else {
            return;
        };
        let (status, machine) = (&running.status, running.replica.machine());
        let restoring = running.replica.is_restoring();
        let judged = oracle.stands(status, before, machine, restoring, coverage);
        let elected = status.role == Role::Leader
            && (before.role != Role::Leader || before.term != status.term);
        let summary = status.term.0 << 40 ^ status.last.index.0 << 20 ^ status.commit.0;
        if status.term != before.term || status.commit != before.commit {
            self.note(4 + (u64::from(id.0) << 8), summary);
        }
        self.judge(judged);
        if elected {
            // One who still believes that it leads may have ended leases since, and what it wrote may yet be committed.
            let alone = (self.processes.iter()).all(|p| p.id == id || !p.is_up() || !p.leads());
            if alone {
                self.elections.push(self.now);
            }
            self.new_leader(id);
        }
    }

    fn transmit(&mut self, link: Link, outgoing: Outgoing) {
        let (from, to) = link;
        if usize::from(to.0) > self.processes.len() || !self.process(from).is_up() {
            return;
        }
        let kind = kind(&outgoing);
        self.tell(from, || Told::sends(to, &outgoing));
        self.coverage.messages += 1;
        if let Outgoing::Raft(message) = &outgoing {
            let durable = self.process(from).disk.is_dead();
            let judged = match durable {
                true => Ok(()),
                false => self.oracle.leaves(message),
            };
            self.judge(judged);
            self.count(message);
        } else if matches!(outgoing, Outgoing::Forward { .. }) {
            self.coverage.forwards += 1;
        }
        let World {
            network,
            scenario,
            rng,
            now,
            ..
        } = self;
        let fate = network.fate(*now, link, kind, &scenario.swarm, rng);
        if self.is_traced() {
            self.trace_message(link, &outgoing, fate);
        }
        self.note(
            5 + u64::from(kind),
            u64::from(from.0) << 16 | u64::from(to.0),
        );
        let (term, payload) = match outgoing {
            Outgoing::Raft(message) => (message.term, Payload::Raft(message.body)),
            Outgoing::Forward { term, forward } => {
                // Nobody listens there: the dialler knows, and says so.
                if !self.process(to).is_up() && self.rng.chance(50) {
                    return self.not_sent(from, forward.id);
                }
                (term, Payload::Forward(forward))
            }
            Outgoing::ForwardReply { term, reply } => (term, Payload::ForwardReply(reply)),
        };
        // A stream ends with the process that hears it. Raft bears what outlives it; a forward may not come again to
        // another life of the same node, which has forgotten its name.
        let once = !matches!(payload, Payload::Raft(_));
        let boot = (self.scenario.swarm.in_order || once).then(|| self.process(to).boot);
        let event = |payload| {
            Box::new(transport::Event::Received {
                from,
                term,
                payload,
            })
        };
        match fate {
            Fate::Lost => self.coverage.messages_lost += 1,
            Fate::Held => self.held.push((link, boot, event(payload))),
            Fate::Arrives(at, again) => {
                if let Some(again) = again {
                    self.coverage.messages_twice += 1;
                    self.at(again, Event::Deliver(link, boot, event(payload.clone())));
                }
                self.at(at, Event::Deliver(link, boot, event(payload)));
            }
        }
        self.spoken(from, kind);
    }

    fn not_sent(&mut self, id: NodeId, name: RequestId) {
        let boot = self.process(id).boot;
        let event = Box::new(transport::Event::NotSent(name));
        let delay = self.rng.between(50_000, MILLISECOND);
        // From itself: no link is concerned.
        self.after(delay, Event::Deliver((id, id), Some(boot), event));
    }

    fn count(&mut self, message: &node::raft::Message) {
        let coverage = &mut self.coverage;
        match &message.body {
            Body::PreVoteReply { granted: false } => coverage.pre_votes_refused += 1,
            Body::VoteReply { granted: false } => coverage.votes_refused += 1,
            Body::TimeoutNow => coverage.transfers += 1,
            Body::Snapshot { chunk, .. } if chunk.offset > 0 => coverage.later_pieces += 1,
            Body::SnapshotReply {
                installed: false,
                received: 0,
                ..
            } => coverage.transfers_begun_anew += 1,
            Body::AppendReply {
                result: Appended::Conflict { prev, hint },
                ..
            } => {
                coverage.conflicts += 1;
                let skips = hint.term < prev.term && hint.index.0 > 0;
                coverage.conflicts_skipping_a_term += u64::from(skips);
            }
            _ => {}
        }
    }

    fn trace_message(&mut self, link: Link, outgoing: &Outgoing, fate: Fate) {
        let (from, to) = link;
        let lost = if fate == Fate::Lost { " (lost)" } else { "" };
        match outgoing {
            Outgoing::Raft(message) => self.say(format_args!("{message}{lost}")),
            Outgoing::Forward { forward, .. } => {
                self.say(format_args!(
                    "{from} -> {to} forward {}{lost}",
                    forward.id.0
                ));
            }
            Outgoing::ForwardReply { reply, .. } => self.say(format_args!(
                "{from} -> {to} forward-reply {} {:?}{lost}",
                reply.id.0, reply.result
            )),
        }
    }

    /// Begins a sync of all that is queued, unless one is under way.
    fn begin_sync(&mut self, id: NodeId) {
        let World {
            processes,
            rng,
            scenario,
            ..
        } = self;
        let process = &mut processes[usize::from(id.0) - 1];
        let Some(running) = &mut process.running else {
            return;
        };
        if running.syncing > 0 || running.queue.is_empty() {
            return;
        }
        running.syncing = running.queue.len();
        let (low, high) = process.slow.unwrap_or(scenario.swarm.sync);
        let delay = rng.between(low, high) * 1000;
        let boot = process.boot;
        self.after(delay, Event::Synced(id, boot));
    }

    /// A sync ends: the whole batch is written and synced at this moment.
    pub fn synced(&mut self, id: NodeId, boot: u64) {
        let now = self.now;
        let World {
            processes, oracle, ..
        } = self;
        let process = &mut processes[usize::from(id.0) - 1];
        if process.boot != boot {
            return;
        }
        if process.paused_until > now {
            let until = process.paused_until;
            self.at(until, Event::Synced(id, boot));
            return;
        }
        let time = process.clock.at(now);
        let Some(running) = &mut process.running else {
            return;
        };
        let count = std::mem::take(&mut running.syncing);
        let result = running.storage.persist(&running.queue[..count]);
        if process.disk.is_dead() {
            self.coverage.power_losses_in_a_write += 1;
            self.end(id);
            self.lose_power(id);
            self.after(AGAIN, Event::Restart(id));
            return;
        }
        match result {
            Ok(proof) => {
                let kept: Vec<_> = running.queue.drain(..count).collect();
                if std::mem::take(&mut running.full) {
                    running.replica.on_disk_full(time, false);
                }
                let judged = oracle.attested(id, &kept, &process.disk);
                running.replica.on_persisted(time, proof);
                let idle = running.storage.idle();
                self.judge(judged);
                self.after_idle(id, idle);
                self.turn(id);
            }
            Err(StorageError::Full) => {
                running.syncing = count;
                if !std::mem::replace(&mut running.full, true) {
                    running.replica.on_disk_full(time, true);
                }
                self.coverage.refused_for_space += process.disk.toll().refused;
                self.after(AGAIN, Event::Synced(id, boot));
                self.turn(id);
            }
            Err(StorageError::Broken(error)) => self.broken(id, &error),
        }
    }

    /// The storage thread has time for work that waited.
    pub fn idle(&mut self, id: NodeId, boot: u64) {
        let now = self.now;
        let process = self.process_mut(id);
        let Some(running) = &mut process.running else {
            return;
        };
        if process.boot != boot || running.idle_at.is_none_or(|at| at > now) || running.syncing > 0
        {
            return;
        }
        process.clock.at(now);
        running.idle_at = None;
        let idle = running.storage.idle();
        self.after_idle(id, idle);
    }

    fn after_idle(&mut self, id: NodeId, idle: Result<Option<std::time::Duration>, StorageError>) {
        let now = self.now;
        let process = self.process_mut(id);
        if process.disk.is_dead() {
            self.coverage.power_losses_in_a_write += 1;
            self.end(id);
            self.lose_power(id);
            return self.after(AGAIN, Event::Restart(id));
        }
        let boot = process.boot;
        let Some(running) = &mut process.running else {
            return;
        };
        match idle {
            Ok(None) => {}
            Ok(Some(after)) => {
                let at = now + after.as_nanos() as u64;
                running.idle_at = Some(at);
                self.at(at, Event::Idle(id, boot));
            }
            Err(StorageError::Full) => {
                running.idle_at = Some(now + AGAIN);
                self.after(AGAIN, Event::Idle(id, boot));
            }
            Err(StorageError::Broken(error)) => self.broken(id, &error),
        }
    }

    /// A write or sync failed: the process ends at once, and is started again.
    fn broken(&mut self, id: NodeId, error: &std::io::Error) {
        self.say(format_args!("{id} ends: {error}"));
        let errors = self.process(id).disk.toll().errors;
        self.coverage.disk_errors += errors;
        if errors == 0 {
            self.object("V23", format!("{id} ends without cause: {error}"));
        }
        self.end(id);
        if self.rng.chance(50) {
            self.lose_power(id);
        }
        self.after(AGAIN, Event::Restart(id));
    }

    /// What a node that starts from this disk would find (V30).
    pub fn scan(&mut self, id: NodeId) {
        let copy: Disk = self.process(id).disk.copy();
        match Process::open(&copy, id, &self.scenario.swarm, Events::default()) {
            Ok((_, recovered, _)) => {
                let judged = self.oracle.holds(id, &recovered);
                self.judge(judged);
            }
            Err(error) => self.object("V30", format!("{id}'s disk is refused: {error}")),
        }
    }
}
