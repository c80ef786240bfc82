//! The unkindness: partitions, crashes, pauses, slow and full disks, lost and late messages, transfers.

use std::time::Duration;

use node::raft::{Input, NodeId};

use super::cluster::{Cluster, Event};

impl Cluster {
    pub fn injure(&mut self) {
        if !self.faults {
            return;
        }
        let ids = self.ids(|_| true);
        let leaders = self.ids(|n| n.leads());
        // Faults at the leader find most.
        let victim = match self.rng.chance(60) && !leaders.is_empty() {
            true => self.rng.one_of(&leaders),
            false => self.rng.one_of(&ids),
        };
        let length = self.rng.micros(20_000, 600_000);
        match self.rng.below(11) {
            0 => self.isolate(&[victim]),
            1 => {
                let half: Vec<NodeId> = ids
                    .iter()
                    .copied()
                    .filter(|_| self.rng.chance(50))
                    .collect();
                self.isolate(&half);
            }
            2 => {
                // One direction of some links.
                for other in ids.iter().filter(|id| **id != victim) {
                    if self.rng.chance(70) {
                        let link = match self.rng.chance(50) {
                            true => (victim, *other),
                            false => (*other, victim),
                        };
                        self.cut.insert(link);
                    }
                }
            }
            3 => self.crash_for(victim, length),
            4 => {
                for id in ids {
                    self.crash_for(id, length / 4);
                }
            }
            5 => {
                self.crash_for(victim, length / 20);
                let partner = self.rng.one_of(&ids);
                self.isolate(&[victim, partner]);
            }
            6 => {
                self.node(victim).paused_until = self.now + length;
                // A request that is the first thing it sees, before what its peers said meanwhile.
                self.after(length, Event::Read(victim));
            }
            7 => self.node(victim).disk_slow = true,
            8 => self.node(victim).disk_full = true,
            9 => {
                self.loss_percent = self.rng.one_of(&[5, 20, 50]);
                self.delayed_percent = self.rng.one_of(&[0, 10, 50]);
            }
            _ => {
                let to = self.rng.chance(50).then(|| self.rng.one_of(&ids));
                self.step(victim, Input::Transfer { to });
                self.take(victim);
            }
        }
        if self.rng.chance(80) {
            self.after(length, Event::Heal);
        }
        let next = length / 2 + self.rng.micros(10_000, 500_000);
        self.after(next, Event::Injure);
    }

    /// Sometimes nobody hears a leader from its first entry on, while those that were cut off before are back:
    /// so logs come to end in entries of several terms, and each may be the longest.
    pub fn injure_new_leader(&mut self, id: NodeId) {
        if self.faults && self.rng.chance(25) {
            self.cut.clear();
            self.isolate(&[id]);
            let length = self.rng.micros(200_000, 600_000);
            self.after(length, Event::Heal);
        }
    }

    fn isolate(&mut self, some: &[NodeId]) {
        let ids = self.ids(|_| true);
        for a in &ids {
            for b in &ids {
                if some.contains(a) != some.contains(b) {
                    self.cut.insert((*a, *b));
                }
            }
        }
    }

    fn crash_for(&mut self, id: NodeId, length: Duration) {
        if self.nodes[&id].is_up() {
            self.crash(id);
            self.after(length, Event::Restart(id));
        }
    }

    pub fn heal_faults(&mut self) {
        self.cut.clear();
        self.loss_percent = 0;
        self.delayed_percent = 0;
        for node in self.nodes.values_mut() {
            node.paused_until = node.paused_until.min(self.now);
            node.disk_slow = false;
            node.disk_full = false;
        }
    }
}
