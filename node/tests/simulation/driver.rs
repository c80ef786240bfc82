//! What a driver does for each core: disks, promises, messages, state machine; everything goes by the oracle.

use std::time::Duration;

use node::kv::Speculative;
use node::raft::{
    Appended, Body, ChangeRefusal, Cut, Input, LogId, Message, NodeId, Payload, Ready, Refusal,
    Role,
};
use node::storage::Storage;

use super::cluster::{Cluster, Event};
use super::membership::told;

impl Cluster {
    /// A driver's duties, in the order that [`Ready`] asks for.
    pub fn take(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(core) = &mut node.core else { return };
        let Ready {
            write,
            messages,
            promises,
            restore,
            committed,
            reads,
            accepted: _,
            refused,
            rolled_back,
            configured,
            transitions,
            ahead,
            on_all,
            late_lease_reads: _,
        } = core.take_ready();
        node.status = core.status();
        for rolled_back in &rolled_back {
            self.covered.rolled_back += 1;
            let on_disk = node.entry_on_disk(rolled_back.index).map(|e| e.id);
            self.covered.rolled_back_from_disk += u64::from(on_disk == Some(*rolled_back));
        }
        if let Some(write) = write {
            if let Some(save) = &write.snapshot
                && save.cut == Cut::Everything
            {
                self.covered.snapshots_installed += 1;
                self.covered.tails_dropped_for_a_snapshot += u64::from(!rolled_back.is_empty());
                node.log = self.oracle.prefix(save.snapshot.last);
            }
            self.oracle.issued(node, &write);
            node.append(&write);
            node.queue.push_back(write);
        }
        node.promises.extend(promises);
        self.judge_configuration(id);
        if let Some(configured) = configured {
            self.covered.configurations += 1;
            let dropped = rolled_back
                .iter()
                .any(|gone| gone.index > configured.by.index);
            self.covered.configurations_rolled_back += u64::from(dropped);
        }
        let node = self.node(id);
        if !transitions.is_empty()
            && let Some(speculative) = node.speculative.take()
        {
            self.covered.ahead_when_deposed += speculative.tail().count() as u64;
        }
        for transition in &transitions {
            if transition.to == Role::Leader {
                self.covered.leaders += 1;
                let members = &self.nodes[&id].status.configured.configuration;
                self.covered.leaders_while_joint += u64::from(members.is_joint());
                let node = &self.nodes[&id];
                let last = (node.status.configured.by.index.0 as usize).saturating_sub(1);
                let before = self.configured(id, &node.log[..last]).configuration;
                self.oracle.elected(node, transition.term, &before);
                self.injure_new_leader(id);
            }
            let deposed = transition.from == Role::Leader && transition.leader.is_none();
            self.covered.leaders_without_quorum_deposed += u64::from(deposed);
            let votes = self.nodes[&id].status.configured.configuration.is_voter(id);
            self.covered.leaders_retired += u64::from(deposed && !votes);
        }
        self.judge_commit(id);
        if let Some(snapshot) = restore {
            self.node(id).restore(&snapshot);
            self.oracle.restored(&self.nodes[&id]);
        }
        for entry in &committed {
            let mut machine = std::mem::take(&mut self.node(id).machine);
            machine.apply(entry);
            if let Payload::Configuration(members) = &entry.payload {
                self.covered.configurations_committed += 1;
                self.covered.joint_ones_committed += u64::from(members.is_joint());
            }
            self.node(id).applied = entry.id;
            self.oracle.applied(&self.nodes[&id], &machine, entry);
            if let Some(speculative) = &mut self.node(id).speculative {
                speculative.committed(&machine, entry);
            }
            self.node(id).machine = machine;
        }
        for entry in &ahead {
            self.covered.answered_ahead += 1;
            self.oracle.answered_ahead(&self.nodes, id, entry);
            let node = self.node(id);
            let machine = &node.machine;
            let speculative = node
                .speculative
                .get_or_insert_with(|| Speculative::on(machine));
            speculative.apply(entry);
        }
        if let Some(upto) = on_all {
            self.covered.on_all += 1;
            self.oracle.on_all(&self.nodes, id, upto);
        }
        for (read, result) in reads {
            match result {
                Ok(index) => {
                    let node = &self.nodes[&id];
                    self.covered.reads_at_leaders += u64::from(node.leads());
                    self.covered.reads_at_followers += u64::from(!node.leads());
                    let speculative = node.speculative.as_ref().map(Speculative::machine);
                    let machine = speculative.unwrap_or(&node.machine);
                    self.oracle.answered(read, index, machine);
                }
                Err(_) => {
                    self.covered.reads_abandoned += 1;
                    self.oracle.reads.remove(&read).expect("refused once");
                }
            }
        }
        let lagging = |why: &Refusal| matches!(why, Refusal::Change(ChangeRefusal::Lags { .. }));
        let lagging = refused.iter().filter(|(_, why)| lagging(why)).count();
        self.covered.promotions_refused += lagging as u64;
        let full = refused.iter().filter(|(_, r)| *r == Refusal::DiskFull);
        self.covered.refused_for_a_full_disk += full.count() as u64;
        for message in messages {
            self.transmit(message);
        }
        self.sync(id);
        self.take_snapshot(id);
    }

