//! `catpipe export` and `catpipe predict` on real files.
#![allow(clippy::unwrap_used)] // helpers of tests fail like tests

mod common;

use catpipe::backbone::{Manifest, Maps, Runtime, Search, SessionOptions};
use catpipe::dataset::picture;
use catpipe::head::Head;
use catpipe::head::explain::{LogitGradients, class_map};
use common::{Project, checkout};
use ndarray::Axis;

/// A project whose `p.yaml` trains a head, with `more` at its end, and has been run.
fn trained(more: &str) -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let text = common::pipeline("cpu");
    let head = "train: {head: logistic, epochs: 20}\nevaluate: {}\n";
    project.write("p.yaml", format!("{text}{head}{more}"));
    let synth = "synth shapes --classes 2 --train 4 --test 3";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project.ok(&["run", "p.yaml"]);
    project
}

/// The lines of JSON on stdout.
fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The numbers of a CSV table's columns `p_...`, by the ends of the first column.
fn probabilities(csv: &str) -> Vec<(String, Vec<String>)> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let columns: Vec<usize> = (0..headings.len())
        .filter(|i| headings[*i].starts_with("p_"))
        .collect();
    assert!(!columns.is_empty(), "{csv}");
    let row = |row: csv::StringRecord| {
        let numbers = columns.iter().map(|i| row[*i].to_owned()).collect();
        let name = row[0].rsplit('/').take(2).collect::<Vec<_>>().join("/");
        (name, numbers)
    };
    reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect()
}

#[test]
fn a_run_predicts_what_its_predictions_say_to_the_bit() {
    let project = trained("");
    let ran = project.ok(&[
        "predict",
        "runs/p",
        "shapes/test",
        "--format",
        "csv",
        "--batch",
        "3",
    ]);
    let own = project.read("runs/p/predictions.csv");
    assert_eq!(probabilities(&ran.stdout), probabilities(&own));
    // In the order given, whatever the batch, as JSON Lines where nobody reads along.
    let first = &own.lines().nth(1).unwrap().split(',').next().unwrap();
    let last = &own.lines().last().unwrap().split(',').next().unwrap();
    let paths = [last, first].map(|id| format!("shapes/test/{id}"));
    let ran = project.ok(&["predict", "runs/p", &paths[0], &paths[1], "--top", "2"]);
    let answers = lines(&ran.stdout);
    assert_eq!(answers.len(), 2);
    for (answer, path) in answers.iter().zip(&paths) {
        assert_eq!(answer["image"], path.as_str());
        assert_eq!(answer["top"].as_array().unwrap().len(), 2);
        assert_eq!(answer["label"], answer["top"][0]["label"]);
    }
}

#[test]
fn both_forms_are_exported_and_predict_alike() {
    let project = trained("");
    for form in ["image", "tensor"] {
        let file = format!("{form}.onnx");
        let ran = project.ok(&["export", "runs/p", "-o", &file, "--form", form, "--map"]);
        assert!(ran.stdout.contains("0 labels changed"), "{}", ran.stdout);
        let ran = project.ok(&["predict", &file, "shapes/test", "--format", "csv"]);
        let own = probabilities(&project.read("runs/p/predictions.csv"));
        let found = probabilities(&ran.stdout);
        assert_eq!(found.len(), own.len());
        for ((name, own), (other, found)) in own.iter().zip(&found) {
            assert_eq!(name, other);
            for (own, found) in own.iter().zip(found) {
                let (own, found): (f32, f32) = (own.parse().unwrap(), found.parse().unwrap());
                let most = if form == "image" { 0.02 } else { 1e-4 };
                assert!((own - found).abs() <= most, "{name}: {own} {found}");
            }
        }
    }
}

#[test]
fn a_pipeline_exports_in_its_run_and_is_up_to_date_then() {
    let project = trained("export: {half: true}\n");
    let metrics = project.json("runs/p/metrics.json");
    let parity = metrics["export"].as_array().unwrap();
    assert_eq!(parity.len(), 2);
    assert_eq!(parity[0]["images"], 6);
    assert_eq!(parity[0]["labels_changed"], 0);
    assert!(parity[0]["largest"].as_f64().unwrap() <= 0.02);
    assert_eq!(parity[1]["half"], true);
    let again = project.ok(&["run", "p.yaml"]);
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    // The command on the finished run writes in its place, and the run stays what it is.
    project.ok(&["export", "runs/p", "--form", "tensor"]);
    let metrics = project.json("runs/p/metrics.json");
    assert_eq!(metrics["export"][0]["form"], "tensor");
    let again = project.ok(&["run", "p.yaml"]);
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    project.ok(&["predict", "runs/p/model.onnx", "shapes/test"]);
}

