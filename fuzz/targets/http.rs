//! What a client may send.
#![no_main]

#[path = "../checks/http.rs"]
mod http;

libfuzzer_sys::fuzz_target!(|input: &[u8]| http::check(input));
