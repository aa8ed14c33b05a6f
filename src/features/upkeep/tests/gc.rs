//! Collection of what nobody needs.

use super::super::super::{Gc, Left, Needed, Store};
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use tempfile::tempdir;

fn need(space: &Space, examples: impl IntoIterator<Item = u8>) -> Needed {
    Needed {
        space: space.clone(),
        rows: examples.into_iter().map(|one| id(space, one)).collect(),
    }
}

fn plan(root: &Path, needed: &[Needed]) -> Gc {
    Gc::plan(root, needed, &mut |_, _| ()).unwrap()
}

/// Writes shards as they are, also with rows that another shard has.
fn fill(root: &Path, space: &Space, shards: &[BTreeSet<u8>]) {
    let folder = root.join(space.folder()).join("shards");
    for (number, examples) in shards.iter().enumerate() {
        let other = root.join(format!("other-{number}"));
        let examples: Vec<_> = examples.iter().copied().collect();
        let shard = publish(&other, space, &examples);
        fs::create_dir_all(&folder).unwrap();
        fs::rename(&shard, folder.join(shard.file_name().unwrap())).unwrap();
        let json = other.join(space.folder()).join("space.json");
        fs::rename(json, root.join(space.folder()).join("space.json")).unwrap();
        fs::remove_dir_all(other).unwrap();
    }
}