#[test]
fn pixels_are_exported_too() {
    let project = trained("");
    let text = common::pipeline("cpu")
        .replace("tiny.yaml", "pixels")
        .replace("name: p", "name: x");
    let head =
        "train: {head: {dense: {hidden: [4]}}, epochs: 5, batch: 4}\nevaluate: {}\nexport: {}\n";
    project.write("x.yaml", format!("{text}{head}"));
    project.ok(&["run", "x.yaml"]);
    let ran = project.ok(&["predict", "runs/x", "shapes/test", "--format", "csv"]);
    let own = project.read("runs/x/predictions.csv");
    assert_eq!(probabilities(&ran.stdout), probabilities(&own));
    project.ok(&["predict", "runs/x/model.onnx", "shapes/test"]);
}

#[test]
fn a_bad_image_is_told_in_its_place() {
    let project = trained("");
    let good = std::fs::read(project.path("shapes/test")).err().map(|_| ());
    assert!(good.is_some(), "a folder");
    let first = std::fs::read_dir(project.path("shapes/test/circle"))
        .map(|mut entries| entries.next().unwrap().unwrap().path())
        .unwrap_or_else(|_| {
            let mut classes = std::fs::read_dir(project.path("shapes/test")).unwrap();
            let class = classes.next().unwrap().unwrap().path();
            std::fs::read_dir(class)
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path()
        });
    let bytes = std::fs::read(&first).unwrap();
    project.write("mix/a.png", &bytes);
    project.write("mix/b.png", &bytes[..bytes.len() / 2]);
    project.write("mix/c.txt", "no picture");
    project.write("mix/d.png", &bytes);
    project.ok(&["export", "runs/p", "-o", "m.onnx"]);
    for model in ["runs/p", "m.onnx"] {
        let ran = project.run(&["predict", model, "mix", "mix/none.png"]);
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("3 of 5 images could not be used"),
            "{}",
            ran.stderr
        );
        let answers = lines(&ran.stdout);
        let bad: Vec<bool> = answers.iter().map(|a| a["error"].is_string()).collect();
        assert_eq!(bad, [false, true, true, false, true], "{}", ran.stdout);
        assert_eq!(answers[0]["top"], answers[3]["top"]);
    }
}

#[test]
fn heat_maps_and_neighbours_come_with_the_answers() {
    let project = trained("");
    let args = [
        "predict",
        "runs/p",
        "shapes/train",
        "--explain",
        "heat",
        "--looks-like",
        "2",
    ];
    let answers = lines(&project.ok(&args).stdout);
    assert_eq!(answers.len(), 8);
    for answer in &answers {
        let near = answer["looks_like"].as_array().unwrap();
        assert_eq!(near.len(), 2);
        // A training image looks like itself most.
        let path = answer["image"].as_str().unwrap();
        assert!(
            path.ends_with(near[0]["id"].as_str().unwrap()),
            "{path} {near:?}"
        );
        assert!(near[0]["similarity"].as_f64().unwrap() > 0.9999);
        let heat = image::open(project.path(answer["heat_map"].as_str().unwrap())).unwrap();
        let picture = image::open(project.path(path)).unwrap();
        assert_eq!(
            (heat.width(), heat.height()),
            (picture.width(), picture.height())
        );
    }
    project.ok(&["export", "runs/p", "-o", "map.onnx", "--map"]);
    let ran = project.ok(&["predict", "map.onnx", "shapes/train", "--explain", "heat2"]);
    assert_eq!(lines(&ran.stdout).len(), 8);
    assert_eq!(std::fs::read_dir(project.path("heat2")).unwrap().count(), 8);
}

