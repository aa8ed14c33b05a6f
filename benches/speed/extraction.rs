//! The extraction stage as a pipeline runs it: files on disk to rows in the cache.

use std::error::Error;
use std::path::Path;

use catpipe::assets;
use catpipe::dataset::synth::{self, SynthConfig, SynthFormat, SynthSet};
use catpipe::pipeline::{Checked, Event, Observer, Options, run};

use tempfile::TempDir;

use super::Line;

/// An odd number, so that there is one in the middle.
const ROUNDS: usize = 3;

/// What is extracted: pictures of a size, and how many augmented views of each.
struct Case {
    what: &'static str,
    images: u32,
    size: [u32; 2],
    format: SynthFormat,
    views: u32,
}

const CASES: [Case; 3] = [
    Case {
        what: "stage, the main job's form: 64x64, 9 rows a picture",
        images: 64,
        size: [64, 64],
        format: SynthFormat::Png,
        views: 8,
    },
    Case {
        what: "stage, photographs: JPEG 500x375, 1 row a picture",
        images: 512,
        size: [500, 375],
        format: SynthFormat::Jpeg,
        views: 0,
    },
    Case {
        what: "stage, photographs: JPEG 500x375, 8 rows a picture",
        images: 60,
        size: [500, 375],
        format: SynthFormat::Jpeg,
        views: 7,
    },
];

/// What was measured.
pub(super) struct Stage {
    /// Rows a second of each case.
    pub(super) lines: Vec<Line>,
    /// How many times the cost of one row of a photograph eight rows are, decoding once.
    pub(super) cost_of_eight: f64,
}

/// Nobody watches.
struct Quiet;

impl Observer for Quiet {
    fn event(&mut self, _: &Event) {}
}

/// Rows a second of each case, from files on disk to published rows, opening the network included:
/// the best of a few rounds, each with an empty store. The cases take turns, so that a machine that
/// changes its pace does it to all of them; what eight rows cost is compared within each round, and
/// is the median of those.
pub(super) fn measure(
    checkout: &Path,
    batch: usize,
    threads: usize,
) -> Result<Stage, Box<dyn Error>> {
    let projects: Vec<TempDir> = (CASES.iter())
        .map(|case| project(checkout, case, batch, threads))
        .collect::<Result<_, _>>()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let mut rates = [0.0; CASES.len()];
        for ((case, project), now) in CASES.iter().zip(&projects).zip(&mut rates) {
            let rows = case.images * (1 + case.views);
            *now = rate(project.path(), rows as usize)?;
        }
        rounds.push(rates);
    }
    let line = |(at, case): (usize, &Case)| Line {
        what: case.what.to_owned(),
        images_a_second: rounds.iter().map(|rates| rates[at]).fold(0.0, f64::max),
    };
    let lines = CASES.iter().enumerate().map(line).collect();
    let cost = |[_, one, eight]: &[f64; CASES.len()]| 8.0 * one / eight;
    let mut costs: Vec<f64> = rounds.iter().map(cost).collect();
    costs.sort_by(f64::total_cmp);
    Ok(Stage {
        lines,
        cost_of_eight: costs[ROUNDS / 2],
    })
}

/// A folder with the pictures and a pipeline.
fn project(
    checkout: &Path,
    case: &Case,
    batch: usize,
    threads: usize,
) -> Result<TempDir, Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let set = SynthSet {
        classes: 2,
        train_per_class: case.images / 2,
        test_per_class: 0,
        size: case.size,
        format: case.format,
        ..SynthSet::default()
    };
    let out = root.path().join("pictures");
    synth::write(&SynthConfig { out, set }, &|_, _| ())?;
    std::os::unix::fs::symlink(checkout.join("onnx"), root.path().join("onnx"))?;
    let augment = match case.views {
        0 => String::new(),
        views => format!("augment:\n  views: {views}\n{OPS}"),
    };
    let text = format!(
        "name: bench\ndataset: {{train: {{folder: pictures/train}}}}\n{augment}\
         extract: {{backbone: onnx/resnet50.yaml, batch: {batch}, threads: {threads}}}\n"
    );
    std::fs::write(root.path().join(PIPELINE), text)?;
    Ok(root)
}

const PIPELINE: &str = "bench.yaml";

const OPS: &str = "  ops:
    - hflip: {p: 0.5}
    - random_resized_crop: {scale: [0.7, 1.0]}
    - rotate: {degrees: 15}
    - color_jitter: {brightness: 0.2, contrast: 0.2, saturation: 0.2}
";

/// Rows a second of a run with an empty store.
fn rate(root: &Path, rows: usize) -> Result<f64, Box<dyn Error>> {
    let cache = tempfile::tempdir()?;
    let runtime = assets::runtime_dir(&assets::cache_dir()?);
    let options = Options {
        root: root.to_owned(),
        cache: cache.path().to_owned(),
        ort_dylib: Some(runtime.join(assets::RUNTIME_LIBRARY)),
        ..Options::default()
    };
    let outcome = run(&Checked::read(&root.join(PIPELINE), options)?, &mut Quiet)?;
    let timings = outcome.metrics.timings;
    assert_eq!(timings.rows_computed, rows, "an empty store");
    Ok(timings.rows_computed as f64 / timings.extract)
}
