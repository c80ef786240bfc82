//! Where a run lives: loopback addresses and folders of its own, so that runs never disturb each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::exit::{self, Failure};
use crate::links::{Way, packets};

/// Ports are drawn from here: below those that the system gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Client port, peer port, and one port for each link of a node.
const PORTS_OF_A_RUN: u16 = 16;
/// The host number that marks the subnet as taken for as long as the run lasts.
const MARK: u8 = 254;
/// Proxies of node i listen at host number 100 + i.
const PROXIES: u8 = 100;

/// A member of the cluster, from 1; displayed `n1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u16);

/// All clients together, as an end of links; no member has this number.
pub const CLIENTS: NodeId = NodeId(0);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// Addresses and folders of one run. The subnet is held until this is dropped.
#[derive(Debug)]
pub struct Site {
    subnet: [u8; 2],
    way: Way,
    /// Clients ask nodes here; at the next peers do, and the links' proxies listen at the ones after that.
    port: u16,
    nodes: u16,
    folder: PathBuf,
    /// Clients ask through links of their own.
    client_links: bool,
    _marks: Vec<TcpListener>,
}

impl Site {
    /// Takes a free subnet 127.x.y.0/24 for the run in `folder`; with links of packets, the network of its own switch.
    ///
    /// # Errors
    /// Every subnet that was tried is taken.
    pub fn take(nodes: u16, folder: &Path, way: Way) -> Result<Site, Failure> {
        if way == Way::Packets {
            // Nobody else is in the box.
            return Ok(Site {
                subnet: [0, 0],
                way,
                port: PORTS.start,
                nodes,
                folder: folder.to_path_buf(),
                client_links: false,
                _marks: Vec::new(),
            });
        }
        for _ in 0..1000 {
            let subnet = [64 + rand::random::<u8>() % 64, rand::random::<u8>()];
            let port = rand::rng().random_range(PORTS) / PORTS_OF_A_RUN * PORTS_OF_A_RUN;
            // All of the run's ports on one address: whoever listens on one of them everywhere is met here.
            let bind = |port| TcpListener::bind(SocketAddr::new(address(subnet, MARK), port));
            if let Ok(marks) = (port..port + PORTS_OF_A_RUN).map(bind).collect() {
                return Ok(Site {
                    subnet,
                    way,
                    port,
                    nodes,
                    folder: folder.to_path_buf(),
                    client_links: false,
                    _marks: marks,
                });
            }
        }
        Err(Failure::new(
            exit::UNAVAILABLE,
            "no free loopback addresses among 127.64-127.x.y: stop other runs, or check that 127.0.0.0/8 is up",
        ))
    }

    /// The same with links between clients and nodes, which can be cut.
    #[must_use]
    pub fn with_client_links(mut self, wanted: bool) -> Site {
        self.client_links = wanted;
        self
    }

    /// Do clients ask through links of their own?
    pub fn has_client_links(&self) -> bool {
        self.client_links
    }

    /// What its links are made of.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The address that workers are to speak from, if it is not all the same.
    pub fn workers(&self) -> Option<IpAddr> {
        (self.way == Way::Packets).then(|| packets::clients().into())
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(NodeId)
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The node's own folder: data and whatever else it keeps.
    pub fn node_folder(&self, node: NodeId) -> PathBuf {
        self.folder.join("nodes").join(node.to_string())
    }

    /// The file that gets what the node prints.
    pub fn log(&self, node: NodeId) -> PathBuf {
        self.folder.join("nodes").join(format!("{node}.log"))
    }

    /// Where a worker asks the node: there, or at its link to it.
    pub fn door(&self, node: NodeId) -> SocketAddr {
        if self.client_links && self.way == Way::Proxies {
            self.link(CLIENTS, node)
        } else {
            self.client(node)
        }
    }

    /// Where the node listens to clients; the harness itself always asks here.
    pub fn client(&self, node: NodeId) -> SocketAddr {
        SocketAddr::new(self.address(node), self.port)
    }

    fn address(&self, node: NodeId) -> IpAddr {
        match self.way {
            Way::Packets => packets::address(node.0).into(),
            Way::Proxies | Way::None => address(self.subnet, node.0 as u8),
        }
    }

    /// Where the node listens to its peers.
    pub fn peer(&self, node: NodeId) -> SocketAddr {
        SocketAddr::new(self.address(node), self.port + 1)
    }

    /// Where `from` dials to speak to `to`: the proxy of the directed link, or where there is none `to` itself.
    pub fn link(&self, from: NodeId, to: NodeId) -> SocketAddr {
        if self.way != Way::Proxies {
            return self.peer(to);
        }
        SocketAddr::new(
            address(self.subnet, PROXIES + from.0 as u8),
            self.port + 1 + to.0,
        )
    }
}

fn address(subnet: [u8; 2], host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, subnet[0], subnet[1], host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_runs_never_share_an_address() {
        let (a, b) = (
            Site::take(9, Path::new("a"), Way::Proxies).unwrap(),
            Site::take(9, Path::new("b"), Way::Proxies).unwrap(),
        );
        let all = |site: &Site| -> Vec<SocketAddr> {
            let pairs = site.nodes().flat_map(|i| site.nodes().map(move |j| (i, j)));
            let links = pairs.map(|(i, j)| site.link(i, j));
            site.nodes()
                .flat_map(|n| [site.client(n), site.peer(n), site.link(CLIENTS, n)])
                .chain(links)
                .collect()
        };
        let both: Vec<SocketAddr> = all(&a).into_iter().chain(all(&b)).collect();
        let distinct: BTreeSet<&SocketAddr> = both.iter().collect();
        assert_eq!(both.len(), distinct.len());
    }
}
