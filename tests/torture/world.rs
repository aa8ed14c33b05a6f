//! A project with wide rows, and what lies on its disk, read without catpipe.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use catpipe::backbone::onnx::{self, tiny, tiny::TinyConfig};
use sha2::{Digest, Sha256};

use crate::common::{Project, Ran, manifest};

/// Numbers of a row: 128 KiB, so that a few hundred images fill several shards of 8 MiB.
pub(crate) const WIDTH: usize = 32_768;

/// Rows of a full shard of such rows.
pub(crate) const SHARD: usize = (8 << 20) / (4 * WIDTH + 32);

/// A project with `images` small generated images in `photos` and a random network `wide.yaml` of
/// [`WIDTH`] features.
pub(crate) fn project(images: usize) -> Project {
    let project = Project::new();
    let config = TinyConfig {
        classes: WIDTH,
        ..TinyConfig::default()
    };
    let path = project.path("wide.onnx");
    onnx::write(&path, &tiny::residual(&config)).expect("a network");
    let output = format!("{{name: probabilities, width: {WIDTH}}}");
    let manifest = manifest("wide").replace("{name: features, width: 16}", &output);
    project.write("wide.yaml", manifest);
    let count = images.to_string();
    let sizes = ["--train", &count, "--test", "0", "--size", "32x32"];
    project.ok(&[&["synth", "photos", "--classes", "1"], &sizes[..]].concat());
    project
}

/// `catpipe extract` of all images to `out`.
pub(crate) fn extract(out: &str) -> Vec<&str> {
    let words = "extract --backbone wide.yaml --images photos/train --batch 8 --json --out";
    words.split(' ').chain([out]).collect()
}

/// Row by row key: the row's bytes.
pub(crate) type Rows = BTreeMap<[u8; 32], Vec<u8>>;

/// The rows of every published shard in the store. Each must have the checksum that its name says,
/// and two that hold the same row must agree.
pub(crate) fn rows(project: &Project) -> Rows {
    let mut rows = Rows::new();
    for shard in shards(project) {
        for (key, row) in shard_rows(&shard) {
            if let Some(other) = rows.insert(key, row) {
                assert!(other == rows[&key], "{}: another row", shard.display());
            }
        }
    }
    rows
}

/// The published shards.
pub(crate) fn shards(project: &Project) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&project.path("cache/features"), &mut found);
    found.retain(|path| path.extension().is_some_and(|ending| ending == "h5"));
    found.retain(|path| path.parent().is_some_and(|dir| dir.ends_with("shards")));
    found
}

/// The rows of a shard, in order: bytes as they lie in the file.
pub(crate) fn shard_rows(path: &Path) -> Vec<([u8; 32], Vec<u8>)> {
    let bytes = fs::read(path).expect("a shard");
    let digest = Sha256::digest(&bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(path.file_stem().expect("a name"), digest.as_str());
    let file = hdf5::File::with_options()
        .with_fapl(|options| options.file_locking(false))
        .open(path)
        .expect("an HDF5 file");
    let rows_of = |name: &str| {
        let dataset = file.dataset(name).expect("a dataset");
        let start = dataset.offset().expect("one piece") as usize;
        let size = dataset.storage_size() as usize;
        bytes[start..start + size].chunks_exact(size / dataset.shape()[0])
    };
    let keys = rows_of("keys").map(|key| key.try_into().expect("32 bytes"));
    keys.zip(rows_of("features").map(<[u8]>::to_vec)).collect()
}

/// Every file below the project, relative to it. What is named by its content stands as `*.h5`.
/// Records of unchanged files and SQLite's files, of which some come and go, do not stand there.
pub(crate) fn listing(project: &Project) -> Vec<String> {
    let root = project.path("");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let mut names: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(&root).expect("below it"))
        .filter(|path| !path.starts_with("photos") && !is_record(path))
        .map(|path| match path.extension() {
            Some(ending) if ending == "h5" => path.with_file_name("*.h5"),
            _ => path.to_owned(),
        })
        .map(|path| path.to_string_lossy().into_owned())
        .filter(|name| !name.contains("/index.sqlite"))
        .collect();
    names.sort();
    names
}

/// Whether it is a record of unchanged files: one for each question, made when files are old enough.
fn is_record(path: &Path) -> bool {
    path.parent()
        .is_some_and(|dir| dir.ends_with("cache/digests"))
        && path.extension().is_some_and(|ending| ending == "json")
}

/// All files below `dir`, sorted; nothing where it is not there.
pub(crate) fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Rows computed and rows from the cache, as a run tells.
pub(crate) fn counts(ran: &Ran) -> (usize, usize) {
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON only");
    let count = |name: &str| told[name].as_u64().expect("a count") as usize;
    (count("computed"), count("cached"))
}
