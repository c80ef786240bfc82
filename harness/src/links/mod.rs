//! Directed links: one TCP proxy for every pair i→j, through which all that i says to j has to pass.
//!
//! A node dials its own link to a peer instead of the peer. Each link has a [`Rule`], healthy by default,
//! that can be set at any time and acts at once on connections that exist. What i says on connections that
//! it dialled is under the rule of i→j; what j answers on them, if it does, is under the rule of j→i.
//! Buffers are bounded: a receiver that stops reading stops its sender, as it would without a proxy.

mod counters;
mod frame;
mod ledger;
mod line;
pub mod packets;
mod pump;
mod queue;
mod rule;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map::Entry};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[allow(unused_imports, reason = "the types of what this room answers")]
pub use counters::{Counters, Snapshot, Traffic};
#[allow(unused_imports, reason = "as above")]
pub use frame::Frame;
#[allow(unused_imports, reason = "as above")]
pub use ledger::Seen;
use line::Line;
use packets::Switch;
#[allow(unused_imports, reason = "as above")]
pub use rule::{KINDS, Kinds, Rule, kind_name};
pub use shape::{Shape, Share};

/// A pair of nodes and a direction; displayed `n1->n2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    /// Who speaks.
    pub from: u16,
    /// To whom.
    pub to: u16,
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}->n{}", self.from, self.to)
    }
}

/// Where a link's proxy listens, and where it sends what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The link.
    pub id: LinkId,
    /// Where `from` dials. Port 0 takes a free one; see [`Links::address`].
    pub listen: SocketAddr,
    /// Where `to` listens.
    pub target: SocketAddr,
}

/// The links of a cluster. Dropping it ends all proxies and their connections.
#[derive(Debug)]
pub struct Links {
    lines: BTreeMap<LinkId, (SocketAddr, Arc<Line>)>,
    _proxies: JoinSet<()>,
    switch: Option<Switch>,
}

/// What links are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A proxy each, which knows connections, and frames of `node`.
    #[default]
    Proxies,
    /// Packets by a switch of ours, for any system; only in a box.
    Packets,
    /// Nothing: nodes dial each other.
    None,
}

impl Way {
    /// All, by name.
    pub const NAMED: [(&str, Way); 3] = [
        ("proxies", Way::Proxies),
        ("packets", Way::Packets),
        ("none", Way::None),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let named = Way::NAMED.into_iter().find(|(_, way)| *way == self);
        named.map_or("proxies", |(name, _)| name)
    }
}

impl Links {
    /// Starts a proxy for each route, on the runtime that it is called in: better one that does nothing
    /// else, as whatever holds its threads up delays every message of the cluster.
    ///
    /// # Errors
    /// A listener's address cannot be bound, or two routes are for the same link; the text names the link.
    pub async fn start(routes: &[Route]) -> io::Result<Links> {
        let mut lines = BTreeMap::new();
        let mut bound = Vec::with_capacity(routes.len());
        for route in routes {
            let Entry::Vacant(free) = lines.entry(route.id) else {
                let text = format!("the link {} has two routes: give it one", route.id);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            };
            let explain = |error: io::Error| {
                let text = format!(
                    "cannot listen on {} for the link {}: {error}",
                    route.listen, route.id
                );
                io::Error::new(error.kind(), text)
            };
            let listener = TcpListener::bind(route.listen).await.map_err(explain)?;
            let address = listener.local_addr().map_err(explain)?;
            free.insert((address, Arc::new(Line::new(route.id))));
            bound.push((listener, *route));
        }
        // What is answered on a link that nobody dials the other way is ruled and booked all the same.
        for route in routes {
            let back = LinkId {
                from: route.id.to,
                to: route.id.from,
            };
            lines
                .entry(back)
                .or_insert_with(|| (route.listen, Arc::new(Line::new(back))));
        }
        let mut proxies = JoinSet::new();
        for (listener, route) in bound {
            let back = LinkId {
                from: route.id.to,
                to: route.id.from,
            };
            let line = |id: LinkId| lines.get(&id).map(|(_, line)| Arc::clone(line));
            if let (Some(line), Some(opposite)) = (line(route.id), line(back)) {
                proxies.spawn(line::proxy(listener, route.target, line, opposite));
            }
        }
        Ok(Links {
            lines,
            _proxies: proxies,
            switch: None,
        })
    }

    /// No links: nodes dial each other, and no rule acts.
    pub fn none() -> Links {
        Links {
            lines: BTreeMap::new(),
            _proxies: JoinSet::new(),
            switch: None,
        }
    }

