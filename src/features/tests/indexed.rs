//! The index file: used where it is right, and never believed where it is not.

use super::super::Warning;
use super::super::catalogue::Trouble;
use super::*;
use crate::digests::Shelf;
use proptest::prelude::*;
use rusqlite::Connection;

/// Opens the store as a run does: what the index knows is not read.
fn open_known(root: &Path) -> (Store, Vec<Warning>) {
    Store::open_changed(root, &space(), &Shelf::new(root.join("digests"), false)).unwrap()
}

fn index(store: &Store) -> PathBuf {
    store.path().join("index.sqlite")
}

/// The store is whole, and after the first opening its index is too.
fn heals(root: &Path, warned: impl Fn(&[Warning]) -> bool) {
    let (store, warnings) = open_known(root);
    assert!(warned(&warnings), "{warnings:?}");
    assert_rows(&store, &[0, 1, 2, 3]);
    let (store, warnings) = open_known(root);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_rows(&store, &[0, 1, 2, 3]);
    let (digests, records) = records(&store);
    assert_eq!((digests.len(), records.len()), (2, 2));
}

#[test]
fn a_published_shard_is_entered_and_a_vanished_one_is_dropped() {
    let (root, store) = filled(4);
    let (digests, entered) = records(&store);
    assert_eq!((digests.len(), entered.len()), (2, 2));
    fs::remove_file(&shards(&store)[0]).unwrap();
    let (store, warnings) = open_known(root.path());
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(store.len(), 2);
    let (left, _) = catalogue(&store).find(digests.iter()).unwrap();
    assert_eq!(left.len(), 1);
}

#[test]
fn a_shard_that_the_index_knows_is_not_opened() {
    let (root, store) = filled(2);
    let (_, mut known) = records(&store);
    let other = space().row(&[9; 32], "plain");
    known[0].keys[..32].copy_from_slice(&other.0);
    catalogue(&store).enter(&known).unwrap();
    let (store, _) = open_known(root.path());
    assert!(store.missing(&[other]).is_empty());
    assert_eq!(store.missing(&ids(1)), [0]);
    // But its row is not served by another's id.
    let error = store.read(&[other]).unwrap_err().to_string();
    assert!(
        error.contains("not the one that it was known for"),
        "{error}"
    );
    assert_eq!(store.missing(&[other]), [0]);
}

#[test]
fn a_shard_without_a_record_is_read_and_entered() {
    let (root, store) = filled(4);
    let connection = Connection::open(index(&store)).unwrap();
    connection
        .execute("DELETE FROM shards WHERE rowid = 1", [])
        .unwrap();
    drop(connection);
    heals(root.path(), <[_]>::is_empty);
}

#[test]
fn an_index_that_is_missing_or_empty_is_made_anew() {
    let (root, store) = filled(4);
    fs::remove_file(index(&store)).unwrap();
    heals(root.path(), <[_]>::is_empty);
    fs::write(index(&store), "").unwrap();
    heals(root.path(), <[_]>::is_empty);
}

#[test]
fn an_index_that_is_none_is_set_aside() {
    let (root, store) = filled(4);
    let whole = fs::read(index(&store)).unwrap();
    for damaged in [
        &b"no database at all"[..],
        &whole[..whole.len() / 2],
        &whole[..100],
    ] {
        fs::write(index(&store), damaged).unwrap();
        fs::write(store.path().join("index.sqlite-journal"), "left").unwrap();
        heals(root.path(), |warnings| {
            matches!(
                warnings,
                [Warning::IndexDamaged { moved_to: Some(path), .. }] if path.exists()
            )
        });
    }
}

#[test]
fn a_record_that_was_changed_is_not_believed() {
    for change in [
        "UPDATE shards SET features = features + 4",
        "UPDATE shards SET keys_at = keys_at + 32",
        "UPDATE shards SET rows = 1",
        "UPDATE shards SET keys = zeroblob(64)",
        "UPDATE shards SET pieces = zeroblob(16)",
        "UPDATE shards SET pieces = zeroblob(32)",
        "UPDATE shards SET rest = zeroblob(16)",
        "UPDATE shards SET stamp = '{}'",
        "UPDATE shards SET checksum = zeroblob(16)",
    ] {
        let (root, store) = filled(4);
        let connection = Connection::open(index(&store)).unwrap();
        assert_eq!(connection.execute(change, []).unwrap(), 2, "{change}");
        drop(connection);
        heals(
            root.path(),
            |warnings| matches!(warnings, [Warning::IndexDamaged { what, .. }] if what.contains("2 of")),
        );
    }
}

