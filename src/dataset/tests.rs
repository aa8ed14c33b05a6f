//! Datasets of one and two sides.

use std::fs;

use hdf5::types::VarLenUnicode;
use image::RgbImage;
use tempfile::TempDir;

use super::arrays::tests::settle;
use super::*;

/// Writes `name` with images `x` of 2x2 pixels, labels `y` and, unless empty, class names `c`.
fn arrays(dir: &TempDir, name: &str, labels: &[i32], classes: &[&str]) -> SourceConfig {
    let path = dir.path().join(name);
    let file = hdf5::File::create(&path).unwrap();
    let images = ndarray::Array4::from_shape_fn((labels.len(), 2, 2, 3), |(n, ..)| n as u8);
    file.new_dataset_builder()
        .with_data(&images)
        .create("x")
        .unwrap();
    file.new_dataset_builder()
        .with_data(labels)
        .create("y")
        .unwrap();
    if !classes.is_empty() {
        let names: Vec<VarLenUnicode> = classes.iter().map(|c| c.parse().unwrap()).collect();
        file.new_dataset_builder()
            .with_data(&names)
            .create("c")
            .unwrap();
    }
    file.close().unwrap();
    settle(&path);
    SourceConfig::Hdf5 {
        groups: None,
        hdf5: name.into(),
        images: "x".into(),
        labels: Some("y".into()),
        classes: Some("c".into()).filter(|_| !classes.is_empty()),
    }
}

fn folder(path: &str) -> SourceConfig {
    SourceConfig::Folder {
        group_by: None,
        folder: path.into(),
        exclude: Vec::new(),
    }
}

fn open(
    dir: &TempDir,
    train: SourceConfig,
    test: Option<SourceConfig>,
) -> Result<Dataset, DatasetError> {
    Dataset::open(&DatasetConfig::given(train, test), dir.path())
}

#[test]
fn both_sides_are_opened_under_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let train = arrays(&dir, "train.h5", &[0, 1, 1], &["cat", "dog"]);
    let test = arrays(&dir, "test.h5", &[1], &["cat", "dog"]);
    let data = open(&dir, train, Some(test)).unwrap();
    let test = data.test.unwrap();
    assert_eq!((data.train.examples().len(), test.examples().len()), (3, 1));
    assert_eq!(test.examples()[0].id, "test.h5#x/0");
    assert_eq!(
        data.train.read(2).unwrap(),
        RgbImage::from_pixel(2, 2, image::Rgb([2; 3]))
    );
    assert!(data.train.path().ends_with("train.h5"));
}

#[test]
fn numbered_classes_agree_with_any_that_are_as_many() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = |labels: &[i32]| arrays(&dir, &format!("{}.h5", labels.len()), labels, &[]);
    let fewer = arrays(&dir, "fewer.h5", &[0, 1], &[]);
    let data = open(&dir, numbers(&[0, 1, 2]), Some(fewer.clone())).unwrap();
    assert_eq!(data.test.unwrap().classes(), ["0", "1", "2"]);
    let named = arrays(&dir, "named.h5", &[0, 1], &["cat", "dog", "owl"]);
    let data = open(&dir, numbers(&[0, 1, 1, 0, 1]), Some(named.clone())).unwrap();
    assert_eq!(data.train.classes(), ["cat", "dog", "owl"]);
    let data = open(&dir, named.clone(), Some(fewer)).unwrap();
    assert_eq!(data.test.unwrap().classes(), ["cat", "dog", "owl"]);
    let more = numbers(&[0, 1, 2, 3]);
    assert!(matches!(
        open(&dir, named, Some(more)),
        Err(DatasetError::ClassesDiffer { .. })
    ));
}

#[test]
fn different_classes_are_shown_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let train = arrays(&dir, "train.h5", &[0, 1], &["cat", "dog"]);
    let test = arrays(&dir, "test.h5", &[0, 1], &["dog", "cat"]);
    let error = open(&dir, train, Some(test)).unwrap_err();
    assert_eq!(error.key().as_deref(), Some("test"));
    assert_eq!(
        error.to_string(),
        "train and test have different classes\n  train: cat, dog (2)\n  test:  dog, cat (2)\n\
         both sides need the same classes in the same order"
    );
}

