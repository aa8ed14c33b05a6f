//! `catpipe model certify`, and what a run says of a certificate. What needs OpenVINO says so on
//! stderr where its build of ONNX Runtime is not in the cache.
#![allow(clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/terminal.rs"]
mod pty;

use catpipe::backbone::onnx::{self, tiny, tiny::TinyConfig};
use common::{Project, openvino, pipeline};
use pty::on_terminal;

#[test]
fn a_certificate_of_two_networks_is_shown_by_the_run_that_it_is_about() {
    let project = Project::small("cpu");
    project.tiny_backbone("other");
    let config = TinyConfig {
        width: 16,
        seed: 2,
        ..TinyConfig::default()
    };
    onnx::write(&project.path("other.onnx"), &tiny::residual(&config)).expect("a network");
    let head = pipeline("cpu") + "train: {head: logistic, validation: {folds: 3}}\n";
    project.write("p.yaml", head);
    project.ok(&["run", "p.yaml"]);

    let args =
        "model certify other.yaml --against tiny.yaml --images p.yaml --count 5 --head runs/p";
    let args: Vec<_> = args.split(' ').collect();
    // Each side is measured in a process of its own, which says how far it is.
    let shown = on_terminal(&mut project.command(&args));
    assert_eq!(shown.code, Some(0), "{}", shown.text);
    assert!(
        shown.text.contains(" 5/5 ") && shown.text.contains("/s  ETA "),
        "{:?}",
        shown.text
    );
    let ran = project.ok(&args);
    assert!(!ran.stderr.contains("done: "), "{}", ran.stderr);
    let file = "other.cpu-fp32-against-tiny.parity.json";
    assert!(
        ran.stdout.contains(&format!("{file}: written\n")),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("Passes no bar"), "{}", ran.stdout);
    let first = project.read(file);
    let json = project.json(file);
    assert_eq!(json["images"]["count"], 5);
    assert_eq!(json["images"]["source"], "p.yaml");
    assert_eq!(
        (&json["top1"]["of"], &json["top1"]["total"]),
        (&"probabilities".into(), &5.into())
    );
    assert_eq!(
        (&json["head"]["of"], &json["head"]["total"]),
        (&"runs/p".into(), &5.into())
    );
    assert_ne!(json["subject"]["graph"], json["reference"]["graph"]);
    // The same again is the same file.
    project.ok(&args);
    assert_eq!(project.read(file), first);

    // The run on `other` has it; the one on `tiny`, whose manifest lies beside it, has not.
    let ran = project.ok(&["run", "p.yaml", "--set", "extract.backbone=other.yaml"]);
    let line = "Features by cpu fp32; parity with tiny_residual on cpu fp32: cosine min 0.";
    assert!(
        ran.stdout.contains(&line.replace("tiny_residual", "tiny")),
        "{}",
        ran.stdout
    );
    let parity = &project.json("runs/p/metrics.json")["parity"];
    assert_eq!(parity["cosine_min"], json["parity"]["cosine_min"]);
    assert_eq!(parity["images"], 5);
    let again = project.ok(&["run", "p.yaml", "--set", "extract.backbone=other.yaml"]);
    assert!(
        again.stdout.contains("Everything is up to date"),
        "{}",
        again.stdout
    );
    // What is damaged is told, and never in the way.
    project.write("more.parity.json", "{\"format\": 1");
    let ran = project.ok(&["run", "p.yaml"]);
    let words = "more.parity.json: this certificate cannot be read: EOF";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert!(!ran.stdout.contains("parity"), "{}", ran.stdout);
    assert!(project.json("runs/p/metrics.json").get("parity").is_none());
}

#[test]
fn a_certificate_that_would_say_nothing_is_refused() {
    let project = Project::small("cpu");
    project.write("no/readme.txt", "words");
    for (args, words) in [
        (
            "tiny.yaml",
            "both sides are the same model on the same provider",
        ),
        (
            "tiny.yaml --provider cupu",
            "--provider cupu: unknown `cupu`; did you mean `cpu`?",
        ),
        (
            "tiny.yaml --provider auto",
            "--provider auto: a certificate is about one provider: name it",
        ),
        (
            "none.yaml --provider openvino",
            "none.yaml: there is no such file",
        ),
        (
            "tiny.yaml --against none.yaml",
            "none.yaml: there is no such file",
        ),
        (
            "tiny.yaml --provider openvino --head nowhere",
            "--head: nowhere: No such file",
        ),
    ] {
        let args: Vec<_> = ["model", "certify"]
            .into_iter()
            .chain(args.split(' '))
            .collect();
        let ran = project.run(&args);
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{args:?} {}", ran.stderr);
    }
}

#[test]
fn the_reference_is_computed_as_it_is_asked_for() {
    let project = Project::small("cpu");
    let against = "{cpu: {convolutions: direct}}";
    let args = ["tiny.yaml", "--against", against, "--count", "6", "--json"];
    let ran = project.run(&[&["model", "certify"], &args[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let certificate: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let class = &certificate["reference"]["numeric_class"];
    let class = class.as_str().expect("text");
    assert!(class.starts_with("cpu fp32 onnxruntime-"), "{class}");
}

#[test]
fn a_certificate_of_openvino_is_in_the_summary_of_its_run() {
    let Some(library) = openvino("a certificate of OpenVINO") else {
        return;
    };
    let project = Project::small("cpu");
    let args = "model certify tiny.yaml --provider openvino --images shapes --count 6 --json";
    let ran = project.ok_with(&library, &args.split(' ').collect::<Vec<_>>());
    let certificate: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(certificate, project.json("tiny.openvino-fp32.parity.json"));
    assert_eq!(certificate["bar"], "strict");
    assert_eq!(certificate["images"]["count"], 6);
    assert_eq!(certificate["top1"]["flipped"], 0);
    assert_eq!(certificate["head"], serde_json::Value::Null);
    let set = "extract.provider=openvino";
    let ran = project.ok_with(&library, &["run", "p.yaml", "--set", set]);
    let line = "Features by openvino fp32; parity with cpu fp32: cosine min 1.00000 mean 1.00000 on 6 \
                images\n";
    assert!(ran.stdout.contains(line), "{}", ran.stdout);
    let parity = &project.json("runs/p/metrics.json")["parity"];
    assert_eq!(parity["against"], "cpu fp32");
    assert_eq!(parity["bar"], "strict");
}
