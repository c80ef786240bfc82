//! Linearizability of registers, key by key: yes, no with the reason, or not decided within the limits.

pub mod clusters;
pub mod configuration;
pub mod order;
pub mod portfolio;
mod refusals;
pub mod search;
pub mod zones;
