//! What a `dataset:` section may say.

use super::*;

fn parse(text: &str) -> Result<DatasetConfig, String> {
    serde_saphyr::from_str(text).map_err(|e| e.to_string())
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err()
}

#[test]
fn all_kinds_are_read_and_written_alike() {
    for source in [
        r#"{"hdf5":"a.h5","images":"x","labels":"y","classes":"c"}"#,
        r#"{"hdf5":"a.h5","images":"x"}"#,
        r#"{"folder":"b"}"#,
        r#"{"folder":"b","exclude":["**/*.gif"]}"#,
        r#"{"csv":"a.csv"}"#,
        r#"{"jsonl":"a","path_column":"p","label_column":"l","split_column":"s","group_column":"g"}"#,
    ] {
        let sides = [
            format!(r#""train":{source}"#),
            format!(r#""train":{source},"test":{source}"#),
            format!(r#""source":{source}"#),
            format!(r#""source":{source},"split":{{"test":0.25,"seed":7,"stratified":false}}"#),
        ];
        for sides in sides {
            let text = format!(
                "{{{sides},{}}}",
                r#""on_error":"skip","max_skipped":0.5,"duplicates":"error","limits":{"max_pixels":9,"max_side":3,"max_bytes":10},"background":[1,2,3]"#
            );
            let config = parse(&text).unwrap();
            assert_eq!(serde_json::to_string(&config).unwrap(), text);
        }
    }
}

#[test]
fn everything_but_the_sources_has_a_default() {
    let config = parse("train: {folder: b}").unwrap();
    assert_eq!(
        serde_json::to_string(&config).unwrap(),
        r#"{"train":{"folder":"b"},"on_error":"stop","max_skipped":0.05,"duplicates":"warn","limits":{"max_pixels":100000000,"max_side":32768,"max_bytes":1073741824},"background":[255,255,255]}"#
    );
    let limits = parse("{train: {folder: b}, limits: {max_side: 9}}")
        .unwrap()
        .limits;
    assert_eq!(
        (limits.max_side.get(), limits.max_pixels.get()),
        (9, crate::dataset::MAX_PIXELS)
    );
    let split = parse("{source: {folder: b}, split: {test: 0.5}}").unwrap();
    assert!(split.has_test() && !config.has_test());
    let Sides::Divided {
        split: Some(split), ..
    } = split.sides
    else {
        panic!("{split:?}")
    };
    assert_eq!((split.seed, split.stratified), (1, true));
}

#[test]
fn values_out_of_range_are_refused() {
    for (text, part) in [
        ("max_skipped: 1.5", "between 0 and 1"),
        ("limits: {max_side: 0}", "max_side"),
        ("background: [0, 0]", "background"),
        ("background: [0, 0, 256]", "256"),
        ("on_error: ignore", "ignore"),
        ("split: {test: 0.5}", "call it `source`"),
        ("source: {folder: b}", "found both"),
    ] {
        let message = refusal(&format!("train: {{folder: b}}\n{text}"));
        assert!(message.contains(part), "{text}: {message}");
    }
    for test in ["0", "1", "-0.5", ".nan"] {
        let message = refusal(&format!("source: {{folder: b}}\nsplit: {{test: {test}}}"));
        assert!(message.contains("above 0 and below 1"), "{message}");
    }
    let glob = refusal("train: {folder: b, exclude: [/x]}");
    assert!(glob.contains("relative to the source's folder"), "{glob}");
}

#[test]
fn files_are_a_folder_a_pattern_or_paths_and_need_no_division() {
    for text in [
        "source: {files: photos, exclude: ['*.gif']}",
        "source: {files: 'photos/**/*.jpg'}",
        "source: {files: [b.jpg, a.jpg, b.jpg]}",
    ] {
        let config: DatasetConfig = serde_saphyr::from_str(text).unwrap();
        assert!(!config.has_test(), "{text}");
        let again = serde_saphyr::to_string(&config).unwrap();
        let again: DatasetConfig = serde_saphyr::from_str(&again).unwrap();
        assert_eq!(config, again);
    }
    let divided: DatasetConfig =
        serde_saphyr::from_str("source: {files: photos}\nsplit: {test: 0.5}").unwrap();
    assert!(divided.has_test());
}

#[test]
fn an_unknown_key_is_refused_with_the_known_ones() {
    let message = refusal("train: {hdf5: a.h5, images: x, lables: y}");
    assert!(
        message.contains("lables") && message.contains("labels"),
        "{message}"
    );
}

#[test]
fn missing_and_mixed_keys_are_named() {
    let none = refusal("train: {labels: y}");
    assert!(none.contains("needs `hdf5`"), "{none}");
    let images = refusal("train: {hdf5: a.h5}");
    assert!(images.contains("images"), "{images}");
    let both = refusal("train: {hdf5: a.h5, images: x, folder: b}");
    assert!(both.contains("found both"), "{both}");
    let mixed = refusal("train: {folder: b, labels: y}");
    assert!(
        mixed.contains("`labels` belongs to an `hdf5` source"),
        "{mixed}"
    );
    let list = refusal("train: {csv: a, jsonl: b}");
    assert!(list.contains("both `csv` and `jsonl`"), "{list}");
    let columns = refusal("train: {folder: b, label_column: y}");
    assert!(
        columns.contains("`label_column` belongs to a `csv` or `jsonl` source"),
        "{columns}"
    );
    let exclude = refusal("train: {csv: b, exclude: [y]}");
    assert!(
        exclude.contains("`exclude` belongs to a `folder` or `files` source"),
        "{exclude}"
    );
    let labels = refusal("train: {files: b, labels: y}");
    assert!(labels.contains("images without labels"), "{labels}");
    for empty in ["''", "[]", "{a: b}"] {
        let empty = refusal(&format!("train: {{files: {empty}}}"));
        assert!(
            empty.contains("files") || empty.contains("a folder"),
            "{empty}"
        );
    }
    let nameless = refusal("train: {hdf5: a.h5, images: x, classes: c}");
    assert!(nameless.contains("give `labels` too"), "{nameless}");
    let train = refusal("test: {folder: b}");
    assert!(train.contains("train"), "{train}");
}

#[test]
fn a_scalar_is_not_a_source() {
    let message = refusal("train: data/cats");
    assert!(message.contains("train"), "{message}");
    assert!(refusal("train: {folder: b, folder: c}").contains("folder"));
}
