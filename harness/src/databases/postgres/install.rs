//! Where PostgreSQL is installed, how its nodes' folders are made, and how a server is started.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::exit::{self, Failure};
use crate::links::Way;
use crate::replication::Replication;
use crate::site::{NodeId, Site};

/// Where Debian puts each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The newest installed version's programs, or those on the path.
pub(super) fn folder() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("postgres").is_file())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, bin)| bin);
    newest.or_else(|| Some(super::super::on_path("postgres")?.parent()?.to_path_buf()))
}

/// Why it cannot run here.
pub(super) fn problem() -> Option<String> {
    if folder().is_none() {
        return Some("PostgreSQL is not installed: scripts/install-databases".into());
    }
    whom().err()
}

/// The user that servers run as: it refuses root, for whom it is the user `postgres`.
fn whom() -> Result<Option<(u32, u32)>, String> {
    let me = fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?;
    if std::os::unix::fs::MetadataExt::uid(&me) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    found
        .map(Some)
        .ok_or_else(|| "as root it needs a user named postgres: scripts/install-databases".into())
}

/// One run's installation.
pub(super) struct Install {
    site: Arc<Site>,
    replication: Replication,
    bin: PathBuf,
    user: Option<(u32, u32)>,
}

impl Install {
    pub(super) fn new(
        site: &Arc<Site>,
        replication: Replication,
        binary: PathBuf,
    ) -> Result<Install, Failure> {
        let user = whom().map_err(|problem| Failure::new(exit::MISSING, problem))?;
        Ok(Install {
            site: site.clone(),
            replication,
            bin: binary.parent().map(Path::to_path_buf).unwrap_or_default(),
            user,
        })
    }

    /// How many standbys have to have a write before it is acknowledged.
    pub(super) fn acknowledging(&self) -> usize {
        let standbys = self.site.nodes().count() - 1;
        match self.replication {
            Replication::Async => 0,
            Replication::SemiSync | Replication::RemoteApply => standbys.min(1),
            // With the primary a majority.
            Replication::Majority => standbys.div_ceil(2),
            Replication::Sync => standbys,
        }
    }

    /// When a commit is answered.
    pub(super) fn replication(&self) -> Replication {
        self.replication
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command.current_dir("/");
        command
    }

    /// Makes one data folder and copies it for the standbys, which is what a base backup of a server at rest is.
    ///
    /// # Errors
    /// It cannot be made or copied; the text has the program's last words.
    pub(super) fn make_nodes(&self) -> Result<(), Failure> {
        let mut nodes = self.site.nodes();
        let Some(first) = nodes.next() else {
            return Ok(());
        };
        let data = self.site.node_folder(first);
        let fail = |problem: String| Failure::new(exit::MISSING, problem);
        self.empty(&data).map_err(fail)?;
        let mut initdb = self.program("initdb");
        initdb
            .args([
                "--auth=trust",
                "--username=postgres",
                "--no-sync",
                "--locale=C",
                "--encoding=UTF8",
                // Small steps: a base backup takes as little as it can.
                "--wal-segsize=1",
                "-D",
            ])
            .arg(&data);
        ended_well(&mut initdb).map_err(fail)?;
        self.make_tables(&data).map_err(fail)?;
        // Its own networks: the loopback's, or that of links of packets.
        let trust = "host all all samenet trust\nhost replication all samenet trust\n";
        append(&data.join("pg_hba.conf"), trust).map_err(fail)?;
        for node in nodes {
            let copy = self.site.node_folder(node);
            self.empty(&copy).map_err(fail)?;
            let mut cp = Command::new("cp");
            cp.arg("-a").arg(data.join(".")).arg(&copy);
            ended_well(&mut cp).map_err(fail)?;
            self.follow(node, first).map_err(fail)?;
        }
        Ok(())
    }

    /// Makes the tables before any server runs, by its single-user mode.
    fn make_tables(&self, data: &Path) -> Result<(), String> {
        // Without the templates there are half as many files to copy, and to sync after a crash.
        const TABLES: &str = "CREATE TABLE register (key text PRIMARY KEY, value bigint NOT NULL)\n\
            CREATE TABLE journal (value bigint PRIMARY KEY)\n\
            UPDATE pg_database SET datistemplate = false\n\
            DROP DATABASE template1\n\
            DROP DATABASE template0\n";
        let mut single = self.program("postgres");
        single
            .args(["--single", "-F", "-D"])
            .arg(data)
            .arg("postgres");
        single
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut make = || -> std::io::Result<bool> {
            let mut single = single.spawn()?;
            if let Some(mut input) = single.stdin.take() {
                input.write_all(TABLES.as_bytes())?;
            }
            Ok(single.wait()?.success())
        };
        match make() {
            Ok(true) => Ok(()),
            Ok(false) => Err("postgres --single could not make the tables".into()),
            Err(error) => Err(format!("cannot run postgres --single: {error}")),
        }
    }

