//! HDF5 files of pictures.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = common::loaders::hdf5(bytes, common::room());
});
