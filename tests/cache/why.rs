//! `catpipe cache why`.

use std::fs;

use super::common::Project;
use super::{json, project};

/// What `cache why` says with these changes to the pipeline.
fn why(project: &Project, args: &[&str]) -> String {
    project
        .ok(&[&["cache", "why", "p.yaml"], args].concat())
        .stdout
}

#[test]
fn why_names_the_part_of_the_key_that_is_new() {
    let project = project();
    insta::assert_snapshot!("why_nothing_is_cached", why(&project, &[]));
    project.ok(&["run", "p.yaml"]);
    insta::assert_snapshot!("why_all_is_cached", why(&project, &[]));
    let seed = why(&project, &["--set", "seed=4"]);
    insta::assert_snapshot!("why_the_seed_is_new", seed);
    let views = why(&project, &["--set", "augment.views=4"]);
    insta::assert_snapshot!("why_views_are_more", views);
    let ops = why(&project, &["--set", "augment.ops=[vflip: {p: 0.5}]"]);
    insta::assert_snapshot!("why_ops_are_new", ops);
    // Without the last run's folder nothing says what the ops were, and a seed is still found.
    fs::rename(project.path("runs"), project.path("moved")).unwrap();
    assert!(why(&project, &["--set", "seed=4"]).contains("seed: 3 → 4"));
    let ops = why(&project, &["--set", "augment.ops=[vflip: {p: 0.5}]"]);
    assert!(
        ops.contains("other ops, another seed, or the first views"),
        "{ops}"
    );
    // One picture that is not what it was.
    let one = project.path("shapes/train/disc/00001.png");
    fs::copy(project.path("shapes/test/disc/00000.png"), &one).unwrap();
    fs::remove_file(project.path("shapes/test/disc/00000.png")).unwrap();
    let moved = why(&project, &[]);
    assert!(
        moved.contains("2 rows of 1 image: augmented views"),
        "{moved}"
    );
    image::RgbImage::from_pixel(8, 8, image::Rgb([1, 2, 3]))
        .save(&one)
        .unwrap();
    insta::assert_snapshot!("why_an_image_is_new", why(&project, &[]));
}

#[test]
fn why_compares_with_the_nearest_space() {
    let project = project();
    project.tiny_backbone("tiny");
    project.ok(&["run", "p.yaml"]);
    let tiny = ["--set", "extract.backbone=tiny.yaml"];
    let backbone = json(&project.ok(&[&["cache", "why", "p.yaml", "--json"][..], &tiny].concat()));
    let changed = |found: &serde_json::Value| -> Vec<String> {
        let changes = found["reasons"][0]["changes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let name = |change: &serde_json::Value| change["field"].as_str().unwrap().to_owned();
        changes.iter().map(name).collect()
    };
    assert_eq!(backbone["missing"], 28);
    let all = ["preprocessing", "graph", "output", "width", "numeric"];
    assert_eq!(changed(&backbone), all);
    project.ok(&[&["run", "p.yaml"][..], &tiny].concat());
    // Another preprocessing of the same network: nearer to that than to the pixels.
    let manifest = project
        .read("tiny.yaml")
        .replace("color: rgb", "color: bgr");
    project.write("tiny.yaml", manifest);
    let found = json(&project.ok(&[&["cache", "why", "p.yaml", "--json"][..], &tiny].concat()));
    assert_eq!(changed(&found), ["preprocessing"]);
    assert_eq!(found["reasons"][0]["reason"], "space");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\([0-9a-f]{16}\)", "([space])");
    settings.bind(|| insta::assert_snapshot!(why(&project, &tiny)));
}
