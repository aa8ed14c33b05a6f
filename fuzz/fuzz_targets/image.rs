//! A picture's bytes, decoded.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::image(bytes, common::room());
});
