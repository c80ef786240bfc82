//! Which exact algorithm fits which object, and what may be left out of a wrong history of it.

use super::containers::Answer;
use super::things::Misfit;
use super::{counters, grow_sets, locks, logs, priorities, queues, stacks, transactions};
use crate::models::counter::Counter;
use crate::models::fenced_lock::FencedLock;
use crate::models::kv::Kv;
use crate::models::lock::Lock;
use crate::models::log::Log;
use crate::models::priority_queue::PriorityQueue;
use crate::models::queue::Queue;
use crate::models::semaphore::Semaphore;
use crate::models::set::Set;
use crate::models::stack::Stack;
use crate::models::txn::Txn;
use crate::models::{Call, Calls, Spoken, container, priority_queue, set};

/// What an exact algorithm tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exact {
    /// There is none for these calls.
    NotForThis,
    /// Linearizable; in this order (positions in the calls), where it gives one.
    Linearizable(Option<Vec<u32>>),
    /// Not linearizable: these calls contradict each other, perhaps with others that stand around them.
    Wrong {
        /// Positions in the calls.
        calls: Vec<u32>,
        /// The anomaly.
        name: &'static str,
    },
    /// Unknown outcomes leave it open.
    Undecided,
}

/// Where more operations than these contradict each other, [`Judged::later`] is asked for so many at most.
pub(super) const FEW: usize = 8;

/// A model with what the judge needs to choose an algorithm and to reduce what is wrong.
pub trait Judged: Spoken<Op: Send + Sync, Reply: Send + Sync> + Send + Sync {
    /// The exact algorithm, if one fits these calls.
    fn exact(&self, _calls: &Calls<Self>) -> Exact {
        Exact::NotForThis
    }

    /// False where the exact algorithm decides nearly all, so that no search is tried before it.
    fn is_searched(&self) -> bool {
        true
    }

    /// Why these calls are not judged at all.
    fn refuses(&self, _calls: &Calls<Self>) -> Option<&'static str> {
        None
    }

    /// Few calls of all, those after `time` too, that contradict the one that ended then; where what stands before it shows
    /// that only by many.
    fn later(&self, _calls: &Calls<Self>, _time: u32) -> Option<Vec<u32>> {
        None
    }

    /// Calls of one unit can be left out together without making a right history wrong. `None`: the call may
    /// only be made optional, or, if it changes nothing, be left out.
    fn unit(&self, _call: &Call<Self::Op, Self::Reply>) -> Option<u32> {
        None
    }
}

impl Judged for Counter {
    fn exact(&self, calls: &Calls<Self>) -> Exact {
        counters::judge(calls)
    }

    fn later(&self, calls: &Calls<Self>, time: u32) -> Option<Vec<u32>> {
        counters::later(calls, time)
    }

    fn refuses(&self, calls: &Calls<Self>) -> Option<&'static str> {
        counters::overflows(calls).then_some(
            "what is added can lead beyond 64 bits, and what a counter does there nobody told",
        )
    }
}

impl Judged for Lock {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        locks::judge(calls)
    }
}

impl Judged for FencedLock {}

impl Judged for Semaphore {
    fn exact(&self, calls: &Calls<Self>) -> Exact {
        locks::judge_semaphore(self, calls)
    }
}

impl Judged for Kv {}

impl Judged for Txn {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        transactions::judge(self, calls)
    }
}

impl Judged for Log {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        logs::judge(calls)
    }
}

impl Judged for Set {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        grow_sets::judge(calls)
    }

    fn unit(&self, call: &Call<set::Op, set::Reply>) -> Option<u32> {
        (call.op == set::Op::Read).then_some(u32::MAX - call.operation)
    }
}

impl Judged for Queue {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        contained(queues::judge(calls), "not first in, first out")
    }

    fn unit(&self, call: &Call<container::Op, container::Reply>) -> Option<u32> {
        unit(call)
    }
}

impl Judged for Stack {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        contained(stacks::judge(calls), "not last in, first out")
    }

    fn unit(&self, call: &Call<container::Op, container::Reply>) -> Option<u32> {
        unit(call)
    }
}

impl Judged for PriorityQueue {
    fn is_searched(&self) -> bool {
        false
    }

    fn exact(&self, calls: &Calls<Self>) -> Exact {
        contained(priorities::judge(calls), "not smallest first")
    }

    fn unit(&self, call: &Call<priority_queue::Op, Option<i64>>) -> Option<u32> {
        match (call.op, call.reply) {
            // Two numbers that become one unit are only left out together.
            (priority_queue::Op::Put(number), _) | (_, Some(Some(number))) => Some(number as u32),
            (_, Some(None)) => Some(u32::MAX - call.operation),
            _ => None,
        }
    }
}

/// A thing with its put and take, or a take that found nothing; not a take that may have taken anything.
fn unit(call: &Call<container::Op, container::Reply>) -> Option<u32> {
    match (call.op, call.reply) {
        (container::Op::Put(item), _) | (_, Some(Some(item))) => Some(item),
        (_, Some(None)) => Some(u32::MAX - call.operation),
        _ => None,
    }
}

fn contained(answer: Answer, out_of_order: &'static str) -> Exact {
    let (calls, name) = match answer {
        Answer::NotDistinct => return Exact::NotForThis,
        Answer::Linearizable(order) => return Exact::Linearizable(order),
        Answer::Undecided => return Exact::Undecided,
        Answer::Wrong(Misfit::NeverPut { take }) => (vec![take], "took what nobody put in"),
        Answer::Wrong(Misfit::TooEarly { put, take }) => {
            (vec![put, take], "took what was not in yet")
        }
        Answer::Wrong(Misfit::Twice { first, second }) => (vec![first, second], "taken twice"),
        Answer::Wrong(Misfit::NotEmpty { take, by }) => (
            [vec![take], by].concat(),
            "found nothing though something was in",
        ),
        Answer::Wrong(Misfit::OutOfOrder { calls }) => (calls, out_of_order),
    };
    Exact::Wrong { calls, name }
}
