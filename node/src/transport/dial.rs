//! Speaks to one peer: dials, greets, sends; and dials again, soon, whenever the connection ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::outbox::Outbox;
use super::wire::{self, Hello};
use super::{Site, frame};
use crate::events::Event;
use crate::raft::NodeId;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LAST_BACKOFF: Duration = Duration::from_millis(200);
/// Frames are gathered up to about this many bytes for one write.
const GATHER: usize = 256 << 10;

pub(super) async fn run(site: Arc<Site>, peer: NodeId, address: SocketAddr, outbox: Arc<Outbox>) {
    let mut backoff = FIRST_BACKOFF;
    loop {
        if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            // A connection that the other end closes at once is no better than none.
            let began = tokio::time::Instant::now();
            speak(&site, peer, stream, &outbox).await;
            if began.elapsed() > LAST_BACKOFF {
                backoff = FIRST_BACKOFF;
            }
        }
        outbox.drop_all();
        sleep(backoff).await;
        backoff = (backoff * 2).min(LAST_BACKOFF);
    }
}

/// Sends until the connection ends.
async fn speak(site: &Site, peer: NodeId, mut stream: TcpStream, outbox: &Outbox) {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.split();
    let hello = Hello {
        cluster: site.cluster,
        node: site.id,
        incarnation: site.incarnation,
        disk: site.disk(),
        yours: site.known.as_ref().and_then(|known| known.of(peer)),
        version: frame::VERSION,
    };
    let mut bytes = wire::encode_hello(peer, hello);
    let mut ignored = [0; 256];
    loop {
        site.events.flush();
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
        bytes.clear();
        tokio::select! {
            // Peers never write here: what can be read is the end of the connection.
            read = reader.read(&mut ignored) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            outgoing = outbox.take(GATHER) => {
                for outgoing in &outgoing {
                    site.events.tell(|| Event::sends(peer, outgoing));
                    bytes = wire::encode(bytes, site.id, peer, outgoing);
                }
            }
        }
    }
}
