//! Peak memory of a whole extraction, by the number of images: it should not grow.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use catpipe::assets;
use catpipe::backbone::onnx::{self, tiny};
use catpipe::dataset::synth::{self, SynthConfig, SynthSet};

/// Extracts ever more small pictures with a small network, in a process of its own each time, and
/// prints each process's peak.
pub(super) fn measure() -> Result<(), Box<dyn Error>> {
    println!(
        "\n{:<60} {:>10}",
        "peak memory of an extraction (small network)", "MB"
    );
    for images in [1_000, 10_000, 100_000] {
        let peak = peak(images)?;
        println!("{:<60} {peak:>10.1}", format!("{images} images"));
    }
    Ok(())
}

fn peak(images: u32) -> Result<f64, Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let set = SynthSet {
        classes: 2,
        train_per_class: images / 2,
        test_per_class: 0,
        size: [32, 32],
        ..SynthSet::default()
    };
    let out = root.path().join("pictures");
    synth::write(&SynthConfig { out, set }, &|_, _| ())?;
    let network = tiny::residual(&tiny::TinyConfig::default());
    onnx::write(&root.path().join("tiny.onnx"), &network)?;
    std::fs::write(root.path().join("tiny.yaml"), MANIFEST)?;
    std::fs::write(root.path().join("p.yaml"), PIPELINE)?;
    run(root.path())
}

const MANIFEST: &str = "name: tiny
file: tiny.onnx
input: {name: input, layout: nchw, dtype: float32, size: [32, 32]}
preprocess:
  color: rgb
  resize: {rule: stretch, filter: bilinear, antialias: true}
  scale: 0.0039
  mean: [0.5, 0.5, 0.5]
  std: [0.25, 0.25, 0.25]
output: {name: features, width: 8}
";

const PIPELINE: &str = "name: memory
dataset: {train: {folder: pictures/train}}
extract: {backbone: tiny.yaml}
";

/// Runs the program and reads its high-water mark from the kernel until it ends.
fn run(root: &Path) -> Result<f64, Box<dyn Error>> {
    let runtime = assets::runtime_dir(&assets::cache_dir()?);
    let mut child = Command::new(env!("CARGO_BIN_EXE_catpipe"))
        .args(["run", "p.yaml"])
        .current_dir(root)
        .env("CATPIPE_CACHE", root.join("cache"))
        .env("ORT_DYLIB_PATH", runtime.join(assets::RUNTIME_LIBRARY))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak = 0.0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        if let Some(now) = status.ok().as_deref().and_then(high_water_mark) {
            peak = now;
        }
        if let Some(code) = child.try_wait()? {
            return if code.success() {
                Ok(peak)
            } else {
                Err("the extraction failed".into())
            };
        }
        sleep(Duration::from_millis(5));
    }
}

/// `VmHWM:   12345 kB`, in megabytes.
pub(super) fn high_water_mark(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
