//! Mutexes whose content stays usable whoever panicked while holding them: a run has to be healed and judged all the same.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the mutex.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
