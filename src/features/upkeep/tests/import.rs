//! Stores that are joined.

use super::super::super::{Imported, import};
use super::*;
use tempfile::tempdir;

fn imported(root: &Path, sources: &[&Path]) -> Imported {
    let mut into = Imported::default();
    for source in sources {
        import(root, source, &mut into, &mut |_, _| ()).unwrap();
    }
    into
}

/// A cache folder whose store has these shards.
fn cache(spaces: &[(&Space, &[u8])]) -> tempfile::TempDir {
    let cache = tempdir().unwrap();
    for (space, examples) in spaces {
        publish(&cache.path().join("features"), space, examples);
    }
    cache
}

#[test]
fn caches_are_joined_whatever_folder_is_named() {
    let (a, b) = (space("a"), space("b"));
    let other = cache(&[(&a, &[1, 2]), (&a, &[3]), (&b, &[1])]);
    let features = other.path().join("features");
    let of_a = features.join(a.folder());
    let shards_of_a = of_a.join("shards");
    let one = shards(&features, &b).remove(0);
    let ways: [(&Path, usize); 5] = [
        (other.path(), 3),
        (&features, 3),
        (&of_a, 2),
        (&shards_of_a, 2),
        (&one, 1),
    ];
    for (source, count) in ways {
        let root = tempdir().unwrap();
        let first = imported(root.path(), &[source]);
        assert_eq!(
            (first.shards, first.known, first.refused.len()),
            (count, 0, 0),
            "{source:?}"
        );
        let again = imported(root.path(), &[source, source]);
        assert_eq!((again.shards, again.known), (0, 2 * count));
        if count > 1 {
            assert_rows(root.path(), &a, &[1, 2, 3]);
        }
        if count != 2 {
            assert_rows(root.path(), &b, &[1]);
            let json = root.path().join(b.folder()).join("space.json");
            let said = fs::read_to_string(json).unwrap();
            assert!(said.contains("\"graph\": \"b\""), "{said}");
        }
    }
}

#[test]
fn a_shard_of_known_rows_is_passed_over_and_one_with_a_new_row_is_not() {
    let a = space("a");
    let (one, other) = (cache(&[(&a, &[1, 2])]), cache(&[(&a, &[1]), (&a, &[2, 3])]));
    let root = tempdir().unwrap();
    let done = imported(root.path(), &[one.path(), other.path()]);
    assert_eq!((done.shards, done.known, done.rows), (2, 1, 4));
    assert_rows(root.path(), &a, &[1, 2, 3]);
}

#[test]
fn a_damaged_shard_stays_where_it_is_and_the_others_come() {
    let a = space("a");
    let other = cache(&[(&a, &[1]), (&a, &[2])]);
    let features = other.path().join("features");
    let bad = shards(&features, &a).remove(0);
    let length = fs::metadata(&bad).unwrap().len() as usize;
    flip(&bad, 4 * length);
    fs::write(features.join(a.folder()).join("shards/notes.txt"), "mine").unwrap();
    let root = tempdir().unwrap();
    let done = imported(root.path(), &[other.path()]);
    assert_eq!((done.shards, done.refused.len()), (1, 2));
    let told: Vec<_> = done.refused.iter().map(ToString::to_string).collect();
    assert!(
        told[0].contains("is damaged (its SHA-256 is now"),
        "{told:?}"
    );
    assert!(told[1].contains("notes.txt: not a shard"), "{told:?}");
    assert!(bad.exists());
    assert_eq!(open(root.path(), &a).len(), 1);
}

#[test]
fn a_damaged_shard_here_is_replaced_by_a_right_one_from_there() {
    let a = space("a");
    let other = cache(&[(&a, &[1, 2])]);
    let root = tempdir().unwrap();
    imported(root.path(), &[other.path()]);
    flip(&shards(root.path(), &a)[0], 4321);
    let done = imported(root.path(), &[other.path()]);
    assert_eq!((done.shards, done.warnings.len()), (1, 1));
    assert_rows(root.path(), &a, &[1, 2]);
    assert_rows(&other.path().join("features"), &a, &[1, 2]);
}

#[test]
fn where_there_are_no_shards_that_is_told() {
    let (root, other) = (tempdir().unwrap(), tempdir().unwrap());
    let done = imported(root.path(), &[other.path()]);
    assert!(
        done.refused[0]
            .to_string()
            .contains("there are no shards here"),
        "{done:?}"
    );
    let done = imported(root.path(), &[&other.path().join("gone")]);
    let told = done.refused[0].to_string();
    assert!(
        told.contains("gone: cannot be read: No such file"),
        "{told}"
    );
}

#[test]
fn a_link_in_place_of_a_shard_is_followed() {
    let a = space("a");
    let other = cache(&[(&a, &[1])]);
    let real = shards(&other.path().join("features"), &a).remove(0);
    let link = other.path().join(real.file_name().unwrap());
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let root = tempdir().unwrap();
    assert_eq!(imported(root.path(), &[&link]).shards, 1);
    let here = shards(root.path(), &a).remove(0);
    assert!(fs::symlink_metadata(here).unwrap().is_file());
}
