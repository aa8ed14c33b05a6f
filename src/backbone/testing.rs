//! What the tests of this room share.

use std::path::PathBuf;

use super::runtime::{Runtime, Search};

/// The machine's ONNX Runtime: `ORT_DYLIB_PATH`, else the cache folder.
///
/// A machine without it fails these tests: to skip them would be to say that they pass.
pub(crate) fn runtime() -> Runtime {
    let search = Search::from_env(None, runtime_dir());
    Runtime::locate(&search).unwrap_or_else(|error| panic!("run `make setup` first: {error}"))
}

fn runtime_dir() -> PathBuf {
    let from = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = from("CATPIPE_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|dir| dir.join("catpipe")))
        .or_else(|| from("HOME").map(|dir| dir.join(".cache/catpipe")))
        .expect("a cache folder");
    cache.join("runtime/onnxruntime-1.31.0-cpu")
}
