//! JSON of other programs, and of run folders.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::huggingface(bytes, common::room());
    let _ = common::loaders::timm(bytes, common::room());
    let _ = common::loaders::tfjs(bytes, common::room());
    let _ = common::loaders::outputs(bytes, common::room());
});