    /// An empty folder that is the server's user's alone.
    fn empty(&self, data: &Path) -> Result<(), String> {
        let make = || -> std::io::Result<()> {
            if data.exists() {
                fs::remove_dir_all(data)?;
            }
            fs::create_dir_all(data)?;
            fs::set_permissions(data, fs::Permissions::from_mode(0o700))?;
            match self.user {
                Some((uid, gid)) => chown(data, Some(uid), Some(gid)),
                None => Ok(()),
            }
        };
        make().map_err(|error| format!("cannot make {}: {error}", data.display()))
    }

    /// Where the node dials a primary: at its link's proxy, or where there is none, at the one port of the primary.
    pub(super) fn way(&self, node: NodeId, primary: NodeId) -> SocketAddr {
        match self.site.way() {
            Way::Proxies => self.site.link(node, primary),
            Way::Packets | Way::None => self.site.client(primary),
        }
    }

    /// The same, as a server wants to be told.
    pub(super) fn primary_conninfo(&self, node: NodeId, primary: NodeId) -> String {
        let link = self.way(node, primary);
        format!(
            "host={} port={} user=postgres application_name={node} connect_timeout=1 tcp_user_timeout=2000",
            link.ip(),
            link.port()
        )
    }

    /// Makes a node at rest a standby of `primary`.
    ///
    /// # Errors
    /// Its folder cannot be written to.
    pub(super) fn follow(&self, node: NodeId, primary: NodeId) -> Result<(), String> {
        let data = self.site.node_folder(node);
        let line = format!(
            "primary_conninfo = '{}'\n",
            self.primary_conninfo(node, primary)
        );
        append(&data.join("postgresql.auto.conf"), &line)?;
        let signal = data.join("standby.signal");
        fs::write(&signal, "").map_err(|error| format!("{}: {error}", signal.display()))?;
        match self.user {
            Some((uid, gid)) => {
                chown(&signal, Some(uid), Some(gid)).map_err(|error| error.to_string())
            }
            None => Ok(()),
        }
    }

    /// Throws a node's data away. The command copies the primary's, if it is started in the node's network;
    /// [`Install::follow`] comes after that.
    ///
    /// # Errors
    /// The folder cannot be emptied.
    pub(super) fn copy(&self, node: NodeId, primary: NodeId) -> Result<Command, String> {
        let data = self.site.node_folder(node);
        self.empty(&data)?;
        let link = self.way(node, primary);
        let mut backup = self.program("pg_basebackup");
        backup
            .args([
                "--checkpoint=fast",
                "--wal-method=stream",
                "--no-sync",
                "--no-password",
                "--username=postgres",
            ])
            .args([
                "--host",
                &link.ip().to_string(),
                "--port",
                &link.port().to_string(),
            ])
            .arg("-D")
            .arg(&data);
        crate::sweep::mark(&mut backup);
        for stream in [Command::stdin, Command::stdout, Command::stderr] {
            stream(&mut backup, Stdio::null());
        }
        Ok(backup)
    }

    /// The command that starts a server, as primary or standby as its folder says.
    pub(super) fn server(&self, node: NodeId) -> Command {
        let address = self.site.client(node);
        let peers: Vec<String> = self.site.nodes().map(|node| node.to_string()).collect();
        let standbys = match self.acknowledging() {
            0 => String::new(),
            count => format!("ANY {count} ({})", peers.join(", ")),
        };
        let waits = match self.replication {
            Replication::RemoteApply => "remote_apply",
            _ => "on",
        };
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.site.node_folder(node));
        for setting in [
            format!("listen_addresses={}", address.ip()),
            format!("port={}", address.port()),
            format!("synchronous_standby_names={standbys}"),
            format!("synchronous_commit={waits}"),
        ] {
            command.args(["-c", &setting]);
        }
        for setting in [
            "unix_socket_directories=",
            "dynamic_shared_memory_type=mmap",
            "wal_level=replica",
            "max_wal_senders=10",
            "wal_keep_size=256MB",
            "max_wal_size=1GB",
            "shared_buffers=32MB",
            // Whoever waits for standbys does not notice that its client has gone.
            "max_connections=400",
            "wal_receiver_timeout=1000",
            "wal_sender_timeout=1000",
            "wal_receiver_status_interval=1",
            "wal_retrieve_retry_interval=200",
            "autovacuum=off",
        ] {
            command.args(["-c", setting]);
        }
        command
    }
}

fn append(path: &Path, text: &str) -> Result<(), String> {
    let write = || {
        fs::OpenOptions::new()
            .append(true)
            .open(path)?
            .write_all(text.as_bytes())
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Runs a program to its end; if that is a bad one, answers its last words.
fn ended_well(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or("without a word");
    Err(format!("{name} {}: {last}", output.status))
}
