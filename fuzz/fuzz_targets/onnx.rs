//! ONNX graphs.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::onnx(bytes, common::room());
});