#[test]
fn what_is_wrong_is_told() {
    let project = trained("");
    let told = |args: &[&str]| {
        let ran = project.run(args);
        format!("{} {}", ran.code, ran.stderr)
    };
    project.ok(&["export", "runs/p", "-o", "m.onnx"]);
    let messages = [
        told(&["predict", "nothing", "shapes/test"]),
        told(&["predict", "shapes", "shapes/test"]),
        told(&["predict", "tiny.onnx", "shapes/test"]),
        told(&["predict", "p.yaml", "shapes/test"]),
        told(&["predict", "m.onnx", "shapes/test", "--explain", "heat"]),
        told(&["predict", "m.onnx", "shapes/test", "--looks-like", "1"]),
        told(&["predict", "runs/p", "shapes/nothing/*.png"]),
        told(&["export", "shapes"]),
        told(&["export", "runs/p", "-o", "no/such/file.onnx"]),
    ];
    insta::assert_snapshot!(messages.join("\n"));
    // No heading stands above an error.
    for format in ["table", "csv"] {
        for wanted in [["--explain", "heat"], ["--looks-like", "1"]] {
            let args = ["predict", "m.onnx", "shapes/test", "--format", format];
            let ran = project.run(&[&args[..], &wanted].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wanted:?}");
        }
    }
    assert!(!project.path("heat").exists());
    // Another graph in the place of the backbone's.
    project.write("tiny.yaml", common::manifest("other"));
    project.tiny_backbone("other");
    let path = project.path("other.onnx");
    let mut model = catpipe::backbone::onnx::read(&path).unwrap();
    model.doc_string = Some("another".to_owned());
    catpipe::backbone::onnx::write(&path, &model).unwrap();
    let ran = told(&["predict", "runs/p", "shapes/test"]);
    assert!(
        ran.contains("another graph than the backbone's file is now"),
        "{ran}"
    );
    let ran = told(&["export", "runs/p"]);
    assert!(ran.contains("the run is not up to date"), "{ran}");
}

#[test]
fn an_answer_that_is_not_sure_enough_is_none() {
    let project = trained("");
    let args = ["predict", "runs/p", "shapes/test", "--reject", "1"];
    for answer in lines(&project.ok(&args).stdout) {
        assert!(answer["label"].is_null(), "{answer}");
        assert!(answer["top"][0]["label"].is_string());
    }
    let table = [
        "predict",
        "runs/p",
        "shapes/test",
        "--format",
        "table",
        "--reject",
        "1",
    ];
    let ran = project.ok(&table);
    assert_eq!(
        ran.stdout.matches("(no answer)").count(),
        6,
        "{}",
        ran.stdout
    );
}

/// On the real ResNet50: the file is within its bounds, and the mean of a class activation map plus
/// the bias is the logit.
#[test]
fn the_real_network_is_exported_and_explained() {
    let project = Project::new();
    let text = std::fs::read_to_string(checkout("onnx/resnet50.yaml")).unwrap();
    let graph = checkout("onnx/resnet50.onnx");
    let text = text.replace(
        "file: onnx/resnet50.onnx",
        &format!("file: {}", graph.display()),
    );
    project.write("resnet50.yaml", text);
    let pipeline = common::pipeline("cpu").replace("tiny.yaml", "resnet50.yaml");
    let head = "train: {head: logistic, epochs: 30}\nevaluate: {}\nexport: {map: true}\n";
    project.write("p.yaml", format!("{pipeline}{head}"));
    let synth = "synth shapes --classes 2 --train 2 --test 2";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project.ok(&["run", "p.yaml"]);
    let metrics = project.json("runs/p/metrics.json");
    let largest = metrics["export"][0]["largest"].as_f64().unwrap();
    println!("image form: largest difference in a probability {largest:e}");
    assert!(largest <= 0.02, "{largest}");

    let bytes = std::fs::read(project.path("runs/p/head.safetensors")).unwrap();
    let (head, _) = Head::from_bytes(&bytes).unwrap();
    let runtime = Runtime::locate(&Search::from_env(Some(common::runtime()), "".into())).unwrap();
    let manifest = Manifest::read(&project.path("resnet50.yaml")).unwrap();
    let options = SessionOptions::default();
    let mut maps = Maps::open(&manifest, "".as_ref(), &runtime, &options).unwrap();
    let images = catpipe::dataset::find_images(&project.path("shapes/test").to_string_lossy());
    let image = picture(&images.unwrap()[0].path).unwrap();
    let recipe = manifest.preprocess();
    let mut input = vec![0.0; recipe.input_len()];
    recipe.worker().apply("x", &image, &mut input).unwrap();
    let (features, maps) = maps.run(&input, 1).unwrap();
    let logits = head.logits(features.view()).unwrap();
    let gradients = LogitGradients::of(&head);
    for class in 0..2 {
        let weights = gradients.at(features.row(0), class).unwrap();
        let map = class_map(maps.index_axis(Axis(0), 0), weights.view());
        assert_eq!(map.dim(), (7, 7));
        let (mean, bias) = (map.mean().unwrap(), head.layers()[0].bias[class]);
        let (sum, logit) = (mean + bias, logits[[0, class]]);
        assert!(
            (sum - logit).abs() < 1e-3 * logit.abs().max(1.0),
            "{sum} is not {logit}"
        );
    }
}