    /// Links of packets between nodes 1 to `nodes`, and between them and clients (number 0).
    ///
    /// # Errors
    /// This process is in no box, or the kernel lacks what it takes; the text says what.
    pub fn of_packets(nodes: u16) -> io::Result<Links> {
        let pairs = (0..=nodes).flat_map(|from| (0..=nodes).map(move |to| LinkId { from, to }));
        let each: BTreeMap<LinkId, Arc<Line>> = pairs
            .filter(|id| id.from != id.to)
            .map(|id| (id, Arc::new(Line::new(id))))
            .collect();
        let switch = Switch::start(nodes, each.clone())?;
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(Links {
            lines: each
                .into_iter()
                .map(|(id, line)| (id, (nowhere, line)))
                .collect(),
            _proxies: JoinSet::new(),
            switch: Some(switch),
        })
    }

    /// Why links of packets cannot be made here; `None`: they can. Tries it.
    pub fn problem_with_packets() -> Option<String> {
        let made = Links::of_packets(1);
        made.err().map(|error| error.to_string())
    }

    /// The network namespace that the node is to be started in; `None`: the harness' own.
    pub fn namespace(&self, node: u16) -> Option<Arc<OwnedFd>> {
        self.switch.as_ref()?.namespace(node)
    }

    /// Does something in a thread of its own in the node's namespace; here, where the node has none.
    ///
    /// # Errors
    /// Those of what is done, or the namespace cannot be entered.
    pub fn within<T: Send>(
        &self,
        node: u16,
        what: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        match self.namespace(node) {
            Some(namespace) => packets::within(&namespace, what),
            None => what(),
        }
    }

    /// All links, in order.
    pub fn ids(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.lines.keys().copied()
    }

    /// Where `from` dials to speak to `to`; `None`: there is no such link.
    pub fn address(&self, from: u16, to: u16) -> Option<SocketAddr> {
        self.lines
            .get(&LinkId { from, to })
            .map(|(address, _)| *address)
    }

    /// Sets what the link does from now on, for whoever has no name; false: there is no such link.
    pub fn set(&self, from: u16, to: u16, rule: Rule) -> bool {
        self.want(0, from, to, rule)
    }

    /// Sets what `owner`, such as an injury, wants of the link from now on; [`Rule::Pass`]: nothing any more. The
    /// wishes of all owners hold together. False: there is no such link. Idempotent, O(owners + connections).
    pub fn want(&self, owner: u64, from: u16, to: u16, rule: Rule) -> bool {
        let line = self.lines.get(&LinkId { from, to });
        if let Some((_, line)) = line {
            line.want(owner, rule);
        }
        line.is_some()
    }

    /// What the link does now; `None`: there is no such link.
    pub fn rule(&self, from: u16, to: u16) -> Option<Rule> {
        self.lines
            .get(&LinkId { from, to })
            .map(|(_, line)| line.rule.borrow().clone())
    }

    /// Lets everything pass on every link, whoever wanted what.
    pub fn heal_all(&self) {
        for (_, line) in self.lines.values() {
            line.heal();
        }
    }

    /// The links that are not healthy.
    pub fn unhealthy(&self) -> Vec<(LinkId, Rule)> {
        let rules = self
            .lines
            .iter()
            .map(|(id, (_, line))| (*id, line.rule.borrow().clone()));
        rules.filter(|(_, rule)| *rule != Rule::Pass).collect()
    }

    /// What every link did since it was started. One before an injury and one after it give its effect.
    pub fn counters(&self) -> Snapshot {
        let each = self.lines.iter();
        Snapshot(
            each.map(|(id, (_, line))| (*id, line.ledger.counters()))
                .collect(),
        )
    }

    /// What crossed each link since the last time it was asked with the same `known`, and how many frames between were
    /// forgotten: a link remembers 512. Links without news are left out.
    pub fn news(&self, known: &mut BTreeMap<LinkId, u64>) -> Vec<(LinkId, Vec<Seen>, u64)> {
        let mut news = Vec::new();
        for (id, (_, line)) in &self.lines {
            let known = known.entry(*id).or_default();
            let (seen, forgotten, all) = line.ledger.after(*known);
            *known = all;
            if !seen.is_empty() {
                news.push((*id, seen, forgotten));
            }
        }
        news
    }

    /// The last 512 frames of the link, oldest first; empty when there is no such link.
    pub fn recent(&self, from: u16, to: u16) -> Vec<Seen> {
        self.lines
            .get(&LinkId { from, to })
            .map_or_else(Vec::new, |(_, line)| line.ledger.recent())
    }
}
