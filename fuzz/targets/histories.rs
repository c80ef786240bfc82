//! Histories from anywhere.
#![no_main]

#[path = "../checks/histories.rs"]
mod histories;

libfuzzer_sys::fuzz_target!(|input: &[u8]| histories::check(input));
