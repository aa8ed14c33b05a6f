//! Pipelines and manifests.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::pipeline(bytes, common::room());
    let _ = common::loaders::manifest(bytes, common::room());
});