#[test]
fn one_class_is_not_enough() {
    let dir = tempfile::tempdir().unwrap();
    let error = open(&dir, arrays(&dir, "train.h5", &[0, 0], &[]), None).unwrap_err();
    assert_eq!(error.key().as_deref(), Some("train.labels"));
    assert_eq!(
        error.to_string(),
        "a labelled dataset needs at least two classes, found 0 (1)"
    );
    fs::create_dir_all(dir.path().join("f/only")).unwrap();
    RgbImage::new(1, 1)
        .save(dir.path().join("f/only/1.png"))
        .unwrap();
    let error = open(&dir, folder("f"), None).unwrap_err();
    assert_eq!(error.key().as_deref(), Some("train.folder"));
}

#[test]
fn an_error_knows_the_key_it_is_about() {
    let dir = tempfile::tempdir().unwrap();
    let good = arrays(&dir, "train.h5", &[0, 1], &[]);
    let missing = folder("nowhere");
    let error = open(&dir, good.clone(), Some(missing)).unwrap_err();
    assert_eq!(error.key().as_deref(), Some("test.folder"));
    let data = open(&dir, good, None).unwrap();
    let error = data.train.read(2).unwrap_err();
    assert_eq!(error.key(), None);
    assert_eq!(
        error.to_string(),
        "there is no example 2: the source has 2, counted from 0"
    );
}

#[test]
fn sources_without_labels_are_for_extraction() {
    let dir = tempfile::tempdir().unwrap();
    arrays(&dir, "train.h5", &[0, 1], &[]);
    let bare = SourceConfig::Hdf5 {
        groups: None,
        hdf5: "train.h5".into(),
        images: "x".into(),
        labels: None,
        classes: None,
    };
    let data = open(&dir, bare, None).unwrap();
    assert!(!data.train.labelled() && data.train.classes().is_empty());
}

#[test]
fn many_threads_read_what_one_reads() {
    let dir = tempfile::tempdir().unwrap();
    let labels: Vec<i32> = (0..200).map(|i| i % 2).collect();
    let data = open(&dir, arrays(&dir, "train.h5", &labels, &[]), None).unwrap();
    let source = &data.train;
    let keys = |step: usize| -> Vec<_> {
        (0..200)
            .map(|i| source.content_key(i * step % 200).unwrap())
            .collect()
    };
    let alone = keys(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = [1, 3, 7, 9]
            .map(|step| scope.spawn(move || (step, keys(step))))
            .into();
        for thread in threads {
            let (step, found) = thread.join().unwrap();
            for (i, key) in found.iter().enumerate() {
                assert_eq!(key, &alone[i * step % 200]);
            }
        }
    });
    assert_eq!(
        alone.iter().collect::<std::collections::HashSet<_>>().len(),
        200
    );
}

/// Class folders `f/<class>/<name>` of small pictures, each of its own content.
fn pictures(dir: &TempDir, names: &[(u8, &str)]) {
    for (content, path) in names {
        let path = dir.path().join("f").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = RgbImage::from_pixel(3, 2, image::Rgb([*content, 7, 9]));
        image
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
}

fn skipping(max_skipped: f64) -> DatasetConfig {
    DatasetConfig {
        on_error: OnError::Skip,
        max_skipped: Share::try_from(max_skipped).unwrap(),
        ..DatasetConfig::given(folder("f"), None)
    }
}

#[test]
fn bad_files_are_skipped_named_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    pictures(&dir, &[(1, "a/1.png"), (2, "a/2.png"), (3, "b/1.png")]);
    let good = fs::read(dir.path().join("f/a/1.png")).unwrap();
    // Begins like a PNG: found out by decoding alone.
    let bad = dir.path().join("f/a/cut.png");
    fs::write(&bad, &good[..good.len() - 20]).unwrap();
    fs::write(dir.path().join("f/b/empty.jpg"), b"").unwrap();

    let stop = DatasetConfig::given(folder("f"), None);
    assert!(Dataset::open(&stop, dir.path()).is_err());
    let data = Dataset::open(&skipping(0.4), dir.path()).unwrap();
    let ids: Vec<_> = data
        .train
        .examples()
        .iter()
        .map(|e| e.id.as_str())
        .collect();
    assert_eq!(ids, ["a/1.png", "a/2.png", "b/1.png"]);
    for i in 0..3 {
        data.train.read(i).unwrap();
    }
    let skipped: Vec<_> = data
        .skipped()
        .iter()
        .map(|s| (s.split, s.path.as_str()))
        .collect();
    assert_eq!(skipped, [("train", "a/cut.png"), ("train", "b/empty.jpg")]);
    let reason = &data.skipped()[0].reason;
    assert!(
        reason.starts_with("is a damaged or unsupported PNG image"),
        "{reason}"
    );

    let error = Dataset::open(&skipping(0.3), dir.path()).unwrap_err();
    assert_eq!(error.key().as_deref(), Some("train"));
    let text = error.to_string();
    let head =
        "2 of 5 cannot be used, which is more than `max_skipped` allows (0.3):\n  a/cut.png ";
    assert!(text.starts_with(head), "{text}");

    fs::write(&bad, &good).unwrap();
    let data = Dataset::open(&skipping(0.4), dir.path()).unwrap();
    assert_eq!((data.train.examples().len(), data.skipped().len()), (4, 1));
}

