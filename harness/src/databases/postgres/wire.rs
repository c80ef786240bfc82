//! PostgreSQL's protocol, version 3, as far as simple queries under trust authentication take it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// No message that is asked for here is longer.
const LONGEST: usize = 1 << 24;

/// A session with one server.
pub(super) struct Session {
    stream: TcpStream,
}

/// What a query gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// Rows of texts; `None` for null.
    pub(super) rows: Vec<Vec<Option<String>>>,
    /// What was done, such as `INSERT 0 1`.
    pub(super) tag: String,
    /// The server said something beside: warnings.
    pub(super) notice: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Error {
    /// Nobody took the connection.
    NotConnected(String),
    /// The server refused, with its code (SQLSTATE) and words.
    Refused(String, String),
    /// The connection broke, or made no sense.
    Lost(String),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Lost(error.to_string())
    }
}

impl Session {
    /// Connects as the user and to the database `postgres`.
    pub(super) async fn open(address: SocketAddr, timeout: Duration) -> Result<Session, Error> {
        Session::open_from(None, address, timeout).await
    }

    /// The same, speaking from an address of this machine's.
    pub(super) async fn open_from(
        own: Option<IpAddr>,
        address: SocketAddr,
        timeout: Duration,
    ) -> Result<Session, Error> {
        let dialling = async {
            match own {
                None => TcpStream::connect(address).await,
                Some(own) => {
                    let socket = match address {
                        SocketAddr::V4(_) => TcpSocket::new_v4()?,
                        SocketAddr::V6(_) => TcpSocket::new_v6()?,
                    };
                    socket.bind(SocketAddr::new(own, 0))?;
                    socket.connect(address).await
                }
            }
        };
        Session::over(dialling, timeout).await
    }

    /// The same over a connection that somebody else makes.
    pub(super) async fn over(
        dialling: impl Future<Output = io::Result<TcpStream>>,
        timeout: Duration,
    ) -> Result<Session, Error> {
        let none = |why: String| Error::NotConnected(why);
        let opening = async {
            let stream = dialling.await.map_err(|error| none(error.to_string()))?;
            let _ = stream.set_nodelay(true);
            let mut session = Session { stream };
            let mut body = 196_608u32.to_be_bytes().to_vec();
            body.extend(b"user\0postgres\0database\0postgres\0application_name\0ordeal\0\0");
            session.stream.write_all(&framed(None, &body)).await?;
            // Whatever goes wrong before the first query, nothing was asked yet.
            match session.answer().await {
                Ok(_) => Ok(session),
                Err(Error::Refused(code, text)) => Err(none(format!("{code} {text}"))),
                Err(other) => Err(none(format!("{other:?}"))),
            }
        };
        match tokio::time::timeout(timeout, opening).await {
            Ok(opened) => opened.map_err(|error| match error {
                Error::Lost(why) => none(why),
                other => other,
            }),
            Err(_) => Err(none("timed out".into())),
        }
    }

    /// Asks one query and reads its whole answer. A session whose query broke off cannot be used again.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Answer, Error> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.stream.write_all(&framed(Some(b'Q'), &body)).await?;
        self.answer().await
    }

    /// Reads until the server is ready for the next query.
    async fn answer(&mut self) -> Result<Answer, Error> {
        let (mut answer, mut refused) = (Answer::default(), None);
        loop {
            let kind = self.stream.read_u8().await?;
            let len = self.stream.read_u32().await? as usize;
            if !(4..LONGEST).contains(&len) {
                return Err(Error::Lost(format!("a message of {len} bytes")));
            }
            let mut body = vec![0; len - 4];
            self.stream.read_exact(&mut body).await?;
            match kind {
                b'R' if body[..] != [0; 4] => {
                    return Err(Error::Lost("it wants a password; trust is needed".into()));
                }
                b'D' => answer
                    .rows
                    .push(row(&body).ok_or_else(|| Error::Lost("a damaged row".into()))?),
                b'C' => answer.tag = text(&body),
                b'N' => answer.notice = field(&body, b'M'),
                b'E' => {
                    let part = |name| field(&body, name).unwrap_or_default();
                    refused = Some((part(b'C'), part(b'M')));
                    // After a fatal error the server hangs up and is never ready again.
                    if part(b'V') != "ERROR" {
                        break;
                    }
                }
                b'Z' => break,
                // Parameters, keys for cancelling, descriptions of rows: of no interest.
                _ => {}
            }
        }
        match refused {
            Some((code, text)) => Err(Error::Refused(code, text)),
            None => Ok(answer),
        }
    }
}

