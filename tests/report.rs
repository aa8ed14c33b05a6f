//! `report.html`, made by the real program and looked at in a real browser.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

#[path = "common/browser.rs"]
mod browser;
mod common;

use browser::Browser;
use common::{Project, not_tested};
use serde_json::Value;

const PIPELINE: &str = "
name: shapes
dataset:
  train: {folder: shapes/train}
  test: {folder: shapes/test}
augment: {views: 1, ops: [hflip: {p: 0.5}]}
extract: {backbone: tiny.yaml}
train:
  head: logistic
  epochs: 8
  validation: {folds: 2}
evaluate: {}
report: {}
";

/// A name that would run as a script if anything let it.
const HOSTILE: &str = "<img src=x onerror=alert(1)> & \"co\"";

fn project() -> Project {
    let project = Project::new();
    project.tiny_backbone("tiny");
    let synth = "synth shapes --classes 3 --train 8 --test 6 --size 40x32";
    project.ok(&synth.split(' ').collect::<Vec<_>>());
    project.write("p.yaml", PIPELINE);
    project
}

/// Renames the first class of the generated pictures.
fn hostile(project: &Project) {
    for side in ["train", "test"] {
        let folder = project.path(&format!("shapes/{side}"));
        let mut classes: Vec<_> = std::fs::read_dir(&folder)
            .expect("classes")
            .map(|e| e.expect("a class").path())
            .collect();
        classes.sort();
        std::fs::rename(&classes[0], folder.join(HOSTILE)).expect("a rename");
    }
}

#[test]
fn a_run_leaves_a_report_and_the_command_makes_the_same_again() {
    let project = project();
    let ran = project.ok(&["run", "p.yaml"]);
    assert!(ran.stderr.contains("report"), "{}", ran.stderr);
    let html = project.read("runs/shapes/report.html");
    for part in [
        "Confusion matrix",
        "Reliability",
        "Map of the features",
        "Heat map: what speaks for",
        "catpipe run runs/shapes/pipeline.yaml",
    ] {
        assert!(html.contains(part), "{part}");
    }
    // The same files, the same report: the run stays up to date.
    let ran = project.ok(&["report", "runs/shapes"]);
    assert!(
        ran.stdout.starts_with("runs/shapes/report.html ("),
        "{}",
        ran.stdout
    );
    assert_eq!(project.read("runs/shapes/report.html"), html);
    let again = project.ok(&["run", "p.yaml"]);
    assert!(
        again.stdout.contains("Everything is up to date"),
        "{}",
        again.stdout
    );
}

#[test]
fn what_is_gone_is_left_out_with_a_word() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    std::fs::remove_dir_all(project.path("cache/features")).expect("features");
    let ran = project.ok(&["report", "runs/shapes", "-o", "no-features.html"]);
    assert!(
        ran.stderr
            .contains("42 of 66 rows are not in the cache any more")
            || ran.stderr.contains("rows are not in the cache any more"),
        "{}",
        ran.stderr
    );
    let html = project.read("no-features.html");
    assert!(
        !html.contains("Map of the features") && html.contains("data:image/jpeg"),
        "pictures stay"
    );
    std::fs::remove_dir_all(project.path("shapes")).expect("pictures");
    let ran = project.ok(&["report", "runs/shapes", "-o", "no-pictures.html"]);
    assert!(
        ran.stderr.contains("not in the report: pictures: "),
        "{}",
        ran.stderr
    );
    let html = project.read("no-pictures.html");
    assert!(!html.contains("data:image/jpeg") && html.contains("Confusion matrix"));
    let ran = project.run(&["report", "runs/other"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("runs/other: there is no finished run here"),
        "{}",
        ran.stderr
    );
}

