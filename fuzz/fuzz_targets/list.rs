//! Lists of pictures.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::csv(bytes, common::room());
    let _ = common::loaders::jsonl(bytes, common::room());
});
