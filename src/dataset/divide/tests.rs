//! Which side an example falls on, and what may change that: nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use image::RgbImage;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::dataset::{
    Columns, Dataset, DatasetConfig, DatasetError, ListFormat, Sides, SourceConfig, Split,
    SplitConfig,
};

/// A folder with pictures `0.png` to `255.png`, each of its own content.
fn pictures() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..=255u8 {
        let image = RgbImage::from_pixel(2, 1, image::Rgb([i, 100, 200]));
        image.save(dir.path().join(format!("{i}.png"))).unwrap();
    }
    dir
}

fn split(test: f64, seed: u64, stratified: bool) -> SplitConfig {
    SplitConfig {
        test: test.try_into().unwrap(),
        seed,
        stratified,
    }
}

fn divided(source: SourceConfig, split: Option<SplitConfig>) -> DatasetConfig {
    Sides::Divided { source, split }.into()
}

/// Opens `list` (CSV text), divided.
fn open(dir: &Path, list: &str, split: Option<SplitConfig>) -> Result<Dataset, DatasetError> {
    fs::write(dir.join("list.csv"), list).unwrap();
    let source = SourceConfig::List {
        list: "list.csv".into(),
        format: ListFormat::Csv,
        columns: Columns::default(),
    };
    Dataset::open(&divided(source, split), dir)
}

/// The side of each example.
fn sides(data: &Dataset) -> BTreeMap<String, &'static str> {
    let test = data.test.as_ref().unwrap();
    [(&data.train, "train"), (test, "test")]
        .into_iter()
        .flat_map(|(source, side)| {
            let examples = source.examples().iter();
            examples.map(move |example| (example.id.clone(), side))
        })
        .collect()
}

fn list(places: &[u8]) -> String {
    let mut text = "path,label\n".to_owned();
    for i in places {
        writeln!(text, "{i}.png,{}", ["a", "b"][usize::from(i % 2)]).unwrap();
    }
    text
}

