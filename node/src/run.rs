//! One node from start to stop: bind, recover, serve.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use crate::cli::Settings;
use crate::clock::{Clock, System};
use crate::driver::{Driver, Parts};
use crate::events::{self, Event, EventFile, Events};
use crate::exit;
use crate::http::{self, Api};
use crate::kv::Machine;
use crate::log::say;
use crate::raft::{Core, LogId, Replication, Time};
use crate::replica::{self, Replica};
use crate::storage::{self, Boot, Disk, KnownDisks, Mode, OpenError, Recovered, Storage};
use crate::transport::{Peers, Site};

/// Requests and frames that may wait for the driver.
const QUEUE: usize = 4096;

/// Why a node ends: an exit code and, unless it was asked to, a sentence.
struct End(i32, Option<String>);

/// Runs a node until it is asked to stop, and returns its exit code.
pub fn run(settings: Settings) -> i32 {
    end_with_any_panic();
    let id = settings.raft.id;
    // One thread for the protocol and all connections, one for the disk: nodes share a machine.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let End(code, why) = match runtime {
        Ok(runtime) => match runtime.block_on(serve(settings)) {
            Ok(()) => End(exit::OK, None),
            Err(end) => end,
        },
        Err(error) => internal(&error),
    };
    match why {
        Some(why) => say!("{id} stops: {why}"),
        None => say!("{id} stopped"),
    }
    code
}

async fn serve(mut settings: Settings) -> Result<(), End> {
    install_bugs(&settings)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| internal(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| internal(&error))?;
    let clients = bind(settings.listen_client).await?;
    let from = bind(settings.listen_peer).await?;
    let clock: Arc<dyn Clock> = Arc::new(System::start());
    settings.storage.events = events_of(&settings)?;
    let told = settings.storage.events.clone();
    let (storage, known, recovered, boot) = recover(&settings, &clock).inspect_err(|end| {
        if end.0 == exit::DAMAGED {
            told.tell(|| Event::Refused);
        }
        told.flush();
    })?;
    told.tell(|| Event::Boot(Box::new(found(&settings, &recovered, boot))));
    say!("{}", started(&settings, &recovered, boot));

    let mut config = settings.raft;
    let id = config.id;
    // Nodes, and the boots of one node, draw different timeouts.
    config.seed ^= u64::from(id.0) << 48 ^ boot.incarnation << 32;
    let (events, from_peers) = mpsc::channel(QUEUE);
    let (requests, from_clients) = mpsc::channel(QUEUE);
    let stop = Arc::new(Notify::new());
    let site = Site {
        cluster: storage::cluster_id(&settings.storage.cluster),
        id,
        incarnation: boot.incarnation,
        peers: settings.peers,
        known: Some(known),
        events: told.clone(),
    };
    let machine = match &recovered.snapshot {
        None => Machine::new(),
        Some(snapshot) => Machine::restore(&snapshot.data).map_err(|why| {
            let why = format!("the state at {} cannot be used: {why}", snapshot.last);
            End(exit::DAMAGED, Some(why))
        })?,
    };
    let replica = Replica::new(replica::Parts {
        machine,
        snapshot_every: settings.snapshot_every,
        core: Core::new(config, recovered, Time(clock.monotonic())),
        incarnation: boot.incarnation,
        request_timeout: settings.request_timeout,
        events: told.clone(),
    });
    let driver = Driver::new(Parts {
        id,
        replica,
        clock,
        storage,
        peers: Peers::start(site, from, &events),
        from_peers,
        from_clients,
        stop: stop.clone(),
        events: told.clone(),
    })
    .map_err(|error| internal(&error))?;
    let api = Api::new(requests)
        .with_session_lifetime(settings.session_lifetime)
        .with_meter(driver.meter());
    tokio::spawn(http::serve(clients, api));
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.notify_one();
    });
    driver.run().await;
    told.tell(|| Event::Stop);
    told.flush();
    Ok(())
}

/// Where evidence goes, with its first event.
fn events_of(settings: &Settings) -> Result<Events, End> {
    let Some(path) = &settings.events else {
        return Ok(Events::default());
    };
    let file = EventFile::open(path).map_err(|error| {
        let why = format!("cannot write events to {}: {error}", path.display());
        End(exit::USAGE, Some(why))
    })?;
    let events = Events::to(Arc::new(file));
    let node = settings.raft.id;
    events.tell(|| Event::Start { node });
    Ok(events)
}

