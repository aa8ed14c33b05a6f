//! Duplicates of whole datasets.

use std::path::Path;

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};

use crate::dataset::{Dataset, DatasetConfig, SourceConfig};

fn picture(seed: u32) -> RgbImage {
    let small = RgbImage::from_fn(6, 6, |x, y| {
        let mixed = (x + 6 * y + 36 * seed + 1).wrapping_mul(2_654_435_761);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b);
        let mixed = mixed ^ (mixed >> 13);
        Rgb([(mixed >> 8) as u8, (mixed >> 16) as u8, (mixed >> 24) as u8])
    });
    resize(&small, 120, 90, FilterType::CatmullRom)
}

fn save(dir: &Path, path: &str, image: &RgbImage) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.save(path).unwrap();
}

#[test]
fn the_same_and_the_alike_are_found_with_both_ids() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..4 {
        let class = ["a", "b"][seed as usize % 2];
        save(
            dir.path(),
            &format!("train/{class}/{seed}.png"),
            &picture(seed),
        );
    }
    save(dir.path(), "test/a/new.png", &picture(9));
    save(dir.path(), "test/a/same.png", &picture(1));
    let smaller = resize(&picture(2), 70, 70, FilterType::Triangle);
    save(dir.path(), "test/b/alike.jpg", &smaller);
    // All of one colour: nothing to compare.
    save(dir.path(), "train/b/blank.png", &RgbImage::new(9, 9));
    save(dir.path(), "test/b/blank.png", &RgbImage::new(8, 8));
    let source = |side: &str| SourceConfig::Folder {
        group_by: None,
        folder: side.into(),
        exclude: Vec::new(),
    };
    let config = DatasetConfig::given(source("train"), Some(source("test")));
    let found = Dataset::open(&config, dir.path())
        .unwrap()
        .duplicates(&mut || ())
        .unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    let shown = found[0].to_string();
    assert_eq!(shown, "b/1.png (train) and a/same.png (test) are the same");
    assert_eq!(
        (found[1].train.as_str(), found[1].test.as_str()),
        ("a/2.png", "b/alike.jpg")
    );
    assert!(found[1].distance.is_some());
    let alone = DatasetConfig::given(source("train"), None);
    assert!(
        Dataset::open(&alone, dir.path())
            .unwrap()
            .duplicates(&mut || ())
            .unwrap()
            .is_empty()
    );
}
