//! Shards of several pieces, each of which has a checksum of its own.

use super::super::raw::Grid;
use super::super::{StoreError, Warning};
use super::*;

/// Three rows are a piece, ten are a shard.
const WIDE: usize = 20_000;

fn wide() -> Space {
    Space {
        width: WIDE,
        ..space()
    }
}

fn wide_ids(count: u8) -> Vec<RowId> {
    let id = |example| wide().row(&[example; 32], "plain");
    (0..count).map(id).collect()
}

fn wide_row(example: usize) -> Vec<f32> {
    (0..WIDE)
        .map(|i| ((example * WIDE + i) as f32).sqrt())
        .collect()
}

/// Twenty-five rows in three shards.
fn wide_store() -> (TempDir, Store) {
    let root = TempDir::new().unwrap();
    let (store, _) = Store::open(root.path(), &wide()).unwrap();
    let mut writer = store.writer_of(10).unwrap();
    for (example, id) in wide_ids(25).into_iter().enumerate() {
        writer.append(id, &wide_row(example)).unwrap();
    }
    writer.finish().unwrap();
    (root, store)
}

/// Reads the rows of these examples one by one as they come, and says which came.
fn visited(store: &Store, examples: &[usize]) -> (Vec<usize>, Result<(), StoreError>) {
    let all = wide_ids(25);
    let asked: Vec<RowId> = examples.iter().map(|&example| all[example]).collect();
    let mut came = Vec::new();
    let result = store.visit(&asked, |position, row| {
        assert!(row == wide_row(examples[position]), "row {position}");
        came.push(examples[position]);
        Ok(())
    });
    (came, result)
}

#[test]
fn rows_of_all_pieces_come_each_once() {
    let (root, store) = wide_store();
    assert_eq!(Grid::new(&wide()).pieces(10), 4);
    let (reopened, warnings) = Store::open(root.path(), &wide()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    for store in [&store, &reopened] {
        let every: Vec<usize> = (0..25).collect();
        for asked in [&every[..], &[24, 0, 9, 10, 3, 2], &[17], &[5, 5, 4, 5]] {
            let (mut came, result) = visited(store, asked);
            result.unwrap();
            let mut asked = asked.to_vec();
            asked.sort_unstable();
            came.sort_unstable();
            assert_eq!(came, asked);
        }
    }
}

/// A bit that flips in one piece, among its numbers or its keys, takes no row of another piece
/// along; none of its own is served, and the shard is set aside.
#[test]
fn a_piece_that_differs_is_not_served() {
    for of_keys in [false, true] {
        let (root, store) = wide_store();
        let place = store.index().place(&wide_ids(25)[14]).unwrap();
        let shard = store.index().shard(place.shard).cloned().unwrap();
        let raw = shard.raw.unwrap();
        let at = match of_keys {
            false => raw.features + 4 * WIDE as u64 * u64::from(place.row) + 77_777,
            true => raw.keys + 32 * u64::from(place.row) + 31,
        };
        let mut bytes = fs::read(&shard.path).unwrap();
        bytes[at as usize] ^= 1;
        fs::write(&shard.path, bytes).unwrap();

        let (came, result) = visited(&store, &[10, 11, 12, 16, 19]);
        result.unwrap();
        assert_eq!(came, [10, 11, 12, 16, 19]);
        let (came, result) = visited(&store, &(0..25).collect::<Vec<_>>());
        let error = result.unwrap_err();
        assert!(
            matches!(&error, StoreError::Damaged { path, moved_to: Some(to), .. }
                if *path == shard.path && to.exists()),
            "{error}"
        );
        assert!(
            came.iter().all(|example| !(13..16).contains(example)),
            "{came:?}"
        );
        let (store, warnings) = Store::open(root.path(), &wide()).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(store.missing(&wide_ids(25)), (10..20).collect::<Vec<_>>());
    }
}

/// What the index says of a shard is not believed beyond the shard's own name: with wrong
/// checksums of pieces, rows come by way of HDF5.
#[test]
fn a_record_of_other_pieces_costs_time_and_no_row() {
    let (root, store) = wide_store();
    let digests: Vec<_> = shards(&store)
        .iter()
        .filter_map(|path| digest_of(&name(path)))
        .collect();
    let (mut records, _) = catalogue(&store).find(digests.iter()).unwrap();
    for record in &mut records {
        record.raw.pieces = record.raw.pieces.iter().map(|digest| !digest).collect();
    }
    catalogue(&store).enter(&records).unwrap();
    let shelf = crate::digests::Shelf::new(root.path().join("digests"), false);
    let (store, warnings): (_, Vec<Warning>) =
        Store::open_changed(root.path(), &wide(), &shelf).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let every: Vec<usize> = (0..25).collect();
    let (mut came, result) = visited(&store, &every);
    result.unwrap();
    came.sort_unstable();
    assert_eq!(came, every);
}
