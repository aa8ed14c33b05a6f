//! `catpipe init`: from a folder of pictures to a trained and reported classifier.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;

fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let synth = "synth shapes --classes 3 --train 12 --test 4 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project
}

fn init(project: &Project, folder: &str) -> (String, String) {
    let ran = project.ok(&["init", folder, "--backbone", "tiny.yaml", "--force"]);
    assert_eq!(
        ran.stdout,
        "Wrote pipeline.yaml. Next: catpipe run pipeline.yaml\n"
    );
    (project.read("pipeline.yaml"), ran.stderr)
}

#[test]
fn class_folders_on_two_sides() {
    let project = project();
    let (yaml, said) = init(&project, "shapes");
    insta::assert_snapshot!(yaml);
    assert!(
        said.contains("3 classes, 36 training and 12 test pictures"),
        "{said}"
    );
    project.ok(&["check", "pipeline.yaml"]);
    let ran = project.ok(&["run", "pipeline.yaml"]);
    assert!(
        ran.stdout.contains("Results: runs/shapes/"),
        "{}",
        ran.stdout
    );
    assert!(project.path("runs/shapes/report.html").is_file());
}

#[test]
fn class_folders_are_divided() {
    let project = project();
    let (yaml, said) = init(&project, "shapes/train");
    assert!(
        yaml.contains("source: {folder: shapes/train}\n  split: {test: 0.2}\n"),
        "{yaml}"
    );
    assert!(said.contains("a fifth is kept back"), "{said}");
    project.ok(&["check", "pipeline.yaml"]);
}

#[test]
fn a_list_beside_the_pictures() {
    let project = project();
    let mut list = String::from("Filename,note,Class\n");
    let classes = std::fs::read_dir(project.path("shapes/train")).expect("classes");
    for class in classes.map(|e| e.expect("a class").path()) {
        let name = class
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        for file in std::fs::read_dir(&class)
            .expect("files")
            .map(|e| e.expect("a file").path())
        {
            let file = file
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            list.push_str(&format!("train/{name}/{file},x,{name}\n"));
        }
    }
    project.write("shapes/labels.csv", list);
    let (yaml, said) = init(&project, "shapes");
    let section = "source: {csv: shapes/labels.csv, path_column: Filename, label_column: Class}";
    assert!(yaml.contains(section), "{yaml}");
    assert!(
        said.contains("a list of paths and labels: 3 classes"),
        "{said}"
    );
    project.ok(&["check", "pipeline.yaml"]);
}

#[test]
fn pictures_without_labels_are_for_features() {
    let project = project();
    let classes = std::fs::read_dir(project.path("shapes/train")).expect("classes");
    let class = classes
        .map(|e| e.expect("a class").path())
        .next()
        .expect("a class");
    std::fs::rename(class, project.path("my photos")).expect("a rename");
    let (yaml, said) = init(&project, "my photos");
    assert!(yaml.contains("train: {files: \"my photos\"}"), "{yaml}");
    assert!(
        !yaml.contains("evaluate") && said.contains("without labels"),
        "{said}"
    );
    project.ok(&["check", "pipeline.yaml"]);
}

#[test]
fn what_is_in_the_way_is_told() {
    let project = project();
    let told = |args: &[&str]| {
        let ran = project.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        ran.stderr
    };
    assert!(told(&["init", "none"]).contains("none: there is no such folder"));
    std::fs::create_dir(project.path("empty")).expect("a folder");
    assert!(
        told(&["init", "empty"]).contains("empty: no pictures found: put them into one folder")
    );
    assert!(told(&["init", "shapes"]).contains("there is no backbone here"));
    project.write("pipeline.yaml", "mine");
    let said = told(&["init", "shapes", "--backbone", "tiny.yaml"]);
    assert!(said.contains("pipeline.yaml is there already"), "{said}");
    assert_eq!(project.read("pipeline.yaml"), "mine");
    std::fs::create_dir_all(project.path("few/a")).expect("a folder");
    std::fs::create_dir_all(project.path("few/b")).expect("a folder");
    let classes = std::fs::read_dir(project.path("shapes/test")).expect("classes");
    for (to, class) in ["few/a/1.png", "few/b/1.png"].iter().zip(classes) {
        let class = class.expect("a class").path();
        let mut files = std::fs::read_dir(class).expect("files");
        let file = files.next().expect("a file").expect("a file").path();
        std::fs::copy(file, project.path(to)).expect("a copy");
    }
    let said = told(&["init", "few", "--backbone", "tiny.yaml", "-o", "f.yaml"]);
    assert!(
        said.contains("few: no pipeline can be made of these pictures yet"),
        "{said}"
    );
}
