//! The cat study's files, from three places.

use super::super::AssetError;
use super::super::cats::{StudyFile, fetch_file};
use super::super::pins::Pin;
use super::{World, sha256};
use std::fs;
use std::path::PathBuf;

const CAT: &[u8] = b"\x89HDF cats";

fn cat() -> StudyFile {
    StudyFile {
        pin: Pin {
            name: "cats.h5",
            sha256: sha256(CAT),
        },
        bytes: CAT.len() as u64,
    }
}

fn cats(world: &World, mirror: Option<&str>) -> Result<PathBuf, AssetError> {
    let mirror = mirror.map(|name| world.path(name));
    fetch_file(
        cat(),
        &world.tools,
        &world.path("data"),
        mirror.as_deref(),
        &mut |_| (),
    )
}

#[test]
fn a_good_file_in_the_data_folder_is_used_and_nothing_else_is_asked() {
    let world = World::new();
    world.put("data/cats.h5", CAT);
    world.put("mirror/cats.h5", b"another");
    assert_eq!(
        cats(&world, Some("mirror")).unwrap(),
        world.path("data/cats.h5")
    );
    assert_eq!(world.published(), ["data/cats.h5"]);
}

#[test]
fn another_file_in_the_data_folder_is_never_overwritten() {
    let world = World::new();
    world.put("data/cats.h5", b"mine");
    world.put("mirror/cats.h5", CAT);
    let error = cats(&world, Some("mirror")).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, AssetError::OtherContent { .. }));
    assert!(
        words.contains(sha256(b"mine")) && words.contains(sha256(CAT)),
        "{words}"
    );
    assert_eq!(fs::read(world.path("data/cats.h5")).unwrap(), b"mine");
}

#[test]
fn the_mirror_is_copied() {
    let world = World::new();
    world.put("mirror/cats.h5", CAT);
    world.put("data/.cats.h5.part", b"half of a killed run");
    let path = cats(&world, Some("mirror")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CAT);
    assert_eq!(world.published(), ["data/cats.h5"]);
    fs::write(path, "changed").unwrap();
    assert_eq!(fs::read(world.path("mirror/cats.h5")).unwrap(), CAT);
}

#[test]
fn another_file_in_the_mirror_is_an_error() {
    let world = World::new();
    world.put("mirror/cats.h5", b"another");
    let error = cats(&world, Some("mirror")).unwrap_err();
    let AssetError::OtherContent { path, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(path, world.path("mirror/cats.h5"));
    assert!(world.published().is_empty());
}

#[test]
fn the_public_address_is_asked_last() {
    let mut world = World::new();
    world.put("public", CAT);
    world.tools.curl =
        world.script("for last; do out=$before; before=$last; done; cp $W/public $out");
    let path = cats(&world, Some("mirror")).unwrap();
    assert_eq!(fs::read(path).unwrap(), CAT);
    assert_eq!(world.published(), ["data/cats.h5"]);
    let asked = fs::read_to_string(world.path("calls")).unwrap();
    let commit = "/5aa70859e5a6890e07d9a4c3294e8adb4b6a033f/datasets/cats.h5\n";
    assert!(
        asked.ends_with(commit) && asked.contains("--fail --location"),
        "{asked}"
    );
}

#[test]
fn a_public_file_with_another_checksum_leaves_nothing() {
    let mut world = World::new();
    world.put("public", b"a log-in page");
    world.tools.curl =
        world.script("for last; do out=$before; before=$last; done; cp $W/public $out");
    let error = cats(&world, None).unwrap_err();
    assert!(matches!(error, AssetError::WrongChecksum { .. }));
    assert!(world.published().is_empty());
}

#[test]
fn where_nothing_can_be_reached_the_error_says_what_to_put_where() {
    let mut world = World::new();
    world.tools.curl = world.script("echo 'curl: (6) Could not resolve host' >&2; exit 6");
    let error = cats(&world, Some("mirror")).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, AssetError::CatsUnreachable { .. }));
    for part in [
        "cats.h5",
        "Could not resolve host",
        "CATPIPE_MIRROR",
        "mirror",
        sha256(CAT),
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(words.contains(world.path("data").to_str().unwrap()));
    assert!(world.published().is_empty());
}

#[test]
fn a_missing_curl_is_named_with_its_package() {
    let world = World::new();
    let error = cats(&world, None).unwrap_err();
    let AssetError::CatsUnreachable { cause, .. } = &error else {
        panic!("{error}")
    };
    assert!(matches!(
        **cause,
        AssetError::ToolMissing {
            package: "curl",
            ..
        }
    ));
    assert!(
        error.to_string().contains("apt-get install curl"),
        "{error}"
    );
}
