//! What the program says of itself: help, completions, man pages.
#![allow(clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Project;

/// Every command with every one below it, as words after `catpipe`; read from the help texts, so
/// that none can be forgotten.
fn commands(project: &Project, path: &[String], found: &mut Vec<Vec<String>>) {
    let help = help(project, path);
    found.push(path.to_vec());
    let Some((_, listed)) = help.split_once("Commands:\n") else {
        return;
    };
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        // A longer text goes on below, further in.
        let Some(name) = line.strip_prefix("  ").filter(|l| !l.starts_with(' ')) else {
            continue;
        };
        let name = name.split_whitespace().next().expect("a name");
        if name != "help" {
            commands(project, &[path, &[name.to_owned()]].concat(), found);
        }
    }
}

fn help(project: &Project, path: &[String]) -> String {
    let args: Vec<&str> = path.iter().map(String::as_str).collect();
    project.ok(&[&args[..], &["--help"]].concat()).stdout
}

fn all(project: &Project) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    commands(project, &[], &mut found);
    assert!(found.len() > 20, "{found:?}");
    found
}

#[test]
fn every_command_shows_an_example_of_itself() {
    let project = Project::new();
    for path in all(&project) {
        let help = help(&project, &path);
        let (_, examples) = help
            .split_once("Example")
            .unwrap_or_else(|| panic!("{path:?} has no example:\n{help}"));
        let typed = [&["catpipe".to_owned()], &path[..]].concat().join(" ");
        assert!(examples.contains(&typed), "{typed}: {examples}");
    }
}

#[test]
fn completions_know_every_command() {
    let project = Project::new();
    let names: Vec<String> = (all(&project).into_iter())
        .filter(|path| path.len() == 1)
        .map(|path| path[0].clone())
        .collect();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = project.ok(&["completions", shell]).stdout;
        for name in &names {
            assert!(script.contains(name), "{shell} does not know {name}");
        }
    }
    let ran = project.run(&["completions", "csh"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("bash, elvish, fish"), "{}", ran.stderr);
}

/// bash itself reads the script and completes with it.
#[test]
fn bash_completes() {
    let project = Project::new();
    project.write("c.sh", project.ok(&["completions", "bash"]).stdout);
    let ask = "source ./c.sh; COMP_WORDS=(catpipe pro); COMP_CWORD=1; _catpipe catpipe pro catpipe; \
               echo ${COMPREPLY[@]}";
    let mut bash = std::process::Command::new("bash");
    match bash
        .args(["-c", ask])
        .current_dir(project.path(""))
        .output()
    {
        Ok(output) => assert_eq!(project.ran(output).stdout, "providers\n"),
        Err(e) => common::not_tested("bash completions", &format!("bash does not start: {e}")),
    }
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let project = Project::new();
    let page = project.ok(&["man"]).stdout;
    assert!(page.contains(".TH catpipe 1"), "{page}");
    assert!(
        page.contains("EXTRA\n") && page.contains("Example"),
        "{page}"
    );
    let ran = project.ok(&["man", "--out", "man1"]);
    let paths = all(&project);
    assert_eq!(ran.stdout, format!("man1: {} pages\n", paths.len()));
    for path in paths {
        let name = [&["catpipe".to_owned()], &path[..]].concat().join("-");
        let page = project.read(&format!("man1/{name}.1"));
        assert!(page.contains(&format!(".TH {name} 1")), "{name}: {page}");
        assert!(page.contains("Example"), "{name}");
    }
}