#[test]
fn two_runs_are_compared_picture_by_picture() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    let other = [
        "--set",
        "name=other",
        "--set",
        "train.epochs=1",
        "--set",
        "train.l2=100",
    ];
    project.ok(&[&["run", "p.yaml"], &other[..]].concat());
    let ran = project.ok(&["report", "runs/shapes", "runs/other"]);
    assert!(ran.stdout.starts_with("report.html ("), "{}", ran.stdout);
    let html = project.read("report.html");
    assert!(html.contains("<title>shapes against other"), "a title");
    assert!(html.contains("Against shapes, picture by picture"));
    // The same run twice: nothing differs, and the two are told apart.
    std::fs::create_dir(project.path("copy")).expect("a folder");
    for file in [
        "outputs.json",
        "metrics.json",
        "predictions.csv",
        "pipeline.yaml",
    ] {
        std::fs::copy(
            project.path(&format!("runs/shapes/{file}")),
            project.path(&format!("copy/{file}")),
        )
        .expect("a copy");
    }
    project.ok(&["report", "runs/shapes", "copy", "-o", "same.html"]);
    let html = project.read("same.html");
    assert!(html.contains("shapes (copy)") && !html.contains("Where they differ"));
}

#[test]
fn nothing_from_outside_becomes_html() {
    let project = project();
    hostile(&project);
    project.ok(&["run", "p.yaml"]);
    let html = project.read("runs/shapes/report.html");
    assert!(!html.contains("<img src=x"), "unescaped");
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;co&quot;"));
}

#[test]
fn the_report_in_a_real_browser() {
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(why) => return not_tested("the report in a browser", &why),
    };
    let project = project();
    hostile(&project);
    project.ok(&["run", "p.yaml"]);
    let metrics = project.json("runs/shapes/metrics.json");
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.look_like(width, 900, dark);
        browser.open(&project.path("runs/shapes/report.html"));
        // What was chosen by hand on the last page stays chosen.
        browser.eval("localStorage.clear()");
        browser.open(&project.path("runs/shapes/report.html"));
        fits(&browser, width);
        figures(&browser, &metrics);
        theme(&browser, dark);
        gallery(&browser, &metrics);
        map(&browser, &metrics);
        assert_eq!(browser.console(), Vec::<String>::new(), "{width} {dark}");
    }
}

/// Nothing sticks out, and nothing was loaded.
fn fits(browser: &Browser, width: u32) {
    let wide = browser.eval("document.documentElement.scrollWidth");
    assert!(
        wide.as_u64().expect("a width") <= u64::from(width),
        "{wide} of {width}"
    );
    let loaded = "performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('data:')).map((e) => e.name)";
    assert_eq!(browser.eval(loaded), serde_json::json!([]));
    let unsaid = "document.querySelectorAll('img:not([alt]), svg.plot:not([aria-label]), button:empty').length";
    assert_eq!(browser.eval(unsaid), 0);
    let order =
        browser.eval("[...document.querySelectorAll('h1, h2, h3')].map((h) => h.tagName)[0]");
    assert_eq!(order, "H1");
}

/// What is shown is what `metrics.json` says.
fn figures(browser: &Browser, metrics: &Value) {
    let test = &metrics["test"];
    let headline = browser.text(".headline");
    let right = format!(
        "{} of {} test pictures right",
        test["correct"], test["total"]
    );
    assert!(headline.contains(&right), "{headline}");
    let percent = |share: &Value| format!("{:.1}", share.as_f64().expect("a share") * 100.0);
    let [low, high] = [&test["accuracy_ci95"][0], &test["accuracy_ci95"][1]].map(percent);
    let headline = headline.replace('\u{a0}', " ");
    assert!(
        headline.contains(&format!("{low} to {high} %")),
        "{headline}"
    );
    let cells = "[...document.querySelectorAll('.confusion tbody tr')].map((r) => [...r.querySelectorAll('td')].map((c) => Number(c.textContent)))";
    assert_eq!(browser.eval(cells), test["confusion"]);
    let names = "[...document.querySelectorAll('.confusion tbody th')].map((c) => c.textContent)";
    assert_eq!(browser.eval(names), metrics["dataset"]["classes"]);
    let row = browser.text("#systems tr.this");
    let validation = &metrics["validation"];
    for text in [
        format!("{} of {}", test["correct"], test["total"]),
        format!("{:.4}", test["log_loss"].as_f64().expect("a loss")),
        format!("{} of {}", validation["correct"], validation["total"]),
    ] {
        assert!(row.contains(&text), "{text}: {row}");
    }
    let plots = browser.eval("document.querySelectorAll('svg.plot').length");
    assert!(plots.as_u64() >= Some(7), "{plots} plots");
    let version = browser.eval("document.querySelector('#again dl').textContent");
    let known = metrics["versions"]["onnxruntime"]
        .as_str()
        .expect("a version");
    assert!(version.as_str().expect("text").contains(known), "{version}");
}

