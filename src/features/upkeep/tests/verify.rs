//! Verification.

use super::super::super::{Warning, verify};
use super::*;
use proptest::prelude::*;
use tempfile::tempdir;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn one_flipped_bit_is_found_wherever_it_is(place in any::<prop::sample::Index>()) {
        let root = tempdir().unwrap();
        let (a, b) = (space("a"), space("b"));
        let bad = publish(root.path(), &a, &[1, 2]);
        publish(root.path(), &a, &[3]);
        publish(root.path(), &b, &[1]);
        let right = verify(root.path(), None, &mut |_, _| ()).unwrap();
        prop_assert!(right.is_right());
        prop_assert_eq!((right.spaces, right.shards, right.rows), (2, 3, 4));
        flip(&bad, place.index(8 * fs::metadata(&bad).unwrap().len() as usize));
        let others = verify(root.path(), Some(&[b]), &mut |_, _| ()).unwrap();
        prop_assert!(others.is_right());
        let found = verify(root.path(), None, &mut |_, _| ()).unwrap();
        prop_assert_eq!((found.shards, found.rows), (2, 2));
        let [Warning::Damaged { path, moved_to: Some(moved), .. }] = &found.damaged[..] else {
            panic!("{found:?}");
        };
        prop_assert!(*path == bad && !bad.exists() && moved.exists());
        assert_rows(root.path(), &a, &[3]);
    }
}

#[test]
fn a_shard_of_another_space_is_no_shard_of_this_one() {
    let root = tempdir().unwrap();
    let (a, b) = (space("a"), space("b"));
    publish(root.path(), &a, &[1]);
    let stray = publish(root.path(), &b, &[1]);
    let moved = root
        .path()
        .join(a.folder())
        .join("shards")
        .join(stray.file_name().unwrap());
    fs::rename(&stray, &moved).unwrap();
    let found = verify(root.path(), None, &mut |_, _| ()).unwrap();
    assert_eq!(found.damaged.len(), 1);
    let told = found.damaged[0].to_string();
    assert!(
        told.contains("it says that it belongs to another space"),
        "{told}"
    );
}

#[test]
fn what_is_no_shard_is_named_and_a_newer_format_is_left() {
    let root = tempdir().unwrap();
    let a = space("a");
    publish(root.path(), &a, &[1]);
    let folder = root.path().join(a.folder());
    fs::write(folder.join("shards/notes.txt"), "mine").unwrap();
    fs::write(root.path().join("README"), "mine").unwrap();
    let newer = root.path().join("0123456789abcdef");
    fs::create_dir(&newer).unwrap();
    fs::write(newer.join("space.json"), "{\"store_format\": 99}").unwrap();
    let found = verify(root.path(), None, &mut |_, _| ()).unwrap();
    assert_eq!((found.shards, found.strangers.len()), (1, 2));
    assert!(!found.is_right());
    assert!(
        found.unread[0].to_string().contains("format 99"),
        "{found:?}"
    );
}

#[test]
fn a_store_that_is_not_there_is_right() {
    let root = tempdir().unwrap();
    let found = verify(&root.path().join("none"), None, &mut |_, _| ()).unwrap();
    assert!(found.is_right() && found.shards == 0);
}
