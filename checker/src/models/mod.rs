//! What an object does when nothing is concurrent: the yardstick of every linearizability check.

pub mod register;
