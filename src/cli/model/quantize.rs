//! `catpipe model quantize`.

mod images;
mod outcome;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::assets;
use crate::backbone::manifest::Sha256;
use crate::backbone::onnx;
use crate::backbone::quantize::{
    FEWEST_IMAGES, Method, QuantizeConfig, QuantizeError, Rounding, manifest_text, quantize,
};
use crate::backbone::{BackboneError, Manifest, Runtime, Search};
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_json};
use crate::cli::progress::counter;

use super::sha256_hex;
use images::{Images, Wanted};
use outcome::Outcome;

/// Make an int8 backbone of a float one, by what it does on images
///
/// Writes an ONNX file (QDQ form: weights in signed bytes by channel, activations in unsigned
/// bytes) and a manifest beside it. A quarter of the calibration images is held out; where the
/// features of those are farther from the float ones than the bar allows, the most sensitive
/// layers go back to float until they are not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  catpipe model quantize onnx/resnet50.yaml --calibrate pipelines/hymenoptera.yaml \\
    -o onnx/resnet50-int8.onnx
  catpipe run pipelines/hymenoptera.yaml --set extract.backbone=onnx/resnet50-int8.yaml")]
pub(super) struct Args {
    /// The float backbone's manifest
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,

    /// Images like those that it will see: a pipeline, whose training examples are taken, or a
    /// folder, with all that lies below it
    #[arg(long, value_name = "PIPELINE|DIR")]
    calibrate: PathBuf,

    /// The ONNX file to write; its manifest goes beside it
    #[arg(short, long, value_name = "FILE.onnx")]
    output: PathBuf,

    /// How many images to take; a quarter of them is held out
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(FEWEST_IMAGES as i64..=4096))]
    images: u32,

    /// Chooses the images and the places in them that weights are rounded by
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How activations' ranges are chosen from what was seen
    #[arg(long, value_enum, default_value_t = MethodName::Percentile)]
    method: MethodName,

    /// With `--method percentile`: how many percent of the values stay in range at either end
    #[arg(long, value_name = "P", default_value_t = 99.999, value_parser = percent)]
    percentile: f64,

    /// How weights are rounded
    #[arg(long, value_enum, default_value_t = RoundingName::Gptq)]
    rounding: RoundingName,

    /// The least mean cosine between int8 and float features of held-out images
    #[arg(long, value_name = "COSINE", default_value_t = 0.999, value_parser = cosine)]
    bar: f64,

    /// The least cosine of any held-out image
    #[arg(long, value_name = "COSINE", default_value_t = 0.997, value_parser = cosine)]
    bar_min: f64,

    /// The project's folder: relative paths in manifest and pipeline start here [default: the
    /// current folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// ONNX Runtime's shared library; overrides ORT_DYLIB_PATH
    #[arg(long, value_name = "FILE")]
    ort_dylib: Option<PathBuf>,

    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum MethodName {
    /// The range of all values
    Minmax,
    /// All but the outermost values
    Percentile,
    /// The range that loses the least information
    Entropy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RoundingName {
    /// Each weight makes up for the errors of those before it
    Gptq,
    /// Each to the nearest
    Nearest,
}

fn percent(text: &str) -> Result<f64, String> {
    within(text, 50.0, 100.0)
}

fn cosine(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1.0)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    let inside = value.filter(|value| (least..=most).contains(value));
    inside.ok_or_else(|| format!("must be between {least} and {most}"))
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    let start = Instant::now();
    let beside = args.output.with_extension("yaml");
    check_paths(&args, &beside)?;
    let root = args.root.clone().unwrap_or_default();
    let manifest = Manifest::read(&args.manifest).map_err(failure)?;
    let source = manifest.graph_digest(&root).map_err(failure)?;
    let cache = assets::cache_dir().map_err(Failure::failed)?;
    let search = Search::from_env(args.ort_dylib.clone(), assets::runtime_dir(&cache));
    let runtime = Runtime::locate(&search).map_err(Failure::failed)?;
    let wanted = Wanted {
        from: &args.calibrate,
        root: &root,
        count: args.images as usize,
        seed: args.seed,
    };
    let images = wanted.read(&manifest)?;
    let config = config(&args);
    let (bar, mut shown) = (counter(), "");
    let mut watch = |step: &'static str, done: usize, of: usize| {
        if shown != step {
            shown = step;
            bar.println(format!("  {step}"));
        }
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let made = quantize(
        &manifest,
        &root,
        &runtime,
        &images.inputs,
        &config,
        &mut watch,
    );
    bar.finish_and_clear();
    let made = made.map_err(|error| match error {
        QuantizeError::Backbone(error) => failure(error),
        error => Failure::failed(error),
    })?;
    onnx::write(&args.output, &made.model).map_err(Failure::failed)?;
    let content = onnx::encode(&made.model);
    let outcome = Outcome {
        file: args.output.display().to_string(),
        manifest: beside.display().to_string(),
        sha256: sha256_hex(&content),
        bytes: content.len(),
        source_sha256: source,
        images_sha256: images.digest.clone(),
        seconds: start.elapsed().as_secs_f64(),
        report: made.report,
    };
    write_manifest(&args, &manifest, &root, &images, &outcome)?;
    if args.json {
        return print_json(&outcome);
    }
    print(&outcome.text())
}