/// A message: its kind, unless it is the first, its length, its body.
fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = kind.into_iter().collect();
    bytes.extend((body.len() as u32 + 4).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Text up to a zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

/// A field of an error or notice: a letter and a text each.
fn field(body: &[u8], name: u8) -> Option<String> {
    let mut fields = body
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    let field = fields.find(|field| field[0] == name)?;
    Some(String::from_utf8_lossy(&field[1..]).into_owned())
}

/// Columns: a count, then a length and so many bytes each; length -1 is null.
fn row(mut body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, rest) = body.split_first_chunk::<2>()?;
    body = rest;
    let mut columns = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (len, rest) = body.split_first_chunk::<4>()?;
        body = rest;
        let Ok(len) = usize::try_from(i32::from_be_bytes(*len)) else {
            columns.push(None);
            continue;
        };
        let (value, rest) = body.split_at_checked(len)?;
        columns.push(Some(String::from_utf8_lossy(value).into_owned()));
        body = rest;
    }
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_errors_are_read() {
        let body = [0, 3, 0, 0, 0, 2, b'4', b'1', 255, 255, 255, 255, 0, 0, 0, 0];
        let columns = [Some("41".to_string()), None, Some(String::new())];
        assert_eq!(row(&body).unwrap(), columns);
        assert_eq!(row(&body[..9]), None);
        let body = b"SFATAL\0VFATAL\0C57P01\0Mterminating\0\0";
        assert_eq!(field(body, b'C').as_deref(), Some("57P01"));
        assert_eq!(field(body, b'M').as_deref(), Some("terminating"));
        assert_eq!(field(body, b'X'), None);
    }

    #[tokio::test]
    async fn a_session_asks_and_hears_and_a_refusal_is_no_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.7:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let ready = framed(Some(b'Z'), b"I");
            let mut heard = vec![0; 1024];
            let len = stream.read(&mut heard).await.unwrap();
            assert!(heard[..len].ends_with(b"ordeal\0\0"));
            let welcome = [framed(Some(b'R'), &[0; 4]), ready.clone()].concat();
            stream.write_all(&welcome).await.unwrap();
            let len = stream.read(&mut heard).await.unwrap();
            assert_eq!(&heard[..len], b"Q\0\0\0\x0dSELECT 7\0");
            let row = framed(Some(b'D'), &[0, 1, 0, 0, 0, 1, b'7']);
            let said = [row, framed(Some(b'C'), b"SELECT 1\0"), ready.clone()].concat();
            stream.write_all(&said).await.unwrap();
            let _ = stream.read(&mut heard).await.unwrap();
            let error = framed(Some(b'E'), b"VERROR\0C25006\0Mread only\0\0");
            stream.write_all(&[error, ready].concat()).await.unwrap();
        });
        let mut session = Session::open(address, Duration::from_secs(5))
            .await
            .unwrap();
        let answer = session.query("SELECT 7").await.unwrap();
        assert_eq!(answer.rows, [[Some("7".to_string())]]);
        assert_eq!(answer.tag, "SELECT 1");
        let refused = session.query("x").await;
        assert!(matches!(refused, Err(Error::Refused(code, _)) if code == "25006"));
        server.await.unwrap();
    }
}
