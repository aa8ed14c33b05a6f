//! Damaged HDF5 files: cut off anywhere, bytes changed anywhere.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::tests::{Fixture, with_compressed};
use super::{Names, open};
use crate::dataset::Limits;

/// Opens a file and reads all of it; what comes out does not matter.
fn exercise(path: &Path) {
    for (labels, classes) in [(Some("y"), Some("c")), (None, None)] {
        if let Ok(opened) = open(
            path,
            &Names {
                groups: None,
                images: "x",
                labels,
                classes,
            },
            &Limits::default(),
        ) {
            for row in 0..opened.examples.len().min(8) {
                let _ = opened.arrays.read(row);
            }
        }
    }
    let _ = open(
        path,
        &Names {
            groups: None,
            images: "nothing",
            labels: None,
            classes: None,
        },
        &Limits::default(),
    );
}

#[test]
fn every_truncation_has_an_answer() {
    let fixture = with_compressed(Fixture::new());
    let whole = fs::read(fixture.path()).unwrap();
    let path = fixture.dir.path().join("cut.h5");
    for len in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..len]).unwrap();
        let names = Names {
            groups: None,
            images: "x",
            labels: Some("y"),
            classes: Some("c"),
        };
        let error = open(&path, &names, &Limits::default()).err();
        assert!(
            error.is_some(),
            "{len} of {} bytes were believed",
            whole.len()
        );
        exercise(&path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn flipped_bytes_have_an_answer(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
    ) {
        let fixture = with_compressed(Fixture::new());
        let mut bytes = fs::read(fixture.path()).unwrap();
        for (place, bits) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
        }
        let path = fixture.dir.path().join("flipped.h5");
        fs::write(&path, &bytes).unwrap();
        exercise(&path);
    }
}
