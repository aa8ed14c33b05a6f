//! A project in a temporary folder, and the program run in it.
// Each test file uses its own part; a helper of a test may fail like the test itself.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use catpipe::backbone::onnx::{self, tiny, tiny::TinyConfig};

/// A project folder with a cache of its own. The runtime comes from the user's cache, where
/// `make test` puts it.
pub struct Project {
    dir: tempfile::TempDir,
}

/// What a run of the program printed.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        Project { dir }
    }

    /// A project that can run: a small network, `p.yaml` on `provider`, and six training and two
    /// test pictures of two classes in `shapes`.
    pub fn small(provider: &str) -> Self {
        let project = Self::new();
        project.tiny_backbone("tiny");
        project.write("p.yaml", pipeline(provider));
        let synth = "synth shapes --classes 2 --train 3 --test 1";
        project.ok(&synth.split(' ').collect::<Vec<_>>());
        project
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    pub fn json(&self, relative: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(relative)).expect("JSON")
    }

    /// The program with this project as its working folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_catpipe"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("CATPIPE_CACHE", self.path("cache"))
            .env("ORT_DYLIB_PATH", runtime())
            .env("NO_COLOR", "1")
            // A program that another test starts at the wrong moment inherits, for an instant,
            // the descriptor and so the lock of an HDF5 file that this process is just writing.
            .env("HDF5_USE_FILE_LOCKING", "FALSE")
            .env_remove("CATPIPE_MIRROR")
            .env_remove("CATPIPE_PROVIDER");
        command
    }

    /// A small random network of 16 features, `<name>.onnx`, with its manifest `<name>.yaml`.
    pub fn tiny_backbone(&self, name: &str) {
        let config = TinyConfig {
            width: 16,
            ..TinyConfig::default()
        };
        let path = self.path(&format!("{name}.onnx"));
        onnx::write(&path, &tiny::residual(&config)).expect("a network");
        self.write(&format!("{name}.yaml"), manifest(name));
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.command(args).output().expect("the program starts"))
    }

    /// Runs the program and expects it to succeed.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(
            ran.code, 0,
            "catpipe {args:?}\n{}{}",
            ran.stdout, ran.stderr
        );
        ran
    }

    /// Runs the program with another library of ONNX Runtime, and expects it to succeed.
    pub fn ok_with(&self, library: &Path, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env("ORT_DYLIB_PATH", library);
        let ran = self.ran(command.output().expect("the program starts"));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        ran
    }

    pub fn ran(&self, output: Output) -> Ran {
        let clean = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            let root = self.dir.path().canonicalize().expect("the folder");
            let text = text.replace(&root.display().to_string(), "ROOT");
            text.replace(&self.dir.path().display().to_string(), "ROOT")
        };
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: clean(output.stdout),
            stderr: clean(output.stderr),
        }
    }
}

/// The pipeline of [`Project::small`].
pub fn pipeline(provider: &str) -> String {
    format!(
        "name: p
dataset: {{train: {{folder: shapes/train}}, test: {{folder: shapes/test}}}}
extract: {{backbone: tiny.yaml, provider: {provider}}}
"
    )
}

/// The manifest of [`Project::tiny_backbone`].
pub fn manifest(name: &str) -> String {
    format!(
        "name: {name}
description: a small random network
licence: CC0-1.0
file: {name}.onnx
input: {{name: input, layout: nchw, dtype: float32, size: [32, 32]}}
preprocess:
  color: rgb
  resize: {{rule: stretch, filter: bilinear, antialias: true}}
  scale: 0.00392156862745098
  mean: [0.485, 0.456, 0.406]
  std: [0.229, 0.224, 0.225]
output: {{name: features, width: 16}}
"
    )
}

/// ONNX Runtime's library, as catpipe finds it.
pub fn runtime() -> PathBuf {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH") {
        return path.into();
    }
    let cache = catpipe::assets::cache_dir().expect("a cache folder");
    let dir = catpipe::assets::runtime_dir(&cache);
    let version = catpipe::backbone::runtime::PINNED_VERSION;
    let path = dir.join(catpipe::backbone::runtime::library_name(version));
    assert!(
        path.exists(),
        "{} is not there: `make test` gets it, or `catpipe fetch runtime`",
        path.display()
    );
    path
}

/// A folder of this checkout.
pub fn checkout(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// OpenVINO's library, or nothing and a line for the person who reads the test's output.
pub fn openvino(test: &str) -> Option<PathBuf> {
    let build = catpipe::assets::RuntimeBuild::Openvino;
    let path = build
        .dir(&catpipe::assets::cache_dir().expect("a cache"))
        .join(build.library());
    if path.exists() {
        return Some(path);
    }
    not_tested(test, "OpenVINO is not fetched (make runtime EP=openvino)");
    None
}

/// Says that a test was not made on this machine, and why.
pub fn not_tested(test: &str, why: &str) {
    let line = format!("\nNOT TESTED: {test}: {why}\n");
    // Written at once and past the test harness, which keeps what is printed to itself.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}
