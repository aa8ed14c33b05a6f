//! Which examples heads are judged on, and what is remembered of it.

use super::*;
use crate::backbone::onnx::Arithmetic;

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}.png")).collect()
}

/// Of each hundred, one is of class 2 and the others are of 0 and 1 in turn.
fn labelled(ids: &[String]) -> Vec<(&str, usize)> {
    let label = |number: usize| {
        if number.is_multiple_of(100) {
            2
        } else {
            number % 2
        }
    };
    let all = ids.iter().enumerate();
    all.map(|(number, id)| (id.as_str(), label(number)))
        .collect()
}

fn drawn(ids: &[(&str, usize)], seed: u64) -> Vec<usize> {
    chosen(ids, members(ids, 3), seed, 512)
}

#[test]
fn few_examples_are_all_taken() {
    let names = ids(512);
    let all: Vec<usize> = (0..512).collect();
    assert_eq!(drawn(&labelled(&names), 1), all);
}

#[test]
fn of_many_each_class_has_its_share_and_enough_for_a_cross_validation() {
    let names = ids(2000);
    let labelled = labelled(&names);
    let found = drawn(&labelled, 1);
    let count = |class| {
        found
            .iter()
            .filter(|one| labelled[**one].1 == class)
            .count()
    };
    // 512 of 2000 are 0.256: of 980, of 1000, and of 20.
    assert_eq!([count(0), count(1), count(2)], [250, 256, FEWEST]);
    assert!(
        found.windows(2).all(|two| two[0] < two[1]),
        "in their order"
    );
    assert_ne!(found, drawn(&labelled, 2));
}

#[test]
fn who_is_drawn_does_not_depend_on_the_order() {
    let names = ids(2000);
    let forwards = labelled(&names);
    let mut backwards = forwards.clone();
    backwards.reverse();
    let named = |ids: &[(&str, usize)]| {
        let mut found: Vec<String> = drawn(ids, 1).iter().map(|i| ids[*i].0.to_owned()).collect();
        found.sort();
        found
    };
    assert_eq!(named(&forwards), named(&backwards));
}

#[test]
fn scores_are_kept_for_what_they_depend_on() {
    let folder = tempfile::tempdir().unwrap();
    let candidate = Candidate::reference(Arithmetic::Float);
    let read = |about: &str| Scores::read(folder.path(), about.to_owned());
    read("a").put(&candidate, 7).unwrap();
    assert_eq!(read("a").get(&candidate), Some(7));
    assert_eq!(read("b").get(&candidate), None);
    let other = Candidate {
        backbone: Some("int8.yaml".to_owned()),
        ..candidate.clone()
    };
    assert_eq!(read("a").get(&other), None);
    // One that came to stand under another name, and one that is damaged.
    fs::copy(read("a").file(), read("b").file()).unwrap();
    assert_eq!(read("b").get(&candidate), None);
    fs::write(read("a").file(), "{").unwrap();
    assert_eq!(read("a").get(&candidate), None);
}
