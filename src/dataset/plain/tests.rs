//! Folders, patterns and lists of real files.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use image::RgbImage;
use tempfile::TempDir;

use super::*;

/// A PNG at each of the paths.
fn files(paths: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::new(8, 8)
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
    dir
}

fn opened(dir: &TempDir, names: FileNames, sieve: &mut Sieve) -> Result<Opened, String> {
    let result = open(dir.path(), &names, &[], None, sieve);
    result.map_err(|error| {
        let root = dir.path().display().to_string();
        error.to_string().replace(&root, "D")
    })
}

fn matched(dir: &TempDir, name: &str) -> Result<Vec<String>, String> {
    let names = FileNames::Under(name.to_owned());
    let opened = opened(dir, names, &mut Sieve::new("train", false))?;
    for example in &opened.examples {
        assert!(opened.root.join(&example.id).is_file(), "{}", example.id);
    }
    Ok(opened.examples.into_iter().map(|e| e.id).collect())
}

fn in_order(dir: &TempDir, paths: &[&str], sieve: &mut Sieve) -> Result<Vec<String>, String> {
    let names = FileNames::Listed(paths.iter().map(|path| (*path).to_owned()).collect());
    let opened = opened(dir, names, sieve)?;
    Ok(opened.examples.into_iter().map(|e| e.id).collect())
}

#[test]
fn a_folder_is_all_its_images_by_path() {
    let dir = files(&[
        "p/b.png",
        "p/a/z.jpg",
        "p/a/x/y.png",
        "p/.hidden/h.png",
        "q.png",
    ]);
    let all = ["a/x/y.png", "a/z.jpg", "b.png"];
    assert_eq!(matched(&dir, "p").unwrap(), all);
    assert_eq!(matched(&dir, "p/").unwrap(), all);
    assert_eq!(matched(&dir, "q.png").unwrap(), ["q.png"]);
    let absolute = dir.path().join("p");
    assert_eq!(matched(&dir, absolute.to_str().unwrap()).unwrap(), all);
}

#[test]
fn a_pattern_takes_what_it_stands_for_and_looks_nowhere_else() {
    let dir = files(&["p/b.png", "p/a/z.jpg", "p/a/x/y.png"]);
    fs::write(dir.path().join("p/notes.txt"), "x").unwrap();
    assert_eq!(matched(&dir, "p/*.png").unwrap(), ["b.png"]);
    assert_eq!(
        matched(&dir, "p//./**/*.png").unwrap(),
        ["a/x/y.png", "b.png"]
    );
    assert_eq!(matched(&dir, "*/*/z.???").unwrap(), ["p/a/z.jpg"]);
    let absolute = format!("{}/p/*.png", dir.path().display());
    assert_eq!(matched(&dir, &absolute).unwrap(), ["b.png"]);
    // A folder that cannot hold a match is not even opened.
    symlink(dir.path().join("p"), dir.path().join("p/loop")).unwrap();
    assert_eq!(matched(&dir, "p/*.png").unwrap(), ["b.png"]);
    assert_eq!(
        matched(&dir, "p/**/*.png").unwrap_err(),
        "D/p/loop is a link to a folder that it lies in: remove it"
    );
}

#[test]
fn what_is_not_there_is_named() {
    let dir = files(&["p/b.png"]);
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::write(dir.path().join("p/notes.txt"), "x").unwrap();
    for (name, told) in [
        ("none", "there is no file or folder D/none; a pattern has"),
        ("none/*.png", "D/none/ is not a folder"),
        (
            "empty",
            "no image is in D/empty, nor in the folders below it",
        ),
        ("p/*.jpg", "no image in D/p/ matches `*.jpg`"),
        ("p", "D/p/notes.txt is not a JPEG, PNG,"),
    ] {
        let error = matched(&dir, name).unwrap_err();
        assert!(error.starts_with(told), "{error}");
    }
    let name = std::ffi::OsStr::from_bytes(b"\xff.png");
    fs::copy(
        dir.path().join("p/b.png"),
        dir.path().join("empty").join(name),
    )
    .unwrap();
    let error = matched(&dir, "empty").unwrap_err();
    assert!(
        error.ends_with("has a name that is not UTF-8 text: rename it"),
        "{error}"
    );
}

#[test]
fn a_list_keeps_its_order_and_what_stands_twice() {
    let dir = files(&["a.png", "b.png"]);
    let paths = ["b.png", "a.png", "./b.png", "b.png"];
    let mut sieve = Sieve::new("train", false);
    assert_eq!(in_order(&dir, &paths, &mut sieve).unwrap(), paths);
    let paths = ["b.png", "none.png", "a.png"];
    assert_eq!(
        in_order(&dir, &paths, &mut sieve).unwrap_err(),
        "D/none.png does not exist"
    );
    let mut sieve = Sieve::new("train", true);
    assert_eq!(
        in_order(&dir, &paths, &mut sieve).unwrap(),
        ["b.png", "a.png"]
    );
    let skipped = sieve.into_skipped();
    assert_eq!(
        (skipped[0].path.as_str(), skipped[0].reason.as_str()),
        ("none.png", "does not exist")
    );
}
