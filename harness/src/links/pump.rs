//! Carries one direction of one connection, as the rule of that direction's link says at the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::frame::{Frames, HEADER, Header, Next};
use super::ledger::Fate;
use super::line::Line;
use super::queue::{Parcel, Queue, Timing};
use super::rule::Rule;
use super::shape::{Shape, treat};

/// At most this much is in the proxy's own hands, or one frame; then the sender has to wait.
const BUFFER: usize = 64 << 10;
/// At most this much is on its way on a line that delays or holds; then the sender has to wait.
const ON_ITS_WAY: usize = 1 << 20;
/// Streams without frames are delayed in pieces of at most this many bytes.
const PIECE: usize = 4 << 10;
/// Nobody sends longer frames; what claims to be one is passed on as it comes.
const LONGEST: usize = 32 << 20;
/// The timer's step: what takes less was not delayed, it only went through.
const TIMER: Duration = Duration::from_millis(1);
/// What was held has gone by then, however much it was.
const RELEASED_WITHIN: Duration = Duration::from_millis(1500);

/// Both sides of the connection are to be reset.
pub(super) struct Broken;

/// How the connection goes on after a step.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    /// The stream ended in order, and the other side was told.
    Ended,
}

/// What the rule makes of bytes.
pub(super) enum Way {
    /// They pass as they come.
    Plain,
    /// Each frame or piece is treated on its own.
    Treated(Arc<[Shape]>),
    /// They wait.
    Held,
}

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
    queue: Queue,
    /// What is being written, and how much of it is.
    current: Option<(Parcel, usize)>,
    /// The highest number of a piece that has left.
    newest: u64,
    /// The mean pause between pieces that were held, from the last rule that held them.
    gap: Duration,
    /// Bytes go through the queue; of these many first ones the frame had begun before that.
    treating: bool,
    begun: usize,
    /// The stream has a hole: it may only end in a reset.
    lost: bool,
    /// The sender has ended the stream.
    ended: bool,
    /// There is another side that has heard of the connection.
    known: bool,
    /// This is the side that dialled: a reset rule means its connections, idle ones too.
    dialler: bool,
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
            queue: Queue::default(),
            current: None,
            newest: 0,
            gap: Duration::ZERO,
            treating: false,
            begun: 0,
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

    /// Obeys the rule until bytes may go on their way; then says which way.
    ///
    /// # Errors
    /// The rule wants the connection reset, or it lets bytes pass again after some were dropped.
    pub(super) async fn admit(&mut self) -> Result<Way, Broken> {
        loop {
            let rule = self.rule.borrow_and_update().clone();
            match rule {
                Rule::Drop | Rule::HalfOpen => self.swallow().await?,
                _ if self.lost => return Err(self.reset()),
                Rule::Reset if !self.dialler && self.start == self.end && self.is_clear() => {
                    // Only what the answerer says is under this rule, so it takes a word to set it off.
                    if self.fill_unless_changed().await.is_some() {
                        return Err(self.reset());
                    }
                }
                Rule::Reset => return Err(self.reset()),
                Rule::Hold(gap) => {
                    self.gap = gap;
                    let held = self.queue.stop();
                    self.line
                        .ledger
                        .count(|counters| counters.held += held as u64);
                    return Ok(Way::Held);
                }
                Rule::Shaped(shapes) => {
                    self.release();
                    return Ok(Way::Treated(shapes));
                }
                Rule::Pass => {
                    self.release();
                    self.queue.hurry(Instant::now());
                    if self.is_clear() {
                        self.treating = false;
                        return Ok(Way::Plain);
                    }
                    // What comes must not overtake what is on its way.
                    return Ok(Way::Treated([].into()));
                }
            }
        }
    }

    /// Nothing is on its way.
    fn is_clear(&self) -> bool {
        self.queue.is_empty() && self.current.is_none()
    }

    /// Lets go what was held, in order, with random pauses.
    fn release(&mut self) {
        if self.queue.holds() {
            let (mean, mut rng) = (self.gap, rand::rng());
            self.queue.release(Instant::now(), RELEASED_WITHIN, || {
                mean.mul_f64(-f64::ln(rng.random_range(f64::EPSILON..1.0)))
            });
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
            if self.dialler && *self.rule.borrow() == Rule::HalfOpen && !self.lost {
                // The answerer sees the end; the dialler will not hear of it before the heal.
                let _ = to.shutdown().await;
                self.lost = true;
            }
            let flow = match self.admit().await? {
                Way::Plain => self.plain(&mut to, opposite).await?,
                Way::Treated(shapes) => self.treated(Some(&shapes), &mut to, opposite).await?,
                Way::Held => self.treated(None, &mut to, opposite).await?,
            };
            if flow == Flow::Ended {
                return Ok(());
            }
        }
    }

    /// One step of a healthy line.
    async fn plain(&mut self, to: &mut WriteHalf<'_>, opposite: &Line) -> Result<Flow, Broken> {
        if self.start < self.end {
            let bytes = &self.buffer[self.start..self.end];
            let written = tokio::select! {
                biased;
                written = to.write(bytes) => written,
                _ = self.rule.changed() => return Ok(Flow::On),
            };
            match written {
                Ok(len) if len > 0 => self.book(len, Fate::Passed),
                _ => return Err(self.other_side_gone(opposite).await),
            }
        } else if self.ended {
            return self.tell_end(to, opposite).await;
        } else {
            match self.fill_unless_changed().await {
                Some(Ok(0)) => self.ended = true,
                Some(Err(_)) => return Err(Broken),
                Some(Ok(_)) | None => {}
            }
        }
        Ok(Flow::On)
    }

    /// One step of a line that disturbs, or without `shapes` holds, what comes.
    async fn treated(
        &mut self,
        shapes: Option<&[Shape]>,
        to: &mut WriteHalf<'_>,
        opposite: &Line,
    ) -> Result<Flow, Broken> {
        if !self.treating {
            self.treating = true;
            self.begun = if self.frames.between() || self.frames.is_opaque() {
                0
            } else {
                self.frames.remaining()
            };
        }
        self.queue_up(shapes);
        if shapes.is_some() {
            if self.current.is_none() {
                self.current = self.queue.pop(Instant::now()).map(|parcel| (parcel, 0));
            }
            if let Some((parcel, done)) = &mut self.current {
                let bytes = &parcel.bytes[*done..];
                let written = tokio::select! {
                    biased;
                    written = to.write(bytes) => written,
                    _ = self.rule.changed() => return Ok(Flow::On),
                };
                let Ok(len @ 1..) = written else {
                    return Err(self.other_side_gone(opposite).await);
                };
                let fate = match parcel.born.elapsed() {
                    late if late >= TIMER => Fate::Late(late),
                    _ => Fate::Passed,
                };
                let ledger = &self.line.ledger;
                ledger.book(&mut self.frames, &bytes[..len], fate);
                *done += len;
                if *done == parcel.bytes.len() {
                    let (parcel, _) = self.current.take().expect("it was there just now");
                    self.arrived(&parcel);
                }
                return Ok(Flow::On);
            }
            if self.ended && self.queue.is_empty() && self.start == self.end {
                return self.tell_end(to, opposite).await;
            }
        }
        let leaves = self.queue.next_leaves().filter(|_| shapes.is_some());
        let wait = async {
            match leaves {
                Some(leaves) => tokio::time::sleep_until(leaves.into()).await,
                None => std::future::pending().await,
            }
        };
        let room = !self.ended && self.queue.bytes() < ON_ITS_WAY;
        self.make_room();
        tokio::select! {
            biased;
            _ = self.rule.changed() => {}
            () = wait => {}
            read = self.from.read(&mut self.buffer[self.end..]), if room => match read {
                Ok(0) => self.ended = true,
                Ok(len) => self.end += len,
                Err(_) => return Err(Broken),
            },
        }
        Ok(Flow::On)
    }

    /// Puts what is at hand, as far as it is whole, on its way.
    fn queue_up(&mut self, shapes: Option<&[Shape]>) {
        let now = Instant::now();
        while let Some((len, header)) = self.whole() {
            let bytes = self.buffer[self.start..self.start + len].to_vec();
            self.start += len;
            self.begun = self.begun.saturating_sub(len);
            match shapes {
                None => {
                    self.line
                        .ledger
                        .count(|counters| counters.held += len as u64);
                    self.queue.hold(bytes, now);
                }
                Some(shapes) => self.send(bytes, header, shapes, now),
            }
        }
    }

    /// The next whole thing at hand: its length, and its header if it is a frame.
    fn whole(&mut self) -> Option<(usize, Option<Header>)> {
        let pending = &self.buffer[self.start..self.end];
        if pending.is_empty() {
            return None;
        }
        if self.begun > 0 {
            return Some((pending.len().min(self.begun), None));
        }
        let next = if self.frames.is_opaque() {
            Next::Begun
        } else {
            Frames::new(self.line.id.from, self.line.id.to).next(pending)
        };
        match next {
            Next::Kind(_, len) if len <= LONGEST && pending.len() >= len => {
                Some((len, Some(Header::of(&pending[..len]))))
            }
            Next::Kind(_, len) if len <= LONGEST && !self.ended => {
                if self.buffer.len() < len {
                    self.buffer.resize(len, 0);
                }
                None
            }
            Next::Unknown if !self.ended => None,
            _ => Some((pending.len().min(PIECE), None)),
        }
    }

    /// Draws what becomes of a frame or piece, and books what vanishes.
    fn send(&mut self, mut bytes: Vec<u8>, header: Option<Header>, shapes: &[Shape], now: Instant) {
        let mut rng = rand::rng();
        let Some(treatment) = treat(shapes, header.as_ref(), &mut rng) else {
            self.lose(&bytes);
            return;
        };
        let timing = Timing {
            delay: treatment.delay,
            rate: treatment.rate,
            overtaken_by: treatment.overtaken_by,
        };
        for _ in 1..treatment.copies {
            self.line.ledger.count(|counters| counters.duplicated += 1);
            self.queue.push(bytes.clone(), now, timing);
        }
        if treatment.corrupt && bytes.len() >= HEADER {
            // Anywhere but in the length: there it would be a frame that never ends.
            let at = rng.random_range(4..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
            self.line.ledger.count(|counters| counters.corrupted += 1);
        }
        self.queue.push(bytes, now, timing);
    }

    /// Books a piece that has left.
    fn arrived(&mut self, parcel: &Parcel) {
        let late = parcel.born.elapsed();
        let overtaken = parcel.number < self.newest;
        self.newest = self.newest.max(parcel.number);
        self.line.ledger.count(|counters| {
            if late >= TIMER {
                counters.delayed += 1;
                counters.delay_ns += u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            }
            counters.reordered += u64::from(overtaken);
        });
    }

    /// Books a whole piece that was dropped on its own.
    fn lose(&self, bytes: &[u8]) {
        let mut alone = Frames::new(self.line.id.from, self.line.id.to);
        self.line.ledger.book(&mut alone, bytes, Fate::Dropped);
    }

    /// Passes the stream's end on; where the other side must not hear of it before the heal, it then hears a reset.
    async fn tell_end(&self, to: &mut WriteHalf<'_>, opposite: &Line) -> Result<Flow, Broken> {
        let mut theirs = opposite.rule.subscribe();
        if *theirs.borrow() == Rule::HalfOpen {
            let _ = theirs.wait_for(|rule| *rule != Rule::HalfOpen).await;
            return Err(Broken);
        }
        // An end that cannot be told any more is no news.
        let _ = to.shutdown().await;
        Ok(Flow::Ended)
    }

    /// Waits until the opposite link lets the sender hear that the other side is gone.
    pub(super) async fn other_side_gone(&mut self, opposite: &Line) -> Broken {
        let mut theirs = opposite.rule.subscribe();
        tokio::select! {
            _ = theirs.wait_for(|rule| *rule != Rule::Drop) => {}
            _ = self.rule.wait_for(|rule| *rule == Rule::Reset) => {}
        }
        Broken
    }

    /// Drops what is at hand and reads more of it; returns when bytes were dropped or the rule was set.
    async fn swallow(&mut self) -> Result<(), Broken> {
        if let Some((parcel, done)) = self.current.take() {
            self.lost = true;
            let ledger = &self.line.ledger;
            ledger.book(&mut self.frames, &parcel.bytes[done..], Fate::Dropped);
        }
        for parcel in self.queue.clear() {
            self.lost = true;
            self.lose(&parcel.bytes);
        }
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
        self.make_room();
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

    /// Moves what is at hand to the buffer's front.
    fn make_room(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = vec![0; BUFFER];
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    fn book(&mut self, len: usize, fate: Fate) {
        let bytes = &self.buffer[self.start..self.start + len];
        self.line.ledger.book(&mut self.frames, bytes, fate);
        self.start += len;
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
