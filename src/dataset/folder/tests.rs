//! Class folders, right and wrong, in real folders.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

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

fn refusal(dir: &TempDir) -> String {
    let error = open(dir.path()).err().unwrap();
    assert_eq!(error.key(), Some("folder"));
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
    let opened = open(dir.path()).unwrap();
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
        read(dir.path(), "b/deep/er/1.jpg")
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
    assert_eq!(
        refusal(&dir),
        "the class folder D/cat holds no JPEG or PNG image"
    );
    let error = open(&dir.path().join("nowhere")).err().unwrap().to_string();
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
    let wrong_ending = "D/a/2.gif is not a .jpg, .jpeg or .png file";
    assert!(stray("a/2.gif", b"GIF89a").starts_with(wrong_ending));
    let wrong_content = "D/b/2.jpg is not a JPEG or PNG image, its content looks like Gif";
    assert_eq!(stray("b/2.jpg", b"GIF89a\x01\0\x01\0"), wrong_content);
    assert_eq!(stray("b/2.jpg", b""), "D/b/2.jpg is an empty file");
}

#[test]
fn links_are_followed_but_not_in_circles_nor_into_nothing() {
    let dir = folders(&["a/1.png", "b/1.png"]);
    symlink(dir.path().join("a/1.png"), dir.path().join("b/2.png")).unwrap();
    assert_eq!(open(dir.path()).unwrap().examples.len(), 3);
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
    open(dir.path()).unwrap();
    let error = read(dir.path(), "a/1.png").unwrap_err().to_string();
    assert!(
        error.contains("a/1.png is a damaged or unsupported PNG image"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = read(dir.path(), "a/1.png").unwrap_err().to_string();
    assert!(error.contains("a/1.png cannot be read: "), "{error}");
}

#[test]
fn the_key_is_of_the_content_not_of_the_place() {
    let dir = folders(&["a/1.png", "b/1.png"]);
    let key = |id: &str| content_key(dir.path(), id).unwrap();
    assert_ne!(key("a/1.png"), key("b/1.png"));
    fs::copy(dir.path().join("a/1.png"), dir.path().join("b/2.jpg")).unwrap();
    assert_eq!(key("a/1.png"), key("b/2.jpg"));
}
