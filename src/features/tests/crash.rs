//! Killed writers, and several at once.

use super::super::files::{Lease, sweep};
use super::*;

#[test]
fn a_full_shard_is_published_before_the_writer_ends() {
    let (root, store) = filled(0);
    let mut writer = store.writer_of(2).unwrap();
    for example in 0..3 {
        writer.append(ids(3)[example], &row(example as u8)).unwrap();
    }
    assert_eq!(open(root.path()).missing(&ids(3)), [2]);
    drop(writer);
}

#[test]
fn a_writer_dropped_midway_leaves_no_unpublished_row_and_no_file() {
    let (root, store) = filled(0);
    let mut writer = store.writer().unwrap();
    writer.append(ids(1)[0], &row(0)).unwrap();
    drop(writer);
    assert!(shards(&store).is_empty());
    assert_eq!(open(root.path()).missing(&ids(1)), [0]);
}

#[test]
fn leftovers_of_a_killed_writer_are_removed() {
    let (root, store) = filled(2);
    let dir = store.path().join("shards");
    for name in [
        ".writer-a.lock",
        ".writer-a.part",
        ".writer-b.lock",
        ".writer-c.part",
    ] {
        fs::write(dir.join(name), "half a shard").unwrap();
    }
    open(root.path());
    assert_eq!(shards(&store).len(), 1);
}

#[test]
fn the_files_of_a_living_writer_are_left_alone() {
    let (root, store) = filled(2);
    let writer = store.writer().unwrap();
    let lock = shards(&store)
        .into_iter()
        .find(|path| path.extension().unwrap() == "lock")
        .unwrap();
    let part = lock.with_extension("part");
    fs::write(&part, "being written").unwrap();
    open(root.path());
    assert!(lock.exists() && part.exists());
    drop(writer);
    assert!(!lock.exists() && !part.exists());
}

#[test]
fn sweeps_never_touch_a_lease_that_is_being_taken() {
    let dir = TempDir::new().unwrap();
    let clean = || {
        let names = files(dir.path())
            .iter()
            .map(|path| name(path))
            .collect::<Vec<_>>();
        assert!(sweep(dir.path(), &names).is_empty());
    };
    std::thread::scope(|scope| {
        let taker = scope.spawn(|| {
            for _ in 0..300 {
                let lease = Lease::take(dir.path()).unwrap();
                fs::write(lease.part(), "a shard").unwrap();
                std::thread::yield_now();
                assert!(lease.part().exists() && lease.part().with_extension("lock").exists());
            }
        });
        while !taker.is_finished() {
            clean();
        }
        taker.join().unwrap();
    });
    clean();
    assert!(files(dir.path()).is_empty());
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let (root, _) = filled(0);
    let stores = [open(root.path()), open(root.path())];
    std::thread::scope(|scope| {
        for (store, range) in stores.iter().zip([0..20, 10..30]) {
            scope.spawn(move || write(store, range));
        }
    });
    let store = open(root.path());
    assert_eq!(store.len(), 30);
    assert_rows(&store, &(0..30).collect::<Vec<_>>());
}

#[test]
fn two_threads_on_one_store_lose_nothing() {
    let (root, store) = filled(0);
    std::thread::scope(|scope| {
        for range in [0..20, 10..30] {
            let store = &store;
            scope.spawn(move || write(store, range));
        }
    });
    assert_rows(&store, &(0..30).collect::<Vec<_>>());
    assert_rows(&open(root.path()), &(0..30).collect::<Vec<_>>());
}

#[test]
fn a_refresh_brings_what_others_published_and_forgets_what_is_gone() {
    let (root, store) = filled(2);
    let other = open(root.path());
    write(&other, 2..6);
    assert_eq!(store.missing(&ids(6)), [2, 3, 4, 5]);
    assert!(store.refresh().unwrap().is_empty());
    assert!(store.missing(&ids(6)).is_empty());
    assert_rows(&store, &[0, 1, 2, 3, 4, 5]);
    for shard in shards(&store) {
        fs::remove_file(shard).unwrap();
    }
    assert!(store.refresh().unwrap().is_empty());
    assert!(store.is_empty());
    write(&store, 0..2);
    assert_rows(&store, &[0, 1]);
}
