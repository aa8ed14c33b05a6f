//! Shards that are remembered as right.

use super::super::{Damage, StoreError, Warning};
use super::*;
use crate::digests::{Shelf, Stamp};

/// Opens the store as a run a minute from now does, when no shard is young any more.
fn open_later(root: &Path) -> (Store, Vec<Warning>) {
    Store::open_changed(root, &space(), &shelf(root)).unwrap()
}

fn shelf(root: &Path) -> Shelf {
    Shelf::new(root.join("digests"), false).later()
}

fn flip(shard: &Path) {
    let mut bytes = fs::read(shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(shard, bytes).unwrap();
}

#[test]
fn a_right_shard_is_remembered_until_it_changes() {
    let (root, store) = filled(4);
    let remembered = || {
        let (digests, records) = records(&store);
        let stamp = |digest| records.iter().find(|r| r.digest == digest).map(|r| r.stamp);
        let known = digests.iter().zip(shards(&store));
        known
            .map(|(digest, shard)| stamp(*digest) == Stamp::of(&shard))
            .collect::<Vec<_>>()
    };
    assert_eq!(remembered(), [true, true]);
    for _ in 0..2 {
        let (store, warnings) = open_later(root.path());
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_rows(&store, &[0, 1, 2, 3]);
        assert_eq!(remembered(), [true, true]);
    }
    flip(&shards(&store)[0]);
    let (store, warnings) = open_later(root.path());
    assert!(
        matches!(warnings[..], [Warning::Damaged { .. }]),
        "{warnings:?}"
    );
    assert_eq!(store.len(), 2);
    assert_eq!(remembered(), [true]);
}

#[test]
fn a_touched_shard_is_compared_once_and_remembered_again() {
    let (root, store) = filled(2);
    let shard = &shards(&store)[0];
    let old = fs::File::options().append(true).open(shard).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_ne!(Some(records(&store).1[0].stamp), Stamp::of(shard));
    let (store, warnings) = open_later(root.path());
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(Some(records(&store).1[0].stamp), Stamp::of(shard));
    assert_rows(&store, &[0, 1]);
}

#[test]
fn a_shard_that_goes_bad_after_it_was_opened_gives_no_wrong_row() {
    let (root, _) = filled(2);
    open_later(root.path());
    let (store, _) = open_later(root.path());
    flip(&shards(&store)[0]);
    let error = store.read(&ids(2)).unwrap_err();
    let checksum = matches!(
        error,
        StoreError::Damaged {
            damage: Damage::Checksum { .. },
            ..
        }
    );
    assert!(checksum, "{error}");
}
