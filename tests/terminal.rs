//! What the program shows: escape codes on a terminal alone, and colours only where they are
//! wanted.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests
#![cfg(target_os = "linux")]

mod common;
#[path = "common/terminal.rs"]
mod pty;

use common::Project;
use pty::{Shown, on_terminal};

/// Commands that show much, each after the one before it, and one that fails.
const COMMANDS: [(&[&str], i32); 6] = [
    (&["run", "p.yaml"], 0),
    (&["run", "p.yaml"], 0),
    (&["predict", "runs/p", "shapes/test", "--top", "2"], 0),
    (&["report", "runs/p"], 0),
    (&["providers"], 0),
    (&["predict", "runs/p", "nowhere.png"], 1),
];

/// A pipeline that also warns: its head is not certain about anything.
fn project() -> Project {
    let project = Project::small("cpu");
    let more = "train: {head: {dense: {hidden: [4]}}, epochs: 3}\nevaluate: {}\nreport: {}\n";
    project.write("p.yaml", project.read("p.yaml") + more);
    project
}

/// Whether any of what was shown is in a colour, or bold or dim.
fn is_styled(text: &str) -> bool {
    let mut codes = text.split("\x1b[").skip(1);
    codes.any(|code| {
        let rest = code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest.starts_with('m')
    })
}

