//! Stores of real shards in temporary folders, looked after.

mod gc;
mod import;
mod verify;

use super::super::{RowId, RowType, Space, Store};
use std::fs;
use std::path::{Path, PathBuf};

const WIDTH: usize = 3;

/// The space of a graph.
fn space(graph: &str) -> Space {
    Space {
        format: Space::FORMAT,
        preprocessing: "rgb".into(),
        graph: graph.into(),
        output: "features".into(),
        width: WIDTH,
        numeric: "exact".into(),
        rows: RowType::Float32,
    }
}

fn id(space: &Space, example: u8) -> RowId {
    space.row(&[example; 32], "plain")
}

fn row(example: u8) -> [f32; WIDTH] {
    let x = f32::from(example);
    [x / 3.0, -x, (x + 0.1).sqrt()]
}

/// Publishes one shard of these examples.
fn publish(root: &Path, space: &Space, examples: &[u8]) -> PathBuf {
    let store = open(root, space);
    let before = shards(root, space);
    let mut writer = store.writer().unwrap();
    for &example in examples {
        writer.append(id(space, example), &row(example)).unwrap();
    }
    writer.finish().unwrap();
    let mut new = shards(root, space);
    new.retain(|path| !before.contains(path));
    new.remove(0)
}

fn open(root: &Path, space: &Space) -> Store {
    let (store, warnings) = Store::open(root, space).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    store
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn shards(root: &Path, space: &Space) -> Vec<PathBuf> {
    files(&root.join(space.folder()).join("shards"))
}

/// That the store has these examples, right, and no other of the first hundred.
fn assert_rows(root: &Path, space: &Space, examples: &[u8]) {
    let store = open(root, space);
    let ids: Vec<_> = examples.iter().map(|one| id(space, *one)).collect();
    let rows = store.read(&ids).unwrap();
    for (found, &example) in rows.rows().into_iter().zip(examples) {
        assert_eq!(found.to_vec(), row(example), "example {example}");
    }
    let mut distinct = examples.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(store.len(), distinct.len());
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    // Another file of that name: a shard may be linked elsewhere.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
