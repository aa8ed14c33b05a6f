//! What the targets share: the loaders of `tests/mutations`, and a scratch folder.
#![allow(dead_code, unused_imports)] // each target calls its own part

use std::path::Path;
use std::sync::OnceLock;

#[path = "../../../tests/mutations/loaders/mod.rs"]
pub(crate) mod loaders;

/// A folder of this process.
pub(crate) fn room() -> &'static Path {
    static ROOM: OnceLock<std::path::PathBuf> = OnceLock::new();
    ROOM.get_or_init(|| {
        let name = format!("catpipe-fuzz-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        folder
    })
}
