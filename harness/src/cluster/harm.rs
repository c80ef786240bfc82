//! What faults do to processes, counted by who wants it: a node goes on when nobody wants it down or stopped.

use std::ops::Sub;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::{Cluster, nanos};
use crate::lock::lock;
use crate::process::Limit;
use crate::site::NodeId;

/// What faults did to a node so far. Sums only grow, so that the effect of one fault is a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How often it ended by a fault.
    pub ends: u64,
    /// How long it was down after that, in nanoseconds.
    pub down_ns: u64,
    /// How often it was stopped.
    pub stops: u64,
    /// How long it stood, in nanoseconds.
    pub stopped_ns: u64,
}

impl Sub for Tally {
    type Output = Tally;

    fn sub(self, before: Tally) -> Tally {
        Tally {
            ends: self.ends.saturating_sub(before.ends),
            down_ns: self.down_ns.saturating_sub(before.down_ns),
            stops: self.stops.saturating_sub(before.stops),
            stopped_ns: self.stopped_ns.saturating_sub(before.stopped_ns),
        }
    }
}

impl Cluster {
    /// SIGKILLs a node, which `owner`, such as an injury, wants down from now on; false: it was not running.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn kill(&self, owner: u64, node: NodeId) -> Result<bool, String> {
        let mut member = self.member(node);
        self.notice_end(node, &mut member);
        member.down_by.insert(owner);
        let Some(process) = member.running() else {
            return Ok(false);
        };
        let exit = process
            .kill()
            .map_err(|error| format!("cannot kill {node}: {error}"))?;
        if exit.signal() != Some(9) && member.may_end_by.is_empty() {
            // It was quicker than the signal: that end was its own.
            self.failed(node, &exit.to_string());
        }
        member.went_down();
        drop(member);
        self.happened(node, "killed", None);
        Ok(true)
    }

    /// Asks a node to end (SIGTERM, or what its system takes for that) and waits for it; `owner` wants it down from now on. False: it was not running.
    ///
    /// # Errors
    /// The signal could not be sent, or the node did not end `within`; then it is killed.
    pub async fn term(&self, owner: u64, node: NodeId, within: Duration) -> Result<bool, String> {
        {
            let mut member = self.member(node);
            self.notice_end(node, &mut member);
            member.down_by.insert(owner);
            let Some(process) = member.running() else {
                return Ok(false);
            };
            let asked = process.ask_to_end(self.ends_by());
            asked.map_err(|error| format!("cannot end {node}: {error}"))?;
            member.down_on_purpose = true;
        }
        self.ended(owner, node, within).await
    }

    /// What a node takes for the wish that it ends.
    fn ends_by(&self) -> Signal {
        match self.deployment.ends_by_interrupt() {
            true => Signal::SIGINT,
            false => Signal::SIGTERM,
        }
    }

    /// Waits for a node that `owner` has asked to end, where whoever asked did not wait so long. Nothing happens to others.
    ///
    /// # Errors
    /// It did not end `within`; then it is killed.
    pub async fn finish(&self, owner: u64, node: NodeId, within: Duration) -> Result<(), String> {
        let ends = {
            let member = self.member(node);
            member.down_on_purpose && member.down_by.contains(&owner) && member.is_running()
        };
        if ends {
            self.ended(owner, node, within).await?;
        }
        Ok(())
    }

    /// Waits for the end of a node that was asked to.
    async fn ended(&self, owner: u64, node: NodeId, within: Duration) -> Result<bool, String> {
        let asked = Instant::now();
        while self.is_running(node) {
            if asked.elapsed() > within {
                self.kill(owner, node)?;
                return Err(format!(
                    "{node} did not end within {} s of being asked to and was killed",
                    within.as_secs()
                ));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut member = self.member(node);
        member.went_down();
        let may_end = !member.may_end_by.is_empty();
        let exit = member
            .process
            .as_ref()
            .and_then(|p| p.exit().ok().flatten());
        drop(member);
        self.happened(node, "ended", exit.as_ref().map(ToString::to_string));
        // By the signal itself, as it had just started, or by another fault meanwhile.
        let fatal = [Signal::SIGKILL, self.ends_by()].map(|signal| Some(signal as i32));
        match exit {
            Some(exit) if may_end || exit.status.success() || fatal.contains(&exit.signal()) => {
                Ok(true)
            }
            Some(exit) => {
                self.failed(node, &format!("was asked to end and {exit}"));
                Ok(true)
            }
            None => Ok(true),
        }
    }

    /// `owner` does not want the node down any more, nor is an end its doing: it starts if nobody else does.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn revive(&self, owner: u64, node: NodeId) -> Result<(), String> {
        {
            let mut member = self.member(node);
            self.notice_end(node, &mut member);
            member.may_end_by.remove(&owner);
            member.down_by.remove(&owner);
        }
        self.start(node)
    }

    /// `owner` does not want the node down any more, but that it ends is still its doing: it starts if nobody wants it down.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn let_start(&self, owner: u64, node: NodeId) -> Result<(), String> {
        self.member(node).down_by.remove(&owner);
        self.start(node)
    }

    /// What a node that has ended by itself said last.
    pub fn last_line(&self, node: NodeId) -> Option<String> {
        let member = self.member(node);
        let exit = member.process.as_ref()?.exit().ok().flatten()?;
        match exit.signal() {
            Some(_) => None,
            None => exit.last_line,
        }
    }

    /// If the node ends before `owner` revives it, that is `owner`'s doing and no failure of the node.
    pub fn may_end(&self, owner: u64, node: NodeId) {
        let mut member = self.member(node);
        self.notice_end(node, &mut member);
        member.may_end_by.insert(owner);
    }

    /// Has `owner` neither seen the node end nor revived it since it said that it may end?
    pub fn is_to_end(&self, owner: u64, node: NodeId) -> bool {
        let mut member = self.member(node);
        self.notice_end(node, &mut member);
        member.may_end_by.contains(&owner) && member.is_running()
    }

    /// What faults did to the node so far, up to now.
    pub fn tally(&self, node: NodeId) -> Tally {
        let mut member = self.member(node);
        self.notice_end(node, &mut member);
        let since = |since: Option<Instant>| since.map_or(0, |since| nanos(since.elapsed()));
        Tally {
            down_ns: member.tally.down_ns + since(member.down_since),
            stopped_ns: member.tally.stopped_ns + since(member.stopped_since),
            ..member.tally
        }
    }

    /// Flags that are added whenever the node starts from now on.
    pub fn add_flags(&self, node: NodeId, flags: Vec<String>) {
        self.member(node).flags = flags;
    }

    /// SIGSTOPs a node for `owner` and waits until it stands; false: it was not running.
    ///
    /// # Errors
    /// The signal could not be sent, or the process went on.
    pub fn pause(&self, owner: u64, node: NodeId) -> Result<bool, String> {
        let mut member = self.member(node);
        let Some(process) = member.running() else {
            return Ok(false);
        };
        match process.pause(owner) {
            Ok(()) => {
                member.tally.stops += 1;
                member.stopped_since.get_or_insert_with(Instant::now);
                Ok(true)
            }
            // It ended in between.
            Err(_) if !member.is_running() => Ok(false),
            Err(error) => Err(format!("cannot stop {node}: {error}")),
        }
    }

    /// `owner` does not want the node stopped any more: it goes on (SIGCONT) if nobody else does.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn resume(&self, owner: u64, node: NodeId) -> Result<(), String> {
        let mut member = self.member(node);
        let Some(process) = &member.process else {
            return Ok(());
        };
        process
            .resume(owner)
            .map_err(|error| format!("cannot continue {node}: {error}"))?;
        if process.holders() == 0 {
            member.goes_on();
        }
        Ok(())
    }

    /// Lets a node have no more than `most` of something, for `owner`. Nothing happens to one that is not running.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn limit(&self, owner: u64, node: NodeId, limit: Limit, most: u64) -> Result<(), String> {
        let mut member = self.member(node);
        member.limits.insert((owner, limit), most);
        match member.running() {
            Some(process) => process
                .limit(limit, most)
                .map_err(|error| format!("cannot limit {node}: {error}")),
            None => Ok(()),
        }
    }

    /// Puts a limit back; answers to what `owner` had lowered it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn unlimit(&self, owner: u64, node: NodeId, limit: Limit) -> Result<Option<u64>, String> {
        let mut member = self.member(node);
        let lowered = member.limits.remove(&(owner, limit));
        if let Some(process) = member.running() {
            process
                .unlimit(limit)
                .map_err(|error| format!("cannot put the limit of {node} back: {error}"))?;
        }
        Ok(lowered)
    }

    /// To what `owner` lowered a limit; `None`: it did not.
    pub fn limited(&self, owner: u64, node: NodeId, limit: Limit) -> Option<u64> {
        self.member(node).limits.get(&(owner, limit)).copied()
    }

    /// How much of it the node has; `None`: it is not running.
    ///
    /// # Errors
    /// /proc is not readable.
    pub fn used(&self, node: NodeId, limit: Limit) -> Result<Option<u64>, String> {
        match self.member(node).running() {
            None => Ok(None),
            Some(process) => process
                .used(limit)
                .map_err(|error| format!("cannot see what {node} uses: {error}")),
        }
    }

    /// Adds to what `owner` counted.
    pub fn count(&self, owner: u64, more: u64) {
        let mut counts = lock(&self.counts);
        *counts.entry(owner).or_default() += more;
    }

    /// What `owner` counted.
    pub fn counted(&self, owner: u64) -> u64 {
        let counts = lock(&self.counts);
        counts.get(&owner).copied().unwrap_or_default()
    }
}
