use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;

use super::{Document, YamlError};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
    #[serde(default)]
    train: Option<Train>,
    #[serde(default)]
    ops: Vec<Op>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Train {
    epochs: u32,
    #[serde(default)]
    l2: Small,
    #[serde(default)]
    scale: Option<[f32; 2]>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "f64")]
struct Small(f64);

impl TryFrom<f64> for Small {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Small(value))
        } else {
            Err(format!("must be between 0 and 1, found {value}"))
        }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Op {
    Hflip(Flip),
    Rotate { degrees: f32 },
    Gray,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Flip {
    p: f32,
}

fn parse(text: &str) -> Result<Config, YamlError> {
    Document::parse(Path::new("p.yaml"), text)?.typed()
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_whole_document() {
    let text = "name: x\ntrain:\n  epochs: 3\n  l2: 1.0e-3\n  scale: [1, 2.5]\nops:\n  - hflip\n  - hflip: {p: 0.5}\n  - rotate: {degrees: 15}\n  - gray\n";
    let config = parse(text).unwrap();
    assert_eq!(config.train.unwrap().scale, Some([1.0, 2.5]));
    let ops = vec![
        Op::Hflip(Flip { p: 0.0 }),
        Op::Hflip(Flip { p: 0.5 }),
        Op::Rotate { degrees: 15.0 },
        Op::Gray,
    ];
    assert_eq!(config.ops, ops);
}

#[test]
fn errors_name_place_key_and_the_nearest_word() {
    let all = [
        "name: x\ntrain:\n  epoch: 3\n",
        "name: x\ntrain:\n  epochs: many\n",
        "name: x\ntrain:\n  epochs: -1\n",
        "name: x\ntrain:\n  epochs: 3\n  l2: 1.5\n",
        "name: x\ntrain:\n  epochs: 3\n  scale: [1]\n",
        "name: x\ntrain: {}\n",
        "name: x\nops:\n  - hflop: {p: 1}\n",
        "name: x\nops:\n  - hflip: {q: 1}\n",
        "name: x\nops:\n  - gray: {p: 1}\n",
        "name: x\nops: 3\n",
        "name: x\nname: y\n",
        "name: [x\n",
        "name: x\n---\nname: y\n",
        "",
    ];
    let shown: Vec<String> = all.iter().map(|text| message(text)).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn overrides_replace_add_and_are_named_in_errors() {
    let mut document = Document::parse(
        Path::new("p.yaml"),
        "name: x\ntrain: {epochs: 3}\nops: [{rotate: {degrees: 1}}]\n",
    )
    .unwrap();
    document.set("train.epochs=7").unwrap();
    document.set("train.l2=0.5").unwrap();
    document.set("ops.0.rotate.degrees=2").unwrap();
    let config: Config = document.typed().unwrap();
    let train = config.train.unwrap();
    assert_eq!((train.epochs, train.l2), (7, Small(0.5)));
    assert_eq!(config.ops, [Op::Rotate { degrees: 2.0 }]);

    document.set("train.epochs=[1]").unwrap();
    insta::assert_snapshot!(document.typed::<Config>().unwrap_err(), @"--set train.epochs=[1]: train.epochs: expected a whole number, 0 or more, found a list");
    for wrong in [
        "train.epochs",
        "=3",
        "name.x=1",
        "ops.9=1",
        "name=[1",
        "a..b=1",
    ] {
        let error = document.set(wrong).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--set {wrong}: ")), "{error}");
    }
}

#[test]
fn places_are_those_of_values_or_of_what_is_around() {
    let text = "name: x\ntrain:\n  epochs: 3\n";
    let document = Document::parse(Path::new("p.yaml"), text).unwrap();
    assert_eq!(document.place("train.epochs").to_string(), "p.yaml:3:11");
    assert_eq!(document.place("train.absent").to_string(), "p.yaml:3:3");
    assert_eq!(document.place("absent").to_string(), "p.yaml:1:1");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _: Result<Config, _> = parse(&text);
    }

    #[test]
    fn no_mutation_of_a_document_panics(at in 0usize..60, with in "\\PC{0,3}") {
        let mut text = "name: x\ntrain: {epochs: 3, l2: .1}\nops: [{hflip: {p: 1}}]\n".to_owned();
        let at = at.min(text.len());
        text.insert_str(at, &with);
        let _: Result<Config, _> = parse(&text);
    }

    #[test]
    fn no_override_panics(assignment in "\\PC{0,30}") {
        if let Ok(mut document) = Document::parse(Path::new("p"), "name: x\nops: [1]\n") {
            let _ = document.set(&assignment);
        }
    }
}

#[test]
fn an_error_beyond_any_screen_is_told_without_its_line() {
    // The column was a format's width once, and those end at 65535.
    let text = format!("{{name: a,{}bogus: 1}}\n", " ".repeat(70_000));
    let document = Document::parse(Path::new("p.yaml"), &text).unwrap();
    let error = document.typed::<Config>().unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("p.yaml:1:70"), "{message}");
    assert!(message.len() < 200, "{message}");
}

#[test]
fn aliases_of_aliases_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let before = format!("*a{}, ", i - 1).repeat(9);
        text += &format!("a{i}: &a{i} [{before}]\n");
    }
    let error = Document::parse(Path::new("p.yaml"), &text).unwrap_err();
    assert!(matches!(error, YamlError::Syntax { .. }), "{error}");
    let few = "a: &a {lr: 0.1}\nb: *a\nc: *a\n";
    assert!(Document::parse(Path::new("p.yaml"), few).is_ok());
}
