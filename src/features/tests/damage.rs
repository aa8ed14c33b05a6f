//! Shards whose bytes changed.

use super::super::{Damage, StoreError, Warning};
use super::*;
use proptest::prelude::*;
use std::fs::File;

/// The store of a shard that `change` has damaged: every row is right or missing, the shard is in
/// `damaged/`, and writing the rows again heals the store.
fn heals(root: &Path, count: u8) {
    let (store, warnings) = Store::open(root, &space()).unwrap();
    let [
        Warning::Damaged {
            path,
            moved_to: Some(moved),
            damage,
        },
    ] = warnings.as_slice()
    else {
        panic!("{warnings:?}");
    };
    assert!(matches!(damage, Damage::Checksum { .. }));
    assert!(!path.exists() && moved.exists() && moved.parent().unwrap().ends_with("damaged"));
    let missing = store.missing(&ids(count));
    assert_eq!(missing.len(), 2);
    for example in 0..count {
        if !missing.contains(&usize::from(example)) {
            assert_rows(&store, &[example]);
        }
    }
    write(&store, 0..count);
    let healed = open(root);
    assert_rows(&healed, &(0..count).collect::<Vec<_>>());
}

#[test]
fn a_truncated_shard_is_set_aside_whatever_its_length() {
    let (root, store) = filled(4);
    let length = fs::metadata(&shards(&store)[0]).unwrap().len();
    for keep in [0, 1, 8, 96, 512, length / 2, length - 1] {
        let shard = shards(&store).remove(0);
        File::options()
            .write(true)
            .open(shard)
            .unwrap()
            .set_len(keep)
            .unwrap();
        heals(root.path(), 4);
    }
}

#[test]
fn a_shard_that_grew_is_set_aside() {
    let (root, store) = filled(4);
    let shard = shards(&store).remove(0);
    let length = fs::metadata(&shard).unwrap().len();
    File::options()
        .write(true)
        .open(shard)
        .unwrap()
        .set_len(length + 1)
        .unwrap();
    heals(root.path(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_flipped_bit_never_gives_a_wrong_row(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (root, store) = filled(4);
        let shard = shards(&store).remove(1);
        let mut bytes = fs::read(&shard).unwrap();
        let position = place.index(bytes.len());
        bytes[position] ^= 1 << bit;
        fs::write(&shard, bytes).unwrap();
        heals(root.path(), 4);
    }
}

#[test]
fn a_shard_that_goes_bad_while_the_store_is_open_is_not_served() {
    let (root, store) = filled(4);
    let shard = shards(&store).remove(0);
    let mut bytes = fs::read(&shard).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let error = store.read(&ids(4)).unwrap_err();
    let StoreError::Damaged {
        moved_to: Some(moved),
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(moved.exists());
    assert_eq!(store.missing(&ids(4)).len(), 2);
    write(&store, 0..4);
    assert_rows(&open(root.path()), &[0, 1, 2, 3]);
}

#[test]
fn a_shard_that_vanishes_while_the_store_is_open_is_told() {
    let (_root, store) = filled(2);
    fs::remove_file(&shards(&store)[0]).unwrap();
    let error = store.read(&ids(2)).unwrap_err();
    assert!(matches!(
        error,
        StoreError::Damaged {
            damage: Damage::Gone,
            moved_to: None,
            ..
        }
    ));
}
