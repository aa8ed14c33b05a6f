//! HDF5 sources, right and wrong, in real files.

use std::fs;
use std::path::{Path, PathBuf};

use hdf5::types::{FixedAscii, VarLenUnicode};
use tempfile::TempDir;

use super::*;

fn pixel(row: usize, y: usize, x: usize, c: usize) -> u8 {
    (row * 50 + y * 20 + x * 3 + c) as u8
}

/// Puts a closed HDF5 file's copy in its place. HDF5 opens files so that programs which other tests
/// start at that moment inherit them, and their lock with them: nobody has ever opened the copy.
pub(in crate::dataset) fn settle(path: &Path) {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    fs::rename(copy, path).unwrap();
}

/// A folder with `a.h5`: five 4x3 images `x`, labels `y` (0, 1, 2, 1, 0) and names `c`.
pub(super) struct Fixture {
    pub(super) dir: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let fixture = Fixture {
            dir: tempfile::tempdir().unwrap(),
        };
        let file = hdf5::File::create(fixture.path()).unwrap();
        let images = ndarray::Array4::from_shape_fn((5, 3, 4, 3), |(n, y, x, c)| pixel(n, y, x, c));
        file.new_dataset_builder()
            .with_data(&images)
            .create("x")
            .unwrap();
        let labels = ndarray::arr1(&[0i64, 1, 2, 1, 0]);
        file.new_dataset_builder()
            .with_data(&labels)
            .create("y")
            .unwrap();
        let names = ["cat", "dog", "owl"].map(|n| FixedAscii::<7>::from_ascii(n).unwrap());
        file.new_dataset_builder()
            .with_data(&ndarray::arr1(&names))
            .create("c")
            .unwrap();
        file.close().unwrap();
        settle(&fixture.path());
        fixture
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("a.h5")
    }

    /// Adds a dataset.
    fn with<T: hdf5::H5Type, D: ndarray::Dimension>(
        self,
        name: &str,
        data: ndarray::Array<T, D>,
    ) -> Self {
        let file = hdf5::File::append(self.path()).unwrap();
        file.new_dataset_builder()
            .with_data(&data)
            .create(name)
            .unwrap();
        file.close().unwrap();
        settle(&self.path());
        self
    }

    fn open(&self, images: &str, labels: &str, classes: &str) -> Result<Opened, SourceError> {
        let some = |name| Some(name).filter(|name: &&str| !name.is_empty());
        open(
            &self.path(),
            &Names {
                groups: None,
                images,
                labels: some(labels),
                classes: some(classes),
            },
            &Limits::default(),
        )
    }

    fn refusal(&self, images: &str, labels: &str, classes: &str) -> (String, &'static str) {
        let error = self.open(images, labels, classes).err().unwrap();
        let text = error
            .to_string()
            .replace(&self.path().display().to_string(), "a.h5");
        (text, error.key("hdf5").unwrap())
    }
}

#[test]
fn a_whole_file_is_read() {
    let opened = Fixture::new().open("x", "y", "c").unwrap();
    assert_eq!(opened.classes, ["cat", "dog", "owl"]);
    let ids: Vec<&str> = opened.examples.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(
        ids,
        ["a.h5#x/0", "a.h5#x/1", "a.h5#x/2", "a.h5#x/3", "a.h5#x/4"]
    );
    let labels: Vec<_> = opened.examples.iter().map(|e| e.label.unwrap()).collect();
    assert_eq!(labels, [0, 1, 2, 1, 0]);
    let image = opened.arrays.read(3).unwrap();
    assert_eq!(image.dimensions(), (4, 3));
    assert_eq!(
        image.get_pixel(2, 1).0,
        [0, 1, 2].map(|c| pixel(3, 1, 2, c))
    );
}

#[test]
fn labels_and_names_may_be_missing() {
    let fixture = Fixture::new();
    let bare = fixture.open("x", "", "").unwrap();
    assert_eq!((bare.classes.len(), bare.examples[4].label), (0, None));
    let numbered = fixture.open("x", "y", "").unwrap();
    assert_eq!(numbered.classes, ["0", "1", "2"]);
}

#[test]
fn every_integer_type_is_a_label_and_every_string_type_a_name() {
    let fixture = with_compressed(Fixture::new())
        .with("u8", ndarray::arr1(&[0u8, 1, 2, 1, 0]))
        .with("i16", ndarray::arr1(&[0i16, 1, 2, 1, 0]))
        .with("u64", ndarray::arr1(&[0u64, 1, 2, 1, 0]));
    for labels in ["u8", "i16", "u64"] {
        let opened = fixture.open("x", labels, "vlen").unwrap();
        assert_eq!(opened.examples[2].label, Some(2));
        assert_eq!(opened.classes, ["cat", "ドッグ", "owl"]);
    }
}

