//! JPEG files to features, whole programs: catpipe beside a plain Python loop over the same files.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use catpipe::assets::{self, RuntimeBuild};
use catpipe::backbone::runtime;

use super::pixels::{self, Peers};

/// Few enough for slow machines.
const IMAGES: u32 = 512;
/// Seconds that the plain loop takes at least, so that opening a network is a small part of the time
/// on fast machines, too: for that there are up to [`MOST`] times as many images.
const LONG: f64 = 30.0;
const MOST: f64 = 4.0;
const ROUNDS: usize = 2;

/// A way of turning the files into features with catpipe: what it is called, the backbone's
/// manifest, and the provider.
struct Way {
    what: &'static str,
    backbone: &'static str,
    provider: &'static str,
}

const WAYS: [Way; 4] = [
    Way {
        what: "catpipe, cpu fp32",
        backbone: "onnx/resnet50.yaml",
        provider: "cpu",
    },
    Way {
        what: "catpipe, openvino fp32",
        backbone: "onnx/resnet50.yaml",
        provider: "openvino",
    },
    Way {
        what: "catpipe, cpu int8",
        backbone: "onnx/resnet50-int8.yaml",
        provider: "cpu",
    },
    Way {
        what: "catpipe, openvino bf16",
        backbone: "onnx/resnet50.yaml",
        provider: "{openvino: {precision: bf16}}",
    },
];

impl Way {
    /// What is missing for it here; None where it can run.
    fn lacks(&self, checkout: &Path) -> Result<Option<&'static str>, Box<dyn Error>> {
        let openvino = RuntimeBuild::Openvino;
        let library = openvino.dir(&assets::cache_dir()?).join(openvino.library());
        if !checkout.join(self.backbone).with_extension("onnx").exists() {
            Ok(Some("the graph is not made"))
        } else if self.provider.contains("openvino") && !library.exists() {
            Ok(Some("make runtime EP=openvino gets it"))
        } else if self.provider.contains("bf16") && !runtime::has_bf16() {
            Ok(Some("this processor has no AVX-512"))
        } else {
            Ok(None)
        }
    }

    /// Seconds of the whole program, from its start to its end; nothing is in its cache.
    fn seconds(&self, checkout: &Path, images: &Path) -> Result<f64, Box<dyn Error>> {
        let scratch = tempfile::tempdir()?;
        let cache = assets::cache_dir()?;
        std::os::unix::fs::symlink(cache.join("runtime"), scratch.path().join("runtime"))?;
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_catpipe"))
            .current_dir(checkout)
            .env("CATPIPE_CACHE", scratch.path())
            .env_remove("ORT_DYLIB_PATH")
            .args(["extract", "--backbone", self.backbone])
            .args(["--provider", self.provider, "--images"])
            .arg(images)
            .arg("--out")
            .arg(scratch.path().join("features.h5"))
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Prints images a second of each way, and how many times the plain Python loop that is. The
/// Python loop's time starts behind its imports, catpipe's with the program.
pub(super) fn measure(checkout: &Path) -> Result<(), Box<dyn Error>> {
    let Some(peers) = Peers::find(checkout) else {
        println!("\nfiles: not measured, `make bench` has the other programs");
        return Ok(());
    };
    let plain_loop = |images: &Path| {
        let mut plain = peers.command("features", images);
        plain.arg(checkout.join("onnx/resnet50.onnx"));
        seconds_of(plain)
    };
    let root = tempfile::tempdir()?;
    let few = pixels::halved(&peers, &root.path().join("few"), IMAGES)?.join("train");
    let times = (LONG / plain_loop(&few)?).ceil().clamp(1.0, MOST) as u32;
    let count = times * IMAGES;
    let images = pixels::halved(&peers, &root.path().join("many"), count)?.join("train");
    let mut python = f64::INFINITY;
    let mut pytorch = f64::INFINITY;
    let mut best = [f64::INFINITY; WAYS.len()];
    for _ in 0..ROUNDS {
        python = python.min(plain_loop(&images)?);
        if let Some(command) = peers.torch(&images) {
            pytorch = pytorch.min(seconds_of(command)?);
        }
        for (way, best) in WAYS.iter().zip(&mut best) {
            if way.lacks(checkout)?.is_none() {
                *best = best.min(way.seconds(checkout, &images)?);
            }
        }
    }
    let what = format!("{count} JPEG files of 500x375 to ResNet50 features");
    println!("\n{what:<46} {:>10} {:>6}", "images/s", "ratio");
    let rate = |seconds: f64| f64::from(count) / seconds;
    let plain = "plain Python loop, Pillow + ONNX Runtime fp32";
    println!("{plain:<46} {:>10.1} {:>6.2}", rate(python), 1.0);
    let what = "PyTorch fp32 with a DataLoader of two workers";
    if pytorch.is_finite() {
        let (rate, ratio) = (rate(pytorch), python / pytorch);
        println!("{what:<46} {rate:>10.1} {ratio:>6.2}");
    } else {
        println!("{what:<46} not measured: `make bench PYTORCH=1` gets it, several GB");
    }
    for (way, seconds) in WAYS.iter().zip(best) {
        match way.lacks(checkout)? {
            Some(reason) => println!("{:<46} not measured: {reason}", way.what),
            None => println!(
                "{:<46} {:>10.1} {:>6.2}",
                way.what,
                rate(seconds),
                python / seconds
            ),
        }
    }
    Ok(())
}

/// The seconds that a part of the script prints.
fn seconds_of(mut command: Command) -> Result<f64, Box<dyn Error>> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("no pipe from the script")?;
    let line = BufReader::new(output).lines().next();
    child.wait()?;
    Ok(line.ok_or("benches/peers.py ended")??.trim().parse()?)
}