#[test]
fn adding_removing_and_reordering_moves_no_other_example() {
    let dir = pictures();
    let all: Vec<u8> = (0..=255).collect();
    let whole = sides(&open(dir.path(), &list(&all), Some(split(0.3, 5, false))).unwrap());
    assert_eq!(whole.len(), 256);
    // 0.3 of 256 is 77, give or take 7.
    let tests = whole.values().filter(|side| **side == "test").count();
    assert!((50..=104).contains(&tests), "{tests}");
    let some = prop::sample::subsequence(all, 40..256).prop_shuffle();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    runner
        .run(&some, |some| {
            let part = open(dir.path(), &list(&some), Some(split(0.3, 5, false))).unwrap();
            for (id, side) in sides(&part) {
                prop_assert_eq!(Some(&side), whole.get(&id), "{}", id);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_side_depends_on_content_and_seed_not_on_names_or_labels() {
    let dir = pictures();
    let all: Vec<u8> = (0..60).collect();
    let of =
        |list: &str, seed| sides(&open(dir.path(), list, Some(split(0.5, seed, true))).unwrap());
    let one = of(&list(&all), 1);
    let other = of(&list(&all), 2);
    let moved = one.iter().filter(|(id, side)| other[*id] != **side).count();
    assert!((15..=45).contains(&moved), "{moved}");
    let mut renamed = "path,label\n".to_owned();
    for i in &all {
        let name = format!("copy-{i}.png");
        fs::copy(dir.path().join(format!("{i}.png")), dir.path().join(&name)).unwrap();
        writeln!(renamed, "{name},{}", ["y", "x", "z"][usize::from(i % 3)]).unwrap();
    }
    for (name, side) in of(&renamed, 1) {
        assert_eq!(one[name.strip_prefix("copy-").unwrap()], side);
    }
}

#[test]
fn no_group_stands_on_both_sides_and_groups_are_stable_too() {
    let dir = pictures();
    let grouped = |places: &mut dyn Iterator<Item = u8>| {
        let mut text = "path,label,group\n".to_owned();
        for i in places {
            writeln!(
                text,
                "{i}.png,{},g{}",
                ["a", "b"][usize::from(i % 2)],
                i / 5
            )
            .unwrap();
        }
        text
    };
    let whole = open(
        dir.path(),
        &grouped(&mut (0..=255)),
        Some(split(0.4, 1, false)),
    )
    .unwrap();
    let whole = sides(&whole);
    for i in 0..=255u8 {
        let first = i / 5 * 5;
        assert_eq!(whole[&format!("{i}.png")], whole[&format!("{first}.png")]);
    }
    let part = open(
        dir.path(),
        &grouped(&mut (0..=255).rev().step_by(3)),
        Some(split(0.4, 1, false)),
    );
    for (id, side) in sides(&part.unwrap()) {
        assert_eq!(whole[&id], side);
    }
}

#[test]
fn a_list_may_say_the_sides_itself() {
    let dir = pictures();
    let told = "path,label,split\n0.png,a,train\n1.png,b,train\n2.png,b,test\n";
    let data = open(dir.path(), told, None).unwrap();
    assert_eq!(sides(&data)["2.png"], "test");
    // The test side need not hold every class.
    assert_eq!(data.test.unwrap().classes(), ["a", "b"]);

    let both = open(dir.path(), told, Some(split(0.5, 1, true))).unwrap_err();
    assert!(matches!(both, DatasetError::TwoSplits), "{both}");
    let none = open(dir.path(), &list(&[1, 2]), None).unwrap_err();
    assert!(matches!(none, DatasetError::NoSplit), "{none}");
    let gap = "path,label,split\n0.png,a,train\n1.png,b,\n2.png,b,test\n";
    let gap = open(dir.path(), gap, None).unwrap_err();
    assert_eq!(
        gap.to_string(),
        "1.png does not say which side it belongs to"
    );
    let group = "path,label,split,group\n0.png,a,train,g\n1.png,b,train,\n2.png,b,test,g\n";
    let group = open(dir.path(), group, None).unwrap_err();
    let expected = "the group `g` stands on both sides: 0.png is a training example and 2.png a \
                    test example";
    assert_eq!(group.to_string(), expected);
}

#[test]
fn a_list_of_one_side_holds_nothing_of_the_other() {
    let dir = pictures();
    fs::write(
        dir.path().join("list.csv"),
        "path,label,split\n0.png,a,train\n1.png,b,test\n",
    )
    .unwrap();
    let source = SourceConfig::List {
        list: "list.csv".into(),
        format: ListFormat::Csv,
        columns: Columns::default(),
    };
    let error = Dataset::open(&DatasetConfig::given(source, None), dir.path()).unwrap_err();
    assert_eq!(error.key().as_deref(), Some("train.csv"));
    assert!(
        error.to_string().contains("1.png belongs to test"),
        "{error}"
    );
}

#[test]
fn a_stratified_division_has_every_class_on_both_sides_or_is_refused() {
    let dir = pictures();
    let lone = "path,label\n0.png,a\n1.png,b\n2.png,b\n3.png,b\n4.png,b\n5.png,b\n6.png,b\n";
    let error = open(dir.path(), lone, Some(split(0.5, 1, true))).unwrap_err();
    let DatasetError::EmptySide { class, split: side } = &error else {
        panic!("{error}");
    };
    assert_eq!(class.as_deref(), Some("a"));
    assert!(matches!(side, Split::Train | Split::Test));
    assert!(open(dir.path(), lone, Some(split(0.5, 1, false))).is_ok());
    let empty = open(dir.path(), lone, Some(split(1e-9, 1, false))).unwrap_err();
    assert!(
        matches!(empty, DatasetError::EmptySide { class: None, .. }),
        "{empty}"
    );
}