#[test]
fn records_of_another_space_are_not_believed() {
    let (root, store) = filled(4);
    let other = Space {
        graph: "other".into(),
        ..space()
    };
    let (_, known) = records(&store);
    fs::remove_file(index(&store)).unwrap();
    let foreign = Catalogue::new(store.path(), &other);
    foreign.enter(&known).unwrap();
    heals(root.path(), |warnings| {
        matches!(warnings, [Warning::IndexDamaged { .. }])
    });
}

#[test]
fn an_older_index_is_made_anew() {
    let (root, store) = filled(4);
    let connection = Connection::open(index(&store)).unwrap();
    connection
        .execute_batch(
            "DROP TABLE shards; CREATE TABLE shards (digest BLOB UNIQUE, xxh3 BLOB);
             INSERT INTO shards VALUES (zeroblob(32), zeroblob(16)); PRAGMA user_version = 1",
        )
        .unwrap();
    drop(connection);
    heals(root.path(), <[_]>::is_empty);
}

#[test]
fn a_newer_index_is_left_alone_and_done_without() {
    let (root, store) = filled(4);
    let connection = Connection::open(index(&store)).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let before = fs::read(index(&store)).unwrap();
    let (store, warnings) = open_known(root.path());
    assert!(
        matches!(&warnings[..], [Warning::IndexUnused { why, shards: 2, .. }] if why.contains("version 3")),
        "{warnings:?}"
    );
    assert_rows(&store, &[0, 1, 2, 3]);
    write(&store, 4..6);
    assert_rows(&store, &[4, 5]);
    assert_eq!(fs::read(index(&store)).unwrap(), before);
}

#[test]
fn an_index_that_another_process_holds_is_done_without() {
    let (root, store) = filled(4);
    let connection = Connection::open(index(&store)).unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (store, warnings) = open_known(root.path());
    assert!(
        matches!(&warnings[..], [Warning::IndexUnused { why, .. }] if why.contains("locked")),
        "{warnings:?}"
    );
    assert_rows(&store, &[0, 1, 2, 3]);
    write(&store, 4..6);
    assert_rows(&store, &[0, 1, 2, 3, 4, 5]);
    drop(connection);
    let (store, warnings) = open_known(root.path());
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_rows(&store, &[0, 1, 2, 3, 4, 5]);
    assert_eq!(records(&store).1.len(), 3);
}

#[test]
fn an_index_that_cannot_be_opened_is_done_without() {
    let (root, store) = filled(4);
    fs::remove_file(index(&store)).unwrap();
    fs::create_dir(index(&store)).unwrap();
    let (store, warnings) = open_known(root.path());
    assert!(
        matches!(&warnings[..], [Warning::IndexUnused { shards: 2, .. }]),
        "{warnings:?}"
    );
    assert_rows(&store, &[0, 1, 2, 3]);
    assert!(matches!(
        catalogue(&store).enter(&[]),
        Err(Trouble::Unusable(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_flipped_bit_in_the_index_never_gives_a_wrong_row(
        place in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let (root, store) = filled(4);
        let mut bytes = fs::read(index(&store)).unwrap();
        let position = place.index(bytes.len());
        bytes[position] ^= 1 << bit;
        fs::write(index(&store), bytes).unwrap();
        for _ in 0..2 {
            let (store, _) = open_known(root.path());
            prop_assert!(store.missing(&ids(4)).is_empty());
            assert_rows(&store, &[0, 1, 2, 3]);
            prop_assert_eq!(store.missing(&ids(5)), [4]);
        }
        write(&store, 4..6);
        assert_rows(&open_known(root.path()).0, &[0, 1, 2, 3, 4, 5]);
    }
}