/// What the node starts with, as evidence.
fn found(settings: &Settings, recovered: &Recovered, boot: Boot) -> events::Boot {
    let mut log: Vec<(u64, u64, u64)> = Vec::new();
    for entry in &recovered.entries {
        let (index, term) = (entry.id.index.0, entry.id.term.0);
        match log.last_mut() {
            Some((_, last, of)) if *of == term => *last = index,
            _ => log.push((index, index, term)),
        }
    }
    events::Boot {
        incarnation: boot.incarnation,
        term: recovered.hard_state.term,
        vote: recovered.hard_state.vote,
        snapshot: boot.snapshot.into(),
        log,
        torn: boot.torn_bytes,
        members: events::Members {
            voters: settings.raft.voters.clone(),
            ..events::Members::default()
        },
        replication: settings.raft.replication,
        lease_reads: settings.raft.lease_drift_percent.is_some(),
    }
}

/// A panic anywhere is a bug, and half a node must not go on: it would hold leadership and serve nobody.
fn end_with_any_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(exit::INTERNAL);
    }));
}

async fn bind(address: SocketAddr) -> Result<TcpListener, End> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                let why = format!(
                    "{address} is in use; stop who uses it or give this node another address"
                );
                End(exit::IN_USE, Some(why))
            }
            _ => End(
                exit::USAGE,
                Some(format!("cannot listen on {address}: {error}")),
            ),
        })
}

/// Opens the data directory. A full disk is waited for: reading what is there needs no space, but making sure that
/// it is durable does.
fn recover(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<(Box<dyn Storage>, KnownDisks, Recovered, Boot), End> {
    let id = settings.raft.id;
    let mut said = false;
    loop {
        match Disk::open(&settings.storage) {
            Ok((disk, recovered, boot)) => {
                let known = disk.known();
                let storage = storage::wrap(disk, monotonic(clock));
                return Ok((storage, known, recovered, boot));
            }
            Err(error) if error.is_full() => {
                if !said {
                    say!("{id} waits to start: the disk is full");
                }
                said = true;
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(refusal(&error, &settings.storage.directory)),
        }
    }
}

fn refusal(error: &OpenError, directory: &Path) -> End {
    let code = match error {
        OpenError::Damage(_) | OpenError::Foreign(_) => exit::DAMAGED,
        OpenError::Locked => exit::IN_USE,
        OpenError::Io(_) => exit::IO_FAILED,
    };
    End(code, Some(error.explain(directory)))
}

fn started(settings: &Settings, recovered: &Recovered, boot: Boot) -> String {
    let last = recovered.entries.last().map_or(boot.snapshot, |e| e.id);
    let vote = recovered.hard_state.vote;
    let mut line = format!(
        "{} started term={} last={last} vote={} incarnation={} segments={} cluster={} clients={} peers={} disk={}",
        settings.raft.id,
        recovered.hard_state.term,
        vote.map_or("none".to_owned(), |node| node.to_string()),
        boot.incarnation,
        boot.segments,
        settings.storage.cluster,
        settings.listen_client,
        settings.listen_peer,
        match settings.storage.mode {
            Mode::Direct => "direct",
            Mode::Lossy { .. } => "lossy",
        }
    );
    if settings.raft.replication != Replication::Majority {
        line += &format!(" replication={}", settings.raft.replication);
    }
    if boot.snapshot != LogId::default() {
        line += &format!(" snapshot={}", boot.snapshot);
    }
    if boot.torn_bytes > 0 {
        line += &format!(" torn={}", boot.torn_bytes);
    }
    for bug in &settings.bugs {
        line += &format!(" bug={bug:?}");
    }
    line
}

#[cfg(feature = "planted-bugs")]
fn install_bugs(settings: &Settings) -> Result<(), End> {
    crate::bugs::install(&settings.bugs).map_err(|why| End(exit::USAGE, Some(why)))
}

#[cfg(not(feature = "planted-bugs"))]
fn install_bugs(_: &Settings) -> Result<(), End> {
    Ok(())
}

fn monotonic(clock: &Arc<dyn Clock>) -> Box<dyn Fn() -> Duration + Send> {
    let clock = clock.clone();
    Box::new(move || clock.monotonic())
}

fn internal(error: &io::Error) -> End {
    End(exit::INTERNAL, Some(error.to_string()))
}
