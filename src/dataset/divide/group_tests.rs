//! Groups of arrays and of files: none stands on both sides.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use image::RgbImage;
use ndarray::{Array1, Array4};

use crate::dataset::arrays::tests::settle;
use crate::dataset::{Dataset, DatasetConfig, DatasetError};

fn open(root: &Path, text: &str) -> Result<Dataset, DatasetError> {
    let config: DatasetConfig = serde_saphyr::from_str(text).unwrap();
    Dataset::open(&config, root)
}

/// The side of each group that `group` finds in an id.
fn sides(dataset: &Dataset, group: impl Fn(&str) -> String) -> HashMap<String, bool> {
    let mut sides = HashMap::new();
    for (source, side) in [
        (&dataset.train, false),
        (dataset.test.as_ref().unwrap(), true),
    ] {
        for example in source.examples() {
            let group = group(&example.id);
            let before = sides.insert(group.clone(), side);
            assert!(
                before.is_none_or(|before| before == side),
                "{group} is torn"
            );
        }
    }
    assert_eq!(sides.values().collect::<HashSet<_>>().len(), 2);
    sides
}

/// 60 images, of which every tenth belongs together.
fn arrays(root: &Path) {
    let file = hdf5::File::create(root.join("a.h5")).unwrap();
    let images = Array4::from_shape_fn((60, 2, 2, 3), |(n, ..)| n as u8);
    let labels = Array1::from_shape_fn(60, |n| (n / 10 % 2) as i64);
    let numbers = Array1::from_shape_fn(60, |n| (n % 10) as u16);
    let texts: Vec<VarLenUnicode> = (0..60)
        .map(|n| format!("p{}", n % 10).parse().unwrap())
        .collect();
    file.new_dataset_builder()
        .with_data(&images)
        .create("x")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&labels)
        .create("y")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&numbers)
        .create("n")
        .unwrap();
    file.new_dataset_builder()
        .with_data(&texts)
        .create("t")
        .unwrap();
    let few = Array1::from_elem(7, 1u8);
    file.new_dataset_builder()
        .with_data(&few)
        .create("few")
        .unwrap();
    let wrong = Array1::from_elem(60, 1f32);
    file.new_dataset_builder()
        .with_data(&wrong)
        .create("wrong")
        .unwrap();
    file.close().unwrap();
    settle(&root.join("a.h5"));
}

#[test]
fn groups_of_arrays_are_numbers_or_texts() {
    let dir = tempfile::tempdir().unwrap();
    arrays(dir.path());
    let pipeline = |groups: &str| {
        let source = format!("{{hdf5: a.h5, images: x, labels: y, groups: {groups}}}");
        format!("source: {source}\nsplit: {{test: 0.4}}")
    };
    for groups in ["n", "t"] {
        let dataset = open(dir.path(), &pipeline(groups)).unwrap();
        let of = |id: &str| {
            let row: usize = id.rsplit_once('/').unwrap().1.parse().unwrap();
            (row % 10).to_string()
        };
        assert_eq!(sides(&dataset, of).len(), 10);
    }
    for (groups, told) in [
        ("few", "`few` in a.h5 has 7 groups for 60 images"),
        (
            "wrong",
            "`wrong` in a.h5 is [60] of float32, but `groups` needs [N] of integers or strings",
        ),
        ("none", "a.h5 has no dataset `none`"),
    ] {
        let error = open(dir.path(), &pipeline(groups)).unwrap_err();
        let text = error
            .to_string()
            .replace(&format!("{}/", dir.path().display()), "");
        assert!(text.starts_with(told), "{text}");
        assert_eq!(error.key().as_deref(), Some("source.groups"));
    }
}

fn put(path: &Path, grey: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::from_pixel(8, 8, image::Rgb([grey as u8; 3]));
    image
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
}

#[test]
fn groups_of_files_are_told_by_folder_or_name() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..60 {
        let (class, group) = (["cat", "dog"][i / 10 % 2], i % 10);
        put(
            &dir.path().join(format!("folders/{class}/p{group}/{i}.png")),
            i,
        );
        put(
            &dir.path().join(format!("names/{class}/p{group}_{i}.png")),
            i,
        );
    }
    let of_folder = |id: &str| id.rsplit('/').nth(1).unwrap().to_owned();
    let of_name = |id: &str| {
        let name = id.rsplit('/').next().unwrap();
        name.split('_').next().unwrap().to_owned()
    };
    let split = "split: {test: 0.4}";
    let folders = open(
        dir.path(),
        &format!("source: {{folder: folders, group_by: folder}}\n{split}"),
    );
    let folders = sides(&folders.unwrap(), of_folder);
    let names = open(
        dir.path(),
        &format!("source: {{folder: names, group_by: {{name_before: '_'}}}}\n{split}"),
    );
    // The same groups by another rule fall on the same sides.
    assert_eq!(sides(&names.unwrap(), of_name), folders);
    let files = open(
        dir.path(),
        &format!("source: {{files: 'names/**/*.png', group_by: {{name_before: '_'}}}}\n{split}"),
    );
    assert_eq!(sides(&files.unwrap(), of_name), folders);
    let both = "train: {folder: folders, group_by: folder}\n\
                test: {folder: folders, group_by: folder}";
    let error = open(dir.path(), both).unwrap_err();
    assert!(
        matches!(error, DatasetError::GroupOnBothSides { .. }),
        "{error}"
    );
}