#[test]
fn a_side_of_nothing_but_bad_files_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    pictures(&dir, &[(1, "a/1.png"), (3, "b/1.png")]);
    for path in ["f/a/1.png", "f/b/1.png"] {
        let path = dir.path().join(path);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    }
    let error = Dataset::open(&skipping(1.0), dir.path()).unwrap_err();
    assert!(
        matches!(error, DatasetError::NothingLeft { skipped: 2, .. }),
        "{error}"
    );
}

#[test]
fn limits_and_background_reach_the_decoder() {
    let dir = tempfile::tempdir().unwrap();
    pictures(&dir, &[(1, "a/1.png"), (3, "b/1.png")]);
    let path = dir.path().join("f/a/1.png");
    image::RgbaImage::new(3, 2).save(path).unwrap();
    let given = DatasetConfig::given(folder("f"), None);
    let read = |config: &DatasetConfig| Dataset::open(config, dir.path()).unwrap().train.read(0);
    let key = |config: &DatasetConfig| {
        let data = Dataset::open(config, dir.path()).unwrap();
        data.train.content_key(0).unwrap()
    };
    let red = DatasetConfig {
        background: Background([255, 0, 0]),
        ..given.clone()
    };
    assert_eq!(read(&red).unwrap().get_pixel(0, 0).0, [255, 0, 0]);
    assert_eq!(read(&given).unwrap().get_pixel(0, 0).0, [255; 3]);
    assert_ne!(key(&red), key(&given));
    let mut small = given.clone();
    small.limits.max_bytes = 10.try_into().unwrap();
    let text = read(&small).unwrap_err().to_string();
    assert!(
        text.contains("at most 10 are accepted (`dataset.limits.max_bytes`"),
        "{text}"
    );
    small = given.clone();
    small.limits.max_side = 2.try_into().unwrap();
    assert!(
        read(&small)
            .unwrap_err()
            .to_string()
            .contains("declares 3x2 pixels")
    );
    let arrays = arrays(&dir, "a.h5", &[0, 1], &[]);
    let mut small = DatasetConfig::given(arrays, None);
    small.limits.max_pixels = 3.try_into().unwrap();
    let text = Dataset::open(&small, dir.path()).unwrap_err().to_string();
    assert!(
        text.contains("at most 32768 pixels a side and 3 in all"),
        "{text}"
    );
}

#[test]
fn a_survey_counts_everything() {
    let dir = tempfile::tempdir().unwrap();
    pictures(
        &dir,
        &[
            (1, "a/1.png"),
            (2, "a/2.jpg"),
            (3, "b/1.png"),
            (4, "b/x.png"),
        ],
    );
    fs::write(dir.path().join("f/b/empty.jpg"), b"").unwrap();
    let config = DatasetConfig::given(folder("f"), Some(folder("f")));
    let survey = Dataset::survey(&config, dir.path(), &mut |_, _, _| ()).unwrap();
    assert_eq!(survey.train.examples, 4);
    let classes: Vec<_> = survey
        .train
        .classes
        .iter()
        .map(|c| (c.name.as_str(), c.examples))
        .collect();
    assert_eq!(classes, [("a", 2), ("b", 2)]);
    assert_eq!(
        survey.train.formats.into_iter().collect::<Vec<_>>(),
        [("PNG", 4)]
    );
    assert_eq!((survey.train.width, survey.train.height), ([3; 3], [2; 3]));
    assert_eq!(survey.skipped.len(), 2);
    assert_eq!(survey.duplicates.len(), 4);
}
