//! Lists, right and wrong, in real folders.

use image::RgbImage;
use tempfile::TempDir;

use super::*;

/// A folder with pictures `1.png` to `4.png` and a list.
fn folder(name: &str, list: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for i in 1..=4u8 {
        let image = RgbImage::from_pixel(2, 2, image::Rgb([i * 10; 3]));
        image.save(dir.path().join(format!("{i}.png"))).unwrap();
    }
    fs::write(dir.path().join(name), list).unwrap();
    dir
}

fn open_list(dir: &TempDir, format: ListFormat, columns: &Columns) -> Result<Opened, SourceError> {
    let mut sieve = Sieve::new("source", false);
    open(&dir.path().join("list"), format, columns, &mut sieve)
}

type Seen = (String, Option<usize>, Option<Split>, Option<String>);

fn seen(opened: &Opened) -> Vec<Seen> {
    let entries = opened.entries.iter();
    entries
        .map(|e| (e.id.clone(), e.label, e.side, e.group.clone()))
        .collect()
}

fn refusal(format: ListFormat, list: &str) -> String {
    let dir = folder("list", list);
    let error = open_list(&dir, format, &Columns::default()).err().unwrap();
    assert_eq!(error.key(format.key()), Some(format.key()));
    error
        .to_string()
        .replace(&dir.path().display().to_string(), "D")
}

#[test]
fn both_formats_say_the_same() {
    let csv =
        "\u{feff}label, path,note,group,split\r\nowl,1.png,x,g,train\r\ncat,\"2.png\",,,test\r\n";
    let jsonl = "{\"path\": \"1.png\", \"label\": \"owl\", \"group\": \"g\", \"split\": \"train\"}\n\n\
                 {\"path\": \"2.png\", \"label\": \"cat\", \"split\": \"test\", \"note\": [1]}";
    let expected: Vec<Seen> = vec![
        (
            "1.png".into(),
            Some(1),
            Some(Split::Train),
            Some("g".into()),
        ),
        ("2.png".into(), Some(0), Some(Split::Test), None),
    ];
    for (format, list) in [(ListFormat::Csv, csv), (ListFormat::Jsonl, jsonl)] {
        let opened = open_list(&folder("list", list), format, &Columns::default()).unwrap();
        assert_eq!(opened.classes, ["cat", "owl"]);
        assert_eq!(seen(&opened), expected, "{format:?}");
    }
}

#[test]
fn columns_may_have_other_names_and_labels_may_be_numbers_or_missing() {
    let columns = Columns {
        path: Some("file".into()),
        label: Some("y".into()),
        ..Columns::default()
    };
    let csv = "file,y\n1.png,10\n2.png,9\n3.png,10\n";
    let jsonl = "{\"file\": \"1.png\", \"y\": 10}\n{\"file\": \"2.png\", \"y\": 9}\n{\"file\": \"3.png\", \"y\": 10}\n";
    for (format, list) in [(ListFormat::Csv, csv), (ListFormat::Jsonl, jsonl)] {
        let opened = open_list(&folder("list", list), format, &columns).unwrap();
        assert_eq!(opened.classes, ["9", "10"]);
        let labels: Vec<_> = opened.entries.iter().map(|e| e.label).collect();
        assert_eq!(labels, [Some(1), Some(0), Some(1)]);
    }
    let bare = folder("list", "path\n1.png\n2.png\n");
    let opened = open_list(&bare, ListFormat::Csv, &Columns::default()).unwrap();
    assert!(opened.classes.is_empty() && opened.entries[1].label.is_none());
}

#[test]
fn errors_name_the_list_and_the_line() {
    let csv = |list| refusal(ListFormat::Csv, list);
    assert_eq!(csv("path\n"), "D/list: lists no file");
    assert_eq!(
        csv("file,y\n1.png,a\n"),
        "D/list:1: there is no column `path`; it has `file`, `y`"
    );
    assert_eq!(
        csv("path,path\n1.png,a\n"),
        "D/list:1: has two columns `path`"
    );
    assert_eq!(
        csv("path,label\n1.png\n"),
        "D/list:2: has 1 columns, and the heading has 2"
    );
    assert_eq!(csv("path,label\n1.png,a\n,b\n"), "D/list:3: has no path");
    let label = "D/list:3: has no label, and line 2 has one: all lines need one, or none";
    assert_eq!(csv("path,label\n1.png,a\n2.png,\n"), label);
    let again = "D/list:4: lists 1.png again, which line 2 lists";
    assert_eq!(csv("path\n1.png\n2.png\n1.png\n"), again);
    let side = "D/list:2: the side is `dev`: it is `train` or `test`";
    assert_eq!(csv("path,split\n1.png,dev\n"), side);
    assert_eq!(
        csv("path\n1.png\nno.png\n"),
        "D/list:3: D/no.png does not exist"
    );
    let jsonl = |list| refusal(ListFormat::Jsonl, list);
    let syntax = jsonl("{\"path\": \"1.png\"}\n{\"path\": }\n");
    assert!(
        syntax.starts_with("D/list:2: is not a JSON object: "),
        "{syntax}"
    );
    assert!(syntax.ends_with(", column 10"), "{syntax}");
    let value = "D/list:1: `label` is neither text nor a whole number";
    assert_eq!(jsonl("{\"path\": \"1.png\", \"label\": [1]}"), value);
    let column = "D/list:2: there is no column `path`; it has `file`";
    assert_eq!(jsonl("\n{\"file\": \"1.png\"}"), column);
}

#[test]
fn a_column_that_is_named_must_be_there() {
    let columns = Columns {
        group: Some("person".into()),
        ..Columns::default()
    };
    for (format, list) in [
        (ListFormat::Csv, "path\n1.png\n"),
        (ListFormat::Jsonl, "{\"path\": \"1.png\"}\n"),
    ] {
        let error = open_list(&folder("list", list), format, &columns)
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(
            text.ends_with("there is no column `person`; it has `path`"),
            "{text}"
        );
    }
}

#[test]
fn lists_that_cannot_be_read_are_named() {
    let dir = folder("list", "path\n1.png\n");
    fs::write(dir.path().join("list"), b"path\n\xff.png\n").unwrap();
    let refused = |dir| {
        open_list(dir, ListFormat::Csv, &Columns::default())
            .err()
            .unwrap()
    };
    assert!(
        refused(&dir)
            .to_string()
            .ends_with("list: is not UTF-8 text")
    );
    fs::remove_file(dir.path().join("list")).unwrap();
    assert!(
        refused(&dir)
            .to_string()
            .ends_with("list: there is no such list")
    );
}

#[test]
fn bad_files_of_a_list_can_be_skipped() {
    let dir = folder("list", "path,label\n1.png,a\nno.png,b\n2.png,b\n");
    let mut sieve = Sieve::new("source", true);
    let columns = Columns::default();
    let opened = open(
        &dir.path().join("list"),
        ListFormat::Csv,
        &columns,
        &mut sieve,
    )
    .unwrap();
    assert_eq!(opened.entries.len(), 2);
    let skipped = sieve.into_skipped();
    assert_eq!(
        (skipped[0].path.as_str(), skipped[0].reason.as_str()),
        ("no.png", "does not exist")
    );
}

proptest::proptest! {
    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,60}", lines in "[\\[\\]{}\",:a-c\n\\\\]{0,60}") {
        for text in [&text, &lines, &format!("path,label\n{lines}"), &format!("{{\"path\":{lines}")] {
            let _ = csv::rows(text, &Columns::default());
            let _ = jsonl::rows(text, &Columns::default());
        }
    }
}
