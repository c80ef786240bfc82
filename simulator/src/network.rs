//! Links between nodes: late, lossy, cut, held back, each direction by itself.

use node::raft::NodeId;
use node::transport::Outgoing;

use crate::rng::Rng;
use crate::swarm::Swarm;

/// Most nodes that there are.
pub const MAX_NODES: usize = 8;

/// A directed link.
pub type Link = (NodeId, NodeId);

/// What happens to some messages while an injury lasts.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which kinds of message, as bits of the numbers on the wire.
    pub kinds: u32,
    /// How many of them, in a hundred.
    pub percent: u64,
    /// They never arrive, in so many of a hundred.
    pub loss: u64,
    /// They arrive twice, in so many of a hundred.
    pub twice: u64,
    /// They are late, from and to, in microseconds.
    pub late: (u64, u64),
}

/// All links.
#[derive(Debug, Default)]
pub struct Network {
    /// Every injury's cuts.
    cuts: Vec<(usize, Vec<Link>)>,
    /// Every injury's links that hold back what is said.
    holds: Vec<(usize, Vec<Link>)>,
    rules: Vec<(usize, Rule)>,
    /// By link: how many injuries cut it, and hold it.
    cut: [[u16; MAX_NODES]; MAX_NODES],
    hold: [[u16; MAX_NODES]; MAX_NODES],
    /// When what was said last arrives.
    last: [[u64; MAX_NODES]; MAX_NODES],
}

/// What becomes of a message: it arrives after so many nanoseconds, perhaps again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Never.
    Lost,
    /// When the link is free again.
    Held,
    /// Then, in nanoseconds of the run, and perhaps then again.
    Arrives(u64, Option<u64>),
}

fn at((from, to): Link) -> (usize, usize) {
    (usize::from(from.0), usize::from(to.0))
}

impl Network {
    /// Cuts links on behalf of an injury.
    pub fn cut(&mut self, injury: usize, links: Vec<Link>) {
        for link in &links {
            let (from, to) = at(*link);
            self.cut[from][to] += 1;
        }
        self.cuts.push((injury, links));
    }

    /// Holds links on behalf of an injury.
    pub fn hold(&mut self, injury: usize, links: Vec<Link>) {
        for link in &links {
            let (from, to) = at(*link);
            self.hold[from][to] += 1;
        }
        self.holds.push((injury, links));
    }

    /// Adds a rule on behalf of an injury.
    pub fn rule(&mut self, injury: usize, rule: Rule) {
        self.rules.push((injury, rule));
    }

    /// Ends what an injury did, or all.
    pub fn heal(&mut self, injury: Option<usize>) {
        let ours = |number: usize| injury.is_none_or(|injury| injury == number);
        let undo = |list: &mut Vec<(usize, Vec<Link>)>,
                    matrix: &mut [[u16; MAX_NODES]; MAX_NODES]| {
            list.retain(|(number, links)| {
                if ours(*number) {
                    for link in links {
                        let (from, to) = at(*link);
                        matrix[from][to] -= 1;
                    }
                }
                !ours(*number)
            });
        };
        undo(&mut self.cuts, &mut self.cut);
        undo(&mut self.holds, &mut self.hold);
        self.rules.retain(|(number, _)| !ours(*number));
    }

    /// Nothing gets through.
    pub fn is_cut(&self, link: Link) -> bool {
        let (from, to) = at(link);
        self.cut[from][to] > 0
    }

    /// Nothing gets through for now.
    pub fn is_held(&self, link: Link) -> bool {
        let (from, to) = at(link);
        self.hold[from][to] > 0
    }

    /// What becomes of a message of this kind that is said now.
    pub fn fate(&mut self, now: u64, link: Link, kind: u8, swarm: &Swarm, rng: &mut Rng) -> Fate {
        if self.is_cut(link) {
            return Fate::Lost;
        }
        let mut delay = rng.between(swarm.latency.0, swarm.latency.1);
        let mut again = None;
        for (_, rule) in &self.rules {
            if rule.kinds >> kind & 1 == 0 || !rng.chance(rule.percent) {
                continue;
            }
            if rng.chance(rule.loss) {
                return Fate::Lost;
            }
            delay += rng.between(rule.late.0, rule.late.1);
            if rng.chance(rule.twice) {
                again = Some(delay + rng.between(100, 100_000));
            }
        }
        if self.is_held(link) {
            return Fate::Held;
        }
        let mut arrives = now + delay * 1000;
        if swarm.in_order {
            // A stream: what is late holds up what follows, and nothing comes twice.
            let (from, to) = at(link);
            arrives = arrives.max(self.last[from][to]);
            self.last[from][to] = arrives;
            again = None;
        } else if rng.chance(2) {
            again = Some(delay + rng.between(100, 100_000));
        }
        Fate::Arrives(arrives, again.map(|delay| now + delay * 1000))
    }
}

/// The number of the kind on the wire.
pub fn kind(outgoing: &Outgoing) -> u8 {
    match outgoing {
        Outgoing::Raft(message) => message.body.kind(),
        Outgoing::Forward { .. } => node::transport::wire::FORWARD,
        Outgoing::ForwardReply { .. } => node::transport::wire::FORWARD_REPLY,
    }
}
