//! Does one thing to many keys, on as many threads as may be used: whoever is free takes the next.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::limits::Meter;

/// Below so many operations in all no thread is worth its start.
pub(super) const WORTH_IT: usize = 20_000;

/// How many threads this machine runs at the same time.
pub fn available() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How many threads [`each`] would use for parts of so many operations each.
pub(super) fn worth(sizes: impl Iterator<Item = usize> + Clone, meter: &Meter<'_>) -> usize {
    let (parts, sum) = (sizes.clone().count(), sizes.sum::<usize>());
    match sum < WORTH_IT {
        true => 1,
        false => meter.threads().min(parts).max(1),
    }
}

/// What becomes of each item, in the order of the items: `make` is called once on each thread, for what `judge` may keep
/// from one item to the next. The large ones are begun first. Where a result is `enough`, no other item is begun, and what was
/// not begun is `None`.
pub(crate) fn each<T: Sync, S, R: Send>(
    items: &[T],
    size: impl Fn(&T) -> usize,
    meter: &Meter<'_>,
    make: impl Fn() -> S + Sync,
    judge: impl Fn(&mut S, &T, &Meter<'_>) -> R + Sync,
    enough: impl Fn(&R) -> bool + Sync,
) -> Vec<Option<R>> {
    let mut results: Vec<Option<R>> = Vec::with_capacity(items.len());
    let threads = worth(items.iter().map(&size), meter);
    if threads == 1 {
        let mut kept = make();
        for item in items {
            let result = judge(&mut kept, item, meter);
            let ends = enough(&result);
            results.push(Some(result));
            if ends {
                break;
            }
        }
        results.resize_with(items.len(), || None);
        return results;
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(size(&items[*at])));
    let (next, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = |meter: Meter<'_>| {
        let (mut kept, mut found) = (make(), Vec::new());
        while !ended.load(Ordering::Relaxed)
            && let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let result = judge(&mut kept, &items[*at], &meter);
            ended.fetch_or(enough(&result), Ordering::Relaxed);
            found.push((*at, result));
        }
        (found, meter.is_over())
    };
    results.resize_with(items.len(), || None);
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|_| meter.beside())
            .map(|beside| scope.spawn(|| work(beside)))
            .collect();
        let own = work(meter.beside());
        let others = others.into_iter().map(|other| match other.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        for (found, is_over) in std::iter::once(own).chain(others) {
            if is_over {
                meter.end();
            }
            for (at, result) in found {
                results[at] = Some(result);
            }
        }
    });
    results
}

#[cfg(test)]
mod tests {
    use super::super::limits::NO_END;
    use super::*;

    #[test]
    fn many_threads_tell_what_one_tells_in_the_same_order() {
        let items: Vec<usize> = (0..100).map(|at| (at * 37) % 1000).collect();
        let told = |threads, enough: Option<usize>| {
            let meter = Meter::new(NO_END).with_threads(threads);
            let judge = |seen: &mut usize, item: &usize, _: &Meter<'_>| {
                *seen += 1;
                (item * 2, *seen)
            };
            each(
                &items,
                |item| *item,
                &meter,
                || 0,
                judge,
                |(twice, _)| enough.is_some_and(|enough| *twice == 2 * enough),
            )
        };
        let one = told(1, None);
        assert_eq!(one[99], Some((2 * items[99], 100)));
        let two = told(2, None);
        let twice = |all: Vec<Option<(usize, usize)>>| -> Vec<Option<usize>> {
            all.into_iter().map(|one| Some(one?.0)).collect()
        };
        assert_eq!(twice(two), twice(one));
        // The first of all is enough: one thread begins no other.
        let few = told(1, Some(items[0]));
        assert_eq!(few.iter().flatten().count(), 1);
        let few = told(4, Some(items[50]));
        assert_eq!(few[50].map(|(twice, _)| twice), Some(2 * items[50]));
    }

    #[test]
    fn whoever_is_told_to_stop_tells_the_others() {
        let meter = Meter::new(&|| true).with_threads(3);
        let judge = |(): &mut (), _: &usize, meter: &Meter<'_>| meter.spent(1000);
        let all = each(&[20_000; 9], |item| *item, &meter, || (), judge, |_| false);
        assert_eq!(all, [Some(true); 9]);
        assert!(meter.is_over());
    }
}
