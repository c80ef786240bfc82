//! Histories from anywhere; with ORDEAL_FUZZ_FORMAT=2 those of one format only.
#![no_main]

#[path = "../checks/histories.rs"]
mod histories;

use std::sync::LazyLock;

static FORMAT: LazyLock<Option<u8>> =
    LazyLock::new(|| std::env::var("ORDEAL_FUZZ_FORMAT").ok()?.parse().ok());

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    match (*FORMAT, input.split_first()) {
        (Some(format), Some((_, file))) => histories::check(&[&[format], file].concat()),
        _ => histories::check(input),
    }
});