/// Adds the images once more as `g/x`, in compressed chunks of two, and `vlen`, names of any length.
pub(super) fn with_compressed(fixture: Fixture) -> Fixture {
    let text = |t: &str| t.parse::<VarLenUnicode>().unwrap();
    let fixture = fixture.with(
        "vlen",
        ndarray::arr1(&[text("cat"), text("ドッグ"), text("owl")]),
    );
    let file = hdf5::File::append(fixture.path()).unwrap();
    let images = ndarray::Array4::from_shape_fn((5, 3, 4, 3), |(n, y, x, c)| pixel(n, y, x, c));
    let group = file.create_group("g").unwrap();
    let builder = group
        .new_dataset_builder()
        .chunk((2, 3, 4, 3))
        .shuffle()
        .deflate(4);
    builder.with_data(&images).create("x").unwrap();
    drop((group, file));
    settle(&fixture.path());
    fixture
}

#[test]
fn groups_chunks_and_compression_are_hdf5s_business() {
    let fixture = with_compressed(Fixture::new());
    let opened = fixture.open("g/x", "y", "c").unwrap();
    let plain = fixture.open("x", "y", "c").unwrap();
    assert_eq!(opened.examples[1].id, "a.h5#g/x/1");
    for row in 0..5 {
        assert_eq!(
            opened.arrays.read(row).unwrap(),
            plain.arrays.read(row).unwrap()
        );
    }
}

#[test]
fn a_wrong_name_is_met_with_what_there_is() {
    let (text, key) = Fixture::new().refusal("x", "yy", "c");
    assert_eq!(key, "labels");
    assert_eq!(
        text,
        "a.h5 has no dataset `yy` (nearest: `y`); it holds `c` [3] of string (len 7), \
         `x` [5, 3, 4, 3] of uint8, `y` [5] of int64"
    );
    let (text, key) = Fixture::new().refusal("photographs", "y", "c");
    assert_eq!(key, "images");
    assert!(
        text.starts_with("a.h5 has no dataset `photographs`; it holds `c`"),
        "{text}"
    );
    // Names that HDF5 cannot even look up.
    for odd in ["", "/", ".", "x/y", "a\0b", "//x//"] {
        let _ = Fixture::new().open(odd, "y", "c").map(drop);
    }
}

#[test]
fn a_wrong_shape_or_type_is_shown_beside_the_needed_one() {
    let fixture = Fixture::new()
        .with("floats", ndarray::Array4::<f32>::zeros((5, 3, 4, 3)))
        .with("grey", ndarray::Array3::<u8>::zeros((5, 3, 4)))
        .with("alpha", ndarray::Array4::<u8>::zeros((5, 3, 4, 4)))
        .with("none", ndarray::Array4::<u8>::zeros((0, 3, 4, 3)))
        .with("column", ndarray::Array2::<i64>::zeros((5, 1)));
    for (images, labels, classes, text, key) in [
        (
            "floats",
            "y",
            "c",
            "`floats` in a.h5 is [5, 3, 4, 3] of float32, but `images` needs [N, H, W, 3] of uint8",
            "images",
        ),
        (
            "grey",
            "y",
            "c",
            "`grey` in a.h5 is [5, 3, 4] of uint8, but `images` needs [N, H, W, 3] of uint8",
            "images",
        ),
        (
            "alpha",
            "y",
            "c",
            "`alpha` in a.h5 is [5, 3, 4, 4] of uint8, but `images` needs [N, H, W, 3] of uint8",
            "images",
        ),
        ("none", "y", "c", "`none` in a.h5 holds no images", "images"),
        (
            "x",
            "column",
            "c",
            "`column` in a.h5 is [5, 1] of int64, but `labels` needs [N] of integers",
            "labels",
        ),
        (
            "x",
            "c",
            "c",
            "`c` in a.h5 is [3] of string (len 7), but `labels` needs [N] of integers",
            "labels",
        ),
        (
            "x",
            "y",
            "y",
            "`y` in a.h5 is [5] of int64, but `classes` needs [K] of strings",
            "classes",
        ),
    ] {
        assert_eq!(
            fixture.refusal(images, labels, classes),
            (text.to_owned(), key)
        );
    }
}

