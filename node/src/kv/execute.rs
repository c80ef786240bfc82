//! Carries out operations on a batch: alone, or as the branch of a transaction that its compares choose.

use super::command::{Compare, Operation};
use super::lease::Leases;
use super::list::List;
use super::outcome::{Done, MAX_ANSWER, Outcome, Refused};
use super::store::{Batch, Store};
use super::value::{Data, holds};

/// All of `operations`, or none. O(log keys + bytes) each.
///
/// # Errors
/// Why not, and which one it was; then nothing has changed.
pub(super) fn all(
    store: &mut Store,
    leases: &Leases,
    operations: Vec<Operation>,
) -> Result<(Vec<Done>, u64), Outcome> {
    let revision = store.revision();
    let mut batch = store.batch();
    let (mut results, mut bytes) = (Vec::with_capacity(operations.len()), 0);
    for (operation, what) in operations.into_iter().enumerate() {
        let done = one(&mut batch, leases, what).and_then(|result| {
            bytes += result.bytes();
            match bytes {
                ..=MAX_ANSWER => Ok(result),
                _ => Err(Refused::AnswerTooLarge),
            }
        });
        match done {
            Ok(result) => results.push(result),
            Err(why) => {
                return Err(Outcome::Refused {
                    why,
                    operation,
                    revision,
                });
            }
        }
    }
    Ok((results, batch.commit()))
}

/// Whether all of them hold.
pub(super) fn hold(store: &Store, compares: &[Compare]) -> bool {
    compares.iter().all(|compare| match compare {
        Compare::Value { key, value } => holds(store.get(key), value.as_deref()),
        Compare::Revision { key, revision } => {
            store.get(key).map_or(0, |value| value.revision) == *revision
        }
    })
}

fn one(batch: &mut Batch<'_>, leases: &Leases, operation: Operation) -> Result<Done, Refused> {
    match operation {
        Operation::Get { key } => Ok(Done::Got(batch.get(&key).cloned())),
        Operation::Put { key, value, lease } => {
            if lease.is_some_and(|lease| leases.ttl_ms(lease).is_none()) {
                return Err(Refused::NoLease);
            }
            batch.put(key, Data::Text(value), lease);
            Ok(Done::Put)
        }
        Operation::Delete { key } => Ok(Done::Deleted(batch.delete(key))),
        Operation::Append { key, value } => {
            let lease = batch.get(&key).and_then(|value| value.lease);
            let mut items = match batch.get(&key).map(|value| &value.data) {
                None => List::new(),
                Some(Data::List(items)) => items.clone(),
                Some(Data::Text(_)) => return Err(Refused::NotAList),
            };
            if items.bytes() + value.len() > Data::MAX_BYTES {
                return Err(Refused::TooLarge);
            }
            items.push(value.into());
            let length = items.len() as u64;
            batch.put(key, Data::List(items), lease);
            Ok(Done::Appended(length))
        }
        Operation::Add { key, by } => {
            let lease = batch.get(&key).and_then(|value| value.lease);
            let old = match batch.get(&key).map(|value| &value.data) {
                None => 0,
                Some(Data::Text(text)) => text.parse::<i64>().map_err(|_| Refused::NotANumber)?,
                Some(Data::List(_)) => return Err(Refused::NotANumber),
            };
            let sum = old.checked_add(by).ok_or(Refused::Overflow)?;
            batch.put(key, Data::Text(sum.to_string()), lease);
            Ok(Done::Counted(sum))
        }
    }
}
