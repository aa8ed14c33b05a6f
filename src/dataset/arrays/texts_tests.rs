//! Names of variable length, whole and damaged.

use std::fs;

use hdf5::types::VarLenUnicode;

use super::tests::{Fixture, settle, with_compressed};
use super::{Names, Opened, open};
use crate::dataset::error::SourceError;
use crate::dataset::{Limits, MAX_SIDE};

fn opened(path: &std::path::Path, classes: &str) -> Result<Opened, SourceError> {
    let names = Names {
        images: "x",
        labels: Some("y"),
        classes: Some(classes),
        groups: None,
    };
    open(path, &names, &Limits::default())
}

fn text(name: &str) -> VarLenUnicode {
    name.parse().unwrap()
}

/// The file with `vlen`, and its bytes changed.
fn changed(change: impl Fn(&mut Vec<u8>)) -> Result<Opened, SourceError> {
    let fixture = with_compressed(Fixture::new());
    let mut bytes = fs::read(fixture.path()).unwrap();
    change(&mut bytes);
    fs::write(fixture.path(), &bytes).unwrap();
    opened(&fixture.path(), "vlen")
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    let places = bytes.windows(part.len());
    places.into_iter().position(|there| there == part).unwrap()
}

/// Where the first object of the heap begins: behind its signature, version and length.
fn first_object(bytes: &[u8]) -> usize {
    find(bytes, b"GCOL") + 16
}

fn told(result: Result<Opened, SourceError>) -> String {
    match result.err().unwrap() {
        SourceError::ArrayUnreadable { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn a_length_that_nothing_has_is_not_believed() {
    // The descriptor of `cat`: its length, the heap's address, its number. The library makes room
    // for what it says, up to 4 GiB, before it looks.
    let reason = told(changed(|bytes| {
        let heap = find(bytes, b"GCOL") as u64;
        let descriptor = [&3u32.to_le_bytes()[..], &heap.to_le_bytes(), &[1, 0, 0, 0]].concat();
        let at = find(bytes, &descriptor);
        bytes[at..at + 4].fill(0xFF);
    }));
    assert_eq!(
        reason,
        "a name has 4294967295 bytes, at most 512 are accepted"
    );
}

#[test]
fn free_space_of_no_length_ends_a_heap() {
    // The library never ends on this one.
    let reason = told(changed(|bytes| {
        let at = first_object(bytes);
        bytes[at..at + 16].fill(0);
    }));
    assert!(reason.ends_with("does not hold a name"), "{reason}");
}

#[test]
fn a_heap_that_is_none_is_named() {
    let longer = |bytes: &mut Vec<u8>| {
        let at = first_object(bytes) - 8;
        bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    };
    let other = |bytes: &mut Vec<u8>| {
        let at = find(bytes, b"GCOL");
        bytes[at] = b'X';
    };
    for reason in [told(changed(longer)), told(changed(other))] {
        assert!(reason.starts_with("there is no heap at "), "{reason}");
    }
}

#[test]
fn many_names_and_chunks_and_a_user_block_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let names: Vec<String> = (0..700)
        .map(|i| format!("class {i} {}", "ü".repeat(i % 50)))
        .collect();
    let texts: Vec<_> = names.iter().map(|name| text(name)).collect();
    for block in [0, 1024] {
        let created = hdf5::File::with_options()
            .with_fcpl(|fcpl| fcpl.userblock(block))
            .create(&path);
        let file = created.unwrap();
        let images = ndarray::Array4::<u8>::zeros((2, 3, 4, 3));
        file.new_dataset_builder()
            .with_data(&images)
            .create("x")
            .unwrap();
        let labels = ndarray::arr1(&[0, 699]);
        file.new_dataset_builder()
            .with_data(&labels)
            .create("y")
            .unwrap();
        let texts = ndarray::arr1(&texts);
        let builder = file.new_dataset_builder();
        builder.with_data(&texts).create("whole").unwrap();
        let builder = file.new_dataset_builder().chunk(64);
        builder.with_data(&texts).create("chunks").unwrap();
        let builder = file.new_dataset_builder().chunk(64).deflate(4);
        builder.with_data(&texts).create("deflated").unwrap();
        file.close().unwrap();
        settle(&path);
        for stored in ["whole", "chunks"] {
            assert_eq!(
                opened(&path, stored).unwrap().classes,
                names,
                "{stored} {block}"
            );
        }
        let reason = told(opened(&path, "deflated"));
        assert!(reason.contains("without compression"), "{reason}");
    }
}

#[test]
fn images_that_were_never_written_are_no_examples() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let file = hdf5::File::create(&path).unwrap();
    let builder = file.new_dataset::<u8>().chunk((1, 3, 4, 3));
    builder.shape((10_000_000, 3, 4, 3)).create("x").unwrap();
    file.close().unwrap();
    settle(&path);
    assert!(fs::metadata(&path).unwrap().len() < u64::from(MAX_SIDE));
    let names = Names {
        images: "x",
        labels: None,
        classes: None,
        groups: None,
    };
    let error = open(&path, &names, &Limits::default()).err().unwrap();
    assert!(
        matches!(error, SourceError::ArrayTooLarge { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("were never written"), "{error}");
}
