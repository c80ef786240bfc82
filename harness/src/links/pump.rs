//! Carries one direction of one connection, as the rule of that direction's link says at the time.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::frame::{Frames, Next};
use super::ledger::Fate;
use super::line::Line;
use super::rule::{Kinds, Rule};

/// At most this much is in the proxy's own hands; then the sender has to wait.
const BUFFER: usize = 64 << 10;

/// Both sides of the connection are to be reset.
pub(super) struct Broken;

/// One direction of one connection.
pub(super) struct Pump<'a> {
    line: &'a Line,
    rule: watch::Receiver<Rule>,
    from: ReadHalf<'a>,
    frames: Frames,
    /// `buffer[start..end]` is read and not yet passed on. Allocated when the first byte comes.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that belong to a frame of which the beginning was dropped for its kind.
    dropping: usize,
    /// The stream has a hole: it may only end in a reset.
    lost: bool,
    /// The sender has ended the stream.
    ended: bool,
    /// There is another side that has heard of the connection.
    known: bool,
    /// This is the side that dialled: a reset rule means its connections, idle ones too.
    dialler: bool,
}

/// What comes next for the bytes at hand.
enum Step {
    Pass(usize),
    Drop(usize),
    Read,
}

impl<'a> Pump<'a> {
    /// Carries what the dialling side says.
    pub(super) fn dialler(line: &'a Line, from: ReadHalf<'a>) -> Pump<'a> {
        Pump {
            line,
            rule: line.rule.subscribe(),
            from,
            frames: Frames::new(line.id.from, line.id.to),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            dropping: 0,
            lost: false,
            ended: false,
            known: false,
            dialler: true,
        }
    }

    /// Carries what the answering side says on a connection that it did not dial.
    pub(super) fn answerer(line: &'a Line, from: ReadHalf<'a>) -> Pump<'a> {
        Pump {
            known: true,
            dialler: false,
            ..Pump::dialler(line, from)
        }
    }

    /// Obeys the rule until bytes may pass; then says which kinds of frame may not.
    ///
    /// # Errors
    /// The rule wants the connection reset, or it lets bytes pass again after some were dropped.
    pub(super) async fn admit(&mut self) -> Result<Kinds, Broken> {
        loop {
            let rule = *self.rule.borrow_and_update();
            match rule {
                Rule::Pass if !self.lost => return Ok(Kinds::default()),
                Rule::DropKinds(kinds) if !self.lost => return Ok(kinds),
                Rule::Drop => self.swallow().await?,
                Rule::Reset if !self.dialler && !self.lost && self.start == self.end => {
                    // Only what the answerer says is under this rule, so it takes a word to set it off.
                    if self.fill_unless_changed().await.is_some() {
                        return Err(self.reset());
                    }
                }
                Rule::Pass | Rule::DropKinds(_) | Rule::Reset => return Err(self.reset()),
            }
        }
    }

    /// Returns when the rule is to reset, if ever.
    pub(super) async fn reset_meanwhile(&mut self) -> Broken {
        if self
            .rule
            .wait_for(|rule| *rule == Rule::Reset)
            .await
            .is_err()
        {
            return self.links_gone().await;
        }
        self.reset()
    }

    /// Carries bytes to `to` until the stream ends. `opposite` rules what the other side lets us know.
    ///
    /// # Errors
    /// The connection has to be reset: by the rule, or because a side did it.
    pub(super) async fn run(
        &mut self,
        mut to: WriteHalf<'_>,
        opposite: &Line,
    ) -> Result<(), Broken> {
        self.known = true;
        loop {
            let kinds = self.admit().await?;
            match self.step(kinds) {
                Step::Drop(len) => self.book(len, Fate::Dropped),
                Step::Pass(len) => {
                    let bytes = &self.buffer[self.start..self.start + len];
                    let written = tokio::select! {
                        biased;
                        written = to.write(bytes) => written,
                        _ = self.rule.changed() => continue,
                    };
                    match written {
                        Ok(len) if len > 0 => self.book(len, Fate::Passed),
                        _ => return self.other_side_gone(opposite).await,
                    }
                }
                Step::Read if self.ended => {
                    // An end that cannot be told any more is no news.
                    let _ = to.shutdown().await;
                    return Ok(());
                }
                Step::Read => match self.fill_unless_changed().await {
                    Some(Ok(0)) => self.ended = true,
                    Some(Err(_)) => return Err(Broken),
                    Some(Ok(_)) | None => {}
                },
            }
        }
    }

    /// Waits until the opposite link lets the sender hear that the other side is gone.
    pub(super) async fn other_side_gone(&mut self, opposite: &Line) -> Result<(), Broken> {
        let mut theirs = opposite.rule.subscribe();
        tokio::select! {
            _ = theirs.wait_for(|rule| *rule != Rule::Drop) => {}
            _ = self.rule.wait_for(|rule| *rule == Rule::Reset) => {}
        }
        Err(Broken)
    }

    fn step(&mut self, kinds: Kinds) -> Step {
        let pending = &self.buffer[self.start..self.end];
        if pending.is_empty() {
            return Step::Read;
        }
        if self.dropping == 0 {
            if kinds.is_empty() || self.ended {
                return Step::Pass(pending.len());
            }
            if !self.frames.between() {
                return Step::Pass(pending.len().min(self.frames.remaining()));
            }
            match self.frames.next(pending) {
                Next::Kind(kind, len) if kinds.contains(kind) => self.dropping = len,
                Next::Kind(_, len) => return Step::Pass(pending.len().min(len)),
                Next::Unknown => return Step::Read,
                Next::Begun => return Step::Pass(pending.len()),
            }
        }
        Step::Drop(pending.len().min(self.dropping))
    }

    /// Drops what is at hand and reads more of it; returns when bytes were dropped or the rule was set.
    async fn swallow(&mut self) -> Result<(), Broken> {
        if self.start < self.end {
            self.lost = true;
            self.book(self.end - self.start, Fate::Dropped);
            return Ok(());
        }
        if self.ended {
            if self.rule.changed().await.is_err() {
                return Err(self.links_gone().await);
            }
            return Ok(());
        }
        if let Some(Ok(0) | Err(_)) = self.fill_unless_changed().await {
            if !self.known {
                return Err(Broken);
            }
            // The other side must not learn of the end before the heal.
            self.ended = true;
            self.lost = true;
        }
        Ok(())
    }

    /// Reads behind what is at hand; `None`: the rule was set meanwhile.
    async fn fill_unless_changed(&mut self) -> Option<std::io::Result<usize>> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER];
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = tokio::select! {
            biased;
            read = self.from.read(&mut self.buffer[self.end..]) => read,
            _ = self.rule.changed() => return None,
        };
        if let Ok(len) = read {
            self.end += len;
        }
        Some(read)
    }

    fn book(&mut self, len: usize, fate: Fate) {
        let bytes = &self.buffer[self.start..self.start + len];
        self.line.ledger.book(&mut self.frames, bytes, fate);
        self.start += len;
        self.dropping = self.dropping.saturating_sub(len);
    }

    /// The links are being taken down, and this task with them.
    async fn links_gone(&self) -> Broken {
        std::future::pending().await
    }

    fn reset(&self) -> Broken {
        self.line.ledger.count(|counters| counters.resets += 1);
        Broken
    }
}