#[test]
fn without_a_terminal_there_are_no_escape_codes() {
    let project = project();
    for (args, code) in COMMANDS {
        let mut command = project.command(args);
        command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
        command.env_remove("CLICOLOR_FORCE");
        let output = command.output().expect("the program starts");
        assert!(!output.stdout.contains(&0x1b), "{args:?}");
        assert!(!output.stderr.contains(&0x1b), "{args:?}");
        let ran = project.ran(output);
        assert_eq!(ran.code, code, "{args:?}\n{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn on_a_terminal_no_color_is_obeyed() {
    let project = project();
    for (args, code) in COMMANDS {
        let shown = on_terminal(&mut project.command(args));
        assert_eq!(shown.code, Some(code), "{args:?}\n{}", shown.text);
        assert!(!is_styled(&shown.text), "{args:?}\n{:?}", shown.text);
    }
    // The same test sees colours where there are any.
    for (args, code) in COMMANDS {
        // Tables have none.
        if args.len() > 3 || args[0] == "report" {
            continue;
        }
        let mut command = project.command(args);
        let shown = on_terminal(command.env_remove("NO_COLOR"));
        assert_eq!(shown.code, Some(code), "{args:?}\n{}", shown.text);
        assert!(is_styled(&shown.text), "{args:?}\n{:?}", shown.text);
    }
}

/// What images that may be new or changed are read for.
const KNOWING: &str = "looking for new or changed images";

/// What was shown on a terminal has a bar of `phase`, with rate and end, of which nothing is left.
fn assert_bar(shown: &Shown, phase: &str, about: &[&str]) {
    let bars = || shown.text.split('\r').filter(|line| line.contains(phase));
    assert!(
        bars().any(|line| line.contains("/s  ETA ")),
        "{about:?}: {phase}\n{:?}",
        shown.text
    );
    let last = shown.text.rsplit("\x1b[2K").next().unwrap_or_default();
    assert!(!last.contains("ETA"), "{about:?}\n{:?}", shown.text);
}

/// Whatever may take long shows how far it is, how fast it is and when it will be done; and leaves
/// nothing of that behind.
#[test]
fn on_a_terminal_long_work_shows_its_rate_and_its_end() {
    let project = project();
    let other = Project::new();
    let from = project.path("cache");
    let from = from.to_string_lossy();
    for (project, args) in [
        (&project, &["run", "p.yaml", "--dry-run"][..]),
        (&project, &["run", "p.yaml"]),
        (&project, &["data", "p.yaml"]),
        (&project, &["cache", "why", "p.yaml"]),
        (&project, &["predict", "runs/p", "shapes/test"]),
        (&project, &["report", "runs/p"]),
        (&project, &["export", "runs/p"]),
        (&project, &["cache", "verify"]),
        (&project, &["cache", "verify", "p.yaml", "--recompute", "2"]),
        (&project, &["cache", "export", "p.yaml", "-o", "rows.h5"]),
        (&project, &["cache", "gc", "p.yaml"]),
        (&project, &["synth", "more", "--classes", "2"]),
        (&other, &["cache", "import", &from]),
    ] {
        let shown = on_terminal(&mut project.command(args));
        assert_eq!(shown.code, Some(0), "{args:?}\n{}", shown.text);
        assert_bar(&shown, "", args);
    }
}

/// Every image is read where bad ones are skipped and where a source is divided, before anything
/// else is done.
#[test]
fn on_a_terminal_the_passes_that_open_a_dataset_are_shown() {
    let project = Project::small("cpu");
    project.ok(&["synth", "many", "--classes", "2", "--train", "20"]);
    let pipeline = project.read("p.yaml");
    let dataset = "dataset: {source: {folder: many/train}, split: {test: 0.5}, on_error: skip}";
    let lines = pipeline.lines().map(|line| match line {
        line if line.starts_with("dataset") => dataset,
        line => line,
    });
    project.write("p.yaml", lines.collect::<Vec<_>>().join("\n"));
    let (trying, dividing) = ("looking for unreadable images", "dividing");
    let quantize = "model quantize tiny.yaml -o tiny8.onnx --calibrate p.yaml";
    let quantize: Vec<&str> = quantize.split(' ').collect();
    for args in [
        &["check", "p.yaml"][..],
        &["preview", "p.yaml", "-o", "views.png"],
        &["run", "p.yaml", "--dry-run"],
        &["cache", "why", "p.yaml"],
        &["data", "p.yaml"],
        &["run", "p.yaml"],
        &["run", "p.yaml"],
        &[&quantize[..], &["--bar", "0.5", "--bar-min", "0.1"]].concat(),
    ] {
        let shown = on_terminal(&mut project.command(args));
        assert_eq!(shown.code, Some(0), "{args:?}\n{}", shown.text);
        assert_bar(&shown, trying, args);
        assert_bar(&shown, dividing, args);
    }
    let args = "extract --backbone tiny.yaml --images many/train --out rows.npy --on-error skip";
    let init = "init many --backbone tiny.yaml";
    for args in [args, init] {
        let args: Vec<&str> = args.split(' ').collect();
        let shown = on_terminal(&mut project.command(&args));
        assert_eq!(shown.code, Some(0), "{args:?}\n{}", shown.text);
        assert_bar(&shown, trying, &args);
        assert!(!shown.text.contains(dividing), "{args:?}\n{}", shown.text);
    }
}

/// What a process of its own has to go through to find its pictures is shown by the one that asked.
#[test]
fn on_a_terminal_the_passes_of_a_process_that_measures_are_shown() {
    let project = Project::small("cpu");
    let bench = "providers --bench --backbone tiny.yaml --count 2 --batch 2 --images shapes/train";
    let threads = "{cpu: {threads: 1}}";
    let certify = "model certify tiny.yaml --count 2 --images shapes/train --provider";
    for (args, more) in [(bench, None), (certify, Some(threads))] {
        let args: Vec<&str> = args.split(' ').chain(more).collect();
        let shown = on_terminal(&mut project.command(&args));
        assert_eq!(shown.code, Some(0), "{args:?}\n{}", shown.text);
        assert_bar(&shown, "looking for unreadable images", &args);
        let beside = |line: &str| line.matches("ETA").count() > 1;
        assert!(!shown.text.split('\r').any(beside), "{:?}", shown.text);
        let ran = project.ok(&args);
        assert!(!ran.stderr.contains("pass: "), "{}", ran.stderr);
    }
}

/// Whatever needs the rows of a run needs to know its images, and reads those that may be others
/// than they were.
#[test]
fn on_a_terminal_the_images_of_a_finished_run_are_read_with_a_bar() {
    let project = project();
    project.ok(&["run", "p.yaml"]);
    for args in [
        &["export", "runs/p"][..],
        &["report", "runs/p"],
        &["report", "runs/p", "runs/p", "-o", "two.html"],
        &["predict", "runs/p", "shapes/test", "--looks-like", "1"],
    ] {
        let shown = on_terminal(&mut project.command(args));
        assert_eq!(shown.code, Some(0), "{args:?}\n{}", shown.text);
        assert_bar(&shown, KNOWING, args);
        // One bar after the other: the command's own begins below none.
        let parts = shown.text.rsplit_once(KNOWING);
        let (before, _) = parts.expect("a bar");
        let own = |line: &str| line.contains("ETA") && !line.contains(KNOWING);
        assert!(!before.split('\r').any(own), "{args:?}\n{:?}", shown.text);
    }
    // Where it ends early, too: this file is larger than any that is read.
    let mut large = std::fs::File::options();
    let large = large
        .write(true)
        .open(project.path("shapes/test/square/00000.png"));
    let large = large.and_then(|file| file.set_len((1 << 30) + 1));
    large.expect("a file");
    let args = ["report", "runs/p"];
    let shown = on_terminal(&mut project.command(&args));
    assert_eq!(shown.code, Some(0), "{}", shown.text);
    assert_bar(&shown, KNOWING, &args);
    let beside = |line: &str| line.matches("ETA").count() > 1;
    assert!(!shown.text.split('\r').any(beside), "{:?}", shown.text);
}

/// Nothing is read that need not be.
#[test]
fn on_a_terminal_a_dataset_that_is_only_opened_shows_no_pass() {
    let project = project();
    for args in [&["check", "p.yaml"][..], &["run", "p.yaml"]] {
        let shown = on_terminal(&mut project.command(args));
        assert_eq!(shown.code, Some(0), "{args:?}\n{}", shown.text);
        for pass in ["unreadable", "dividing"] {
            assert!(!shown.text.contains(pass), "{args:?}\n{:?}", shown.text);
        }
    }
}

/// Scoring is counted in rows: those of the plain test examples, and again those of all views.
#[test]
fn on_a_terminal_scoring_shows_how_many_rows_it_has_scored() {
    let project = Project::small("cpu");
    let more = "augment: {views: 2, ops: [{hflip: {}}]}\ntrain: {head: {logistic: {}}}\n\
                evaluate: {tta: true}\n";
    project.write("p.yaml", project.read("p.yaml") + more);
    let args = ["run", "p.yaml"];
    let shown = on_terminal(&mut project.command(&args));
    assert_eq!(shown.code, Some(0), "{}", shown.text);
    assert_bar(&shown, "evaluate", &args);
    // Two test pictures, each with its plain view and two more.
    let mut lines = shown.text.split('\r');
    let counted = lines.any(|line| line.contains("evaluate") && line.contains("/8  "));
    assert!(counted, "{:?}", shown.text);
}

/// Stand-ins for pip, npm and curl begin to fetch, and then fail.
#[test]
fn on_a_terminal_a_fetch_shows_its_rate_and_its_end() {
    let project = Project::new();
    let world = project.path("bin");
    let tools = [
        ("python3", "echo other > \"$TMPDIR/wheel\"; exit 7"),
        ("npm", "[ $1 = pack ] || exit 1; echo other > part; exit 7"),
        (
            "curl",
            "for last; do out=$before; before=$last; done\necho other > \"$out\"; exit 7",
        ),
    ];
    for (name, script) in tools {
        let script = format!("#!/bin/sh\n{script}\n");
        let path = project.write(&format!("bin/{name}"), script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("a program");
    }
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", world.display());
    for (args, code) in [
        (&["fetch", "runtime"][..], 1),
        (&["runtime", "get"], 1),
        (&["fetch", "resnet50"], 1),
        (&["fetch", "efficientnet_lite0"], 1),
        (&["fetch", "cats"], 3),
    ] {
        let shown = on_terminal(project.command(args).env("PATH", &path));
        assert_eq!(shown.code, Some(code), "{args:?}\n{}", shown.text);
        assert_bar(&shown, "fetching", args);
        assert!(!is_styled(&shown.text), "{args:?}\n{:?}", shown.text);
        let output = project.command(args).env("PATH", &path).output();
        let output = output.expect("the program starts");
        assert!(!output.stderr.contains(&0x1b), "{args:?}");
    }
}