    /// What counts is what the log says (V17), in snapshots as well.
    fn judge_configuration(&self, id: NodeId) {
        let node = &self.nodes[&id];
        let is = &node.status.configured;
        if !self.members_change {
            return assert_eq!(is.by, LogId::default(), "{id} counts otherwise");
        }
        match told(&node.log) {
            Some(told) => assert_eq!(*is, told, "{id} counts otherwise"),
            None => assert_eq!(is.by, LogId::default(), "{id} counts otherwise"),
        }
        let saved = node.queue.back().and_then(|write| write.snapshot.as_ref());
        if let Some(save) = saved {
            let prefix = self.oracle.prefix(save.snapshot.last);
            let was = self.configured(NodeId(1), &prefix);
            assert_eq!(save.snapshot.configured, was, "{id}'s snapshot");
        }
    }

    fn take_snapshot(&mut self, id: NodeId) {
        let every = self.snapshot_every;
        let node = &self.nodes[&id];
        let last = node.applied;
        let core = node.core.as_ref().expect("it is up");
        if core.wants_snapshot(last.index, every) {
            self.covered.snapshots_taken += 1;
            let data = node.machine.snapshot().into();
            self.step(id, Input::Snapshot { last, data });
            let delay = self.rng.micros(50, 1000);
            self.after(delay, Event::Take(id));
        }
    }

    fn transmit(&mut self, message: Message) {
        self.oracle.leaves(&self.nodes[&message.from], &message);
        match &message.body {
            Body::PreVoteReply { granted: false } => self.covered.pre_votes_refused += 1,
            Body::Snapshot { chunk, .. } if chunk.offset > 0 => {
                self.covered.later_pieces += 1;
            }
            Body::SnapshotReply {
                installed: false,
                received: 0,
                ..
            } => self.covered.transfers_begun_anew += 1,
            Body::TimeoutNow => self.covered.transfers += 1,
            Body::AppendReply {
                result: Appended::Conflict { prev, hint },
                ..
            } if hint.term < prev.term && hint.index.0 > 0 => {
                self.covered.conflicts_skipping_a_term += 1;
            }
            Body::Append { entries, .. }
                if self.config.max_batch_entries > 1
                    && (1..16).contains(&entries.len())
                    && entries.last().map(|e| e.id.index)
                        < self.nodes[&message.from].log.last().map(|e| e.id.index) =>
            {
                self.covered.batches_cut_by_size += 1;
            }
            _ => {}
        }
        if self.cut.contains(&(message.from, message.to)) || self.rng.chance(self.loss_percent) {
            return;
        }
        let slowest = match self.rng.chance(self.delayed_percent) {
            true => 300_000,
            false => 2_000,
        };
        let link = (message.from, message.to);
        let mut delay = self.rng.micros(200, slowest);
        if self.in_order {
            // A stream: what is late holds up what follows.
            let last = self.links.get(&link).copied().unwrap_or_default();
            delay = delay.max(last - self.now);
            self.links.insert(link, self.now + delay);
        } else if self.rng.chance(3) {
            let again = self.rng.micros(200, 100_000);
            self.after(again, Event::Deliver(message.clone()));
        }
        self.after(delay, Event::Deliver(message));
    }

    /// Begins a sync of all that is queued, unless one is under way.
    fn sync(&mut self, id: NodeId) {
        let slow = self.nodes[&id].disk_slow;
        let delay = match slow {
            true => self.rng.micros(20_000, 700_000),
            false => self.rng.micros(100, 3_000),
        };
        let node = self.node(id);
        if node.syncing == 0 && !node.queue.is_empty() {
            node.syncing = node.queue.len();
            let boot = node.boot;
            self.after(delay, Event::Synced(id, boot));
        }
    }

    pub fn synced(&mut self, id: NodeId) {
        let node = self.node(id);
        let count = std::mem::take(&mut node.syncing);
        node.disk.set_full(node.disk_full);
        let writes = node.queue.make_contiguous();
        let Ok(proof) = node.disk.persist(&writes[..count]) else {
            node.syncing = count;
            let boot = node.boot;
            if !std::mem::replace(&mut node.told_full, true) {
                self.step(id, Input::DiskFull(true));
            }
            self.after(Duration::from_millis(10), Event::Synced(id, boot));
            return self.take(id);
        };
        let writes: Vec<_> = node.queue.drain(..count).collect();
        self.oracle.kept(id, writes.iter());
        self.oracle.on_disk(&self.nodes[&id]);
        let node = self.node(id);
        let mut released = Vec::new();
        for promise in std::mem::take(&mut node.promises) {
            match promise.release(&proof) {
                Ok(message) => released.push(message),
                Err(promise) => node.promises.push(promise),
            }
        }
        if std::mem::take(&mut node.told_full) {
            self.step(id, Input::DiskFull(false));
        }
        self.covered.promises_released += released.len() as u64;
        for message in released {
            self.transmit(message);
        }
        self.step(id, Input::Persisted(proof));
        self.take(id);
    }
}
