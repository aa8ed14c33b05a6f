//! Single rows, in any order.

use super::*;
use crate::features::StoreError;
use ndarray::Array2;
use proptest::prelude::*;

fn expected(positions: &[usize]) -> Array2<f32> {
    Array2::from_shape_fn((positions.len(), WIDTH), |(slot, column)| {
        row(positions[slot] as u8)[column]
    })
}

/// Enough rows for several readers, and neighbours enough for runs.
#[test]
fn rows_come_as_they_were_written_in_any_order() {
    let (_root, store) = filled(200);
    let ids = ids(200);
    let rows = store.scattered(&ids).unwrap();
    assert_eq!(
        (rows.len(), rows.width(), rows.is_empty()),
        (200, WIDTH, false)
    );
    let all: Vec<usize> = (0..200).collect();
    let back: Vec<usize> = all.iter().rev().copied().collect();
    let often = [vec![7; 70], all.clone()].concat();
    for positions in [vec![], vec![199], all, back, often] {
        let mut into = Array2::zeros((positions.len(), WIDTH));
        rows.read(&positions, into.view_mut()).unwrap();
        assert_eq!(into, expected(&positions));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_positions(positions in prop::collection::vec(0..20_usize, 0..200)) {
        let (_root, store) = filled(20);
        let ids = ids(20);
        let rows = store.scattered(&ids).unwrap();
        let mut into = Array2::zeros((positions.len(), WIDTH));
        rows.read(&positions, into.view_mut()).unwrap();
        prop_assert_eq!(into, expected(&positions));
    }
}

#[test]
fn a_row_that_is_not_there_is_an_error() {
    let (_root, store) = filled(4);
    let (some, more) = (ids(4), ids(5));
    assert!(matches!(
        store.scattered(&more).unwrap_err(),
        StoreError::MissingRow { index: 4, .. }
    ));
    let rows = store.scattered(&some).unwrap();
    let mut into = Array2::zeros((1, WIDTH));
    assert!(rows.read(&[4], into.view_mut()).is_err());
}

/// A bit that flips after the shards were compared is seen in the row that has it, and in no other.
#[test]
fn a_bit_that_flips_later_is_seen() {
    let (root, store) = filled(6);
    let ids = ids(6);
    let rows = store.scattered(&ids).unwrap();
    let place = store.index().place(&ids[3]).unwrap();
    let shard = store.index().shard(place.shard).cloned().unwrap();
    let at = shard.raw.unwrap().features + u64::from(place.row) * 4 * WIDTH as u64;
    let mut bytes = fs::read(&shard.path).unwrap();
    bytes[at as usize + 5] ^= 4;
    fs::write(&shard.path, bytes).unwrap();
    let mut into = Array2::zeros((1, WIDTH));
    for position in [0, 1, 4, 5] {
        rows.read(&[position], into.view_mut()).unwrap();
        assert_eq!(into, expected(&[position]));
    }
    let error = rows.read(&[3], into.view_mut()).unwrap_err();
    let StoreError::Damaged { path, moved_to, .. } = error else {
        panic!("{error}")
    };
    assert!(path == shard.path && moved_to.is_some());
    drop(root);
}

/// A shard that only HDF5 can read, or that is gone.
#[test]
fn what_cannot_be_read_by_place_is_read_or_refused_as_a_whole() {
    let (_root, store) = filled(2);
    let ids = ids(2);
    let rows = store.scattered(&ids).unwrap();
    let place = store.index().place(&ids[1]).unwrap();
    let path = store.index().shard(place.shard).unwrap().path.clone();
    fs::remove_file(path).unwrap();
    let mut into = Array2::zeros((1, WIDTH));
    let error = rows.read(&[1], into.view_mut()).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}
