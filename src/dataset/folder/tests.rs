//! Class folders, right and wrong, in real folders.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use image::RgbImage;

use super::*;
use crate::dataset::decode::Rules;
use crate::dataset::files::Files;

/// Class folders with an image of one colour at each of the paths.
fn folders(paths: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (i, path) in paths.iter().enumerate() {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Small enough for PNG and JPEG to be told by content alone.
        let image = RgbImage::from_pixel(8, 8, image::Rgb([i as u8 * 40; 3]));
        image
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
    dir
}

fn list(dir: &TempDir) -> Result<Opened, SourceError> {
    open(dir.path(), &[], &mut Sieve::new("train", false))
}

fn files(dir: &TempDir) -> Files {
    Files {
        opened: dir.path().to_owned(),
        root: dir.path().to_owned(),
        rules: Rules::default(),
    }
}

fn refusal(dir: &TempDir) -> String {
    let error = list(dir).err().unwrap();
    assert_eq!(error.key("folder"), Some("folder"));
    error
        .to_string()
        .replace(&dir.path().display().to_string(), "D")
}

#[test]
fn classes_and_paths_are_sorted_and_nested_folders_belong_to_their_class() {
    let dir = folders(&[
        "b/2.png",
        "b/10.PNG",
        "b/deep/er/1.jpg",
        "a/x.jpeg",
        "b/.hidden.png",
    ]);
    fs::write(dir.path().join(".DS_Store"), "x").unwrap();
    fs::write(dir.path().join("a/.notes"), "x").unwrap();
    let opened = list(&dir).unwrap();
    assert_eq!(opened.classes, ["a", "b"]);
    let found: Vec<_> = opened
        .examples
        .iter()
        .map(|e| (e.id.as_str(), e.label))
        .collect();
    let expected = [
        ("a/x.jpeg", Some(0)),
        ("b/10.PNG", Some(1)),
        ("b/2.png", Some(1)),
        ("b/deep/er/1.jpg", Some(1)),
    ];
    assert_eq!(found, expected);
    // A PNG named .jpg is still what its content says.
    assert_eq!(
        files(&dir)
            .read("b/deep/er/1.jpg")
            .unwrap()
            .get_pixel(0, 0)
            .0,
        [80; 3]
    );
}

#[test]
fn folders_that_hold_no_examples_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(refusal(&dir).starts_with("D holds no class folder"));
    fs::create_dir(dir.path().join("cat")).unwrap();
    assert_eq!(refusal(&dir), "the class folder D/cat holds no image");
    let error = open(
        &dir.path().join("nowhere"),
        &[],
        &mut Sieve::new("train", false),
    )
    .err()
    .unwrap()
    .to_string();
    assert!(error.ends_with("nowhere is not a folder"), "{error}");
}

#[test]
fn what_is_no_image_stops_the_listing_with_its_name() {
    let stray = |path: &str, content: &[u8]| {
        let dir = folders(&["a/1.png", "b/1.png"]);
        fs::write(dir.path().join(path), content).unwrap();
        refusal(&dir)
    };
    assert!(stray("readme.txt", b"x").starts_with("D/readme.txt lies beside the class folders"));
    let no_image = "D/a/2.txt is not a JPEG, PNG, WebP, GIF, BMP or TIFF image, its content looks \
                    like no image format: move it elsewhere or `exclude` it";
    assert_eq!(stray("a/2.txt", b"shopping list"), no_image);
    let other = stray("b/2.jpg", b"qoif\0\0\0\x01");
    assert!(other.contains("its content looks like Qoi"), "{other}");
    assert_eq!(stray("b/2.jpg", b""), "D/b/2.jpg is an empty file");
}

