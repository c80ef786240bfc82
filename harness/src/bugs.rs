//! The planted bugs that a run can ask for, and the flags that show each best.

use std::sync::LazyLock;

/// A row of the table.
pub struct PlantedBug {
    /// Its name on the command line, as in the catalogue.
    pub name: &'static str,
    /// Its number in the catalogue.
    pub id: &'static str,
    /// Its class there: election, commit, read-path, wal and so on.
    pub class: &'static str,
    /// Where it was found in earnest.
    pub source: &'static str,
    /// What it does wrong, in a sentence.
    pub about: &'static str,
}

/// Sorted by name; the same table that the node's build with planted bugs is held to.
pub static BUGS: LazyLock<Vec<PlantedBug>> = LazyLock::new(|| {
    let rows = include_str!("../../node/planted-bugs.csv").lines().skip(1);
    rows.filter_map(|row| {
        let mut fields = row.split('|');
        Some(PlantedBug {
            name: fields.next()?,
            id: fields.next()?,
            class: fields.next()?,
            source: fields.next()?,
            about: fields.next()?,
        })
    })
    .collect()
});

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
        bugs: "dedup-not-in-snapshot",
        flags: "--nemesis kill --interval 0.6 --time 25 --node-flag=--snapshot-every=20 --node-flag=--keep-entries=20",
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
        bugs: "no-session-dedup",
        flags: "--nemesis partition,kill --interval 0.6 --time 20",
    },
    Demonstration {
        bugs: "readindex-without-noop-guard",
        flags: "--nemesis partition,kill --interval 0.6 --time 20",
    },
];
