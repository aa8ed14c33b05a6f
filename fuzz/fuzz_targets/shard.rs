//! Shards of feature rows.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::shard(bytes, common::room());
});
