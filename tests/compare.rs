//! `catpipe compare`, on runs whose predictions are written by hand.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;

/// A run with a prediction for each letter of `said`: `c` is a cat, `d` a dog; the truth is a cat
/// for every other example.
fn run(project: &Project, name: &str, said: &str, sure: f64, l2: &str) {
    let mut csv = String::from("id,label,predicted,p_cat,p_dog\n");
    for (place, letter) in said.chars().enumerate() {
        let truth = ["cat", "dog"][place % 2];
        let (predicted, p) = match letter {
            'c' => ("cat", sure),
            _ => ("dog", 1.0 - sure),
        };
        csv.push_str(&format!(
            "x/{place}.jpg,{truth},{predicted},{p},{}\n",
            1.0 - p
        ));
    }
    project.write(&format!("runs/{name}/predictions.csv"), csv);
    let yaml = format!("name: {name}\nseed: 1\ntrain:\n  l2: {l2}\n");
    project.write(&format!("runs/{name}/pipeline.yaml"), yaml);
}

fn two() -> Project {
    let project = Project::new();
    run(&project, "good", "cdcdcdcdcdcdcdcdcdcd", 0.9, "0.1");
    run(&project, "bad", "cddcdccdcccdcdddcc", 0.7, "0.01");
    project
}

#[test]
fn two_runs_side_by_side() {
    let project = two();
    insta::assert_snapshot!(project.ok(&["compare", "good", "bad"]).stdout);
    let named = project.ok(&["compare", "runs/good", "runs/bad/"]).stdout;
    assert_eq!(named, project.ok(&["compare", "good", "bad"]).stdout);
}

#[test]
fn a_comparison_for_other_programs() {
    let project = two();
    let json = |args: &[&str]| -> serde_json::Value {
        let all = [args, &["--json"]].concat();
        serde_json::from_str(&project.ok(&all).stdout).expect("JSON")
    };
    let found = json(&["compare", "bad", "good"]);
    let turned = json(&["compare", "good", "bad"]);
    assert_eq!(found["examples"], 18);
    assert_eq!(
        found["runs"][1]["not_in_other"],
        serde_json::json!(["x/18.jpg", "x/19.jpg"])
    );
    assert_eq!(
        (&found["first_only"], &found["second_only"]),
        (&0.into(), &7.into())
    );
    // Seven to none: twice 1/128.
    assert!((found["p"].as_f64().unwrap() - 2.0 / 128.0).abs() < 1e-12);
    assert_eq!(found["p"], turned["p"]);
    let (there, back) = (
        &found["log_loss_difference"],
        &turned["log_loss_difference"],
    );
    assert!((there.as_f64().unwrap() + back.as_f64().unwrap()).abs() < 1e-12);
    let ends = &found["log_loss_difference_ci95"];
    assert!(ends[0].as_f64() < there.as_f64() && there.as_f64() < ends[1].as_f64());
    assert!(ends[1].as_f64().unwrap() < 0.0);
    let same = json(&["compare", "good", "good"]);
    assert_eq!(
        (&same["p"], &same["log_loss_difference"]),
        (&1.0.into(), &0.0.into())
    );
    assert_eq!(same["changes"], serde_json::json!([]));
}

#[test]
fn what_cannot_be_compared_is_said() {
    let project = two();
    let told = |other: &str, on: &str, code: i32| {
        let ran = project.run(&["compare", "good", other, "--on", on]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        ran.stderr
    };
    let mut all = told("none", "test", 2);
    all += &told("bad", "validation", 1);
    project.write("runs/empty/notes.md", "");
    all += &told("empty", "test", 1);
    project.write(
        "runs/other/predictions.csv",
        "id,label,predicted,p_a,p_b\nx/0.jpg,a,a,1,0\n",
    );
    all += &told("other", "test", 1);
    let file = |name: &str, lines: &str| {
        let text = format!("id,label,predicted,p_cat,p_dog\n{lines}\n");
        project.write(&format!("runs/{name}/predictions.csv"), text);
    };
    file("apart", "y/0.jpg,cat,cat,1,0");
    all += &told("apart", "test", 1);
    file("swapped", "x/0.jpg,dog,cat,1,0");
    all += &told("swapped", "test", 1);
    file("broken", "x/0.jpg,cat,cat,1,0\nx/1.jpg,cow,cat,1,0");
    all += &told("broken", "test", 1);
    file("words", "x/0.jpg,cat,cat,sure,0");
    all += &told("words", "test", 1);
    insta::assert_snapshot!(all);
}
