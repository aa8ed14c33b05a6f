//! Ctrl-C while images are predicted.

use crate::common::Project;
use crate::process::Process;

/// More images than a pipe holds the answers of.
const IMAGES: usize = 5000;

/// A run folder and an exported file that predict.
fn trained() -> Project {
    let project = Project::small("cpu");
    let more = "train: {head: logistic, l2: 0.01}\nevaluate: {}\n";
    project.write("p.yaml", project.read("p.yaml") + more);
    project.ok(&["run", "p.yaml"]);
    project.ok(&["export", "runs/p", "-o", "model.onnx"]);
    project
}

/// Nobody reads the answers until the end is asked for, so that there is no time at which all of
/// them could be out already.
#[test]
fn answers_until_then_are_whole_lines_and_what_is_not_done_is_told() {
    let project = trained();
    let images: Vec<String> = (0..IMAGES)
        .map(|number| format!("{number}.png"))
        .inspect(|name| {
            // Each is read where it is there, and where it is not a line says so.
            if name.len() == 5 {
                let from = project.path("shapes/test/disc/00000.png");
                std::fs::copy(from, project.path(name)).expect("a copy");
            }
        })
        .collect();
    for model in ["runs/p", "model.onnx"] {
        let args = ["predict", model, "-", "--batch", "4"];
        let mut process = Process::fed(&project, &args, &images.join("\n"));
        let first = process.line();
        process.send(libc::SIGINT);
        process.until_it_says("stopping, to keep what is whole; once more ends it at once");
        let ended = process.end();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        let answers = first + &ended.stdout;
        assert!(answers.ends_with('\n'), "{answers}");
        let named: Vec<String> = answers
            .lines()
            .map(|line| {
                let answer: serde_json::Value = serde_json::from_str(line).expect("JSON");
                answer["image"].as_str().expect("a path").to_owned()
            })
            .collect();
        let done = named.len();
        assert!(done < IMAGES, "all are done");
        assert_eq!(named, images[..done]);
        let last = ended.stderr.lines().last().unwrap_or_default();
        let told = format!(
            "interrupted: {done} of {IMAGES} images are done; the first that is not is {}",
            images[done]
        );
        assert_eq!(last, told);
    }
}