fn some_shards() -> impl Strategy<Value = Vec<BTreeSet<u8>>> {
    let shard = prop::collection::btree_set(0u8..12, 1..5);
    prop::collection::vec(shard, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_needed_stays_and_nothing_else(
        first in some_shards(),
        second in some_shards(),
        needed in prop::collection::btree_set(0u8..12, 0..12),
        killed in any::<bool>(),
    ) {
        let root = tempdir().unwrap();
        let (a, b) = (space("a"), space("b"));
        fill(root.path(), &a, &first);
        fill(root.path(), &b, &second);
        let needed: Vec<u8> = needed.into_iter().collect();
        let (left, right) = needed.split_at(needed.len() / 2);
        // Two pipelines need parts of one space.
        let wanted = [need(&a, left.to_vec()), need(&a, right.to_vec())];
        let there: Vec<u8> =
            needed.iter().copied().filter(|one| first.iter().any(|s| s.contains(one))).collect();
        let gc = plan(root.path(), &wanted);
        prop_assert_eq!(gc.kept, there.len());
        if killed {
            // It has published what stays, and dies before it removes what goes.
            gc.spaces.iter().for_each(|space| space.replace().unwrap());
            drop(gc);
            let store = open(root.path(), &a);
            for one in first.iter().flatten() {
                prop_assert!(store.missing(&[id(&a, *one)]).is_empty());
            }
            drop(store);
            let freed = plan(root.path(), &wanted).carry_out();
            prop_assert!(freed.failed.is_empty(), "{:?}", freed);
        } else {
            let freed = gc.carry_out();
            prop_assert!(freed.failed.is_empty(), "{:?}", freed);
        }
        assert_rows(root.path(), &a, &there);
        prop_assert!(!root.path().join(b.folder()).exists());
        prop_assert_eq!(root.path().join(a.folder()).exists(), !there.is_empty());
        prop_assert!(plan(root.path(), &wanted).is_empty(), "nothing is left to do");
    }
}

#[test]
fn what_is_planned_is_told_before_anything_happens() {
    let root = tempdir().unwrap();
    let a = space("a");
    publish(root.path(), &a, &[1, 2, 3, 4]);
    publish(root.path(), &a, &[5]);
    publish(root.path(), &a, &[6, 7]);
    let gc = plan(root.path(), &[need(&a, [1, 4, 6, 7])]);
    let [one] = &gc.spaces[..] else {
        panic!("{gc:?}")
    };
    assert_eq!((one.removals.len(), one.rewrites.len()), (1, 1));
    assert_eq!(
        (one.rewrites[0].rows, &one.rewrites[0].keep[..]),
        (4, &[0, 3][..])
    );
    assert!(!one.whole && gc.frees() > 0);
    drop(gc);
    assert_rows(root.path(), &a, &[1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_space_that_is_open_is_left_alone_by_name() {
    let root = tempdir().unwrap();
    let (a, b) = (space("a"), space("b"));
    publish(root.path(), &a, &[1, 2]);
    publish(root.path(), &b, &[1, 2]);
    let living = open(root.path(), &a);
    let gc = plan(root.path(), &[]);
    assert!(matches!(&gc.left[..], [Left::InUse { folder }] if folder.ends_with(a.folder())));
    assert!(gc.left[0].is_failure());
    assert!(gc.carry_out().failed.is_empty());
    assert!(!root.path().join(b.folder()).exists());
    assert_eq!(living.read(&[id(&a, 2)]).unwrap().row(0).to_vec(), row(2));
    // Where there is nothing to remove, it does not matter who has it open.
    let gc = plan(root.path(), &[need(&a, [1, 2])]);
    assert!(gc.left.is_empty() && gc.is_empty());
    drop(living);
    assert!(plan(root.path(), &[]).left.is_empty());
}

#[test]
fn what_changed_since_it_was_looked_at_is_left_alone() {
    let root = tempdir().unwrap();
    let a = space("a");
    publish(root.path(), &a, &[1, 2]);
    let gc = plan(root.path(), &[]);
    publish(root.path(), &a, &[3]);
    let freed = gc.carry_out();
    assert!(
        matches!(&freed.left[..], [Left::Changed { .. }]),
        "{freed:?}"
    );
    let gc = plan(root.path(), &[]);
    let living = open(root.path(), &a);
    assert!(matches!(&gc.carry_out().left[..], [Left::InUse { .. }]));
    drop(living);
    assert_rows(root.path(), &a, &[1, 2, 3]);
}

#[test]
fn a_store_that_becomes_a_folder_while_it_is_open_is_in_use() {
    let root = tempdir().unwrap();
    let a = space("a");
    let living = open(root.path(), &a);
    let mut writer = living.writer().unwrap();
    writer.append(id(&a, 1), &row(1)).unwrap();
    writer.finish().unwrap();
    let gc = plan(root.path(), &[]);
    assert!(matches!(&gc.left[..], [Left::InUse { .. }]), "{gc:?}");
}

#[test]
fn leftovers_and_what_was_set_aside_go() {
    let root = tempdir().unwrap();
    let a = space("a");
    publish(root.path(), &a, &[1]);
    let bad = publish(root.path(), &a, &[2]);
    let worse = publish(root.path(), &a, &[3]);
    flip(&bad, 999);
    let (store, warnings) = Store::open(root.path(), &a).unwrap();
    assert_eq!(warnings.len(), 1);
    drop(store);
    flip(&worse, 1001);
    let folder = root.path().join(a.folder()).join("shards");
    fs::write(folder.join(".writer-dead.lock"), "").unwrap();
    fs::write(folder.join(".writer-dead.part"), "half").unwrap();
    let gc = plan(root.path(), &[need(&a, [1, 2, 3])]);
    assert_eq!(gc.spaces[0].removals.len(), 4);
    let freed = gc.carry_out();
    assert_eq!((freed.files, freed.failed.len()), (4, 0));
    assert!(!root.path().join(a.folder()).join("damaged").exists());
    assert_eq!(shards(root.path(), &a).len(), 1);
    assert_rows(root.path(), &a, &[1]);
}

#[test]
fn what_is_not_known_stays_and_is_named() {
    let root = tempdir().unwrap();
    let (a, b) = (space("a"), space("b"));
    publish(root.path(), &a, &[1]);
    publish(root.path(), &b, &[1]);
    let notes = root.path().join(a.folder()).join("shards/notes.txt");
    fs::write(&notes, "mine").unwrap();
    fs::write(
        root.path().join(b.folder()).join("space.json"),
        "{\"store_format\": 2}",
    )
    .unwrap();
    let empty = root.path().join("0123456789abcdef");
    fs::create_dir(&empty).unwrap();
    // A right shard of another space.
    let stray = publish(root.path(), &space("c"), &[1]);
    let strange = notes.with_file_name(stray.file_name().unwrap());
    fs::rename(&stray, &strange).unwrap();
    fs::remove_dir_all(root.path().join(space("c").folder())).unwrap();
    let gc = plan(root.path(), &[]);
    let told: Vec<_> = gc.left.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let has = |words: &str| told.iter().any(|one| one.contains(words));
    assert!(has("notes.txt: none of the store's files"), "{told:?}");
    assert!(
        has("format 2") && has("0123456789abcdef: space.json does not say"),
        "{told:?}"
    );
    assert!(gc.carry_out().failed.is_empty());
    assert!(notes.exists() && empty.exists());
    assert_eq!(shards(root.path(), &a).len(), 2);
    assert!(strange.exists());
    assert_eq!(shards(root.path(), &b).len(), 1);
}

#[test]
fn a_lost_description_is_read_from_the_shards() {
    let root = tempdir().unwrap();
    let a = space("a");
    publish(root.path(), &a, &[1, 2]);
    fs::write(root.path().join(a.folder()).join("space.json"), "?").unwrap();
    let freed = plan(root.path(), &[]).carry_out();
    assert!(freed.failed.is_empty() && freed.bytes > 0);
    assert!(files(root.path()).is_empty());
}

#[test]
fn a_writer_without_a_lock_on_the_space_is_a_living_run() {
    let root = tempdir().unwrap();
    let a = space("a");
    publish(root.path(), &a, &[1]);
    let lock = root.path().join(a.folder()).join("shards/.writer-old.lock");
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();
    let gc = plan(root.path(), &[]);
    assert!(gc.is_empty() && matches!(&gc.left[..], [Left::InUse { .. }]));
    drop(lock);
    let needed: HashSet<_> = [id(&a, 1)].into();
    let needed = [Needed {
        space: a.clone(),
        rows: needed,
    }];
    assert_eq!(plan(root.path(), &needed).carry_out().files, 1);
    assert_rows(root.path(), &a, &[1]);
}