#[test]
fn labels_must_be_as_many_as_the_images_and_count_classes() {
    let fixture = Fixture::new()
        .with("four", ndarray::arr1(&[0i64, 1, 1, 0]))
        .with("big", ndarray::arr1(&[0i64, 1, 3, 1, 0]))
        .with("negative", ndarray::arr1(&[0i64, 1, 1, -1, 0]))
        .with("huge", ndarray::arr1(&[0, u64::MAX, 1, 1, 0]));
    for (labels, classes, text) in [
        ("four", "c", "`four` in a.h5 has 4 labels for 5 images"),
        (
            "big",
            "c",
            "row 2 of `big` in a.h5 is 3, but the 3 classes are counted from 0 to 2",
        ),
        (
            "negative",
            "c",
            "row 3 of `negative` in a.h5 is -1, but the 3 classes are counted from 0 to 2",
        ),
        (
            "huge",
            "",
            "row 1 of `huge` in a.h5 is 18446744073709551615, but unnamed classes are counted from 0 to 65535",
        ),
    ] {
        assert_eq!(
            fixture.refusal("x", labels, classes),
            (text.to_owned(), "labels")
        );
    }
}

#[test]
fn names_are_text_and_there_once() {
    let names =
        |names: [&str; 3]| ndarray::arr1(&names.map(|n| FixedAscii::<4>::from_ascii(n).unwrap()));
    let fixture = Fixture::new()
        .with("twice", names(["a", "b", "a"]))
        .with("empty", names(["a", "", "c"]))
        .with("latin", names(["a", "QQQQ", "c"]))
        .with("bell", names(["a", "b", "\x07"]));
    // As a foreign writer would leave it: bytes that the wrapper's checks never saw.
    let mut bytes = fs::read(fixture.path()).unwrap();
    let place = bytes.windows(4).position(|four| four == b"QQQQ").unwrap();
    bytes[place..place + 4].copy_from_slice(b"\xe9\0\0\0");
    fs::write(fixture.path(), bytes).unwrap();
    for (classes, text) in [
        ("twice", "row 2 of `twice` in a.h5 repeats `a`"),
        ("empty", "row 1 of `empty` in a.h5 is empty"),
        (
            "latin",
            "row 1 of `latin` in a.h5 is not UTF-8 text: \"\u{fffd}\"",
        ),
        (
            "bell",
            "row 2 of `bell` in a.h5 has a control character: \"\\u{7}\"",
        ),
    ] {
        assert_eq!(
            fixture.refusal("x", "y", classes),
            (text.to_owned(), "classes")
        );
    }
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_read() {
    let fixture = Fixture::new();
    let file = hdf5::File::append(fixture.path()).unwrap();
    // Chunked and never written: they take no room in the file.
    for (name, shape) in [
        ("many", [1usize << 40, 3, 4, 3]),
        ("wide", [5, 3, 1 << 33, 3]),
        ("large", [5, 20_000, 20_000, 3]),
    ] {
        let builder = file.new_dataset::<u8>().chunk((1, 3, 4, 3)).shape(shape);
        builder.create(name).unwrap();
    }
    file.new_dataset::<i64>()
        .chunk(64)
        .shape(1usize << 40)
        .create("labels")
        .unwrap();
    drop(file);
    settle(&fixture.path());
    for name in ["many", "wide", "large"] {
        let (text, key) = fixture.refusal(name, "", "");
        assert!(text.contains("are accepted") && key == "images", "{text}");
    }
    let (text, _) = fixture.refusal("x", "labels", "c");
    assert_eq!(
        text,
        "`labels` in a.h5 has 1099511627776 labels for 5 images"
    );
}

#[test]
fn files_that_are_not_there_or_not_hdf5_are_told_apart() {
    let fixture = Fixture::new();
    let dir = fixture.dir.path();
    let refusal = |path: &Path| {
        let error = open(
            path,
            &Names {
                groups: None,
                images: "x",
                labels: None,
                classes: None,
            },
            &Limits::default(),
        )
        .err()
        .unwrap();
        assert_eq!(error.key("hdf5"), Some("hdf5"));
        error.to_string().replace(&path.display().to_string(), "F")
    };
    assert_eq!(refusal(&dir.join("nowhere.h5")), "there is no file F");
    assert_eq!(refusal(dir), "F cannot be read: it is not a file");
    fs::write(dir.join("text.h5"), "hello").unwrap();
    assert_eq!(
        refusal(&dir.join("text.h5")),
        "F (5 bytes) is not an HDF5 file, or its beginning is lost: check the path, or get it again"
    );
    fs::write(
        dir.join("lfs.h5"),
        "version https://git-lfs.github.com/spec/v1\n",
    )
    .unwrap();
    assert!(refusal(&dir.join("lfs.h5")).contains("git lfs pull"));
    let whole = fs::read(fixture.path()).unwrap();
    fs::write(dir.join("short.h5"), &whole[..whole.len() / 2]).unwrap();
    let text = refusal(&dir.join("short.h5"));
    assert!(
        text.contains("is a truncated or damaged HDF5 file: get it again"),
        "{text}"
    );
}