/// What must not be written over, and what must have another name.
fn check_paths(args: &Args, beside: &Path) -> Result<(), Failure> {
    let output = args.output.display();
    if args.output.extension().is_none_or(|end| end != "onnx") {
        return Err(Failure::wrong(format!(
            "--output must end with .onnx (the manifest goes beside it), found {output}"
        )));
    }
    let same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    };
    if same(beside, &args.manifest) {
        return Err(Failure::wrong(format!(
            "the manifest of {output} would be written over {}: choose another --output",
            args.manifest.display()
        )));
    }
    let root = args.root.clone().unwrap_or_default();
    let manifest = Manifest::read(&args.manifest).map_err(failure)?;
    if same(&args.output, &manifest.graph_path(&root)) {
        return Err(Failure::wrong(format!(
            "{output} is the float graph itself: choose another --output"
        )));
    }
    Ok(())
}

/// A manifest that is wrong, or a graph that is not the manifest's, is wrong usage.
fn failure(error: BackboneError) -> Failure {
    match error {
        BackboneError::Run { .. } | BackboneError::Load { .. } => Failure::failed(error),
        error => Failure::wrong(error),
    }
}

fn config(args: &Args) -> QuantizeConfig {
    QuantizeConfig {
        method: match args.method {
            MethodName::Minmax => Method::MinMax,
            MethodName::Percentile => Method::Percentile(args.percentile),
            MethodName::Entropy => Method::Entropy,
        },
        rounding: match args.rounding {
            RoundingName::Gptq => Rounding::Gptq,
            RoundingName::Nearest => Rounding::Nearest,
        },
        bar_mean: args.bar,
        bar_min: args.bar_min,
        seed: args.seed,
    }
}

/// How ranges and weights were chosen, in words.
fn described(args: &Args) -> String {
    let ranges = match args.method {
        MethodName::Minmax => "min-max".to_owned(),
        MethodName::Percentile => format!("percentile {}", args.percentile),
        MethodName::Entropy => "entropy".to_owned(),
    };
    let rounding = match args.rounding {
        RoundingName::Gptq => "GPTQ",
        RoundingName::Nearest => "to the nearest",
    };
    format!(
        "ranges by {ranges}, weights rounded {rounding}, seed {}",
        args.seed
    )
}

/// The command that makes the same file again.
fn command(args: &Args) -> String {
    let mut command = format!(
        "catpipe model quantize {} --calibrate {} -o {}",
        args.manifest.display(),
        args.calibrate.display(),
        args.output.display()
    );
    let default = QuantizeConfig::default();
    let mut add = |other: bool, text: String| {
        if other {
            command.push_str(&text);
        }
    };
    add(args.images != 256, format!(" --images {}", args.images));
    add(args.seed != default.seed, format!(" --seed {}", args.seed));
    let method = match args.method {
        MethodName::Minmax => "minmax",
        MethodName::Percentile => "percentile",
        MethodName::Entropy => "entropy",
    };
    add(method != "percentile", format!(" --method {method}"));
    add(
        args.percentile != 99.999,
        format!(" --percentile {}", args.percentile),
    );
    let nearest = args.rounding == RoundingName::Nearest;
    add(nearest, " --rounding nearest".to_owned());
    add(args.bar != default.bar_mean, format!(" --bar {}", args.bar));
    add(
        args.bar_min != default.bar_min,
        format!(" --bar-min {}", args.bar_min),
    );
    command
}

fn write_manifest(
    args: &Args,
    manifest: &Manifest,
    root: &Path,
    images: &Images,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let made = [
        format!(
            "Made of {} (sha256 {})",
            manifest.config.file.display(),
            outcome.source_sha256
        ),
        format!(
            "by {} images of {} (sha256 {} of their digests),",
            images.count,
            args.calibrate.display(),
            images.digest
        ),
        format!("{}.", described(args)),
    ];
    let sha256 = Sha256::try_from(outcome.sha256.clone()).map_err(Failure::failed)?;
    let file = under(&args.output, root);
    let (build, report) = (command(args), &outcome.report);
    let of = Sha256::try_from(outcome.source_sha256.clone()).map_err(Failure::failed)?;
    let text = manifest_text(manifest, of, file, sha256, &build, &made, report);
    let text = text.map_err(Failure::failed)?;
    std::fs::write(&outcome.manifest, text)
        .map_err(|e| Failure::failed(format!("cannot write {}: {e}", outcome.manifest)))
}

/// The path by the project's root, as manifests have it; the whole path where it lies elsewhere.
fn under(path: &Path, root: &Path) -> PathBuf {
    let here = if root == Path::new("") {
        Path::new(".")
    } else {
        root
    };
    match (path.canonicalize(), here.canonicalize()) {
        (Ok(path), Ok(root)) => path.strip_prefix(&root).map(Path::to_owned).unwrap_or(path),
        _ => path.to_owned(),
    }
}