#[test]
fn links_are_followed_but_not_in_circles_nor_into_nothing() {
    let dir = folders(&["a/1.png", "b/1.png"]);
    symlink(dir.path().join("a/1.png"), dir.path().join("b/2.png")).unwrap();
    assert_eq!(list(&dir).unwrap().examples.len(), 3);
    symlink("nothing.png", dir.path().join("b/3.png")).unwrap();
    assert_eq!(
        refusal(&dir),
        "D/b/3.png is a link to nothing: mend or remove it"
    );
    fs::remove_file(dir.path().join("b/3.png")).unwrap();
    symlink("..", dir.path().join("b/up")).unwrap();
    assert_eq!(
        refusal(&dir),
        "D/b/up is a link to a folder that it lies in: remove it"
    );
}

#[test]
fn names_must_be_text() {
    let dir = folders(&["a/1.png", "b/1.png"]);
    let name = std::ffi::OsStr::from_bytes(b"\xff.png");
    fs::copy(dir.path().join("a/1.png"), dir.path().join("a").join(name)).unwrap();
    assert!(refusal(&dir).contains("has a name that is not UTF-8 text"));
}

#[test]
fn an_unreadable_image_is_named_when_it_is_read() {
    let dir = folders(&["a/1.png", "b/1.png"]);
    let path = dir.path().join("a/1.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 25]).unwrap();
    list(&dir).unwrap();
    let error = files(&dir).read("a/1.png").unwrap_err().to_string();
    assert!(
        error.contains("a/1.png is a damaged or unsupported PNG image"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = files(&dir).read("a/1.png").unwrap_err().to_string();
    assert!(error.contains("a/1.png cannot be read: "), "{error}");
}

#[test]
fn the_key_is_of_the_content_not_of_the_place() {
    let dir = folders(&["a/1.png", "b/1.png"]);
    let key = |id: &str| files(&dir).content_key(id).unwrap();
    assert_ne!(key("a/1.png"), key("b/1.png"));
    fs::copy(dir.path().join("a/1.png"), dir.path().join("b/2.jpg")).unwrap();
    assert_eq!(key("a/1.png"), key("b/2.jpg"));
}

#[test]
fn what_is_excluded_or_skipped_is_named() {
    let dir = folders(&["a/1.png", "a/deep/2.png", "b/1.png", "b/cover.png"]);
    fs::write(dir.path().join("a/3.png"), b"").unwrap();
    fs::write(dir.path().join("notes.txt"), b"x").unwrap();
    symlink("nothing", dir.path().join("b/4.png")).unwrap();
    let exclude = ["a/deep", "**/cover.*"].map(|p| Glob::try_from(p.to_owned()).unwrap());
    let mut sieve = Sieve::new("train", true);
    let opened = open(dir.path(), &exclude, &mut sieve).unwrap();
    let ids: Vec<_> = opened.examples.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["a/1.png", "b/1.png"]);
    assert_eq!(sieve.bad_count(), 3);
    let found: Vec<_> = sieve
        .into_skipped()
        .into_iter()
        .map(|s| (s.path, s.reason, s.excluded))
        .collect();
    let expected = [
        ("a/3.png", "is an empty file", false),
        ("a/deep", "excluded by `a/deep`", true),
        ("b/4.png", "is a link to nothing: mend or remove it", false),
        ("b/cover.png", "excluded by `**/cover.*`", true),
        (
            "notes.txt",
            "lies beside the class folders: images belong into one of them, and everything else \
             elsewhere (or into `exclude`)",
            false,
        ),
    ];
    let expected = expected.map(|(path, reason, e)| (path.to_owned(), reason.to_owned(), e));
    assert_eq!(found, expected);
}

#[test]
fn a_class_of_nothing_but_bad_files_is_an_error() {
    let dir = folders(&["a/1.png"]);
    fs::create_dir(dir.path().join("b")).unwrap();
    fs::write(dir.path().join("b/1.png"), b"").unwrap();
    let error = open(dir.path(), &[], &mut Sieve::new("train", true))
        .err()
        .unwrap();
    assert!(matches!(error, SourceError::EmptyClass { .. }), "{error}");
}
