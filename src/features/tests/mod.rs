//! The store against real HDF5 files in temporary folders.

mod claims;
mod crash;
mod damage;
mod forged;
mod half;
mod indexed;
mod pieces;
mod power;
mod refused;
mod remembered;
mod rows;
mod scattered;

use super::catalogue::{Catalogue, Record};
use super::opening::digest_of;
use super::{RowId, RowType, Space, Store};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const WIDTH: usize = 3;

fn space() -> Space {
    Space {
        format: Space::FORMAT,
        preprocessing: "bgr".into(),
        graph: "pixels".into(),
        output: "features".into(),
        width: WIDTH,
        numeric: "cpu fp32 1.31.0".into(),
        rows: RowType::Float32,
    }
}

/// The ids of examples `0..count`.
fn ids(count: u8) -> Vec<RowId> {
    (0..count)
        .map(|example| space().row(&[example; 32], "plain"))
        .collect()
}

/// The row that belongs to an example: different for each, with digits that no rounding keeps.
fn row(example: u8) -> [f32; WIDTH] {
    let x = f32::from(example);
    [x / 3.0, -x, (x + 0.1).sqrt()]
}

fn open(root: &Path) -> Store {
    let (store, warnings) = Store::open(root, &space()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    store
}

/// A store with the rows of `0..count`, in shards of two.
fn filled(count: u8) -> (TempDir, Store) {
    let root = TempDir::new().unwrap();
    let store = open(root.path());
    write(&store, 0..count);
    (root, store)
}

fn write(store: &Store, examples: std::ops::Range<u8>) {
    let mut writer = store.writer_of(2).unwrap();
    for example in examples {
        writer
            .append(space().row(&[example; 32], "plain"), &row(example))
            .unwrap();
    }
    writer.finish().unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn shards(store: &Store) -> Vec<PathBuf> {
    files(&store.path().join("shards"))
}

/// The index file of a store.
fn catalogue(store: &Store) -> Catalogue {
    Catalogue::new(store.path(), store.space())
}

/// The digests of a store's shards, and what the index file says of them.
fn records(store: &Store) -> (Vec<[u8; 32]>, Vec<Record>) {
    let digest = |path: &PathBuf| digest_of(&name(path));
    let digests: Vec<_> = shards(store).iter().filter_map(digest).collect();
    let (records, wrong) = catalogue(store).find(digests.iter()).unwrap();
    assert_eq!(wrong, 0);
    (digests, records)
}

fn assert_rows(store: &Store, examples: &[u8]) {
    let asked: Vec<_> = examples
        .iter()
        .map(|&example| ids(example + 1)[example as usize])
        .collect();
    let rows = store.read(&asked).unwrap();
    assert_eq!(rows.dim(), (examples.len(), WIDTH));
    for (found, &example) in rows.rows().into_iter().zip(examples) {
        assert_eq!(found.to_vec(), row(example), "example {example}");
    }
}
