//! `catpipe preview`: the contact sheet.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;
use image::RgbImage;

const PIPELINE: &str = "
name: shapes
seed: 3
dataset: {train: {folder: shapes/train}}
augment:
  views: 3
  ops:
    - trivial_augment_wide
    - one_of: {ops: [{hflip: {p: 1}}, {vflip: {p: 1}}], weights: [2, 1]}
    - random_erasing: {p: 1}
extract: {backbone: pixels}
";

fn project() -> Project {
    let project = Project::new();
    project.write("p.yaml", PIPELINE);
    let synth = "synth shapes --classes 3 --train 4 --test 1 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project
}

fn sheet(project: &Project, file: &str) -> RgbImage {
    let bytes = std::fs::read(project.path(file)).expect("a file");
    image::load_from_memory(&bytes).expect("a PNG").into_rgb8()
}

#[test]
fn a_sheet_shows_examples_against_their_views() {
    let project = project();
    let ran = project.ok(&["preview", "p.yaml", "-o", "views.png", "--examples", "3"]);
    assert_eq!(ran.stdout, "views.png: 3 examples, 3 views of each\n");
    let page = sheet(&project, "views.png");
    // A plain picture and three views of 160 pixels, 8 apart, between margins of 16.
    assert_eq!(page.width(), 2 * 16 + 4 * 160 + 3 * 8);
    let cell = |column: u32, row: u32| {
        let (x, y) = (16 + column * 168, 16 + 4 * 24 + 8 + row * 200);
        image::imageops::crop_imm(&page, x, y + 16, 160, 128).to_image()
    };
    for row in 0..3 {
        for column in 1..4 {
            assert_ne!(
                cell(0, row),
                cell(column, row),
                "view {column} of row {row}"
            );
        }
        assert!(row == 0 || cell(0, row) != cell(0, 0));
    }
    // The same again; fewer views are the first of more.
    project.ok(&[
        "preview",
        "p.yaml",
        "-o",
        "again.png",
        "--examples",
        "3",
        "--views",
        "3",
    ]);
    assert_eq!(sheet(&project, "again.png"), page);
}

#[test]
fn the_backbone_need_not_be_there() {
    let project = project();
    project.write("q.yaml", PIPELINE.replace("pixels", "onnx/none.yaml"));
    let ran = project.ok(&["preview", "q.yaml", "-o", "views.png", "--examples", "1"]);
    assert_eq!(ran.stdout, "views.png: 1 examples, 3 views of each\n");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let project = project();
    project.write("plain.yaml", PIPELINE.replace("views: 3", "views: 0"));
    let ran = project.ok(&["preview", "plain.yaml", "-o", "plain.png"]);
    assert_eq!(ran.stdout, "plain.png: 6 examples, 0 views of each\n");
    let start = PIPELINE.find("augment:").expect("a section");
    let end = PIPELINE.find("extract:").expect("a section");
    project.write("none.yaml", PIPELINE[..start].to_owned() + &PIPELINE[end..]);
    let ran = project.run(&["preview", "none.yaml", "-o", "no.png", "--views", "2"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("none.yaml has no augmentation to preview"),
        "{}",
        ran.stderr
    );
    let ran = project.run(&["preview", "p.yaml", "-o", "nowhere/views.png"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("cannot write nowhere/views.png"),
        "{}",
        ran.stderr
    );
    assert!(!project.path("no.png").exists());
}