fn theme(browser: &Browser, dark: bool) {
    let paper = "getComputedStyle(document.body).backgroundColor";
    let line = "getComputedStyle(document.querySelector('svg.plot polyline')).stroke";
    let (before, drawn) = (browser.eval(paper), browser.eval(line));
    assert_eq!(before == "rgb(255, 255, 255)", !dark, "{before}");
    browser.click(".theme");
    assert_ne!(browser.eval(paper), before, "the other colours");
    assert_ne!(browser.eval(line), drawn, "plots follow");
    browser.click(".theme");
    assert_eq!(browser.eval(paper), before);
}

fn gallery(browser: &Browser, metrics: &Value) {
    let number = |key: &str| metrics["test"][key].as_u64().expect("a number");
    let wrong = number("total") - number("correct");
    assert!(
        wrong > 0,
        "a head that is never wrong has no gallery to test"
    );
    let shown =
        "[...document.querySelectorAll('.panel')].filter((p) => !p.hidden).map((p) => p.id)";
    let cards =
        "[...document.querySelectorAll('#panel-mistakes .card')].filter((c) => !c.hidden).length";
    assert_eq!(browser.eval(cards), wrong.min(24));
    assert_eq!(browser.eval(shown), serde_json::json!(["panel-mistakes"]));
    browser.click("#tab-uncertain");
    assert_eq!(browser.eval(shown), serde_json::json!(["panel-uncertain"]));
    // Right arrow and left arrow go through the tabs.
    browser.keys("#tab-uncertain", "\u{e012}");
    assert_eq!(browser.eval(shown), serde_json::json!(["panel-mistakes"]));
    let pictures = "[...document.querySelectorAll('.card img')].every((i) => i.naturalWidth > 0)";
    browser.eval("document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })");
    assert_eq!(browser.eval(pictures), true);
    let labels = browser
        .eval("[...document.querySelectorAll('#filter-mistakes option')].map((o) => o.value)");
    if let Some([_, first, ..]) = labels.as_array().map(Vec::as_slice) {
        browser.click("#filter-mistakes option:nth-child(2)");
        let left = browser.eval("[...document.querySelectorAll('#panel-mistakes .card')].filter((c) => !c.hidden).map((c) => c.dataset.label)");
        let left = left.as_array().expect("labels");
        assert!(
            !left.is_empty() && left.iter().all(|label| label == first),
            "{left:?}"
        );
    }
    browser.click("#sureness details summary");
    assert_eq!(
        browser.eval("document.querySelector('#sureness details').open"),
        true
    );
}

fn map(browser: &Browser, metrics: &Value) {
    let dataset = &metrics["dataset"];
    let all =
        dataset["train"].as_u64().expect("a count") + dataset["test"].as_u64().expect("a count");
    assert_eq!(
        browser.eval("document.querySelectorAll('.place').length"),
        all
    );
    // Right arrow, with the map in focus.
    browser.eval("document.querySelector('.map figure').scrollIntoView()");
    browser.keys(".map figure", "\u{e014}\u{e014}");
    let said = browser.text(".map .tip p");
    assert!(
        said.contains("(training)") || said.contains("(test)"),
        "{said}"
    );
    let source = browser.eval("document.querySelector('.map .tip img').src.slice(0, 22)");
    assert_eq!(source, "data:image/jpeg;base64");
    assert_eq!(
        browser.eval("document.querySelectorAll('.place.on').length"),
        1
    );
}
