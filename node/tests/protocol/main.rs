//! Single cores, told what peers say: the rules that golden scripts and simulations reach only by chance.

mod acknowledge;
mod bench;
mod disk;
mod election;
mod hostile;
mod late_promises;
mod membership;
mod reads;
mod replication;
