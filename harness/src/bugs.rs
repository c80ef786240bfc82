//! The planted bugs that a run can ask for, and the flags that show each best.

/// A row of the table.
pub struct PlantedBug {
    /// Its name on the command line, as in the catalogue.
    pub name: &'static str,
    /// Its number in the catalogue.
    pub id: &'static str,
    /// What it does wrong, in a sentence.
    pub about: &'static str,
}

/// Sorted by name.
pub const BUGS: &[PlantedBug] = &[
    PlantedBug {
        name: "ack-before-commit",
        id: "C05",
        about: "the leader answers a write as soon as it is in its own log",
    },
    PlantedBug {
        name: "cas-evaluated-at-propose",
        id: "S03",
        about: "a compare-and-set compares when it is proposed, not when it is applied",
    },
    PlantedBug {
        name: "follower-ack-before-fsync",
        id: "W01",
        about: "a follower says that entries are on its disk before they are",
    },
    PlantedBug {
        name: "leader-local-read",
        id: "Q01",
        about: "the leader answers reads without asking whether it still leads",
    },
    PlantedBug {
        name: "leader-self-ack-before-fsync",
        id: "W02",
        about: "the leader counts its own copy of an entry before it is on its disk",
    },
    PlantedBug {
        name: "readindex-without-noop-guard",
        id: "Q03",
        about: "a new leader serves reads before it has committed an entry of its own term",
    },
];

/// The bug of that name.
pub fn find(name: &str) -> Option<&'static PlantedBug> {
    BUGS.iter().find(|bug| bug.name == name)
}

/// A command that shows bugs: flags of a run of at most a minute, measured by `scripts/planted-bugs`.
pub struct Demonstration {
    /// The bugs, as `--bug` takes them.
    pub bugs: &'static str,
    /// All other flags.
    pub flags: &'static str,
}

/// Sorted by name.
pub const DEMONSTRATIONS: &[Demonstration] = &[
    Demonstration {
        bugs: "ack-before-commit",
        flags: "--nemesis partition --time 10",
    },
    Demonstration {
        bugs: "cas-evaluated-at-propose",
        flags: "--nemesis none --time 5 --keys 2",
    },
    Demonstration {
        bugs: "follower-ack-before-fsync,leader-self-ack-before-fsync",
        flags: "--nemesis kill --interval 0.6 --time 30",
    },
    Demonstration {
        bugs: "leader-local-read",
        flags: "--nemesis partition --interval 0.6 --concurrency 100 --time 25",
    },
    Demonstration {
        bugs: "readindex-without-noop-guard",
        flags: "--nemesis partition,kill --interval 0.6 --time 20",
    },
];
